"""Canaries: pools that take a percentage of the calls for another pool, the main one.

Here is what an operator said of them, and the draw. Whether a canary can take a call is
`app.background.canary_watch`'s to say.
"""

import math
import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from hashlib import blake2b

_POINTS = 2**64


@dataclass(frozen=True, slots=True)
class Canary:
    """The pool `pool` takes `percent` of the calls for the pool `of`."""

    pool: str
    of: str
    percent: float


class CanaryShares:
    """Draws the canary that a call goes to, if any."""

    def __init__(self, canaries: Iterable[Canary] = ()) -> None:
        self.all = tuple(canaries)
        self._of: dict[str, tuple[Canary, ...]] = {}
        for canary in self.all:
            self._of[canary.of] = (*self._of.get(canary.of, ()), canary)

    def pools_of(self, main: str) -> tuple[str, ...]:
        """Returns the canaries of a pool, those without a share too."""
        return tuple(canary.pool for canary in self._of.get(main, ()))

    def drawn(self, main: str, entity_key: int | None, idempotency_key: str) -> str:
        """Returns the canary that this call for `main` goes to; '' for `main` itself.

        Calls about one entity go the same way, and so do calls of one idempotency key: equal
        requests must meet to join. Other calls go at random. A larger percentage keeps the calls
        that went to the canary before.
        """
        canaries = self._of.get(main)
        if canaries is None:
            return ""
        if entity_key is not None:
            point = _point(main, "entity", str(entity_key))
        elif idempotency_key:
            point = _point(main, "key", idempotency_key)
        else:
            point = random.random() * 100
        for canary in canaries:
            if point < canary.percent:
                return canary.pool
            point -= canary.percent
        return ""


def _point(*subject: str) -> float:
    """Returns a number from 0 to 100, the same for the same subject at every gateway."""
    digest = blake2b("\0".join(subject).encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest) / _POINTS * 100


def read_canaries(entries: Iterable[str], pools: Collection[str]) -> tuple[Canary, ...]:
    """Reads `canary=main:percent` entries; raises ValueError for what can't be meant.

    `pools` are all pools of the gateway, the default first.
    """
    canaries = tuple(map(_read, entries))
    shares: dict[str, float] = {}
    for canary in canaries:
        if missing := next((name for name in (canary.pool, canary.of) if name not in pools), ""):
            raise ValueError(f"CANARIES names {missing}, which is no pool of MODEL_URIS")
        if sum(other.pool == canary.pool for other in canaries) > 1:
            raise ValueError(f"CANARIES names {canary.pool} more than once")
        if any(other.pool == canary.of for other in canaries):
            raise ValueError(f"CANARIES has {canary.pool} as a canary of {canary.of}, itself one")
        if canary.pool == next(iter(pools)):
            raise ValueError(
                f"CANARIES names {canary.pool}, which answers calls that name no model:"
                " put another first in MODEL_URIS"
            )
        shares[canary.of] = shares.get(canary.of, 0) + canary.percent
        if shares[canary.of] > 100:
            raise ValueError(f"CANARIES gives away more than 100 % of {canary.of}")
    return canaries


def _read(entry: str) -> Canary:
    pool, _, share = entry.partition("=")
    of, _, number = share.partition(":")
    try:
        percent = float(number)
    except ValueError:
        percent = math.nan
    if not (pool and of and 0 <= percent <= 100):
        raise ValueError(
            f"{entry!r} is no canary: it must read canary-pool=main-pool:percent,"
            " the percentage from 0 to 100"
        )
    return Canary(pool.strip(), of.strip(), percent)
