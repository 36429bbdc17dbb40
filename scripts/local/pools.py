"""The models that a run serves: a pool for each, and those that were added while it runs."""

import os
from dataclasses import dataclass
from typing import Self

from inference.models.model_address import ModelAddress, entries_of, pool_of, pools_of
from scripts.local.run_dir import Refused, RunDir

TRAINED_HERE = "match-outcome"
MODEL_URI = f"models:/{TRAINED_HERE}@production"


@dataclass(frozen=True)
class Made:
    """A program of this repository that registers a model."""

    service: str
    module: str


MADE_HERE = {
    TRAINED_HERE: Made("training", "examples.football.training"),
    "image-classifier": Made("registration", "examples.image_classifier.register"),
}
"""By the model's name."""


@dataclass(frozen=True)
class Pool:
    """A pool: `entry` is what a setting says of it, `address` its model's."""

    entry: str
    name: str
    uri: str
    address: ModelAddress

    @classmethod
    def read(cls, entry: str) -> Self:
        """Reads an entry of MODEL_URIS; raises ValueError."""
        name, uri = pool_of(entry)
        return cls(entry, name, uri, ModelAddress.read(uri))

    @property
    def made(self) -> Made | None:
        """What registers its model, if this repository can."""
        return MADE_HERE.get(self.address.name) if self.address.alias else None


def read_pools() -> list[Pool]:
    """Reads MODEL_URI and MODEL_URIS; raises `Refused`. The first pool is the default one."""
    one, several = os.environ.get("MODEL_URI", ""), os.environ.get("MODEL_URIS", "")
    try:
        entries = dict.fromkeys([*([one] if one else []), *entries_of(several)])
        pools = [Pool.read(entry) for entry in entries or [MODEL_URI]]
    except ValueError as error:
        raise Refused(f"{'MODEL_URIS' if several else 'MODEL_URI'}: {error}.") from error
    try:
        pools_of(entries)
    except ValueError as error:  # two that are alike, in the gateway's words
        raise Refused(f"{error}.") from error
    return pools


class AddedPools:
    """The entries that `scripts/run add` leaves for the run of a folder."""

    def __init__(self, run_dir: RunDir) -> None:
        self._file = run_dir.folder / "added"

    def clear(self) -> None:
        """Forgets what was added to the run before."""
        self._file.unlink(missing_ok=True)

    def add(self, pool: Pool) -> None:
        """Asks the run to serve one more."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{pool.entry}\n")

    def read(self) -> list[Pool]:
        """All that were added, in order."""
        if not self._file.exists():
            return []
        return [Pool.read(entry) for entry in self._file.read_text("utf-8").splitlines()]
