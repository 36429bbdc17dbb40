"""The device bench as Markdown and as JSON."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from bench.device.machine import Machine

HEAD = """# The worker on a device

The whole service runs on one machine: gateways, one worker at a time, MLflow, and a Valkey with
`appendfsync always`. Its models are exported torch graphs. The worker puts them on the GPU, if there is one.
`MAX_ATTEMPTS` is 1, so a record that is charged once is a failure.

- *placed*: the image classifier (EfficientNet-Lite0) is on the device, and a cat is a cat. How long the start took,
  by phase.
- *replaced*: its process is killed. How long until another has opened the device and predicts.
- *too large*: a model whose rows take 0.3 of the device's memory each gets batches of 8. CUDA runs out of memory.
  They are halved until they fit, and nobody is charged.
- *broken*: one row of a batch asks for an index outside of a table, which ends the process's CUDA context (a
  device-side assert). It is found and the process is replaced. The innocents succeed, the guilty is charged once,
  and the worker's parent lives on.
- *batches*: rows a second of the service over those of a bare loop, by batch size. The image classifier is small
  for a GPU, so it shows the host's part. A model of much arithmetic on one number shows what a busy device waits
  for.

`python -m bench.device --write` makes this page, in some six minutes. Without a GPU the same steps run on the CPU,
and the two faults are simulated. `--patience 3` is for a machine that is busy with other things: each step may take
three times as long.
"""  # noqa: E501


@dataclass
class Result:
    """How a step went; `problem` is '' if all was as it should be."""

    name: str
    problem: str = ""
    seconds: float = 0.0
    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def say(self, what: str, figure: object, beside: str = "") -> None:
        """Adds a row."""
        self.rows.append((what, str(figure), beside))


def page(machine: Machine, results: Sequence[Result], command: str) -> str:
    """docs/device.md."""
    bad = [f"- ✗ {result.name}: {result.problem}" for result in results if result.problem]
    parts = [
        HEAD,
        "## This run",
        "",
        _where(machine, command),
        "",
        *(bad or ["All was as it should be."]),
        "",
    ]
    for result in results:
        parts += [
            f"### {result.name.capitalize()}",
            "",
            f"{'✗' if result.problem else '✓'} {result.seconds:.0f} s",
            "",
        ]
        if result.rows:
            lines = [f"| {' | '.join(map(cell, row))} |" for row in result.rows]
            parts += ["| what | figure | beside it |", "|---|---|---|", *lines, ""]
    return "\n".join(parts)


def as_json(machine: Machine, results: Sequence[Result]) -> str:
    """The same for programs."""
    return json.dumps(
        {"machine": asdict(machine), "steps": [asdict(result) for result in results]},
        indent=1,
        ensure_ascii=False,
    )


def _where(machine: Machine, command: str) -> str:
    host = (
        f"{machine.cores} cores, {platform.machine()}, Python {platform.python_version()},"
        f" torch {machine.torch}"
    )
    when = f"{datetime.now(UTC):%Y-%m-%d}, {host}; `{command}`."
    if not machine.has_gpu:
        return f"{when} No GPU: the faults are simulated."
    device = (
        f"{machine.name}, {machine.memory_bytes / 2**30:.0f} GiB,"
        f" {machine.multiprocessors} multiprocessors"
    )
    return (
        f"{when} {device}, CUDA {machine.cuda}, driver {machine.driver};"
        f" a bare process opens it in {machine.context_s:g} s."
    )


def cell(text: str) -> str:
    """A text as a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")
