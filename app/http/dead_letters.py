"""Looking at what failed for good, replaying it, and dropping it."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import ConfigDict, Field, with_config
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from app.background.readiness import Readiness
from app.dead_letters import MOST_IN_A_PAGE, DeadLetterBox, Filter
from app.http.body_memory import SMALL_BYTES, BodyMemory
from app.http.dead_letter_schemas import (
    DeadLetterPage,
    DeadLetterRow,
    DeadLetterWhole,
    FailedRun,
    ReplayedAll,
    ReplayedOne,
    UnreadInput,
)
from app.http.problems import Kind, Problem, invalid, status_url, unknown_model
from app.http.request_body import read_body, small_body
from app.http.responses import entity, json_response, rfc3339, run_error, task_error
from app.http.tasks import TaskId
from app.settings import GatewaySettings
from inference.field_errors import FieldError, shown
from inference.ids import model_of
from inference.records import DeadLetter, Place
from inference.states import PUBLIC_WORDS, State

LONGEST_FILTER = 200
OfModel = Annotated[
    str, Query(max_length=LONGEST_FILTER, description="Of this pool; of all if left out.")
]
OfError = Annotated[
    str,
    Query(
        max_length=LONGEST_FILTER,
        description="With this type of error, such as `worker_lost`; with any if left out.",
    ),
]
Before = Annotated[
    str,
    Query(
        max_length=LONGEST_FILTER,
        description="The `next` of an earlier page, or a moment (RFC 3339).",
    ),
]
Limit = Annotated[int, Query(ge=1, le=MOST_IN_A_PAGE, description="How many at most.")]


_AnyText = Annotated[str, Field(max_length=LONGEST_FILTER, json_schema_extra={"default": ""})]


@with_config(ConfigDict(extra="forbid"))
class ReplayFilter(TypedDict, total=False):
    """Which dead letters; what is left out is any."""

    model: _AnyText
    error_type: _AnyText
    before: _AnyText


FILTERS = tuple(ReplayFilter.__annotations__)


class DeadLetterCalls:
    """The handlers."""

    def __init__(self, box: DeadLetterBox, readiness: Readiness, settings: GatewaySettings) -> None:
        self._box = box
        self._readiness = readiness
        self._settings = settings

    def _check_writable(self) -> None:
        """Refuses a store whose keys are another's, or laid out by a newer program.

        Such a store is read and not changed.
        """
        if self._readiness.refusal:
            raise Problem(Kind.UNAVAILABLE, self._readiness.refusal)

    async def page(
        self,
        model: OfModel = "",
        error_type: OfError = "",
        before: Before = "",
        limit: Limit = MOST_IN_A_PAGE,
    ) -> Response:
        """Lists the newest first; go on with `next`, as long as there is one."""
        page = await self._box.page(
            self._filter({"model": model, "error_type": error_type, "before": before}), limit
        )
        after = text_of(page.next) if page.next else None
        body: DeadLetterPage = {"items": [row(item) for item in page.items], "next": after}
        return json_response(body)

    async def one(self, task_id: TaskId) -> Response:
        """Answers one with its input and every run that failed."""
        return json_response(whole(await self._box.shown(await self._known(task_id))))

    async def replay(self, task_id: TaskId) -> Response:
        """Sends one round again under its id, its attempts forgotten."""
        self._check_writable()
        letter = await self._known(task_id)
        epoch = await self._box.replay(letter)
        if not epoch:
            raise await self._not_dead(task_id)
        url = status_url(task_id)
        body: ReplayedOne = {
            "task_id": task_id,
            "status": PUBLIC_WORDS[State.WAITING],
            "status_url": url,
            "epoch": epoch,
        }
        return json_response(body, 202, {"Location": url})

    async def replay_all(self, request: Request) -> Response:
        """Replays all that the filters of the body choose; `{}` is all there are."""
        self._check_writable()
        most_bytes, within_s = (
            min(SMALL_BYTES, self._settings.max_body_bytes),
            self._settings.arrival_timeout_s,
        )
        raw = await read_body(request, most_bytes, within_s, BodyMemory(0).room())
        body, unreadable = small_body(raw, self._settings.max_depth)
        if type(body) is not dict:
            raise invalid([FieldError("body", "must be an object")])
        errors = [
            FieldError(shown(name), "is not a field of this request")
            for name in sorted(body.keys() - set(FILTERS))
        ]
        errors += [
            FieldError(name, f"must be a string of at most {LONGEST_FILTER} characters")
            for name in FILTERS
            if name in body and (type(body[name]) is not str or len(body[name]) > LONGEST_FILTER)
        ]
        if errors:
            raise invalid(errors)
        if unreadable:
            raise unreadable
        answer: ReplayedAll = {"replayed": await self._box.replay_all(self._filter(body))}
        return json_response(answer, 202)

    async def delete(self, task_id: TaskId) -> Response:
        """Drops one for good, its input first of all; repeated, the same answer."""
        self._check_writable()
        if not model_of(task_id) or not await self._box.delete(task_id):
            raise await self._not_dead(task_id)
        return Response(None, 204)

    def _filter(self, given: dict[str, Any]) -> Filter:
        model, before = given.get("model", ""), given.get("before", "")
        if model and model not in self._settings.model_names:
            raise unknown_model(self._settings.model_names)
        place = place_of(before) if before else None
        if before and place is None:
            raise invalid(
                [
                    FieldError(
                        "before",
                        "must be the `next` of a page, or a moment such as 2026-11-22T03:00:00Z",
                    )
                ]
            )
        return Filter(model, given.get("error_type", ""), place)

    async def _known(self, task_id: str) -> DeadLetter:
        letter = await self._box.one(task_id)
        if letter is None:
            raise await self._not_dead(task_id)
        return letter

    async def _not_dead(self, task_id: str) -> Problem:
        state = await self._box.state(task_id)
        if state is None:
            return Problem(Kind.UNKNOWN_TASK, "No task has this id")
        if state is State.FORGOTTEN:
            return Problem(Kind.GONE, "It was dropped, or its time was over", task_id=task_id)
        return Problem(
            Kind.NOT_DEAD,
            f"The task is no dead letter: it is {PUBLIC_WORDS[state]}",
            task_id=task_id,
        )


def text_of(place: Place) -> str:
    """Writes a page's `next`, as `place_of` reads it."""
    return f"{place.ended_ms}-{place.task_id}"


