"""The ledger of what was accepted, how each of it ended, and whether it stayed so.

It reads from the store all the while, before records expire there.
"""

import time
from collections import Counter, deque
from threading import Lock
from typing import Any

import orjson

from inference.states import FINAL, State
from testkit.kill_matrix.load import Accepted
from testkit.kill_matrix.looking import Looking
from testkit.kill_matrix.observer import Seen, read
from testkit.kill_matrix.stand import KEYS

STEP_S, AGAIN_S = 0.2, 5.0
"""How often it looks, and after how long it looks at an end again."""


class Ledger(Looking):
    """The clients tell it what was accepted, and which dead letters they are about to delete.

    `lost`, `changed` and `innocents` name records, as in the kill matrix.
    """

    def __init__(self, port: int) -> None:
        super().__init__(port, STEP_S)
        self.ends: Counter[str] = Counter()
        self.accepted = 0
        self.unanswered = 0
        self.outstanding, self.backlogged, self.looks = 0, 0, 0
        self.lost: list[str] = []
        self.changed: list[str] = []
        self.innocents: list[str] = []
        self.strange: list[str] = []
        self.known: set[str] = set()
        self.deleted: set[str] = set()
        self.pending: dict[str, Accepted] = {}
        self._again: deque[tuple[float, str, Seen]] = deque()
        self._lock = Lock()

    def accept(self, task_id: str, asked: Accepted) -> None:
        """Notes that a caller was told that the service has the record.

        The caller may be the second to hear of the same record.
        """
        with self._lock:
            self.accepted += 1
            if task_id not in self.known:
                self.known.add(task_id)
                self.pending[task_id] = asked

    def refused(self, text: str = "") -> None:
        """A call without an answer or with a 503; `text` is an answer that nobody expected."""
        with self._lock:
            self.unanswered += not text
            if text:
                self.strange.append(text)

    def _look(self) -> None:
        asked = dict(self.pending.copy())
        waiting = int(self._store.zcard(f"{KEYS}:waiting"))
        outstanding = set(self._store.zrange(f"{KEYS}:outstanding", 0, -1))
        found = read(self._store, [task_id for task_id in asked if task_id not in outstanding])
        self.outstanding, self.looks, self.backlogged = (
            len(outstanding),
            self.looks + 1,
            self.backlogged + (waiting > 0),
        )
        for task_id, seen in found.items():
            if self._judge(task_id, asked[task_id], seen):
                del self.pending[task_id]
        self._look_again()

    def _judge(self, task_id: str, asked: Accepted, seen: Seen) -> bool:
        """Judges a record, and returns whether there was something to judge.

        A record that is not final now was replayed, or handed back, a moment ago.
        """
        state, result = seen[0], _json(seen[3])
        if state not in FINAL and state is not None and state != State.FORGOTTEN:
            return False
        if state == State.FORGOTTEN and task_id in self.deleted and not asked.innocent:
            self.ends["deleted before it was seen"] += 1
            return True
        self.ends[state or "nothing"] += 1
        if (
            state is None
            or state == State.FORGOTTEN
            or (state == State.SUCCESS and result["value"] != asked.value)
        ):
            self.lost.append(f"{task_id}: {seen}")
        elif asked.answer is not None and asked.answer != result:
            self.changed.append(
                f"{task_id}: its caller was told {asked.answer}, the store has {seen}"
            )
        elif asked.innocent and state != State.SUCCESS:
            self.innocents.append(f"{task_id}: {seen}")
        self._again.append((time.monotonic() + AGAIN_S, task_id, seen))
        return True

    def _look_again(self) -> None:
        """Looks at the ended records again, for one that has changed.

        A success is final for good; a failure may have been replayed or deleted meanwhile, and
        anything may have expired.
        """
        due = []
        while self._again and self._again[0][0] <= time.monotonic():
            due.append(self._again.popleft())
        now = read(self._store, [task_id for _, task_id, _ in due])
        for _, task_id, seen in due:
            gone = now[task_id][0] in (None, State.FORGOTTEN)
            if now[task_id] != seen and not gone and seen[0] == State.SUCCESS:
                self.changed.append(f"{task_id}: {seen}, then {now[task_id]}")


def _json(text: str | None) -> Any:
    return orjson.loads(text or "null")
