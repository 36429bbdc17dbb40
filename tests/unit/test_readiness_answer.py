"""Tests what /readyz answers while no model can be served."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from app.http import health
from app.http.health import HealthCalls
from app.http.problems import Problem

NOW = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time, which a test moves."""
    clock = SimpleNamespace(now=NOW)
    monkeypatch.setattr(health, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def calls(models: dict[str, Any], wait_for_model_s: float) -> HealthCalls:
    async def workers(_name: str) -> tuple[()]:
        return ()

    registry: Any = SimpleNamespace(
        uris={"m": "models:/m@x"}, models=models, problems={"m": "it is not registered"}
    )
    store: Any = SimpleNamespace(workers=workers)
    readiness: Any = SimpleNamespace(refusal="", warnings=("weak",))
    return HealthCalls(store, registry, readiness, None, wait_for_model_s=wait_for_model_s)  # type: ignore[arg-type]


def answer(calls: HealthCalls) -> Any:
    return json.loads(bytes(asyncio.run(calls.ready()).body))


def test_it_waits_for_a_model_for_just_as_long_as_it_was_told(clock: SimpleNamespace) -> None:
    waits = calls({}, 30)
    clock.now = NOW + 29
    with pytest.raises(Problem) as refused:
        asyncio.run(waits.ready())
    assert "m: it is not registered. This gateway waits for one, for 1 s more." in str(
        refused.value
    )
    clock.now = NOW + 30
    assert answer(waits)["warnings"] == ["weak", "No model can be served: m: it is not registered"]


def test_one_that_is_not_told_to_wait_is_ready_at_once(clock: SimpleNamespace) -> None:
    assert clock.now == NOW
    assert answer(calls({}, 0))["models"]["m"]["version"] is None


def test_with_a_model_there_is_nothing_to_wait_for_or_to_warn_of(clock: SimpleNamespace) -> None:
    assert clock.now == NOW
    served = {"m": SimpleNamespace(version="3")}
    assert answer(calls(served, 30))["warnings"] == ["weak"]
