"""The answers' shapes, for the OpenAPI page alone: handlers write bytes, and a test holds the two together."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Word = Literal["submitted", "started", "retry", "success", "failure", "cancelled", "expired"]
CeleryWord = Literal["PENDING", "STARTED", "RETRY", "SUCCESS", "FAILURE", "REVOKED"]
WorkerWord = Literal["loading", "idle", "busy", "draining"]


class WrongField(BaseModel):
    """What is wrong with which field."""

    field: str
    message: str


class TaskError(BaseModel):
    """Why a prediction failed; `type` is one of model_error, timeout, worker_lost, invalid_input, …"""

    type: str
    message: str


class ProblemBody(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    task_id: str | None = None
    status_url: str | None = None
    error: TaskError | None = None
    attempts: int | None = None
    errors: list[WrongField] | None = None
    models: dict[str, "ReadyModel"] | None = None


class UsedModel(BaseModel):
    """The version is null until a run ended well."""

    name: str
    version: str | None


class Prediction(BaseModel):
    """A result, with the time it waited and the time it ran."""

    task_id: str
    status: Word
    match_id: int | None = None
    result: Any
    model: UsedModel
    queue_ms: int
    run_ms: int


class Accepted(BaseModel):
    """Where to ask for the result."""

    task_id: str
    status: Word
    status_url: str


class TaskStatus(BaseModel):
    """How a task stands. `result` is there after success, `error` after a run that failed, `position` while it waits.

    `estimated_wait_s` is then when it should begin, by the rate of the workers under this backlog; null where nobody knows.
    """

    task_id: str
    status: Word
    match_id: int | None = None
    model: UsedModel
    attempts: int
    created_at: str | None
    started_at: str | None
    ended_at: str | None
    run_ms: int | None = None
    result: Any = None
    error: TaskError | None = None
    dead_lettered: bool | None = None
    position: int | None = None
    estimated_wait_s: float | None = None


class CeleryResult(BaseModel):
    """In AsyncResult's words."""

    task_id: str
    status: CeleryWord
    result: Any


class Queue(BaseModel):
    """One model's queue."""

    model: str
    waiting: int
    running: int
    retry: int
    outstanding: int
    oldest_waiting_s: float
    dead_letters: int


class Queues(BaseModel):
    """All queues."""

    queues: list[Queue]


class Worker(BaseModel):
    """A live worker by its last heartbeat."""

    id: str
    model: str
    version: str
    state: WorkerWord
    since: str | None
    batch: int
    problem: str | None


class FailedRun(BaseModel):
    """A run that ended badly; `batch` is how many its claim named, `version` null when the worker was lost."""

    epoch: int
    worker: str
    version: str | None
    began_at: str | None
    ended_at: str | None
    batch: int
    charged: bool
    error: TaskError | None


class DeadLetterRow(BaseModel):
    """A prediction that failed for good."""

    task_id: str
    model: str
    match_id: int | None = None
    error: TaskError | None
    attempts: int
    epoch: int
    created_at: str | None
    ended_at: str | None
    trace_id: str | None


class DeadLetterPage(BaseModel):
    """The newest first; `next` goes on from here, null at the end."""

    items: list[DeadLetterRow]
    next: str | None


class DeadLetterWhole(DeadLetterRow):
    """With its input and every failed run. `input_error` is there when a large input can't be read, and says why."""

    input: Any
    input_error: str | None = None
    history: list[FailedRun]


class ReplayFilter(BaseModel):
    """Which dead letters; what is left out is any."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field("", max_length=200)
    error_type: str = Field("", max_length=200)
    before: str = Field("", max_length=200)


class ReplayedOne(Accepted):
    """The epoch that now runs."""

    epoch: int


class ReplayedAll(BaseModel):
    """How many."""

    replayed: int


class Starting(BaseModel):
    """A worker's pod that is not ready, and why: no node for it, its image, its volumes, its end again and again, or its model."""

    pod: str
    model: str
    reason: Literal["pending", "image", "creating", "crashing", "loading"]
    message: str
    since: str


class Workers(BaseModel):
    """All live workers; `starting` are those to come, null where Kubernetes can't be asked."""

    workers: list[Worker]
    starting: list[Starting] | None


class Loaded(BaseModel):
    """What a worker has loaded."""

    id: str
    version: str
    state: WorkerWord


class Signature(BaseModel):
    """MLflow's, as registered."""

    inputs: Any
    outputs: Any
    params: Any


class ModelCard(BaseModel):
    """The registry's word on a model, and the workers'. `name` is its pool's, which is the registered one unless set otherwise."""

    name: str
    registered_name: str
    version: str
    uri: str
    aliases: list[str]
    run_id: str
    metrics: dict[str, float | None]
    signature: Signature
    metadata: dict[str, Any]
    workers: list[Loaded]


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"]


class ReadyModel(BaseModel):
    """The version served, and how many workers have the model loaded.

    `problem` is there when what the registry names can't be served, and says why; then the version is null, or an earlier one.
    """

    version: str | None
    workers: int
    problem: str | None = None


class Ready(BaseModel):
    """Predictions are taken, for every model that has a version."""

    status: Literal["ready"]
    store: str
    warnings: list[str]
    models: dict[str, ReadyModel]
