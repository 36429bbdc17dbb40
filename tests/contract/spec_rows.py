"""The specification's records, and the states that they go through.

The moves are beside it; `spec.py` puts it together.
"""

import json
import math

from inference.limits import Limits
from inference.records import BadRun, Run
from inference.states import State
from tests.contract.snapshot import Memory, Post, Row, StoreSnapshot


class NotAllowed(AssertionError):
    """The store chose what the protocol does not leave to it."""


class Rows:
    """Records, claims, workers and tickets in flight; indexes are never kept, only derived."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.records: dict[str, Row] = {}
        self.leases: dict[str, int] = {}
        self.dues: dict[str, int] = {}
        self.claims: dict[str, Memory] = {}
        self.posts: dict[str, Post] = {}
        self.joins: dict[str, str] = {}
        self.idems: dict[str, tuple[str, str]] = {}
        self.tickets = self.batch = self.stamp = self.quiet_until = self.repair_at = (
            self.repair_step
        ) = 0
        self.paused = 0
        self.turn = ""
        self.ended = self.ended_before = self.backlog = self.rate = self.ahead = 0
        self.told: list[tuple[str, str, int, str]] = []
        self.bad_runs: list[BadRun] = []
        self.now = 0
        self.seen = StoreSnapshot()

    # What is derived.

    def among(self, *states: State) -> list[str]:
        return [task_id for task_id, row in self.records.items() if row.state in states]

    def in_order(self) -> list[str]:
        return sorted(
            self.among(State.WAITING), key=lambda task_id: (self.records[task_id].order, task_id)
        )

    def quarantined_ids(self) -> list[str]:
        return [
            task_id for task_id in self.among(State.WAITING) if self.records[task_id].quarantined
        ]

    def bytes_of(self, *states: State) -> int:
        return sum(len(self.records[task_id].input or b"") for task_id in self.among(*states))

    def waiting_rows(self) -> int:
        waiting = (self.records[task_id] for task_id in self.among(State.WAITING))
        return sum(row.rows for row in waiting if not row.quarantined)

    def missing_tickets(self, batch: int) -> int:
        """Returns how many tickets are missing.

        Each batch of ordinary rows needs one and each quarantined record one, less those in flight.
        While the model is paused nothing needs one.
        """
        if self.paused:
            return 0
        return max(
            0,
            math.ceil(self.waiting_rows() / max(1, batch))
            + len(self.quarantined_ids())
            - self.tickets,
        )

    def _missing_tickets(self) -> int:
        return self.missing_tickets(self.batch or 1)

    def _held(self, task_id: str, claim_id: str) -> bool:
        row = self.records.get(task_id)
        return row is not None and row.state is State.RUNNING and row.claim == claim_id

    # What records go through.

    def _become(self, task_id: str, state: State) -> Row:
        """Whatever the new state, the hold of a claim on it has ended; the listeners are told."""
        row = self.records[task_id]
        row.state, row.seq = state, row.seq + 1
        row.claim, row.named, row.worker = "", 0, ""
        self.leases.pop(task_id, None)
        self.dues.pop(task_id, None)
        self.told += [(channel, task_id, row.seq, state.value) for channel in sorted(row.listeners)]
        if state is State.WAITING:
            row.since = self.now
        if row.outstanding:
            row.begun = 0
        else:
            row.ended, row.listeners = self.now, frozenset()
            self.ended += 1
            if state is not State.FAILURE:
                row.input, row.history = None, ()
            if state is not State.SUCCESS:
                self._leave_join(task_id)
        return row

    def _leave_join(self, task_id: str) -> None:
        self.joins = {key: owner for key, owner in self.joins.items() if owner != task_id}

    def _entomb(self, task_id: str) -> None:
        self._leave_join(task_id)
        old = self.records[task_id]
        self.records[task_id] = Row(State.FORGOTTEN, old.seq + 1, old.epoch, ended=self.now)

    def _fail(
        self, task_id: str, error: bytes, permanent: bool, own: bool, version: str = ""
    ) -> State:
        """Ends a run badly, and tells those who look on."""
        row = self.records[task_id]
        began, worker = row.begun, row.worker
        state = self._charge(task_id, error, permanent, own, version)
        due_in = self.dues.get(task_id, self.now) - self.now
        self.bad_runs.append(
            BadRun(task_id, state, began, row.attempts, worker, due_in, row.trace, row.request_id)
        )
        return state

    def _charge(
        self, task_id: str, error: bytes, permanent: bool, own: bool, version: str = ""
    ) -> State:
        """Charges a failed run to its record, and ends the record when that was the last attempt.

        A run without begin costs nothing. A run whose failure a mate may have caused puts the
        record in quarantine instead.
        """
        row = self.records[task_id]
        alone, begun = row.named == 1, row.begun > 0
        if not begun:
            return self._become(task_id, State.WAITING).state
        charged = alone or (own and not permanent)
        told = json.loads(error) if error else None
        row.history += (
            Run(row.epoch, row.worker, version, row.begun, self.now, row.named, charged, told),
        )
        if not alone and not own:
            row.quarantined = True
            return self._become(task_id, State.WAITING).state
        row.error = error
        row.attempts += charged
        if permanent or row.attempts >= self.limits.max_attempts:
            return self._become(task_id, State.FAILURE).state
        self._become(task_id, State.RETRY)
        most = min(self.limits.retry_cap_ms, self.limits.retry_base_ms * 2 ** (row.attempts - 1))
        due = self.seen.retry.get(task_id, self.now)
        if not self.now <= due <= self.now + most:
            raise NotAllowed(
                f"{task_id} is due {due - self.now} ms from now, and may be at most {most}"
            )
        self.dues[task_id] = due
        return State.RETRY
