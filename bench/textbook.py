"""Serves a model in the way that people write first, to compare with.

The service has `delay()` in the handler, `AsyncResult.get()` in a thread pool, a Redis result
backend. It is as FastAPI's and Celery's tutorials have it, with prefork and one child, as ours. It
runs the same model.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init
from fastapi import FastAPI
from pydantic import BaseModel

from bench.empty_app import Accepted, Ask

celery = Celery("textbook", broker=os.environ["BROKER_URL"], backend=os.environ["STORE_URL"])
celery.conf.update(
    worker_concurrency=1,
    worker_prefetch_multiplier=1,
    task_acks_late=True,
    task_default_queue="textbook",
)
celery.conf.broker_connection_retry_on_startup = True
model: list[Any] = []


@worker_process_init.connect(weak=False)  # type: ignore[untyped-decorator]
def load(**_: Any) -> None:
    """Loads the model once in the child."""
    from worker.models import loader

    uri, tracking_uri = os.environ["MODEL_URI"], os.environ["MLFLOW_TRACKING_URI"]
    model.append(loader.load(loader.resolve(uri, tracking_uri), tracking_uri))


@celery.task  # type: ignore[untyped-decorator]
def predict(features: dict[str, Any]) -> Any:
    """One prediction a task."""
    return model[0].predict([{"features": features}])[0]


class Result(BaseModel):
    """What a synchronous call is answered."""

    task_id: str
    status: str
    result: Any


app = FastAPI()


@app.post("/predict/async/", status_code=202)
async def submit(ask: Ask) -> Accepted:
    """`delay()` in the handler, on the event loop, as most have it."""
    task = predict.delay(ask.features.model_dump(exclude_none=True))
    return Accepted(task_id=task.id, status="submitted", status_url=f"/status/{task.id}")


@app.post("/predict/")
def wait(ask: Ask) -> Result:
    """A plain `def`: FastAPI runs it in its thread pool, where `get()` blocks a thread."""
    task = predict.delay(ask.features.model_dump(exclude_none=True))
    return Result(task_id=task.id, status="success", result=task.get(timeout=30))
