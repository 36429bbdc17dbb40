"""How many bytes of large bodies a gateway has in memory at one time.

A body of more than 64 KiB takes room for all that its Content-Length says before it is read, in
turn, and gives it back when it was written down; meanwhile it stays with its sender, since a
connection that is not read from stops. Room taken piece by piece could leave many halves, none of
which ever ends: so a body that tells no length is refused where it finds no room at once, and any
must come within ARRIVAL_TIMEOUT_S.
"""

import asyncio
from collections import deque
from types import TracebackType
from typing import Self

from app.http.problems import Kind, Problem

SMALL_BYTES = 65_536
PATIENCE_S = 10.0


class BodyMemory:
    """The room of a gateway, `most_bytes`."""

    def __init__(self, most_bytes: int) -> None:
        self._free = most_bytes
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    def room(self) -> "Reservation":
        """Returns the room of one body, none yet."""
        return Reservation(self)

    def take_now(self, size: int) -> bool:
        """Takes room unless others wait for it or there is too little; says whether it did."""
        if self._queue or size > self._free:
            return False
        self._free -= size
        return True

    async def take(self, size: int) -> bool:
        """Takes room in turn; False when there was none in time."""
        if self.take_now(size):
            return True
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((size, turn))
        try:
            async with asyncio.timeout(PATIENCE_S):
                await turn
        except BaseException as error:
            if not turn.cancel():
                self._free += size
            self._serve()
            if isinstance(error, TimeoutError):
                return False
            raise
        return True

    def give_back(self, size: int) -> None:
        """Lets those who wait have it."""
        self._free += size
        self._serve()

    def _serve(self) -> None:
        while self._queue and (self._queue[0][1].done() or self._queue[0][0] <= self._free):
            size, turn = self._queue.popleft()
            if not turn.done():
                self._free -= size
                turn.set_result(None)


class Reservation:
    """What one body holds, given back at the end of the `with` block or before."""

    def __init__(self, receiving: BodyMemory) -> None:
        self._receiving = receiving
        self._bytes = 0

    @property
    def held(self) -> int:
        """Bytes."""
        return self._bytes

    async def for_body(self, told_bytes: int) -> None:
        """Takes room for a body that says its length; raises a `Problem` when there is none."""
        if told_bytes > SMALL_BYTES:
            if not await self._receiving.take(told_bytes):
                raise _busy()
            self._bytes = told_bytes

    def for_more(self, size: int) -> None:
        """Takes room for a body that turns out to be `size` bytes large.

        Raises a `Problem` when there is none.
        """
        if size > max(self._bytes, SMALL_BYTES):
            if not self._receiving.take_now(size - self._bytes):
                raise _busy()
            self._bytes = size

    def close(self) -> None:
        """Gives back what it holds; again is harmless."""
        held, self._bytes = self._bytes, 0
        if held:
            self._receiving.give_back(held)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _busy() -> Problem:
    return Problem(
        Kind.BUSY,
        "More large bodies are being received than this gateway has room for; send it again",
    )
