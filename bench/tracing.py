"""What traces cost the gateway: `python -m bench.tracing [--seconds 4] [--rounds 5] [--write]`.

Three gateways on one store take submissions in turns: without traces, with one in ten kept, with
all kept. Nobody works them off. The collector reads what it is sent and keeps nothing. The
processor time of a submission is shown too: on a machine that others use, compare that.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median

import psutil

from bench.results import ROWS, put, section
from bench.rounds import CALLERS, load, ratios
from testkit.collector import Collector
from testkit.servers import Valkey, registry_of_the_fault_model
from testkit.stack import Process, Stack

SAMPLED = {"off": "", "10 %": "0.1", "100 %": "1"}
AIMS = {"10 %": 0.95, "100 %": 0.85}


class _Sink(Collector):
    """Counts bytes: to read them would cost more than all that is measured."""

    received = 0

    def take(self, body: bytes) -> None:
        self.requests += 1
        self.received += len(body)


def _env(collector: Collector, share: str) -> dict[str, str]:
    if not share:
        return {}
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": share,
    }


def _round(gateway: Process, seconds: float) -> tuple[float, float]:
    """Returns submissions a second, and the microseconds of processor time that each took."""
    before = psutil.Process(gateway.pid).cpu_times()
    seen = load(f"{gateway.url}/predict/async/", seconds, CALLERS)
    after = psutil.Process(gateway.pid).cpu_times()
    spent = after.user + after.system - before.user - before.system
    return seen["per_s"], spent * 1e6 / sum(seen["codes"].values())


def measured(folder: Path, seconds: float, rounds: int) -> ROWS:
    """Submissions a second of each, and their processor time, round after round."""
    seen: dict[str, list[float]] = {name: [] for name in SAMPLED}
    spent: dict[str, list[float]] = {name: [] for name in SAMPLED}
    with registry_of_the_fault_model(folder / "mlflow") as mlflow_url, _Sink() as collector:
        valkey = Valkey(folder / "valkey")
        valkey.start()
        stack = Stack(folder, valkey, mlflow_url, "fault", preloaded=False)
        try:
            gateways = {
                name: stack.add_gateway(**_env(collector, share)) for name, share in SAMPLED.items()
            }
            for gateway in gateways.values():
                _round(gateway, min(seconds, 1))
            for turn in range(rounds):
                order = list(gateways.items())
                for name, gateway in order[turn % 3 :] + order[: turn % 3]:
                    rate, cost_us = _round(gateway, seconds)
                    seen[name].append(rate)
                    spent[name].append(cost_us)
                    valkey.flush()
        finally:
            stack.stop()
            valkey.kill()
        exported = collector.received
    rows: ROWS = [
        (
            f"submissions/s, traces {name}",
            f"{median(rates):.0f}",
            f"÷ without {ratios(rates, seen['off'])}; aim ≥ {AIMS[name]}"
            if name in AIMS
            else f"{CALLERS} callers",
        )
        for name, rates in seen.items()
    ]
    rows += [
        (
            f"µs of processor a submission, traces {name}",
            f"{median(costs):.0f}",
            f"without ÷ it {ratios(spent['off'], costs)}",
        )
        for name, costs in spent.items()
    ]
    return [*rows, ("exported", f"{exported / 2**20:.0f} MiB", f"{rounds} rounds of {seconds:g} s")]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.tracing", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds")
    parser.add_argument("--write", action="store_true", help="write it to bench/RESULTS.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        rows = measured(Path(folder), options.seconds, options.rounds)
    text = section(
        "## Traces",
        "the gateways take turns; medians of the rounds, their range in brackets.",
        rows,
    )
    print(text)
    if options.write:
        put(text)


if __name__ == "__main__":
    main()
