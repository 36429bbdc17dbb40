"""The words of the OpenAPI page: its introduction, and each of the gateway's own calls."""

from typing import Any

from app.http.model_schemas import EXAMPLE as MODELS
from app.http.operation import Answer, Operation

TASK = "churn-01a2011997444e042b6babb02a840041"
_URL = f"/monitoring/task_status/{TASK}"
_MODEL: dict[str, Any] = {"name": "churn", "version": "4"}
_TIMES = {
    "created_at": "2026-11-22T02:33:04.069Z",
    "started_at": "2026-11-22T02:33:04.078Z",
    "ended_at": "2026-11-22T02:33:04.086Z",
}
PREDICTION = {"task_id": TASK, "status": "success", "queue_ms": 3, "run_ms": 2}
"""Without what differs from model to model."""
_COUNTED = {"attempts": 0, "request_id": "9f0c2f6d", "run_ms": 2}
STATUS = {"task_id": TASK, "status": "success"} | _COUNTED | _TIMES
_ACCEPTED = {"task_id": TASK, "status": "submitted", "status_url": _URL}
_ERROR = {"type": "model_error", "message": "ValueError: could not convert string to float"}
_DEAD = {
    "task_id": TASK,
    "model": "churn",
    "error": _ERROR,
    "attempts": 3,
    "epoch": 1,
    "created_at": _TIMES["created_at"],
    "ended_at": _TIMES["ended_at"],
    "trace_id": None,
}
_RUN = {
    "epoch": 1,
    "worker": "churn-worker-7d9f",
    "version": "4",
    "began_at": _TIMES["started_at"],
    "ended_at": _TIMES["ended_at"],
    "batch": 1,
    "charged": True,
    "error": _ERROR | {"traceback": ['File "model.py", line 12, in predict']},
}
_QUEUE = {
    "model": "churn",
    "waiting": 12,
    "running": 8,
    "retry": 0,
    "outstanding": 20,
    "oldest_waiting_s": 1.4,
    "dead_letters": 0,
    "paused": None,
}
_PAUSED = {"model": "churn", "paused": "keep"}
_WORKER = {
    "id": "churn-worker-7d9f",
    "model": "churn",
    "version": "4",
    "state": "busy",
    "since": _TIMES["created_at"],
    "batch": 8,
    "problem": None,
}
_CARD = {
    "name": "churn",
    "registered_name": "churn",
    "version": "4",
    "uri": "models:/churn@production",
    "aliases": ["production"],
    "run_id": "7c1f2d3e4b5a69788796a5b4c3d2e1f0",
    "metrics": {"log_loss": 0.41},
    "signature": {
        "inputs": [{"type": "double", "name": "age", "required": True}],
        "outputs": [{"type": "double"}],
        "params": None,
    },
    "metadata": {},
    "workers": [{"id": "churn-worker-7d9f", "version": "4", "state": "idle"}],
}

INTRODUCTION = """\
Predictions by models of an MLflow registry. A worker runs them; the gateway keeps them until then.

- **Wait for the result**: `POST /predict/`.
- **Submit and come back**: `POST /predict/async/`, then `GET /monitoring/task_status/{task_id}`.
  With `?wait=20` that call answers as soon as the prediction has ended.

Both take the same body. Its `features` are checked against the model's signature at once. What was
taken is not lost, whatever dies; a prediction that fails for good becomes a dead letter.

Each problem is an `application/problem+json` (RFC 9457). Programs may test its `type`.
"""
PREDICTIONS, TASKS, MODELS_TAG, OPERATING, DEAD_LETTERS, HEALTH = (
    "Predictions",
    "Tasks",
    "Models",
    "Operating",
    "Dead letters",
    "Health",
)
TAGS = [
    {"name": PREDICTIONS, "description": "Ask a model, and wait or come back."},
    {"name": TASKS, "description": "How a submitted prediction stands, and its result."},
    {"name": MODELS_TAG, "description": "Which models are served, and by how many workers."},
    {"name": DEAD_LETTERS, "description": "What failed for good: look, run it again, drop it."},
    {
        "name": OPERATING,
        "description": "The queues and the workers, for operators.",
    },
    {"name": HEALTH, "description": "For Kubernetes and load balancers."},
]

