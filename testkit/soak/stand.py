"""The kill matrix's stand without its hooks, and with short times.

They are so short that what a run leaves behind has expired a minute later. The first gateway and
the first worker are never struck themselves, only the servers that they talk to: what they lost
hold of adds up.
"""

from pathlib import Path

from testkit.failpoint_hook import ROOT
from testkit.kill_matrix.stand import Stand

BATCH = 8
RESULT_S, TOMBSTONE_S, DEAD_LETTER_S = 15.0, 10.0, 20.0
"""A result must outlive an outage of the store, or nobody could see how it ended."""
EXPIRY = {
    "RESULT_TTL_S": RESULT_S,
    "TOMBSTONE_TTL_S": TOMBSTONE_S,
    "DEAD_LETTER_TTL_S": DEAD_LETTER_S,
}
LEAK = {"PYTHONPATH": f"{ROOT / 'testkit/leaking'}:{ROOT}"}


class SoakStand(Stand):
    """`leaks` plants a leak in the first gateway, to see it found."""

    def __init__(self, folder: Path, mlflow_url: str, leaks: bool = False) -> None:
        super().__init__(
            folder, mlflow_url, BATCH, **{name: f"{seconds:g}" for name, seconds in EXPIRY.items()}
        )
        self._leaks = leaks

    @property
    def urls(self) -> list[str]:
        """Where its gateways are."""
        return [gateway.url for gateway in self.stack.gateways]

    def _add_processes(self) -> None:
        self.stack.preloaded = False  # a forked one shares memory with spares, which come and go
        for _ in range(2):
            self.stack.add_worker(wait=False)
        self.stack.preloaded = True
        self.stack.add_gateway(**(LEAK if self._leaks else {}))
        self.stack.add_gateway()
