"""A model version as the registry describes it, read by `app.mlflow_reader` or from what was kept.

A `ModelVersion` is plain JSON, so that the store can keep it for a gateway that starts while the
registry is away.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import orjson

from inference.errors import Misconfigured, Temporary
from inference.models.description import compile_checkers, judging, read_signature
from inference.models.input_schema import PartSchema
from inference.models.model_address import SCHEME, ModelAddress
from inference.outbound.address_policy import Network

LONGEST_EXAMPLE = 2000
"""Characters; a longer example would hide the OpenAPI page."""


class RegistryUnavailable(Temporary):
    """The registry did not answer.

    Callers read the sentence; `cause`, MLflow's own words, is for the log: it may name hosts.
    """

    def __init__(self, sentence: str, cause: str = "") -> None:
        super().__init__(sentence)
        self.cause = cause


class NotRegistered(RegistryUnavailable):
    """The registry answered, and does not know the model (yet)."""


class WrongRegistry(Misconfigured):
    """MLFLOW_TRACKING_URI names no registry that MLflow can ask: no time mends that."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """What a registry says of a model version.

    `inputs`, `outputs` and `params` are the signature's. `identity` tells it from another of the
    same number (`inference.models.registered_version`).
    """

    uri: str
    version: str
    identity: str = ""
    run_id: str = ""
    aliases: tuple[str, ...] = ()
    metrics: dict[str, float | None] = field(default_factory=dict)
    inputs: Any = None
    outputs: Any = None
    params: Any = None
    metadata: dict[str, Any] = field(default_factory=dict)
    hinted: bool = False
    """The signature was made from a type hint."""
    example: Any = None
    """The features of the registered example's first row, if it has one that is short."""

    def kept(self) -> bytes:
        """Returns it as JSON."""
        return orjson.dumps(plain(asdict(self)))

    @classmethod
    def read(cls, kept: bytes) -> Self | None:
        """Returns what `kept` was made of; None for what another release kept."""
        try:
            card = cls(**orjson.loads(kept))
            return replace(card, aliases=tuple(card.aliases))
        except (orjson.JSONDecodeError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class Registered:
    """A model version that is served by a pool of this name, with the checkers of its requests."""

    name: str
    card: ModelVersion
    features: PartSchema
    params: PartSchema

    @property
    def version(self) -> str:
        """As the registry numbers it."""
        return self.card.version

    @property
    def identity(self) -> str:
        """What tells it from another version of the same number."""
        return self.card.identity

    @property
    def address(self) -> str:
        """How a request may ask for it beside the pool's name: `name@alias`, or `name/version`."""
        return self.card.uri.removeprefix(SCHEME)

    @property
    def registered_name(self) -> str:
        """The model's name in the registry."""
        return ModelAddress.read(self.card.uri).name

    @property
    def has_feature_table(self) -> bool:
        """Whether the worker can assemble the features from an entity key alone."""
        return "feature_table" in self.card.metadata


def registered(pool: str, card: ModelVersion, fetch_allowed: Sequence[Network] = ()) -> Registered:
    """Returns a version with its checkers.

    Raises `Misconfigured` for a signature that can't be checked.
    """
    with judging(ModelAddress.read(card.uri).name, card.version):
        checkers = compile_checkers(
            read_signature(card.inputs, card.params, card.metadata, hinted=card.hinted),
            fetch_allowed,
        )
    return Registered(pool, card, checkers.features, checkers.params)


def plain(value: Any) -> Any:
    """Returns a value as JSON can say it: null for NaN and infinities, text for what has no form.

    An author's metadata are YAML, with dates, numbers of any length and keys of any type.
    """
    if value is None or (isinstance(value, int) and -(2**63) <= value < 2**64):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    return str(value).encode("utf-8", "replace").decode()