def place_of(text: str) -> Place | None:
    """Reads a page's `next`, or a moment: what ended before it comes then.

    None for anything else.
    """
    ended, dash, task_id = text.partition("-")
    if dash and ended.isascii() and ended.isdigit() and len(ended) <= 15 and model_of(task_id):
        return Place(int(ended), task_id)
    try:
        moment = datetime.fromisoformat(text)
        return Place(max(0, round(moment.timestamp() * 1000)), "") if moment.tzinfo else None
    except (ValueError, OverflowError, OSError):
        return None


def row(letter: DeadLetter) -> DeadLetterRow:
    """One of a list."""
    return {
        "task_id": letter.task_id,
        "model": model_of(letter.task_id) or "",
        **entity(letter.entity_key),
        "error": task_error(letter.error),
        "attempts": letter.attempts,
        "epoch": letter.epoch,
        "created_at": rfc3339(letter.created_ms),
        "ended_at": rfc3339(letter.ended_ms),
        "trace_id": letter.trace_id or None,
    }


def whole(letter: DeadLetter) -> DeadLetterWhole:
    """All that is known of one."""
    runs: list[FailedRun] = [
        {
            "epoch": run.epoch,
            "worker": run.worker,
            "version": run.version or None,
            "began_at": rfc3339(run.began_ms),
            "ended_at": rfc3339(run.ended_ms),
            "batch": run.batch,
            "charged": run.charged,
            "error": run_error(run.error),
        }
        for run in letter.history
    ]
    unread: UnreadInput = {"input_error": letter.input_error} if letter.input_error else {}
    return {**row(letter), "input": _shown(letter.input), **unread, "history": runs}


def _shown(given: Any) -> Any:
    """Returns an input without the entity key that its request did not give.

    A record keeps a null in its place.
    """
    if isinstance(given, dict) and "match_id" in given and given["match_id"] is None:
        return {name: value for name, value in given.items() if name != "match_id"}
    return given
