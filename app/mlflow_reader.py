"""Reads model versions from an MLflow server over HTTP, without torch or the model itself."""

import importlib
import json
import os
import re
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.model_version import (
    LONGEST_EXAMPLE,
    ModelVersion,
    NotRegistered,
    RegistryUnavailable,
    WrongRegistry,
    plain,
)
from inference.errors import Misconfigured
from inference.models.description import Description, judging, read_description, read_signature
from inference.models.input_example import features_of_example
from inference.models.model_address import ModelAddress
from inference.models.registered_version import identity_of, unready
from inference.settings import NOT_REGISTERED

LARGEST_FILE = 16 * 2**20
"""Bytes of an MLmodel or of an input example."""


class MlflowReader:
    """Reads models from an MLflow server.

    A version's MLmodel never changes, so each is fetched once.
    """

    def __init__(self, tracking_uri: str) -> None:
        self._tracking_uri = tracking_uri
        self._shown = _without_user(tracking_uri)
        self._known: dict[tuple[str, str], Description | str] = {}
        self._examples: dict[str, Any] = {}
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
        address = ModelAddress.read(uri)
        found = (
            client.get_model_version_by_alias(address.name, address.alias)
            if address.alias
            else client.get_model_version(address.name, address.version)
        )
        if problem := unready(found):
            raise NotRegistered(problem)
        version = str(found.version)
        with judging(address.name, version):
            described = self._described(client, address.of_version(version), found)
        return ModelVersion(
            uri=uri,
            version=version,
            identity=identity_of(found),
            run_id=found.run_id or "",
            aliases=tuple(sorted(found.aliases)),
            metrics=plain(_metrics(client, found)),
            inputs=described.inputs,
            outputs=described.outputs,
            params=described.params,
            metadata=described.metadata,
            hinted=described.hinted,
            example=self._example(client, found, described),
        )

    def _example(self, client: Any, found: Any, described: Description) -> Any:
        """The features of the example's first row; None where it can't be had or is no short one.

        It is shown, and nothing depends on it.
        """
        key, name = identity_of(found), described.example
        if key not in self._examples:
            self._examples[key] = None
            if name and "/" not in name:
                with suppress(Exception):  # foreign code, and foreign content
                    content = plain(json.loads(self._fetch(client, found, name)))
                    self._examples[key] = _short_example(content, described)
        return self._examples[key]

    def _described(self, client: Any, uri: str, found: Any) -> Description:
        key = (uri, identity_of(found))
        if key not in self._known:
            self._known[key] = self._read_file(client, uri, found)
        described = self._known[key]
        if isinstance(described, str):
            raise Misconfigured(described)
        return described

    def _read_file(self, client: Any, uri: str, found: Any) -> Description | str:
        """What the version's MLmodel says, or what is wrong with it."""
        try:
            content = self._fetch(client, found, "MLmodel")
        except Exception as error:  # foreign code: an artifact store's client may raise anything
            raise _unavailable(f"the MLmodel file of {uri} can't be fetched", error) from error
        try:
            return read_description(content)
        except Misconfigured as error:
            return str(error)

    def _fetch(self, client: Any, found: Any, name: str) -> bytes:
        """By the address of the files: MLflow can't read one made of every name that it takes."""
        from mlflow.artifacts import download_artifacts

        files = client.get_model_version_download_uri(found.name, found.version)
        with TemporaryDirectory() as folder:
            path = download_artifacts(
                artifact_uri=f"{files.rstrip('/')}/{name}",
                dst_path=folder,
                tracking_uri=self._tracking_uri,
            )
            file = Path(path)
            if file.stat().st_size > LARGEST_FILE:
                raise OSError(f"{name} has more than {LARGEST_FILE} bytes")
            return file.read_bytes()


def _short_example(content: Any, described: Description) -> Any:
    signature = read_signature(
        described.inputs, described.params, described.metadata, hinted=described.hinted
    )
    first = features_of_example(content, signature.inputs, signature.form)[0]
    return first if len(json.dumps(first)) <= LONGEST_EXAMPLE else None


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
