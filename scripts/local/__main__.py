"""One run, from the checks to the last process ended: `scripts/run`."""

import os
import sys
import time
from pathlib import Path

from scripts.local.orphan_killer import OrphanKiller
from scripts.local.run_dir import Refused, read_run_dir
from scripts.local.services import Services, two_matches
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
        run_dir = read_run_dir()
        run_dir.check_port()
        lock = run_dir.lock()
        stop = Stop()
        services = Services(run_dir)
        console.line(f"state in {run_dir.folder}, logs in {run_dir.logs}")
        return _run(services, stop, OrphanKiller(lock), console)
    except Refused as refusal:
        print(f"run: {refusal}", file=sys.stderr)
        return 1


def _run(services: Services, stop: Stop, orphan_killer: OrphanKiller, console: Console) -> int:
    supervisor = Supervisor(services.run_dir, services.all, orphan_killer, stop, console.line)
    try:
        if supervisor.start(services.complete):
            console.line("ready")
            console.say(welcome(services))
            console.steady = True
            supervisor.watch(services.added, services.gateway)
        began = time.monotonic()
        console.line("stopping; a worker finishes what it runs (again: Ctrl-C ends all at once)")
        supervisor.stop()
        console.line(f"stopped in {time.monotonic() - began:.1f} s")
        return 0
    finally:
        supervisor.kill()
        orphan_killer.dismiss()


def welcome(services: Services) -> str:
    """Returns what is printed when everything is up."""
    lines = [
        "",
        f"  the API       {services.url}",
        f"  its page      {services.url}/docs",
        f"  MLflow        {services.mlflow_url}",
        f"  logs          {services.run_dir.logs}",
        "",
        *_trust(services.model_code),
    ]
    lines += [
        f"  {pool.name} is served when {pool.uri} is registered" for pool in services.waited_for()
    ]
    if services.trained_here:
        body = """-H 'content-type: application/json' -d '{"match_id": %d}'"""
        now, later = two_matches()
        lines += [
            "A prediction, waited for:",
            f"  curl -s {services.url}/predict/ {body % now}",
            "and one to ask for later, at the status_url of the answer:",
            f"  curl -s {services.url}/predict/async/ {body % later}",
            "",
        ]
    return "\n".join([*lines, "Ctrl-C stops everything."])


def _trust(model_code: str) -> list[str]:
    """Returns what whoever started it should know of MODEL_CODE."""
    if model_code != "allow":
        return []
    words = "models of this MLflow may bring code, which the workers run (MODEL_CODE=allow)"
    return [f"  trust         {words}", ""]


if __name__ == "__main__":
    sys.exit(main())
