"""The yardstick: a FastAPI route that reads the same body and does nothing with it."""

from fastapi import FastAPI
from pydantic import BaseModel


class Features(BaseModel):
    """As the fault model's."""

    do: str
    seconds: float | None = None
    value: int | None = None


class Ask(BaseModel):
    """The body of a submission."""

    features: Features
    match_id: int | None = None
    model: str | None = None


class Accepted(BaseModel):
    """What a submission is answered."""

    task_id: str
    status: str
    status_url: str


app = FastAPI()


@app.post("/predict/async/", status_code=202)
async def submit(ask: Ask) -> Accepted:
    """Answers as long a body as ours, from nowhere."""
    task_id = f"{ask.features.do:.0}fault-{0:032x}"
    return Accepted(
        task_id=task_id, status="submitted", status_url=f"/monitoring/task_status/{task_id}"
    )
