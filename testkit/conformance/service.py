"""What the service answers: its gateway's checks and its worker's runner, without the network.

Between the two stands a store that hands out one batch, so that a model takes no more time than it
needs. `http_check` shows for some models that a running service says the same.
"""

from collections.abc import Sequence
from typing import Any, cast

import orjson

from app.checking.request_check import Bounds, Refused, check
from app.mlflow_reader import MlflowReader
from app.model_version import Registered, registered
from inference.store.messages import (
    ClaimAnswer,
    ClaimedRecord,
    ClaimRequest,
    ClaimStatus,
    Outcome,
    OutcomeKind,
    SettleAnswer,
)
from inference.store.protocols import WorkerStore
from testkit.conformance.cases import Input
from testkit.conformance.reference import ANSWER, Answer
from worker.child.runner import Runner
from worker.models.loader import load, resolve
from worker.settings import WorkerSettings
from worker.tickets import Tickets

BATCH = 8
BOUNDS = Bounds(max_body_bytes=16 * 2**20, max_depth=64, max_time_to_start_s=3600.0)
AT_THE_DOOR = "422"
"""The gateway refuses it."""
AGAIN = " (tried again)"
"""Ends the words of a failure that the service would run again."""


class Service:
    """A model as the service runs it; raises `Misconfigured` for one that it does not serve."""

    def __init__(self, uri: str, tracking_uri: str) -> None:
        settings = WorkerSettings(
            model_uri=uri, mlflow_tracking_uri=tracking_uri, max_batch_size=BATCH
        )
        self._pool = settings.model
        self._served = _Served(registered(self._pool, MlflowReader(tracking_uri)(uri)))
        self._store = _Store()
        store = cast(WorkerStore, self._store)
        tickets = Tickets(_Publisher(), store, self._pool)
        model = load(resolve(uri, tracking_uri), tracking_uri)
        model.warm_up(BATCH)
        self._runner = Runner(settings, store, model, tickets)

    def checked(self, one: Input) -> bytes | Answer:
        """The input as a record holds it, or why the gateway refuses it."""
        try:
            return check(one.body(), self._served, BOUNDS, keyed=False, whole=False).input
        except Refused as refused:
            errors = [[error.field, error.message] for error in refused.errors]
            return Answer(AT_THE_DOOR, errors, refused.detail)

    def run(self, inputs: Sequence[bytes]) -> list[Answer]:
        """What the records end with that run as one batch.

        As in the service, those of a batch that failed as a whole run again alone.
        """
        outcomes = self._batch(inputs)
        if len(inputs) == 1 or all(_final(one) for one in outcomes):
            return [_told(one) for one in outcomes]
        return [
            _told(outcome if _final(outcome) else self._batch([given])[0])
            for given, outcome in zip(inputs, outcomes, strict=True)
        ]

    def _batch(self, inputs: Sequence[bytes]) -> list[Outcome]:
        self._store.waiting = list(inputs)
        self._runner.run("claim")
        found = {outcome.task_id: outcome for outcome in self._store.outcomes}
        return [found[str(place)] for place in range(len(inputs))]


class _Served:
    """The one model of a gateway."""

    def __init__(self, model: Registered) -> None:
        self.default = model.name
        self.names = [model.name]
        self.models = {model.name: model}

    def pool_of(self, asked: Any) -> str:
        return asked if asked in self.models else ""


class _Store:
    """Hands out what waits as one batch, and keeps what became of it."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []
        self.outcomes: list[Outcome] = []

    def claim(self, ask: ClaimRequest) -> ClaimAnswer:
        del ask
        records = [
            ClaimedRecord(str(place), given, rows=1) for place, given in enumerate(self.waiting)
        ]
        return ClaimAnswer(ClaimStatus.GRANTED, tuple(records))

    def begin(self, model: str, claim_id: str, task_ids: Sequence[str]) -> tuple[str, ...]:
        del model, claim_id
        return tuple(task_ids)

    def settle(
        self, model: str, claim_id: str, outcomes: Sequence[Outcome], version: str
    ) -> SettleAnswer:
        del model, claim_id, version
        self.outcomes = list(outcomes)
        return SettleAnswer({}, 0)


class _Publisher:
    def publish(self, count: int) -> int:
        return count


def _final(outcome: Outcome) -> bool:
    return outcome.verb is not OutcomeKind.FAIL or outcome.own


def _told(outcome: Outcome) -> Answer:
    said = orjson.loads(outcome.payload)
    if outcome.verb is OutcomeKind.FINISH:
        return Answer(ANSWER, said)
    again = "" if outcome.verb is OutcomeKind.FAIL_FOR_GOOD else AGAIN
    return Answer(str(said["type"]), words=f"{said['message']}{again}")
