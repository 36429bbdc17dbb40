"""The models served: which version of each requests are checked by.

The registry is asked on a thread, at start and every so often. It may be away later: what was read last goes on being served, and
is kept in the store, for a gateway that starts meanwhile.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from app.cards import Card, NotRegistered, Registered, RegistryUnavailable, registered
from app.contract.addresses import Network
from app.contract.errors import Misconfigured, StoreUnavailable
from app.contract.store import GatewayStore

log = structlog.get_logger()

FOLLOW_S = 2.0
"""How often the workers are looked at."""


Read = Callable[[str], Card]


class Registry:
    """The models served, by the names of their pools. `read` blocks and is called on a thread.

    A model is served as the version that most of its live workers hold, and where there is none as the one that the registry
    names: requests are checked by the signature of what will run them, also while an alias moves from one version to another.
    """

    def __init__(
        self, uris: dict[str, str], read: Read, refresh_s: float, store: GatewayStore, fetch_allowed: Sequence[Network] = ()
    ) -> None:
        self.uris = uris
        self.default = next(iter(self.uris))
        self.models: dict[str, Registered] = {}
        self._named: dict[str, Registered] = {}
        self._read = read
        self._store = store
        self._refresh_s = refresh_s
        self._fetch_allowed = fetch_allowed

    def find(self, asked: Any) -> Registered | None:
        """Returns the model of a pool's name or of an address that a pool serves: `name`, `name@alias`, `name/version`."""
        if type(asked) is not str:
            return None
        return self.models.get(asked) or next((model for model in self.models.values() if model.address == asked), None)

    @property
    def names(self) -> list[str]:
        """All that `find` knows."""
        return [name for model in self.models.values() for name in (model.name, model.address)]

    async def load(self) -> None:
        """Reads every model; raises `RegistryUnavailable` or `Misconfigured`."""
        for name, uri in self.uris.items():
            card = await self._card(name, uri)
            if self._is_news(name, card):
                self._named[name] = registered(name, card, self._fetch_allowed)
            if name not in self.models or self.models[name].version == self._named[name].version:
                self._serve(name, self._named[name])

    def _is_news(self, name: str, card: Card) -> bool:
        return name not in self._named or self._named[name].card != card

    async def _card(self, name: str, uri: str) -> Card:
        """Asks the registry; where it is away and nothing was read yet, what another gateway kept will do."""
        try:
            card = await asyncio.to_thread(self._read, uri)
        except NotRegistered:
            raise
        except RegistryUnavailable as error:
            kept = None if name in self._named else Card.read(await self._store.card(name) or b"")
            if kept is None or kept.uri != uri:
                raise
            log.warning("registry.spared", reason=str(error), model=name, version=kept.version)
            return kept
        if self._is_news(name, card):
            with suppress(StoreUnavailable):
                await self._store.keep_card(name, card.kept())
        return card

    async def keep_fresh(self) -> None:
        """Reads again for ever."""
        while True:
            await asyncio.sleep(self._refresh_s)
            try:
                await self.load()
            except (RegistryUnavailable, StoreUnavailable, Misconfigured) as error:
                log.warning("registry.kept", reason=str(error))

    async def follow_workers(self) -> None:
        """Goes by what the workers hold, for ever."""
        while True:
            for name in self.uris:
                try:
                    await self._follow(name)
                except (RegistryUnavailable, StoreUnavailable, Misconfigured) as error:
                    log.info("registry.kept", reason=str(error))
            await asyncio.sleep(FOLLOW_S)

    async def _follow(self, name: str) -> None:
        named, held = self._named[name], Counter(w.version for w in await self._store.workers(name) if w.version)
        most = max(held.values(), default=0)
        among = [version for version, count in held.items() if count == most] or [named.version]
        # Where as many hold one as another, the one that the alias means is on its way in.
        version = named.version if named.version in among else max(among, key=lambda v: (v.isdigit() and int(v), v))
        if version == self.models[name].version:
            return
        if version != named.version:
            card = await asyncio.to_thread(self._read, f"models:/{named.registered_name}/{version}")
            named = registered(name, replace(card, uri=named.card.uri), self._fetch_allowed)
        self._serve(name, named)

    def _serve(self, name: str, found: Registered) -> None:
        before = self.models.get(name)
        self.models[name] = found
        if before is None or before.version != found.version:
            log.info("registry.model", model=name, version=found.version, before=before and before.version)
