"""Whether this gateway can serve, and what people should know of its store.

It is asked at start, and again every so often.
"""

import asyncio

import structlog

from app.large_payloads import LargePayloads
from inference.errors import Misconfigured, PrefixTaken, SchemaTooNew, StoreUnavailable
from inference.store.protocols import GatewayStore

log = structlog.get_logger()
OWNER_PERIOD_S = 1.0
"""How often it is asked whose the store's keys are.

A store that came back empty may be another installation's by then.
"""


class Readiness:
    """`refusal`: why nothing may be written, '' if it may; `warnings`: sentences for /readyz."""

    def __init__(
        self, store: GatewayStore, payloads: LargePayloads, models: tuple[str, ...], period_s: float
    ) -> None:
        self._taken = self._too_new = ""
        self.warnings: tuple[str, ...] = ()
        self._store = store
        self._payloads = payloads
        self._models = models
        self._period_s = period_s

    @property
    def refusal(self) -> str:
        """A sentence, or ''."""
        return self._taken or self._too_new

    async def check(self) -> None:
        """Asks the store, and remembers records of a newer layout (rule 12).

        Raises `StoreUnavailable` or `Misconfigured`.
        """
        found: list[str] = []
        too_new = ""
        for model in self._models:
            try:
                found.append(await self._store.check(model))
            except SchemaTooNew as error:
                too_new = str(error)
        found.append(await self._payloads.weakness())
        warnings = tuple(dict.fromkeys(text for text in found if text))
        if (warnings, too_new) != (self.warnings, self._too_new):
            log.warning("store.checked", warnings=warnings, refusal=too_new)
        self.warnings, self._too_new = warnings, too_new

    async def keep_checking(self) -> None:
        """Asks again for ever: a rollout may bring a newer layout while this gateway runs."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._period_s
        while True:
            await asyncio.sleep(min(OWNER_PERIOD_S, self._period_s))
            try:
                await self._check_owner()
                if not self._taken and loop.time() >= due:
                    due = loop.time() + self._period_s
                    await self.check()
            except (StoreUnavailable, Misconfigured) as error:
                log.warning("store.unchecked", reason=str(error))

    async def _check_owner(self) -> None:
        taken = ""
        try:
            for model in self._models:
                await self._store.own(model)
        except PrefixTaken as error:
            taken = str(error)
        except StoreUnavailable:
            return  # `check` says so, and less often
        if taken != self._taken:
            log.warning("store.taken" if taken else "store.ours", refusal=taken)
        self._taken = taken
