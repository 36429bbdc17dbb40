"""Builds a gateway that measures how long its event loop is held.

Its command is `uvicorn --factory bench.ticking:create_app`.

A timer of a millisecond looks at the CPU time of the loop's thread, so that other programs on the
machine do not count. GET /held answers the most between two looks since it was asked last.
BENCH_MODELS has the models' inputs, as JSON.
"""

import asyncio
import json
import os
import time
from typing import Any

from fastapi import FastAPI

import app.main
from app.model_version import ModelVersion

TICK_S = 0.001


class _Reader:
    """Stands in for MLflow's registry."""

    def __init__(self, _tracking_uri: str) -> None:
        self._inputs: dict[str, Any] = json.loads(os.environ["BENCH_MODELS"])

    def prepare(self) -> None:
        """Nothing is imported."""

    def __call__(self, uri: str) -> ModelVersion:
        return ModelVersion(
            uri=uri,
            version="1",
            inputs=self._inputs[uri.removeprefix("models:/").partition("@")[0]],
        )


class _Ticks:
    """The longest time between two looks."""

    def __init__(self) -> None:
        self.most_s = 0.0
        self._before = time.thread_time()

    def tick(self) -> None:
        now = time.thread_time()
        self.most_s = max(self.most_s, now - self._before)
        self._before = now
        asyncio.get_running_loop().call_later(TICK_S, self.tick)


def create_app() -> FastAPI:
    """The gateway, with GET /held."""
    setattr(app.main, "MlflowReader", _Reader)  # noqa: B010
    gateway, ticks = app.main.create_app(), _Ticks()

    async def held() -> dict[str, float]:
        if not ticks.most_s:
            ticks.tick()
        most_s, ticks.most_s = ticks.most_s, 1e-9
        return {"ms": 1000 * most_s}

    gateway.add_api_route("/held", held)
    return gateway
