"""The names by which a request may ask for a pool."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from inference.models.model_address import SCHEME, ModelAddress, derived_pool


class PoolNames:
    """What each pool answers to: its name, its model's address, and the model's registered name.

    Where several pools serve one model, its name means the one that is called after it, if there
    is such a pool. `uris` has the address of each pool's model.
    """

    def __init__(self, uris: Mapping[str, str]) -> None:
        addresses = {uri.removeprefix(SCHEME): pool for pool, uri in uris.items()}
        models = {pool: ModelAddress.read(uri).name for pool, uri in uris.items()}
        self._pools = _by_model(models) | addresses | {pool: pool for pool in uris}
        self._addresses = addresses.keys() - uris.keys()
        self.all = [
            name
            for address, pool in addresses.items()
            for name in dict.fromkeys((pool, models[pool], address))
            if self._pools.get(name) == pool
        ]
        """All of them, pool by pool."""

    def pool_of(self, asked: Any) -> str:
        """Returns the pool of a name; '' for any other value."""
        return self._pools.get(asked, "") if type(asked) is str else ""

    def is_address(self, asked: Any) -> bool:
        """Says whether a name is a model's address: that very version is meant, and no canary."""
        return type(asked) is str and asked in self._addresses


def _by_model(models: Mapping[str, str]) -> dict[str, str]:
    """The pool that each model's name means. `models` has the name of each pool's model."""
    count = Counter(models.values())
    return {
        model: pool
        for pool, model in models.items()
        if count[model] == 1 or pool == _derived(model)
    }


def _derived(model: str) -> str:
    try:
        return derived_pool(model)
    except ValueError:
        return ""
