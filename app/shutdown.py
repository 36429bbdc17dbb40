"""How a gateway ends: within seconds, whenever it is told to, whatever a part of it does.

While it starts it has accepted nothing, so a signal ends the process at once. Later it parts from
its callers (app/leaving.py). Then the waits end, the server closes its connections, and the
background tasks are cancelled. What holds all this up is left behind when its time is over.
"""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from app.leaving import Leaving

SIGNALS = (signal.SIGTERM, signal.SIGINT)

ANSWERING_S = 30.0
"""How long open requests may take after a signal.

The image gives uvicorn 15 s, after those of `LINGER_S`. Without such a limit it waits for ever for
a client that does not read its answer.
"""

CLOSING_S = 5.0
"""How long the process may take from the last answer to its end.

A thread that hangs in a call to MLflow or a network's folder would hold it up, since Python waits
for the threads of its executors.
"""

TASKS_END_S = 1.0
_CANCEL_AGAIN_S = 0.1


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Has SIGTERM and SIGINT end the process while inside.

    Nothing was accepted yet, so there is nothing to tidy up.
    """

    def end(number: int, _frame: FrameType | None) -> None:
        with suppress(RuntimeError):  # the signal came in the middle of a write
            sys.stdout.flush()
        _say(f"told to end by {signal.Signals(number).name} before it had started")
        os._exit(128 + number)

    # uvicorn notes a signal that comes while it imports this application, and looks at the note
    # after the start.
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    with _handling(end):
        if getattr(server, "should_exit", False):
            end(signal.SIGTERM, None)
        yield


@contextmanager
def ending_early(stop: Callable[[], None], leaving: Leaving) -> Iterator[None]:
    """Has SIGTERM and SIGINT end the server, and call `stop`, when the callers were parted from.

    The server ends only when every open request has its answer. Another SIGTERM calls `stop` at
    once.

    A SIGINT after another signal ends the process at once. uvicorn would wait for nobody either,
    but cancel its tasks, and log a traceback for each.
    """
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    told: list[int] = []
    parting: list[asyncio.Task[None]] = []

    async def part(number: int, frame: FrameType | None) -> None:
        server = before[signal.Signals(number)]
        state = getattr(getattr(server, "__self__", None), "server_state", None)
        if not leaving.told:
            await leaving.linger(getattr(state, "connections", ()))
        stop()
        if callable(server):
            server(number, frame)

    def handle(number: int, frame: FrameType | None) -> None:
        if told and number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        told.append(number)
        end_within(ANSWERING_S)
        loop.call_soon_threadsafe(lambda: parting.append(loop.create_task(part(number, frame))))

    with _handling(handle):
        yield


@contextmanager
def _handling(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Python lets only the main thread handle signals; a test may run an application in another."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def end_tasks(tasks: Iterable[asyncio.Task[None]], within_s: float = TASKS_END_S) -> None:
    """Cancels tasks until they have ended, or the time is over.

    Once is not enough. redis-py sends with `asyncio.wait_for`, which in Python 3.11 forgets a
    cancel that comes as the sending ends; and a cleaning up that fails raises its own error in
    place of the cancel. The task then goes on for ever.
    """
    loop = asyncio.get_running_loop()
    end, left = loop.time() + within_s, set(tasks)
    while left and loop.time() < end:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN_S)


def end_within(seconds: float) -> None:
    """Ends the process by force if it has not ended by itself after `seconds`.

    It says one sentence, and the code is 1.
    """

    def end() -> None:
        time.sleep(seconds)
        threads = [
            thread.name
            for thread in threading.enumerate()
            if not thread.daemon and thread.name != "MainThread"
        ]
        _say(
            f"ended by force after {seconds:g} s, with these threads:"
            f" {', '.join(threads) or 'none but its own'}"
        )
        os._exit(1)

    threading.Thread(target=end, name="ending", daemon=True).start()


def _say(sentence: str) -> None:
    """Writes past Python's buffers.

    A signal may have come while one of them was being written to.
    """
    os.write(2, f"error: {sentence}\n".encode())
