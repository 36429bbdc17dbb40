"""A model version as the registry describes it: read over HTTP, without torch, pandas or the model itself, or from what was kept.

What the registry said is a `Card`, plain JSON, so that the store can keep it for a gateway that starts while the registry is away.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import orjson
import yaml

from app.contract.addresses import Network
from app.contract.errors import Misconfigured, Temporary
from app.contract.schema import PartSchema, compile_inputs, compile_params
from app.contract.settings import NOT_REGISTERED, model_of_uri


class RegistryUnavailable(Temporary):
    """The registry did not answer."""


class NotRegistered(RegistryUnavailable):
    """The registry answered, and does not know the model (yet)."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a registry says of a model version; `inputs`, `outputs` and `params` are the signature's."""

    uri: str
    version: str
    run_id: str = ""
    aliases: tuple[str, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)
    inputs: Any = None
    outputs: Any = None
    params: Any = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def kept(self) -> bytes:
        """Returns it as JSON."""
        return orjson.dumps(asdict(self), default=str)

    @classmethod
    def read(cls, kept: bytes) -> Self | None:
        """Returns what `kept` was made of; None for what another release kept."""
        try:
            card = cls(**orjson.loads(kept))
        except (orjson.JSONDecodeError, TypeError):
            return None
        return replace(card, aliases=tuple(card.aliases))


@dataclass(frozen=True, slots=True)
class Registered:
    """A model version that is served by a pool of this name, with the checkers of its requests."""

    name: str
    card: Card
    features: PartSchema
    params: PartSchema

    @property
    def version(self) -> str:
        """As the registry numbers it."""
        return self.card.version

    @property
    def address(self) -> str:
        """How a request may ask for it beside the pool's name: `name@alias`, or `name/version`."""
        return self.card.uri.removeprefix("models:/")

    @property
    def registered_name(self) -> str:
        """The model's name in the registry."""
        return model_of_uri(self.card.uri)[0]

    @property
    def knows_matches(self) -> bool:
        """Whether the worker can assemble the features from a `match_id` alone."""
        return "feature_table" in self.card.metadata


def registered(pool: str, card: Card, fetch_allowed: Sequence[Network] = ()) -> Registered:
    """Returns a version with its checkers; raises `Misconfigured` for a signature that can't be served."""
    image = card.metadata.get("image") or {}
    try:
        features = compile_inputs(card.inputs, image.get("column", ""), fetch_allowed)
        return Registered(pool, card, features, compile_params(card.params))
    except Misconfigured as error:
        name = model_of_uri(card.uri)[0]
        raise Misconfigured(f"model {name} version {card.version} can't be served: {error}") from error


class MlflowReader:
    """Reads models from an MLflow server. A version's MLmodel never changes, so each is fetched once."""

    def __init__(self, tracking_uri: str) -> None:
        self._tracking_uri = tracking_uri
        self._described: dict[tuple[str, str], dict[str, Any]] = {}
        # MLflow's own patience is seven tries of two minutes each; a refresh comes again by itself.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

    def __call__(self, uri: str) -> Card:
        # Imported here, on the thread: it takes seconds, and whatever of numpy and pandas is installed.
        import mlflow
        from mlflow.exceptions import MlflowException
        from requests.exceptions import RequestException

        try:
            return self._read(mlflow, uri)
        except (MlflowException, RequestException, OSError) as error:
            reason = str(error).splitlines()[0][:300]
            kind = NotRegistered if getattr(error, "error_code", "") in NOT_REGISTERED else RegistryUnavailable
            raise kind(f"the registry at {self._tracking_uri} did not give {uri}: {reason}") from error

    def _read(self, mlflow: Any, uri: str) -> Card:
        # For the whole process: fetching an artifact knows no other way to be told.
        mlflow.set_tracking_uri(self._tracking_uri)
        client = mlflow.MlflowClient()
        name, which = model_of_uri(uri)
        found = client.get_model_version_by_alias(name, which) if "@" in uri else client.get_model_version(name, which)
        version = str(found.version)
        if (name, version) not in self._described:
            self._described[name, version] = self._fetch(mlflow, name, version)
        described = self._described[name, version]
        signature = described.get("signature") or {}
        return Card(
            uri=uri,
            version=version,
            run_id=found.run_id or "",
            aliases=tuple(sorted(found.aliases)),
            metrics=_metrics(client, found),
            metadata=described.get("metadata") or {},
            **{part: json.loads(signature.get(part) or "null") for part in ("inputs", "outputs", "params")},
        )

    def _fetch(self, mlflow: Any, name: str, version: str) -> dict[str, Any]:
        with TemporaryDirectory() as folder:
            path = mlflow.artifacts.download_artifacts(
                artifact_uri=f"models:/{name}/{version}/MLmodel", dst_path=folder, tracking_uri=self._tracking_uri
            )
            described: dict[str, Any] = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        return described


def _metrics(client: Any, found: Any) -> dict[str, float]:
    """The version's own metrics (MLflow 3 keeps them on the logged model), else its run's."""
    if found.metrics:
        return {metric.key: metric.value for metric in found.metrics}
    return dict(client.get_run(found.run_id).data.metrics) if found.run_id else {}
