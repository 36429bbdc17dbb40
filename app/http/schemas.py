"""Each answer, defined once.

An answer is a dict of one of these types. mypy checks the dict where it is made, FastAPI describes
the type on the OpenAPI page, and orjson writes the bytes (app/http/responses.py). A `NotRequired`
field is left out where it says nothing.

pydantic takes `TypedDict` from typing_extensions only, before Python 3.12.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypeAliasType, TypedDict

from app.background.worker_pods import Reason
from inference.states import CeleryWord, PublicWord

Status = TypeAliasType("Status", PublicWord)
"""With a name of its own, so that generated clients have one type for it."""
TaskId = Annotated[str, Field(description="Names the prediction; made by the service.")]
StatusUrl = Annotated[str, Field(description="Where to ask how it stands; a path.")]
MatchId = Annotated[int, Field(description="As in the request, if it had one.")]
Moment = Annotated[
    str | None, Field(description="RFC 3339, in UTC; null as long as it has not come.")
]
WorkerWord = Literal["loading", "idle", "busy", "draining"]


class EntityKey(TypedDict, total=False):
    """The entity key as an answer has it: under the name that the request gave it."""

    match_id: int


class WrongField(TypedDict):
    """A field of the body that is wrong, and why."""

    field: str
    message: str


class TaskError(TypedDict):
    """Why a prediction failed.

    `type` is one of model_error, timeout, worker_lost, invalid_input, …
    """

    type: str
    message: str


class RunError(TaskError):
    """Why a run failed.

    `traceback` has the last places of the model's code that it went through, the innermost last.
    """

    traceback: NotRequired[list[str]]


class ReadyModel(TypedDict):
    """The version served, and how many workers have the model loaded.

    `problem` is there when what the registry names can't be served, and says why; then the version
    is null, or an earlier one.
    """

    version: str | None
    workers: int
    problem: NotRequired[str]


class BadEnd(TypedDict, total=False):
    """How a task ended."""

    error: TaskError
    attempts: int


class ProblemMembers(BadEnd, total=False):
    """RFC 9457's extension members."""

    task_id: str
    status_url: str
    errors: list[WrongField]
    models: dict[str, ReadyModel]


class ProblemBody(ProblemMembers):
    """A problem (RFC 9457)."""

    type: Annotated[str, Field(description="`urn:inference:` and a name that programs may test.")]
    title: str
    status: int
    detail: Annotated[str, Field(description="What is wrong, for people.")]
    instance: Annotated[str, Field(description="The path of the request.")]


class UsedModel(TypedDict):
    """The version is null until a run ended well."""

    name: str
    version: str | None


class Prediction(TypedDict):
    """A result, with the time it waited and the time it ran."""

    task_id: TaskId
    status: Status
    match_id: NotRequired[MatchId]
    result: Any
    model: UsedModel
    queue_ms: Annotated[int, Field(description="How long it waited.")]
    run_ms: Annotated[int, Field(description="How long its batch ran.")]


class Accepted(TypedDict):
    """Where to ask for the result."""

    task_id: TaskId
    status: Status
    status_url: StatusUrl


class TaskProgress(TypedDict):
    """What each status has."""

    task_id: TaskId
    status: Status
    match_id: NotRequired[MatchId]
    model: UsedModel
    attempts: Annotated[int, Field(description="How many runs failed so far.")]
    request_id: Annotated[str | None, Field(description="X-Request-ID of the call that made it.")]
    created_at: Moment
    started_at: Moment
    ended_at: Moment


class TaskOutlook(TypedDict, total=False):
    """What a status has by its state."""

    run_ms: Annotated[int, Field(description="How long its batch ran.")]
    result: Any
    error: TaskError
    dead_lettered: bool
    position: int
    estimated_wait_s: float | None


class TaskStatus(TaskProgress, TaskOutlook):
    """How a task stands.

    `result` is there after success, `error` after a run that failed, `position` while it waits.

    `estimated_wait_s` is then when it should begin, by the rate of the workers under this backlog;
    null where nobody knows.
    """


class CeleryResult(TypedDict):
    """In AsyncResult's words."""

    task_id: TaskId
    status: CeleryWord
    result: Any


PauseWord = Literal["keep", "refuse"]


class PausedModel(TypedDict):
    """Whether a model is paused, and what becomes of submissions then; null: it is not."""

    model: str
    paused: PauseWord | None


class PurgedQueue(TypedDict):
    """How many predictions a purge ended, and whether others still wait, which a further call ends.

    What was submitted after the call is not among these.
    """

    model: str
    purged: int
    more: bool


class Queue(TypedDict):
    """One model's queue."""

    model: str
    waiting: int
    running: int
    retry: int
    outstanding: int
    oldest_waiting_s: float
    dead_letters: int
    paused: Annotated[
        PauseWord | None,
        Field(description="What becomes of submissions while it is paused; null: it is not."),
    ]


class QueueList(TypedDict):
    """All queues."""

    queues: list[Queue]


class Worker(TypedDict):
    """A live worker by its last heartbeat."""

    id: str
    model: str
    version: str
    state: WorkerWord
    since: str | None
    batch: int
    problem: str | None


class Starting(TypedDict):
    """A worker's pod that is not ready, and why.

    No node for it, its image, its volumes, its end again and again, or its model.
    """

    pod: str
    model: str
    reason: Reason
    message: str
    since: str


class WorkerList(TypedDict):
    """All live workers; `starting` are those to come, null where Kubernetes can't be asked."""

    workers: list[Worker]
    starting: list[Starting] | None


class Loaded(TypedDict):
    """What a worker has loaded."""

    id: str
    version: str
    state: WorkerWord


class Signature(TypedDict):
    """MLflow's, as registered."""

    inputs: Any
    outputs: Any
    params: Any


class ModelCard(TypedDict):
    """The registry's word on a model, and the workers'.

    `name` is its pool's, which is the registered one unless set otherwise.
    """

    name: str
    registered_name: str
    version: str
    uri: str
    aliases: list[str]
    run_id: str
    metrics: Mapping[str, float | None]
    signature: Signature
    metadata: dict[str, Any]
    workers: list[Loaded]


class Alive(TypedDict):
    """The process answers."""

    status: Literal["alive"]


class Ready(TypedDict):
    """Predictions are taken, for every model that has a version."""

    status: Literal["ready"]
    store: str
    warnings: list[str]
    models: dict[str, ReadyModel]
