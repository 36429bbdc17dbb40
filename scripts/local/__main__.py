"""One run, from the checks to the last process ended: `scripts/run`."""

import os
import sys
import time
from pathlib import Path

from scripts.local.guardian import Guardian
from scripts.local.parts import TRAINED_HERE, Parts, two_matches
from scripts.local.place import Refused, read_place
from scripts.local.supervisor import Stop, Supervisor


class Console:
    """What the person sees; a terminal that went away is no reason to end."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.steady = False

    def line(self, text: str) -> None:
        """A line with the time since the start.

        What happens long after it has the time of day.
        """
        when = (
            time.strftime("%H:%M:%S")
            if self.steady
            else f"[{time.monotonic() - self._began:5.1f} s]"
        )
        self.say(f"{when} {text}")

    def say(self, text: str) -> None:
        try:
            print(text, flush=True)
        except BrokenPipeError:
            sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115


def main() -> int:
    """Returns the exit code; what stands in the way is one sentence on standard error."""
    console = Console()
    try:
        place = read_place()
        place.check_port()
        lock = place.lock()
        stop = Stop()
        parts = Parts(place)
        console.line(f"state in {place.folder}, logs in {place.logs}")
        return _run(parts, stop, Guardian(lock), console)
    except Refused as refusal:
        print(f"run: {refusal}", file=sys.stderr)
        return 1


def _run(parts: Parts, stop: Stop, guardian: Guardian, console: Console) -> int:
    supervisor = Supervisor(parts.place, parts.all, guardian, stop, console.line)
    try:
        if supervisor.start(parts.complete):
            console.line("ready")
            console.say(_welcome(parts))
            console.steady = True
            supervisor.watch()
        began = time.monotonic()
        console.line("stopping; a worker finishes what it runs (again: Ctrl-C ends all at once)")
        supervisor.stop()
        console.line(f"stopped in {time.monotonic() - began:.1f} s")
        return 0
    finally:
        supervisor.kill()
        guardian.dismiss()


def _welcome(parts: Parts) -> str:
    lines = [
        "",
        f"  the API       {parts.url}",
        f"  its page      {parts.url}/docs",
        f"  MLflow        {parts.mlflow_url}",
        f"  logs          {parts.place.logs}",
        "",
    ]
    if parts.model == TRAINED_HERE:
        body = """-H 'content-type: application/json' -d '{"match_id": %d}'"""
        now, later = two_matches()
        lines += [
            "A prediction, waited for:",
            f"  curl -s {parts.url}/predict/ {body % now}",
            "and one to ask for later, at the status_url of the answer:",
            f"  curl -s {parts.url}/predict/async/ {body % later}",
            "",
        ]
    return "\n".join([*lines, "Ctrl-C stops everything."])


if __name__ == "__main__":
    sys.exit(main())
