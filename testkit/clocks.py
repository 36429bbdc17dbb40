"""Clocks that are wrong, or step while a process runs.

Only the time of day: what measures how long something takes goes on.
"""

from pathlib import Path

from testkit.stack import ROOT


def off_by(seconds: int) -> dict[str, str]:
    """The environment of a Python process whose clock is wrong by so much."""
    return {"PYTHONPATH": f"{ROOT / 'testkit/off_clock'}:{ROOT}", "CLOCK_OFF_BY_S": str(seconds)}


class SteppingClock:
    """A clock that is right until it is set, by libfaketime (Debian: `apt install libfaketime`).

    `env` is for the process that goes by it.
    """

    def __init__(self, file: Path) -> None:
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        assert found, "libfaketime is not installed: apt install libfaketime"
        self._file = file
        self.set(0)
        self.env = {"LD_PRELOAD": str(found[0]), "FAKETIME_TIMESTAMP_FILE": str(file)}
        self.env |= {"FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def set(self, seconds: int) -> None:
        """Steps to so many seconds beside the right time, at once."""
        draft = self._file.with_suffix(".draft")
        draft.write_text(f"{seconds:+d}")
        draft.rename(self._file)
