"""A model version as the registry describes it.

It is read over HTTP, without torch, pandas or the model itself, or from what was kept.

A `ModelVersion` is plain JSON, so that the store can keep it for a gateway that starts while the
registry is away.
"""

import importlib
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import orjson

from inference.errors import Misconfigured, Temporary
from inference.models.description import (
    Description,
    compile_checkers,
    judging,
    read_description,
    read_signature,
)
from inference.models.input_schema import PartSchema
from inference.outbound.address_policy import Network
from inference.settings import NOT_REGISTERED, model_of_uri


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

    `inputs`, `outputs` and `params` are the signature's.
    """

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
    def address(self) -> str:
        """How a request may ask for it beside the pool's name: `name@alias`, or `name/version`."""
        return self.card.uri.removeprefix("models:/")

    @property
    def registered_name(self) -> str:
        """The model's name in the registry."""
        return model_of_uri(self.card.uri)[0]

    @property
    def has_feature_table(self) -> bool:
        """Whether the worker can assemble the features from an entity key alone."""
        return "feature_table" in self.card.metadata


def registered(pool: str, card: ModelVersion, fetch_allowed: Sequence[Network] = ()) -> Registered:
    """Returns a version with its checkers.

    Raises `Misconfigured` for a signature that can't be checked.
    """
    with judging(model_of_uri(card.uri)[0], card.version):
        checkers = compile_checkers(
            read_signature(card.inputs, card.params, card.metadata), fetch_allowed
        )
    return Registered(pool, card, checkers.features, checkers.params)


class MlflowReader:
    """Reads models from an MLflow server.

    A version's MLmodel never changes, so each is fetched once.
    """

    def __init__(self, tracking_uri: str) -> None:
        self._tracking_uri = tracking_uri
        self._shown = _without_user(tracking_uri)
        self._known: dict[tuple[str, ...], Description | str] = {}
        # MLflow's own patience is seven tries of two minutes each; a refresh comes again by itself.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

    @staticmethod
    def prepare() -> None:
        """Imports MLflow, on a thread, since it takes seconds.

        It imports whatever of numpy and pandas is installed, too.
        """
        importlib.import_module("mlflow.artifacts")

    def __call__(self, uri: str) -> ModelVersion:
        """Returns what the registry says.

        Raises `RegistryUnavailable`, `NotRegistered`, or `Misconfigured`.
        """
        import mlflow
        from mlflow.exceptions import MlflowException
        from mlflow.tracking.registry import UnsupportedModelRegistryStoreURIException

        try:
            return self._read(mlflow, uri)
        except (RegistryUnavailable, Misconfigured):
            raise
        except UnsupportedModelRegistryStoreURIException as error:
            raise WrongRegistry(
                f"MLFLOW_TRACKING_URI={self._shown} is no address of a registry"
            ) from error
        except MlflowException as error:
            if error.error_code in NOT_REGISTERED:
                raise NotRegistered(
                    f"the registry at {self._shown} has no {uri}: register it, or set its alias,"
                    " first"
                ) from error
            raise _unavailable(
                f"the registry at {self._shown} did not give {uri}", error
            ) from error
        except Exception as error:  # foreign code: whatever MLflow makes of an answer that is none
            raise _unavailable(
                f"the registry at {self._shown} did not give {uri}", error
            ) from error

    def _read(self, mlflow: Any, uri: str) -> ModelVersion:
        # For the whole process: fetching an artifact knows no other way to be told.
        mlflow.set_tracking_uri(self._tracking_uri)
        client = mlflow.MlflowClient()
        name, which = model_of_uri(uri)
        found = (
            client.get_model_version_by_alias(name, which)
            if "@" in uri
            else client.get_model_version(name, which)
        )
        version = str(found.version)
        with judging(name, version):
            described = self._described(mlflow, name, found)
        metrics = _metrics(client, found)
        return ModelVersion(
            uri=uri,
            version=version,
            run_id=found.run_id or "",
            aliases=tuple(sorted(found.aliases)),
            metrics=metrics,
            inputs=described.inputs,
            outputs=described.outputs,
            params=described.params,
            metadata=described.metadata,
        )

    def _described(self, mlflow: Any, name: str, found: Any) -> Description:
        """A file is told by where it is and since when.

        A registry that was set up anew counts its versions from 1 again.
        """
        version = str(found.version)
        key = (name, version, str(found.source), str(found.creation_timestamp))
        if key not in self._known:
            self._known[key] = self._read_file(mlflow, name, version)
        described = self._known[key]
        if isinstance(described, str):
            raise Misconfigured(described)
        return described

    def _read_file(self, mlflow: Any, name: str, version: str) -> Description | str:
        """What the version's MLmodel says, or what is wrong with it."""
        try:
            content = self._fetch(mlflow, name, version)
        except Exception as error:  # foreign code: an artifact store's client may raise anything
            raise _unavailable(
                f"the MLmodel file of models:/{name}/{version} can't be fetched", error
            ) from error
        try:
            return read_description(content)
        except Misconfigured as error:
            return str(error)

    def _fetch(self, mlflow: Any, name: str, version: str) -> bytes:
        with TemporaryDirectory() as folder:
            path = mlflow.artifacts.download_artifacts(
                artifact_uri=f"models:/{name}/{version}/MLmodel",
                dst_path=folder,
                tracking_uri=self._tracking_uri,
            )
            return Path(path).read_bytes()


def _unavailable(sentence: str, error: Exception) -> RegistryUnavailable:
    code = getattr(error, "error_code", "")
    named = (
        f"{sentence} ({code})" if code not in ("", "INTERNAL_ERROR") else sentence
    )  # as which it counts that nobody answered
    return RegistryUnavailable(named, _without_user(f"{type(error).__name__}: {error}")[:500])


def _without_user(text: str) -> str:
    """Returns a text without the user and password of its URLs."""
    return re.sub(r"://[^/@\s]*@", "://", text)


def _metrics(client: Any, found: Any) -> dict[str, float]:
    """The version's own metrics, else its run's, if that is still there.

    MLflow 3 keeps a version's own on the logged model.
    """
    from mlflow.exceptions import MlflowException

    if found.metrics or not found.run_id:
        return {metric.key: metric.value for metric in found.metrics or ()}
    try:
        return dict(client.get_run(found.run_id).data.metrics)
    except MlflowException as error:
        if error.error_code in NOT_REGISTERED:
            return {}
        raise
