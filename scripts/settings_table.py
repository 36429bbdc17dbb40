"""Writes the table of docs/settings.md from the code: `python -m scripts.settings_table`.

A test fails when it drifted.
"""

from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings

from app.settings import GatewaySettings
from examples.football.gateway.settings import LookupSettings
from examples.football.scoring.settings import ScoringSettings
from inference.command_line import default_of
from inference.settings import ContractSettings
from worker.settings import WorkerSettings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"


def table() -> str:
    """Returns the table as Markdown.

    First come the settings that all share, then those that only the gateway, a worker, or football
    reads.
    """
    shared = ContractSettings.model_fields
    parts = [_rows("Both", ContractSettings, ())]
    parts += [
        _rows(who, kind, shared)
        for who, kind in (("Gateway", GatewaySettings), ("Worker", WorkerSettings))
    ]
    parts.append(
        _rows("Gateway with `EXTENSIONS=examples.football.gateway:install`", LookupSettings, ())
    )
    parts.append(
        _rows(
            "Scoring job, with `MLFLOW_TRACKING_URI` and `MODEL_URI`",
            ScoringSettings,
            WorkerSettings.model_fields,
        )
    )
    return "\n".join(
        [
            "| Variable | Default | What it is |",
            "|---|---|---|",
            *(row for part in parts for row in part),
        ]
    )


def _rows(who: str, kind: type[BaseSettings], but: Any) -> list[str]:
    rows = [f"| **{who}** | | |"]
    for name, field in kind.model_fields.items():
        if name not in but:
            default = default_of(field)
            rows.append(
                f"| `{name.upper()}` | {f'`{default}`' if default else ''} | {field.description} |"
            )
    return rows


def written(text: str) -> str:
    """Returns a page with today's table."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
