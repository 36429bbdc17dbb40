"""A submission goes to the main pool where its canary refuses, and its id is the true one."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.background.canary_watch import REFUSED_BY_STORE, CanaryWatch
from app.canaries import Canary, CanaryShares
from app.checking.request_check import Checked
from app.served_models import Registry
from app.submission import Placement, Submission, SubmitFailed
from inference.errors import StoreUnavailable
from inference.ids import model_of, new_task_id
from inference.records import PredictionRequest
from inference.states import State
from inference.store.messages import SubmitAnswer, Submitted
from inference.store.protocols import GatewayStore

MAIN, CANARY = "score", "score-canary"


class Counts:
    """A canary that can take calls, and what became of them."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def problem(self, _pool: str) -> str:
        return ""

    def taken(self, pool: str) -> None:
        self.seen.append((pool, "taken"))

    def diverted(self, pool: str, reason: str) -> None:
        self.seen.append((pool, reason))


class Keys:
    """A store that knows an idempotency key in one pool."""

    def __init__(self, known: str = "") -> None:
        self.known = known

    async def knows_key(self, model: str, _key: str) -> bool:
        return model == self.known


Submit = Callable[[PredictionRequest], Awaitable[SubmitAnswer]]


def placement(counts: Counts, known: str = "") -> Placement:
    registry = SimpleNamespace(
        models={
            pool: SimpleNamespace(version=version, identity="")
            for pool, version in ((MAIN, "1"), (CANARY, "2"))
        },
        shares=CanaryShares([Canary(CANARY, MAIN, 50)]),
    )
    return Placement(
        cast(CanaryWatch, counts), cast(Registry, registry), cast(GatewayStore, Keys(known))
    )


def placed(by: Placement, key: str = "") -> Submission:
    checked = Checked(
        *(MAIN, 7, 0, 0, "main's", "", b"{}"),
        canary=CANARY,
        canary_takes_it=True,
        canary_join_digest="canary's",
    )
    main = PredictionRequest(
        new_task_id(MAIN), MAIN, b"{}", join_key="main's", join_version="1", idempotency_key=key
    )
    return by.placed(checked, main)


def answering(*kinds: Submitted | None) -> tuple[Submit, list[PredictionRequest]]:
    """A store that answers so, one call after the other; None: it does not."""
    asked: list[PredictionRequest] = []

    async def submit(request: PredictionRequest) -> SubmitAnswer:
        asked.append(request)
        kind = kinds[len(asked) - 1]
        if kind is None:
            raise StoreUnavailable("the store did not answer")
        return SubmitAnswer(kind, request.task_id, State.WAITING, 1, 0)

    return submit, asked


def run(by: Placement, submission: Submission, submit: Submit) -> Any:
    return asyncio.run(by.submit(submission, submit))


def test_a_canary_joins_by_its_own_version() -> None:
    counts = Counts()
    by = placement(counts)
    submit, asked = answering(Submitted.ACCEPTED)
    answer = run(by, placed(by), submit)
    assert [(each.model, each.join_key, each.join_version) for each in asked] == [
        (CANARY, "canary's", "2")
    ]
    assert model_of(answer.task_id) == CANARY
    assert counts.seen == [(CANARY, "taken")]


@pytest.mark.parametrize("refusal", REFUSED_BY_STORE)
def test_what_the_canary_refuses_is_asked_of_the_main_pool_once(refusal: Submitted) -> None:
    counts = Counts()
    by = placement(counts)
    submit, asked = answering(refusal, refusal)
    answer = run(by, placed(by), submit)
    assert [(each.model, each.join_key, each.join_version) for each in asked] == [
        (CANARY, "canary's", "2"),
        (MAIN, "main's", "1"),
    ]
    assert (answer.kind, model_of(answer.task_id)) == (refusal, MAIN)
    assert counts.seen == [(CANARY, REFUSED_BY_STORE[refusal])]


def test_another_body_under_a_key_is_no_reason_to_ask_the_main_pool() -> None:
    by = placement(Counts())
    submit, asked = answering(Submitted.CONFLICT)
    assert run(by, placed(by, "key"), submit).kind is Submitted.CONFLICT
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("known", "kinds", "pool"),
    [
        ("", (None,), CANARY),
        ("", (Submitted.FULL, None), MAIN),
        (MAIN, (None,), MAIN),
    ],
)
def test_a_caller_is_told_the_id_of_the_submission_that_the_store_did_not_answer(
    known: str, kinds: tuple[Submitted | None, ...], pool: str
) -> None:
    by = placement(Counts(), known)
    submit, asked = answering(*kinds)
    with pytest.raises(SubmitFailed) as failed:
        run(by, placed(by, "key"), submit)
    assert failed.value.task_id == asked[-1].task_id
    assert model_of(failed.value.task_id) == pool


def test_a_known_key_goes_where_it_is_known_and_is_no_draw() -> None:
    counts = Counts()
    by = placement(counts, known=MAIN)
    submit, asked = answering(Submitted.JOINED)
    run(by, placed(by, "key"), submit)
    assert [each.model for each in asked] == [MAIN]
    assert counts.seen == []
