"""Each answer, defined once.

An answer is a dict of one of these types. mypy checks the dict where it is made, FastAPI describes
the type on the OpenAPI page, and orjson writes the bytes (app/http/responses.py). A `NotRequired`
field is left out where it says nothing.

pydantic takes `TypedDict` from typing_extensions only, before Python 3.12.
"""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from app.background.worker_pods import Reason
from inference.states import CeleryWord, PublicWord

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
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str


class UsedModel(TypedDict):
    """The version is null until a run ended well."""

    name: str
    version: str | None


class Prediction(TypedDict):
    """A result, with the time it waited and the time it ran."""

    task_id: str
    status: PublicWord
    match_id: NotRequired[int]
    result: Any
    model: UsedModel
    queue_ms: int
    run_ms: int


class Accepted(TypedDict):
    """Where to ask for the result."""

    task_id: str
    status: PublicWord
    status_url: str


class TaskProgress(TypedDict):
    """What each status has."""

    task_id: str
    status: PublicWord
    match_id: NotRequired[int]
    model: UsedModel
    attempts: int
    created_at: str | None
    started_at: str | None
    ended_at: str | None


class TaskOutlook(TypedDict, total=False):
    """What a status has by its state."""

    run_ms: int
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

    task_id: str
    status: CeleryWord
    result: Any


class Queue(TypedDict):
    """One model's queue."""

    model: str
    waiting: int
    running: int
    retry: int
    outstanding: int
    oldest_waiting_s: float
    dead_letters: int


class Queues(TypedDict):
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


class Workers(TypedDict):
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
