"""A small cast for tests that read as sentences.

It has one model, one store, and a clock that is moved by hand.
"""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

from inference.ids import new_task_id
from inference.records import PredictionRequest, Record
from inference.store import messages
from inference.store.messages import (
    ClaimRequest,
    HeartbeatRequest,
    Outcome,
    OutcomeKind,
    WorkerState,
)
from inference.store.protocols import GatewayStore, WorkerStore
from tests.contract.stores import StoreUnderTest

MODEL = "m"
ERROR = b'{"type":"broken"}'


@dataclass
class Cast:
    """`tell` is any gateway's method, made by each gateway in turn; `worker` is a worker's side."""

    store: StoreUnderTest
    worker: WorkerStore
    gateways: tuple[GatewayStore, GatewayStore]
    turns: "count[int]" = field(default_factory=count)

    def tell(self, name: str, *args: Any) -> Any:
        return self.store.run(getattr(self.gateways[next(self.turns) % 2], name)(*args))

    def submit(self, **fields: Any) -> str:
        """Submits a plain prediction and answers its id."""
        task_id = new_task_id(MODEL)
        self.answer(task_id=task_id, **fields)
        return task_id

    def answer(self, **fields: Any) -> messages.SubmitAnswer:
        """Submits, and answers what the store said."""
        plain = {"task_id": new_task_id(MODEL), "model": MODEL, "input": b"[1]"}
        answer: messages.SubmitAnswer = self.tell("submit", PredictionRequest(**(plain | fields)))
        return answer

    def read(self, task_id: str) -> Record:
        record = self.tell("watch", task_id, "")
        assert record is not None, f"{task_id} is unknown"
        return record  # type: ignore[no-any-return]

    def claim(self, claim_id: str, rows: int = 8, wait_ms: int = 0) -> messages.ClaimAnswer:
        return self.worker.claim(ClaimRequest(MODEL, claim_id, "w", rows, wait_ms))

    def claimed(self, claim_id: str, rows: int = 8) -> list[str]:
        """Claims, and answers the ids that came with an input."""
        return [
            record.task_id
            for record in self.claim(claim_id, rows).records
            if record.input is not None
        ]

    def run(self, claim_id: str, rows: int = 8) -> list[str]:
        """Claims and begins."""
        return list(self.worker.begin(MODEL, claim_id, self.claimed(claim_id, rows)))

    def settle(
        self, claim_id: str, verb: OutcomeKind, task_id: str = messages.ALL, *, own: bool = False
    ) -> dict[str, str]:
        payload = b"[2]" if verb is OutcomeKind.FINISH else ERROR
        return self.worker.settle(
            MODEL, claim_id, [Outcome(task_id, verb, payload, own)], "v1"
        ).words

    def beat(self, name: str, state: WorkerState, rows: int = 8) -> messages.HeartbeatAnswer:
        return self.worker.heartbeat(HeartbeatRequest(MODEL, name, state, "v1", rows))

    def pass_ms(self, milliseconds: int) -> None:
        """Time goes by, and no reaper looks."""
        self.store.clock.offset_ms += milliseconds

    def reap(self) -> messages.Reaped:
        answer: messages.Reaped = self.tell("reap", MODEL)
        return answer

    def pass_seconds(self, seconds: int) -> list[messages.Reaped]:
        """Time goes by, and a reaper runs each second."""
        answers = []
        for _ in range(seconds):
            self.pass_ms(1_000)
            answers.append(self.reap())
        return answers
