"""A thread that looks at the store again and again while the service is struck.

It has a connection of its own.
"""

from abc import abstractmethod

import redis

from testkit.background import Background


class Looking(Background):
    """Looks for as long as its block runs; a store that does not answer is looked at again."""

    def __init__(self, port: int, step_s: float) -> None:
        super().__init__()
        self._step_s = step_s
        self._store = redis.Redis(port=port, socket_timeout=2, decode_responses=True)

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._store.close()

    def _run(self) -> None:
        while not self._stop.wait(self._step_s):
            try:
                self._look()
            except redis.RedisError:
                continue

    @abstractmethod
    def _look(self) -> None: ...
