"""The soak as Markdown."""

import platform
from datetime import UTC, datetime

import psutil

from testkit.soak.faults import Fault
from testkit.soak.judge import MIB, PER_PREDICTION, SLACK, STORE_SLACK, Line
from testkit.soak.ledger import AGAIN_S
from testkit.soak.load import BACKLOG
from testkit.soak.soak import Result
from testkit.soak.stand import BATCH, DEAD_LETTER_S, RESULT_S, TOMBSTONE_S

HEAD = """# The soak

A stand as the [kill matrix](kill-matrix.md)'s runs at capacity: two gateways, two workers, and \
two Valkeys with
`appendfsync always` for store and broker; B = {batch}.

- **Callers** are in a closed loop, with at most some {backlog} predictions outstanding, so the \
workers never lack
  work.
- Some ask and go; some wait; some ask twice, by an idempotency key or about a match.
- Some hang up, in a long-poll or before they know what came of their call.
- An operator replays and deletes dead letters. One prediction in a hundred is a poison that raises.
- **Things fail** every 5 to 8 s, in an order drawn from the seed: the last table.

**The measure.** The stand is measured twice, after a warm-up under the same load and at the end. \
Each time nothing
is outstanding, all has expired and the callers are gone.

- Results are kept for {result:g} s, tombstones for {tombstone:g} s, dead letters for {dead:g} s.
- The first gateway and the first worker are never struck themselves, only the processes that they \
talk to. So what
  they lose hold of adds up.

**What may be left:**

- Threads, descriptors (but sockets) and keys as at the start.
- Connections as at the start, or as many as a pool may keep (`POOLS` in \
[judge.py](../testkit/soak/judge.py)).
  Servers have no client that no process knows.
- A process may have grown by {slack} MiB, which is what an allocator keeps from its busiest \
moment, and by {each}
  bytes a prediction. The smallest thing that can be kept of a prediction, its id alone, is some \
150 bytes.
- The servers may have grown by {store} MiB, by `used_memory` after `MEMORY PURGE`.

**Keys that stay** are `meta` (counters), `schema`, `workers` and one `worker` for each live one. \
The installation's
`identity` stays as well; the first sweep of payloads writes it. On the broker kombu's two of the \
queue stay.

**Keys that go by themselves,** but not within minutes, were counted, looked at and then removed \
before the measure:

- the memory of a claim, which expires an hour after its last word;
- tickets that a worker held when it was killed, which kombu gives back after an hour.

*Lost*, *changed* and *innocents* are as in the kill matrix. Each end is read from the store when \
it comes, and
again {again:g} s later.

Broken by hand it finds a gateway that keeps each body that it read (`--leak`), by its memory.
`python -m testkit.soak --write` makes this page, in a quarter of an hour. \
`tests/integration/test_soak.py` soaks for
a minute on each commit, and plants the leak.
"""


def document(result: Result, command: str) -> str:
    """The page."""
    machine = (
        f"{psutil.cpu_count()} shared cores, {platform.machine()}, "
        f"Python {platform.python_version()}, Valkey 9.1"
    )
    when = f"{datetime.now(UTC):%Y-%m-%d}, {machine}; `{command}`, seed `{result.plan.seed}`."
    bad = [f"- ✗ {line}" for line in result.bad] or ["Everything came back."]
    parts = [
        _head(),
        "## This run",
        "",
        when,
        "",
        *_counts(result),
        "",
        *bad,
        "",
        *_figures(result),
        "",
        *_faults(result),
        "",
    ]
    return "\n".join(parts)


def _head() -> str:
    return HEAD.format(
        batch=BATCH,
        backlog=BACKLOG,
        result=RESULT_S,
        tombstone=TOMBSTONE_S,
        dead=DEAD_LETTER_S,
        slack=SLACK // MIB,
        each=PER_PREDICTION,
        store=STORE_SLACK // MIB,
        again=AGAIN_S,
    )


def _counts(result: Result) -> list[str]:
    ledger, plan = result.ledger, result.plan
    rows = {
        "accepted": f"{ledger.accepted} answers, {len(ledger.known)} predictions",
        "ended": ", ".join(f"{count} {state}" for state, count in sorted(ledger.ends.items())),
        "lost": len(ledger.lost) + len(ledger.pending),
        "changed": len(ledger.changed),
        "innocents dead-lettered": len(ledger.innocents),
        "outstanding at the end": result.end.outstanding,
        "calls without an answer or with a 503": ledger.unanswered,
        "predictions a second": f"{len(ledger.known) / plan.seconds:.0f}",
        "looks at the queue that found some waiting": f"{_backlogged(result):.0%}",
        "all expired": f"{result.end.expired_s:.0f} s after the load ended",
        "claims remembered for an hour": f"{result.end.claims}, each with its time to go",
        "tickets held by killed workers": f"{result.end.unacked}, back by themselves after an hour",
    }
    return [
        "| what | count |",
        "|---|---|",
        *(f"| {what} | {figure} |" for what, figure in rows.items()),
    ]


def _backlogged(result: Result) -> float:
    return result.ledger.backlogged / max(1, result.ledger.looks)


def _figures(result: Result) -> list[str]:
    head = [
        "| at rest | start | end | may be | growth an hour | per 100,000 predictions |",
        "|---|---|---|---|---|---|",
    ]
    return head + [_figure(line, result) for line in result.lines]


def _figure(line: Line, result: Result) -> str:
    grown = line.end - line.start
    an_hour, each = (
        grown * 3600 / result.plan.seconds,
        grown * 1e5 / max(1, len(result.ledger.known)),
    )
    cells = [_shown(figure, line.unit) for figure in (line.start, line.end, line.most)]
    cells += [_shown(figure, line.unit) if line.unit else "" for figure in (an_hour, each)]
    return f"| {'' if line.good else '✗ '}{line.what} | " + " | ".join(cells) + " |"


def _shown(figure: float, unit: str) -> str:
    return f"{figure / MIB:.1f} {unit}" if unit else str(round(figure))


def _faults(result: Result) -> list[str]:
    return [
        "| struck | times |",
        "|---|---|",
        *(f"| {fault} | {result.struck[fault]} |" for fault in Fault),
    ]
