"""What the programs' command lines have in common: how they refuse, and how settings are shown."""

import argparse
import textwrap
from collections.abc import Iterable
from typing import NoReturn

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

COLUMNS = 88


class Parser(argparse.ArgumentParser):
    """Prints its description as it is written, and refuses arguments in one sentence, code 2."""

    def __init__(self, **options: object) -> None:
        super().__init__(
            **{"formatter_class": argparse.RawDescriptionHelpFormatter} | options  # type: ignore[arg-type]
        )

    def error(self, message: str) -> NoReturn:
        """Ends the program."""
        self.exit(2, f"error: {message}; {self.prog} --help says what there is\n")


def settings_text(kind: type[BaseSettings], names: Iterable[str]) -> str:
    """Returns these settings as lines of a help text, each with its default and what it is."""
    return "\n".join(
        f"  {name.upper()}={default_of(kind.model_fields[name])}\n"
        + textwrap.fill(
            kind.model_fields[name].description or "",
            COLUMNS,
            initial_indent="      ",
            subsequent_indent="      ",
            break_on_hyphens=False,
            break_long_words=False,
        )
        for name in names
    )


def default_of(field: FieldInfo) -> str:
    """Returns a default as one would write it into the environment, '' if there is none."""
    default = field.get_default()
    if field.default_factory is not None or field.is_required() or default is None:
        return ""
    if isinstance(default, tuple):
        return ",".join(default)
    return f"{default:g}" if isinstance(default, float) and default < 1e6 else str(default)
