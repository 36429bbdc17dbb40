"""Checks bodies: a small one on the event loop, a costly one in a process beside it.

Costly is what takes time or memory. The process checks one after the other.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import orjson
import structlog

from app.checking.check_process import Signature, models_line, request_line
from app.checking.request_check import (
    FREE_WEIGHT,
    Bounds,
    Checked,
    Refused,
    Unserved,
    check,
    rough_weight,
)
from app.served_models import Registry
from inference.errors import Temporary
from inference.field_errors import FieldError
from inference.outbound.address_policy import Network

log = structlog.get_logger()
MOST_BYTES_HERE = 65_536
"""What the event loop parses itself, unless it is dense.

It takes 5 ms at most (python -m bench.checking).
"""
LIMIT_S = 60.0
"""How long the process may take for a body.

16 MiB of numbers take a second or two of a free processor.
"""
_SLICE = 65_536
_LINE = 2**20


class ChecksUnavailable(Temporary):
    """The process did not answer, twice."""


class BodyChecks:
    """The checks, and the process that makes those of large bodies.

    It is started by the first, and again when it has died.
    """

    def __init__(self, registry: Registry, bounds: Bounds, allowed: Sequence[Network]) -> None:
        self._registry = registry
        self._bounds = bounds
        self._allowed = tuple(allowed)
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    async def check(self, raw: bytes | bytearray, *, key: str, whole: bool) -> Checked:
        """As `app.checking.request_check.check`, for a request of that idempotency key or ''.

        Raises `Refused`, `Unserved` with its reason, or `ChecksUnavailable`.
        """
        try:
            return await self._check(raw, key, whole)
        except Unserved as error:
            raise Unserved(error.pool, self._registry.problems.get(error.pool, "")) from error

    async def _check(self, raw: bytes | bytearray, key: str, whole: bool) -> Checked:
        if len(raw) <= FREE_WEIGHT or (
            len(raw) <= MOST_BYTES_HERE and rough_weight(raw) <= FREE_WEIGHT
        ):
            draw = partial(self._registry.canary_for, key=key)
            return check(raw, self._registry, self._bounds, keyed=bool(key), whole=whole, draw=draw)
        async with self._turn:
            for _ in range(2):
                try:
                    async with asyncio.timeout(LIMIT_S):
                        return await self._asked(raw, key, whole)
                except (OSError, EOFError, TimeoutError) as error:
                    log.warning(
                        "check_process.lost",
                        reason=f"{type(error).__name__}: {error}",
                        bytes=len(raw),
                    )
        raise ChecksUnavailable("large bodies can't be checked now")

    async def _asked(self, raw: bytes | bytearray, key: str, whole: bool) -> Checked:
        """Whatever interrupts an exchange ends the process.

        The next must not get this one's answer.
        """
        process = await self._running()
        try:
            await self._send(
                process,
                raw,
                request_line(len(raw), self._bounds, keyed=bool(key), whole=whole, key=key),
            )
            return await _answer(process)
        except (Refused, Unserved):
            raise
        except BaseException:
            await self.close()
            raise

    async def _running(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            path = os.pathsep.join(part or os.curdir for part in sys.path)
            command = (sys.executable, "-m", "app.checking.check_process")
            env = os.environ | {"PYTHONPATH": path}
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, env=env, limit=_LINE
            )
        return self._process

    async def _send(self, process: Process, raw: bytes | bytearray, request: bytes) -> None:
        assert process.stdin is not None
        process.stdin.write(
            models_line(
                self._registry.default,
                self._registry.uris,
                self._signatures(),
                self._allowed,
                self._registry.shares.all,
            )
            + request
        )
        view = memoryview(raw)
        for start in range(0, len(raw), _SLICE):
            process.stdin.write(view[start : start + _SLICE])
            await process.stdin.drain()

    def _signatures(self) -> list[Signature]:
        found = []
        for model in self._registry.models.values():
            card, image = model.card, model.card.metadata.get("image") or {}
            signature = Signature(
                model.name,
                card.inputs,
                card.params,
                image.get("column", ""),
                model.has_feature_table,
                card.hinted,
            )
            found.append(signature)
        return found

    async def close(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _answer(process: Process) -> Checked:
    assert process.stdout is not None
    answer: dict[str, Any] = orjson.loads(await process.stdout.readuntil())
    given = await process.stdout.readexactly(answer["bytes"])
    if refused := answer.get("refused"):
        errors = [FieldError(**error) for error in refused["errors"]]
        raise Refused(refused["detail"], errors, refused["model"])
    if pool := answer.get("unserved"):
        raise Unserved(pool)
    return Checked(**answer["checked"], input=given)
