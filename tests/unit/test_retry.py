"""What is called again, for how long, and what a caller gets in the end."""

import asyncio
from collections.abc import Callable

import pytest

from inference import retry
from inference.errors import Misconfigured, StoreUnavailable
from inference.retry import retry_until, retry_until_async, wait_at_start


class Clock:
    """Stands for `time`: a pause takes no time and moves the clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(retry, "time", clock)
    return clock


def failing(times: int, error: Exception) -> Callable[[], str]:
    left = [error] * times

    def call() -> str:
        if left:
            raise left.pop()
        return "answer"

    return call


def test_it_calls_until_there_is_an_answer_with_growing_pauses(clock: Clock) -> None:
    heard: list[Exception] = []
    call = failing(6, StoreUnavailable("away"))
    assert (
        retry_until(
            call,
            StoreUnavailable,
            timeout_s=60,
            pause_s=0.1,
            max_pause_s=1.0,
            on_first_error=heard.append,
        )
        == "answer"
    )
    assert clock.pauses == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert [str(error) for error in heard] == ["away"]


def test_the_last_error_is_raised_when_no_pause_fits_any_more(clock: Clock) -> None:
    with pytest.raises(StoreUnavailable, match="away"):
        retry_until(
            failing(99, StoreUnavailable("away")), StoreUnavailable, timeout_s=1.0, pause_s=0.25
        )
    assert clock.pauses == [0.25] * 4


def test_another_error_is_raised_at_once(clock: Clock) -> None:
    with pytest.raises(ValueError, match="wrong"):
        retry_until(failing(1, ValueError("wrong")), StoreUnavailable, timeout_s=60, pause_s=0.1)
    assert clock.pauses == []


def test_on_the_event_loop_it_is_the_same() -> None:
    times = iter((StoreUnavailable("away"), None))

    async def call() -> str:
        if error := next(times):
            raise error
        return "answer"

    async def never() -> str:
        raise StoreUnavailable("away")

    assert (
        asyncio.run(retry_until_async(call, StoreUnavailable, timeout_s=60, pause_s=0.001))
        == "answer"
    )
    with pytest.raises(StoreUnavailable, match="away"):
        asyncio.run(retry_until_async(never, StoreUnavailable, timeout_s=0.01, pause_s=0.002))


@pytest.mark.usefixtures("clock")
def test_a_part_that_is_missing_at_start_ends_the_program_with_one_sentence() -> None:
    with pytest.raises(Misconfigured, match=r"^the store did not answer within 2 s: away$"):
        wait_at_start(
            "the store did not answer", failing(99, StoreUnavailable("away")), 2, StoreUnavailable
        )
