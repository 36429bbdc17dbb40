"""Runs a blocking call on a thread of its own that nobody waits for.

A call that hangs holds up neither others nor the end.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def on_a_thread(call: Callable[[], T]) -> "asyncio.Future[T]":
    """Returns the promise of what `call` returns or raises.

    `asyncio.to_thread` has few threads, and its end waits for all.
    """
    loop = asyncio.get_running_loop()
    promise: asyncio.Future[T] = loop.create_future()
    # Marks an error as seen: nobody may be waiting any more when it comes.
    promise.add_done_callback(lambda done: done.cancelled() or done.exception())

    def settle(result: T | None, error: Exception | None) -> None:
        if promise.cancelled():
            return
        if error is not None:
            promise.set_exception(error)
        else:
            promise.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = call()
        except Exception as raised:  # handed on
            error = raised
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, daemon=True).start()
    return promise
