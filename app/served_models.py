"""The models served: which version of each requests are checked by, and why one is not served.

Each model stands alone: the registry is asked for it on a thread of its own, at start and every so
often, and what can't be read or checked keeps no other from being served. The registry may be away
later: what was read last goes on being served, and is kept in the store, for a gateway that starts
meanwhile. Only what was judged to be servable is kept, and judged again when it is used.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple, Self

import structlog

from app.canaries import CanaryShares
from app.model_version import (
    ModelVersion,
    NotRegistered,
    Registered,
    RegistryUnavailable,
    WrongRegistry,
    registered,
)
from app.pool_names import PoolNames
from app.threads import on_a_thread
from inference.errors import Misconfigured, ServiceError, StoreUnavailable
from inference.models.model_address import ModelAddress
from inference.outbound.address_policy import Network
from inference.store.protocols import GatewayStore

log = structlog.get_logger()

FOLLOW_S = 2.0
"""How often the workers are looked at."""

AGAIN_S = 2.0
"""How often the registry is asked for a model that is not served."""

PATIENCE_S = 20.0
"""How long a look waits for the registry.

MLflow gives up before, an artifact store's client may not.
"""

Read = Callable[[str], ModelVersion]


class Registry:
    """The models served, by the names of their pools. `read` blocks and is called on a thread.

    A model is served as the version that most of its live workers hold, and where there is none as
    the one that the registry names: requests are checked by the signature of what will run them,
    also while an alias moves from one version to another. `problems` says why a model is not
    served, or not as what the registry names.
    """

    def __init__(
        self,
        uris: dict[str, str],
        read: Read,
        refresh_s: float,
        store: GatewayStore,
        *,
        fetch_allowed: Sequence[Network] = (),
        patience_s: float = PATIENCE_S,
        shares: CanaryShares | None = None,
    ) -> None:
        self.uris = uris
        self.default = next(iter(self.uris))
        self.shares = shares or CanaryShares()
        self._names = PoolNames(uris)
        self.models: dict[str, Registered] = {}
        self.problems: dict[str, str] = {}
        self.away: set[str] = set()
        self._named: dict[str, Registered] = {}
        self._kept: dict[str, ModelVersion] = {}
        self._asked: dict[str, asyncio.Future[ModelVersion]] = {}
        self._read = read
        self._store = store
        self._refresh_s = refresh_s
        self._fetch_allowed = fetch_allowed
        self._patience_s = min(patience_s, PATIENCE_S)

    def pool_of(self, asked: Any) -> str:
        """Returns the pool that is asked for, served or not; '' for what no pool answers to."""
        return self._names.pool_of(asked)

    def canary_for(self, asked: Any, pool: str, entity_key: int | None, key: str) -> str:
        """Returns the canary that is drawn for a call, '' for `pool` itself.

        A call that names an address means that version, and goes to no canary.
        """
        return "" if self._names.is_address(asked) else self.shares.drawn(pool, entity_key, key)

    @property
    def names(self) -> list[str]:
        """All that `pool_of` knows."""
        return self._names.all

    async def start(self) -> None:
        """Looks at every model once.

        Raises `WrongRegistry`; whatever else is wrong is one of the `problems`.
        """
        for pool, uri in self.uris.items():
            if pool != ModelAddress.read(uri).name:
                log.info("pool.named", pool=pool, uri=uri)
        for error in await asyncio.gather(*map(self._look, self.uris)):
            if isinstance(error, WrongRegistry):
                raise error

    async def keep_fresh(self, name: str) -> None:
        """Looks at a model again for ever, soon if it is not served."""
        while True:
            await asyncio.sleep(
                self._refresh_s if name in self.models else min(self._refresh_s, AGAIN_S)
            )
            await self._look(name)

    async def follow_workers(self, name: str) -> None:
        """Goes by what a model's workers hold, for ever."""
        while True:
            await asyncio.sleep(FOLLOW_S)
            await self._follow(name)

    async def _look(self, name: str) -> ServiceError | None:
        """Asks the registry, then the workers.

        Notes and returns the error in the registry's answer, None if there is none.
        """
        wrong: ServiceError | None = None
        try:
            await self._ask(name)
        except (RegistryUnavailable, Misconfigured) as error:
            wrong = error
        await self._follow(name)
        answered = wrong is None or isinstance(wrong, NotRegistered | Misconfigured)
        (self.away.discard if answered else self.away.add)(name)
        self._note(name, str(wrong or ""), getattr(wrong, "cause", ""))
        return wrong

    def _note(self, name: str, problem: str, cause: str) -> None:
        before, self.problems[name] = self.problems.get(name, ""), problem
        if problem and problem != before:
            event = "registry.kept" if name in self.models else "registry.unserved"
            log.warning(event, model=name, reason=problem, cause=cause)

    async def _ask(self, name: str) -> None:
        try:
            card = await self._told(self.uris[name])
        except RegistryUnavailable as error:
            if name not in self._named and not isinstance(error, NotRegistered):
                await self._spare(name, error)
            raise
        self._name(name, card)
        if self._kept.get(name) != card:
            with suppress(StoreUnavailable):
                await self._store.keep_card(name, card.kept())
                self._kept[name] = card

    async def _told(self, uri: str) -> ModelVersion:
        """Returns what the registry says.

        One that hangs has one thread a model: the next look waits for the same answer.
        """
        asked = self._asked.get(uri)
        if asked is None or asked.done():
            asked = self._asked[uri] = on_a_thread(lambda: self._read(uri))
        try:
            return await asyncio.wait_for(asyncio.shield(asked), self._patience_s)
        except TimeoutError:
            raise RegistryUnavailable(
                f"the registry did not give {uri} within {self._patience_s:g} s"
            ) from None

    async def _spare(self, name: str, error: RegistryUnavailable) -> None:
        """Serves the card that another gateway kept, if it can be checked.

        It is called when the registry is away and nothing was read yet.
        """
        with suppress(StoreUnavailable, Misconfigured):
            kept = ModelVersion.read(await self._store.card(name) or b"")
            if kept is not None and kept.uri == self.uris[name]:
                self._name(name, kept)
                log.warning("registry.spared", reason=str(error), model=name, version=kept.version)

    def _name(self, name: str, card: ModelVersion) -> None:
        """Takes what the registry names; raises `Misconfigured` for what can't be served."""
        if name in self._named and self._named[name].card == card:
            return
        named = self._named[name] = registered(name, card, self._fetch_allowed)
        if name not in self.models or _Held.by(self.models[name]).means(named):
            self._serve(name, named)

    async def _follow(self, name: str) -> None:
        try:
            await self._go_by_workers(name)
        except (RegistryUnavailable, StoreUnavailable, Misconfigured) as error:
            log.info("registry.unfollowed", model=name, reason=str(error))

    async def _go_by_workers(self, name: str) -> None:
        """Serves the version that most workers hold.

        Where as many hold one as another, the version that the alias means is on its way in.
        """
        named, served = self._named.get(name), self.models.get(name)
        workers = await self._store.workers(name)
        held = Counter(_Held(w.version, w.identity) for w in workers if w.version)
        most = max(held.values(), default=0)
        among = [version for version, count in held.items() if count == most]
        if named and (not among or any(version.means(named) for version in among)):
            chosen = _Held.by(named)
        else:
            chosen, named = max(among, key=_Held.order, default=_Held()), None
        if chosen.version and not (served and chosen.means(served)):
            self._serve(name, named or await self._version(name, chosen))

    async def _version(self, name: str, held: "_Held") -> Registered:
        """The version that workers hold, as long as the registry has that very one."""
        uri = self.uris[name]
        card = await self._told(ModelAddress.read(uri).of_version(held.version))
        found = registered(name, replace(card, uri=uri), self._fetch_allowed)
        if not held.means(found):
            raise NotRegistered(
                f"the registry has another version {held.version} than the one that workers hold"
            )
        return found

    def _serve(self, name: str, found: Registered) -> None:
        before = self.models.get(name)
        self.models[name] = found
        if before is None or not _Held.by(before).means(found):
            log.info(
                "registry.model",
                model=name,
                version=found.version,
                identity=found.identity,
                before=before and before.version,
            )


class _Held(NamedTuple):
    """A version by its number and its identity, '' where nobody told."""

    version: str = ""
    identity: str = ""

    @classmethod
    def by(cls, model: Registered) -> Self:
        return cls(model.version, model.identity)

    def means(self, model: Registered) -> bool:
        """Whether it is that one; a worker or a card of an older release tells the number alone."""
        return self.version == model.version and (
            self.identity == model.identity or not (self.identity and model.identity)
        )

    def order(self) -> tuple[int, str]:
        return (int(self.version) if self.version.isdigit() else 0, self.version)
