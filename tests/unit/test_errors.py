"""What is said of an exception, whatever its text is."""

import pytest

from inference.errors import error_text, first_line


class Speechless(Exception):
    def __str__(self) -> str:
        raise AttributeError("no text")


@pytest.mark.parametrize(
    ("error", "text", "line"),
    [
        (ValueError("wrong"), "wrong", "wrong"),
        (ValueError("wrong\nand more"), "wrong\nand more", "wrong"),
        (ValueError("\n \nwrong"), "\n \nwrong", "wrong"),
        (TimeoutError(), "", "TimeoutError"),
        (MemoryError("\n"), "\n", "MemoryError"),
        (KeyboardInterrupt(), "", "KeyboardInterrupt"),
        (Speechless(), "", "Speechless"),
    ],
)
def test_an_exception_without_text_is_told_by_its_type(
    error: BaseException, text: str, line: str
) -> None:
    assert (error_text(error), first_line(error)) == (text, line)
