"""Whether this gateway can serve, and what people should know of its store: asked at start, and again every so often."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from app.contract.errors import Misconfigured, SchemaTooNew, StoreUnavailable, Temporary
from app.contract.store import GatewayStore
from app.payloads import LargePayloads

log = structlog.get_logger()
T = TypeVar("T")
_AGAIN_S = 0.25


class Readiness:
    """`refusal` is why nothing may be written ('' if it may); `warnings` are sentences for /readyz."""

    def __init__(self, store: GatewayStore, payloads: LargePayloads, models: tuple[str, ...], period_s: float) -> None:
        self.refusal = ""
        self.warnings: tuple[str, ...] = ()
        self._store = store
        self._payloads = payloads
        self._models = models
        self._period_s = period_s

    async def check(self) -> None:
        """Asks the store; raises `StoreUnavailable` or `Misconfigured`, but remembers records of a newer layout (rule 12)."""
        found: list[str] = []
        refusal = ""
        for model in self._models:
            try:
                found.append(await self._store.check(model))
            except SchemaTooNew as error:
                refusal = str(error)
        found.append(await self._payloads.weakness())
        warnings = tuple(dict.fromkeys(text for text in found if text))
        if (warnings, refusal) != (self.warnings, self.refusal):
            log.warning("store.checked", warnings=warnings, refusal=refusal)
        self.warnings, self.refusal = warnings, refusal

    async def keep_checking(self) -> None:
        """Asks again for ever: a rollout may bring a newer layout while this gateway runs."""
        while True:
            await asyncio.sleep(self._period_s)
            try:
                await self.check()
            except (StoreUnavailable, Misconfigured) as error:
                log.warning("store.unchecked", reason=str(error))


async def answered(ask: Callable[[], Awaitable[T]], within_s: float) -> T:
    """Asks until there is an answer; the last `Temporary` error is raised when there was none in time."""
    end = asyncio.get_running_loop().time() + within_s
    while True:
        try:
            return await ask()
        except Temporary:
            if asyncio.get_running_loop().time() + _AGAIN_S > end:
                raise
            await asyncio.sleep(_AGAIN_S)
