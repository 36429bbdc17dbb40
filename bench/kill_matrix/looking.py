"""A thread that looks at the store again and again while the service is struck, on a connection of its own."""

from abc import ABC, abstractmethod
from threading import Event, Thread
from typing import Self

import redis


class Looking(ABC):
    """Looks for as long as its block runs; a store that does not answer is looked at again."""

    def __init__(self, port: int, step_s: float) -> None:
        self._step_s = step_s
        self._store = redis.Redis(port=port, socket_timeout=2, decode_responses=True)
        self._stop = Event()
        self._thread = Thread(target=self._run, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._store.close()

    def _run(self) -> None:
        while not self._stop.wait(self._step_s):
            try:
                self._look()
            except redis.RedisError:
                continue

    @abstractmethod
    def _look(self) -> None: ...