OPERATIONS = {
    "POST /predict/": Operation(
        "predict",
        PREDICTIONS,
        "Predict, and wait for the result",
        "Use it where the result is needed at once and a run takes less than half a minute. "
        "If the wait ends first the answer is a 504 with the `task_id`: the work goes on, and "
        "the task tells its result later. `Prefer: wait=5` waits less, `Prefer: respond-async` "
        "does not wait.",
        {
            200: Answer("The result, with the time it waited and the time it ran."),
            202: Answer("Taken, and not waited for (`Prefer: respond-async`).", _ACCEPTED),
        },
    ),
    "POST /predict/async/": Operation(
        "predict_async",
        PREDICTIONS,
        "Submit a prediction",
        "Use it for all that may take longer, and for many at once. It answers as soon as the "
        "prediction is on disk; ask for the result at the `status_url`.",
        {202: Answer("Taken. It is not lost from now on.", _ACCEPTED)},
    ),
    "GET /monitoring/task_status/{task_id}": Operation(
        "task_status",
        TASKS,
        "How a prediction stands, and its result",
        "Use it after a submission. `wait=20` waits up to 20 s for the end, so nobody has to "
        "poll. `status` ends as `success`, `failure`, `cancelled` or `expired`.",
        {200: Answer("How it stands; with `result` after success, with `error` after a failure.")},
    ),
    "GET /result/{task_id}": Operation(
        "celery_result",
        TASKS,
        "The same in Celery's words",
        "Use it with code that knows Celery's `AsyncResult`; `task_status` tells more.",
        {
            200: Answer(
                "Its state in Celery's words, and what was returned or the error.",
                {"task_id": TASK, "status": "PENDING", "result": None},
            )
        },
    ),
    "GET /models": Operation(
        "list_models",
        MODELS_TAG,
        "Which models are served",
        "Use it to see which `model` a request may name, and why one is not served.",
        {200: Answer("All models of this gateway, served or not.", MODELS)},
    ),
    "GET /predict/model/info": Operation(
        "model_info",
        MODELS_TAG,
        "A model's signature and metrics",
        "Use it to see a model's inputs as MLflow registered them, its metrics and its metadata.",
        {200: Answer("What the registry says of the version that is served.", _CARD)},
    ),
    "GET /monitoring/queues": Operation(
        "queues",
        OPERATING,
        "How much is waiting and running",
        "Use it to see a backlog. `/metrics` has the same numbers for Prometheus.",
        {200: Answer("The numbers of each model's queue.", {"queues": [_QUEUE]})},
    ),
    "GET /monitoring/workers": Operation(
        "workers",
        OPERATING,
        "Which workers live",
        "Use it where predictions wait and nothing runs: it says what each worker does, and on "
        "Kubernetes why a wanted one is not there yet.",
        {
            200: Answer(
                "The live workers, and those to come.", {"workers": [_WORKER], "starting": []}
            )
        },
    ),
    "POST /models/{model}/pause": Operation(
        "pause_model",
        OPERATING,
        "Start nothing new of a model",
        "Use it before work on what a model depends on. What runs goes on to its end. With "
        "`submissions=keep` predictions are taken and wait, with `refuse` they are a 503. "
        "Workers stay, since what waits is still to be done.",
        {200: Answer("It is paused.", _PAUSED)},
    ),
    "POST /models/{model}/resume": Operation(
        "resume_model",
        OPERATING,
        "Let a paused model go on",
        "Use it when the work is done: what waited starts at once.",
        {200: Answer("It is not paused.", _PAUSED | {"paused": None})},
    ),
    "POST /models/{model}/purge": Operation(
        "purge_queue",
        OPERATING,
        "End all that waits",
        "Use it for a backlog that nobody wants any more. What waits, or waits to be tried again, "
        "ends as `cancelled` with the error `purged`; what runs goes on. A call ends as much as "
        "it can within 10 s, so repeat it while `more` is true. Later submissions "
        "are not touched: pause the model first, to have it empty.",
        {200: Answer("So many were ended.", {"model": "churn", "purged": 1200, "more": False})},
    ),
    "GET /dead-letters": Operation(
        "list_dead_letters",
        DEAD_LETTERS,
        "What failed for good",
        "Use it to look through the failures, the newest first. Go on with `next` as `before`.",
        {200: Answer("A page of them.", {"items": [_DEAD], "next": None})},
    ),
    "GET /dead-letters/{task_id}": Operation(
        "read_dead_letter",
        DEAD_LETTERS,
        "One failure with its input and its runs",
        "Use it to find out why a prediction failed: each run has its error and a traceback.",
        {
            200: Answer(
                "The dead letter.",
                _DEAD | {"input": {"features": {"age": "x"}}, "history": [_RUN]},
            )
        },
    ),
    "POST /dead-letters/{task_id}/replay": Operation(
        "replay_dead_letter",
        DEAD_LETTERS,
        "Run one again",
        "Use it when the reason is mended. The task keeps its id, and its attempts are forgotten.",
        {202: Answer("It waits for a worker again.", _ACCEPTED | {"epoch": 2})},
    ),
    "POST /dead-letters/replay": Operation(
        "replay_dead_letters",
        DEAD_LETTERS,
        "Run many again",
        "Use it when the reason of many is mended. The body chooses which; `{}` is all there are.",
        {202: Answer("How many wait for a worker again.", {"replayed": 17})},
    ),
    "DELETE /dead-letters/{task_id}": Operation(
        "delete_dead_letter",
        DEAD_LETTERS,
        "Drop one for good",
        "Use it for what will never run. Its input is gone then; repeated, the answer is the same.",
        {204: Answer("It is gone.")},
    ),
    "GET /livez": Operation(
        "livez",
        HEALTH,
        "Whether the process answers",
        "Use it as a liveness probe.",
        {200: Answer("It does.", {"status": "alive"})},
    ),
    "GET /readyz": Operation(
        "readyz",
        HEALTH,
        "Whether predictions are taken",
        "Use it as a readiness probe, and to wait for a service that starts.",
        {
            200: Answer(
                "They are, for every model that has a version.",
                {
                    "status": "ready",
                    "store": "ok",
                    "warnings": [],
                    "models": {"churn": {"version": "4", "workers": 1}},
                },
            )
        },
    ),
}
