"""Looks at the store all the while.

It sees which records ended and how, and when work went on after a strike.
"""

import time
from collections.abc import Mapping

import redis

from inference.states import FINAL
from testkit.kill_matrix.load import Accepted
from testkit.kill_matrix.looking import Looking
from testkit.kill_matrix.stand import KEYS

STEP_S = 0.1
FIELDS = ("state", "seq", "epoch", "result", "error", "ended")
Seen = tuple[str | None, ...]


class Observer(Looking):
    """Follows the accepted records of one case on its own connection.

    `ends` is what each was first seen to end as.
    """

    def __init__(self, port: int, accepted: Mapping[str, Accepted]) -> None:
        super().__init__(port, STEP_S)
        self.ends: dict[str, Seen] = {}
        self.recovery_s: float | None = None
        self._accepted = accepted
        self._held: dict[str, str] = {}
        self._struck: tuple[float, float] | None = None

    def strike(self, held: dict[str, str]) -> None:
        """The strike comes now, on a process that holds these records by these claims."""
        self._held, self._struck = held, (time.monotonic(), time.time() * 1000)

    def _look(self) -> None:
        outstanding = set(self._store.zrange(f"{KEYS}:outstanding", 0, -1))
        new = [
            task_id
            for task_id in list(self._accepted)
            if task_id not in self.ends and task_id not in outstanding
        ]
        ended = {
            task_id: seen for task_id, seen in read(self._store, new).items() if seen[0] in FINAL
        }
        self.ends |= ended
        if self._struck and self.recovery_s is None and self._goes_on(ended, self._struck[1]):
            self.recovery_s = time.monotonic() - self._struck[0]

    def _goes_on(self, ended: dict[str, Seen], struck_ms: float) -> bool:
        """Whether a record that was held ended or runs under another claim.

        Where nothing was held, it is whether any record ended.
        """
        if not self._held:
            return any(float(seen[5] or 0) > struck_ms for seen in ended.values())
        for task_id, claim in self._held.items():
            state, now = self._store.hmget(f"{KEYS}:record:{task_id}", "state", "claim")
            if state in FINAL or (state == "running" and now != claim):
                return True
        return False


def read(store: "redis.Redis", ids: list[str]) -> dict[str, Seen]:
    """The records as the store has them; all fields None for one that it has not."""
    with store.pipeline(transaction=False) as pipeline:
        for task_id in ids:
            pipeline.hmget(f"{KEYS}:record:{task_id}", FIELDS)
        return {task_id: tuple(row) for task_id, row in zip(ids, pipeline.execute(), strict=True)}
