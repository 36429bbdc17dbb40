"""Something that goes on beside a test or a measurement.

It runs on a thread, for as long as its block runs.
"""

from abc import ABC, abstractmethod
from threading import Event, Thread
from typing import Self


class Background(ABC):
    """Runs `_run` on a thread for as long as the block lasts.

    `_run` ends soon after `_stop` is set, at the end of the block, which waits for it.
    """

    def __init__(self) -> None:
        self._stop = Event()
        self._thread = Thread(target=self._run, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @abstractmethod
    def _run(self) -> None: ...
