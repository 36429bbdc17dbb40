"""A run of steps against one stand, and what is kept of it: for the bench and for the check."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.device.machine import Machine
from bench.device.report import Result, as_json
from bench.device.running import Clock, Step
from bench.device.stand import Plan, Stand, stand

START_LIMIT_S = 150.0
MOST_LOG = 400_000
"""Characters of a process's log that are kept."""


def results_of(
    steps: Sequence[Step[Stand]],
    clock: Clock,
    machine: Machine,
    plan: Plan,
    out: Path | None = None,
) -> list[Result]:
    """Starts a stand and runs the steps; `out` gets the figures as JSON and the processes' logs."""
    with tempfile.TemporaryDirectory(prefix="device-") as temporary, ExitStack() as opened:
        folder, at = Path(temporary), list[Stand]()
        start = Step[list[Stand]](
            "start",
            START_LIMIT_S,
            lambda at, _: at.append(opened.enter_context(stand(folder, machine, plan))),
        )
        results = [clock.run(start, at)]
        results += (
            [clock.run(step, at[0]) for step in steps]
            if at
            else [clock.skipped(step) for step in steps]
        )
        if out:
            out.mkdir(parents=True, exist_ok=True)
            (out / "device.json").write_text(as_json(machine, results))
            (out / "logs.txt").write_text(_logs(folder))
    return results


def _logs(folder: Path) -> str:
    logs = sorted(folder.rglob("*.log"))
    return "".join(
        f"===== {log.relative_to(folder)}\n{log.read_text(errors='replace')[-MOST_LOG:]}\n"
        for log in logs
    )
