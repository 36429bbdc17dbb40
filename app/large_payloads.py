"""Reads and writes large inputs and results for the event loop.

It calls `inference.blobs.blob_store` on a few threads and never for long.

A place that hangs, as a network's folder can, costs callers with a large input or result a 503. All
else goes on beside it. How much may wait for the threads is bounded where bodies are received.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import orjson
import structlog

from inference.blobs import blob_names, blob_store
from inference.errors import PayloadGone, PayloadUnavailable
from inference.records import DeadLetter, Record
from inference.settings import ContractSettings

log = structlog.get_logger()
MOST_AT_ONCE = 8
LIMIT_S = 10.0
T = TypeVar("T")


class LargePayloads:
    """`place` is None where everything stays in the store."""

    def __init__(
        self, place: blob_store.Payloads | None, threshold_bytes: int, sweep_s: float
    ) -> None:
        self._place = place
        self._threshold_bytes = threshold_bytes
        self._sweep_s = sweep_s
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, "payloads")

    def takes(self, size: int) -> bool:
        """Whether an input of so many bytes is kept apart from its record."""
        return self._place is not None and size > self._threshold_bytes

    async def keep_input(self, task_id: str, data: bytes) -> bytes:
        """Writes an input and returns what its record is to hold. Raises `PayloadUnavailable`."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self._ask(lambda place: place.write(blob_names.input_name(task_id), data))
        # Two looks of a sweep find an input without a record: one that took long must not be
        # promised.
        if loop.time() - began > self._sweep_s / 2:
            raise PayloadUnavailable("writing a large payload took too long")
        return blob_names.of_input(len(data))

    async def drop(self, name: str) -> None:
        """Removes a payload, there or not."""
        await self._ask(lambda place: place.remove(name))

    async def drop_input(self, task_id: str) -> None:
        """Removes an input, there or not; nothing to do where everything stays in the store."""
        if self._place is not None:
            await self.drop(blob_names.input_name(task_id))

    async def whole(self, record: Record) -> Record:
        """Returns the record with its result; raises `PayloadUnavailable` or `PayloadGone`."""
        if not isinstance(record.result, blob_names.Reference):
            return record
        return replace(record, result=orjson.Fragment(await self._content(record.result)))

    async def whole_letter(self, letter: DeadLetter) -> DeadLetter:
        """Returns the dead letter with its input, or with why that can't be had."""
        reference = blob_names.input_reference(letter.task_id, letter.input)
        if reference is None:
            return letter
        try:
            given = orjson.loads(await self._content(reference))
        except (PayloadUnavailable, PayloadGone) as error:
            return replace(letter, input=None, input_error=str(error))
        return replace(letter, input=blob_names.input_in(given))

    async def _content(self, reference: blob_names.Reference) -> bytes:
        return await self._on_a_thread(lambda: blob_store.content(self._place, reference))

    async def names(self) -> list[str]:
        """Lists all that is kept; raises `PayloadUnavailable`."""
        return await self._ask(lambda place: list(place.names())) if self._place is not None else []

    async def belongs_to(self, identity: str) -> bool:
        """Whether what is kept is of that store's records; raises `PayloadUnavailable`."""
        return await self._ask(lambda place: blob_store.owner(place, identity)) == identity

    async def weakness(self) -> str:
        """Returns what is wrong with the place, as a sentence, or ''."""
        try:
            return await self._ask(blob_store.weakness) if self._place is not None else ""
        except PayloadUnavailable as error:
            return str(error)

    async def _ask(self, what: Callable[[blob_store.Payloads], T]) -> T:
        place = self._place
        if place is None:
            raise PayloadUnavailable("PAYLOAD_URL is not set here")
        return await self._on_a_thread(lambda: what(place))

    async def _on_a_thread(self, what: Callable[[], T]) -> T:
        """What is given up here may still be done: a payload without a record is swept."""
        try:
            async with asyncio.timeout(LIMIT_S):
                return await asyncio.get_running_loop().run_in_executor(self._threads, what)
        except TimeoutError as error:
            raise PayloadUnavailable(
                f"where large payloads are kept nothing was answered within {LIMIT_S:g} s"
            ) from error

    def close(self) -> None:
        """Lets the threads go; who still hangs in one is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def large_payloads(settings: ContractSettings, sweep_s: float) -> LargePayloads:
    """Returns the place that the settings name; raises `Misconfigured`."""
    place = blob_store.payloads_at(settings.payload_url, settings.key_prefix)
    return LargePayloads(place, settings.payload_threshold_bytes, sweep_s)
