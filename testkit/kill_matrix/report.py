"""The matrix as Markdown."""

import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby

import psutil

from inference.failpoints import Failpoint
from testkit.failpoint_hook import Role
from testkit.kill_matrix.cases import ANY_MOMENT, BATCHES, GAPS, SIGNALS, Case, Signal, all_cases
from testkit.kill_matrix.play import Verdict
from testkit.kill_matrix.stand import LEASE_S

HEAD = """# The kill matrix{title}

Real processes are struck in each named gap between two effects that others can see
([failpoints.py](../inference/failpoints.py)). Meanwhile records are submitted and run.

- **The stand:** two gateways with calls alternating, some of them waiting, and two workers. The \
store is a
  Valkey with `appendfsync always`, the broker {broker}.
- **The strike:** a process that stands in the gap is sent SIGKILL or SIGTERM. Or it is sent \
SIGSTOP for longer than
  a lease ({lease:g} s) and then SIGCONT.
- **In the gaps of a worker's child** that is the child alone, or the child with its parent, as \
when a pod or node
  goes.
- **After it:** a process that died is started again as a supervisor would. The last row of a \
table is a moment
  drawn by chance.
- **The records:** one in a hundred is a poison that raises. In a tenth of the cases one ends the \
process of the
  model. Each record has three attempts.

Each of these must be 0, or the command fails, as it does when a gap is never hit:

- *Lost*: a 2xx whose record is not there, has not ended or has the wrong result.
- *Changed*: a record, or what its caller was told, differs from how it was first seen to end, up \
to the end of the
  whole run.
- *Innocents*: records that are no poison and became dead letters.
- *Outstanding*: the records that are left when all is over.

A cell has how long after the signal work went on, then how many innocent records ran more than \
once.

- *Went on* means that a record which the struck worker had begun ended, or ran under another claim.
- Where that worker held none, and for other processes, it means that any record ended. – means \
that nothing was
  left to do.
- Cells that begin with ✗ failed.
- Where B = 8, most records that ran again are the poisons' batch mates. They are quarantined and \
run alone, strike or
  no strike.

Broken once by hand, it finds:

- a result written in two steps, by SIGKILL of the whole worker between them: 7 of 64 lost. \
SIGKILL of the child
  alone loses none, for its parent's report heals it;
- a write without the fence, by SIGSTOP of the whole worker: 8 of 169 changed;
- a 202 before the record is written, by SIGKILL of the gateway: 10 of 63 lost.

`python -m testkit.kill_matrix --all --side-by-side --write` plays all cases, an hour on two \
cores; with
`--broker rabbitmq` on RabbitMQ.
`--only REGEX` plays the cases whose name matches, and `--logs FOLDER` keeps what the processes \
said.
`tests/integration/test_kill_matrix.py` plays a sample on each commit, on a broker that its seed \
draws.
"""
BROKERS = {
    "redis": ("", "another one"),
    "rabbitmq": (" on RabbitMQ", "a RabbitMQ with a quorum queue"),
}
"""The page's title and what it says of the broker."""


def document(
    verdicts: Sequence[Verdict],
    failures: Sequence[str],
    seed: str,
    command: str,
    broker: str = "redis",
) -> str:
    """The page."""
    title, described = BROKERS[broker]
    parts = [
        HEAD.format(lease=LEASE_S, title=title, broker=described),
        "## This run",
        "",
        *_run(verdicts, failures, seed, command),
        "",
    ]
    for role in Role:
        mine = [verdict for verdict in verdicts if verdict.case.role is role]
        if mine:
            parts += [f"## {role.capitalize()}", "", *_table(role, mine), ""]
    return "\n".join(parts)


def _run(
    verdicts: Sequence[Verdict], failures: Sequence[str], seed: str, command: str
) -> list[str]:
    machine = (
        f"{psutil.cpu_count()} shared cores, {platform.machine()}, "
        f"Python {platform.python_version()}, Valkey 9.1"
    )
    when = (
        f"{datetime.now(UTC):%Y-%m-%d}, {machine}; `{command}`, seed `{seed}`, "
        f"{len(verdicts)} of {len(all_cases())} cases."
    )
    rows = [f"| {what} | {figure} |" for what, figure in totals(verdicts)]
    return [
        when,
        "",
        "| what | all cases |",
        "|---|---|",
        *rows,
        *(["", *(f"- ✗ {line}" for line in failures)] if failures else []),
    ]


def totals(verdicts: Iterable[Verdict]) -> list[tuple[str, str]]:
    """What must be nothing, and what may be something."""
    all_ = list(verdicts)
    slowest = max(
        (one for one in all_ if one.recovery_s is not None),
        key=lambda one: one.recovery_s or 0,
        default=None,
    )
    return [
        ("cases", str(len(all_))),
        ("records accepted", f"{sum(one.accepted for one in all_):,}"),
        ("lost", str(sum(len(one.lost) for one in all_))),
        ("changed after they ended", str(sum(len(one.changed) for one in all_))),
        ("innocents dead-lettered", str(sum(len(one.innocents) for one in all_))),
        ("left outstanding", str(sum(one.outstanding for one in all_))),
        ("other trouble", str(sum(len(one.trouble) for one in all_))),
        ("innocents that ran more than once", str(sum(one.again for one in all_))),
        ("calls without an answer or with a 503", str(sum(one.unanswered for one in all_))),
        ("slowest to go on", f"{slowest.recovery_s:.1f} s: {slowest.case}" if slowest else "-"),
    ]


def _table(role: Role, verdicts: Sequence[Verdict]) -> list[str]:
    columns = [(signal, batch) for signal in SIGNALS.get(role, tuple(Signal)) for batch in BATCHES]
    head = "".join(f" {signal}, B = {batch} |" for signal, batch in columns)
    places: list[Failpoint | None] = [*GAPS.get(role, ()), None]
    by_case = {
        case: list(found)
        for case, found in groupby(sorted(verdicts, key=_order), key=lambda one: one.case)
    }
    rows = []
    for gap in places:
        cells = [by_case.get(Case(role, gap, signal, batch), []) for signal, batch in columns]
        if any(cells):
            rows.append(
                f"| {gap or ANY_MOMENT} |" + "".join(f" {_cell(found)} |" for found in cells)
            )
    return [
        f"| {'gap' if role in GAPS else 'moment'} |{head}",
        "|---" * (len(columns) + 1) + "|",
        *rows,
    ]


def _order(verdict: Verdict) -> str:
    return str(verdict.case)


def _cell(found: Sequence[Verdict]) -> str:
    return "; ".join(
        f"{'' if one.good else '✗ '}"
        f"{'–' if one.recovery_s is None else f'{one.recovery_s:.1f} s'}, {one.again}"
        for one in found
    )
