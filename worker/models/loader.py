"""The model registry: which version an alias means, and that version, loaded.

Resolving is light and bounded, so that a worker's parent and a start-up probe may do it; torch and
the heavy part of MLflow are imported by `load` alone, in the process that will own the device.
Nothing is unpickled unless the operator sets MLFLOW_ALLOW_PICKLE_DESERIALIZATION=true: a pickle
from a registry is code from whoever can write there.
"""

import os
import shutil
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference import errors
from inference.errors import Misconfigured, first_line
from inference.models.description import judging
from inference.settings import NOT_REGISTERED, model_of_uri
from worker.models.cache import ModelCache, Resolved
from worker.models.startup_timing import Laps

if TYPE_CHECKING:
    from worker.models.loaded import LoadedModel

TIMEOUT_S = 5
RETRIES = 1
NO_CACHE = ModelCache("")

# Models that are registered already import `InvalidInput` and `OutOfMemory` by the name that
# docs/models.md once gave.
sys.modules.setdefault("app.contract.errors", errors)


class RegistryUnavailable(Misconfigured):
    """The registry does not answer or does not know the model.

    A mistake in a setting, or just not yet.
    """


def resolve(model_uri: str, tracking_uri: str) -> Resolved:
    """Resolves `models:/name@alias` or `models:/name/version`.

    Raises `Misconfigured`, within about 15 s, if it can't.
    """
    found = find(model_uri, tracking_uri)
    if found is None:
        raise RegistryUnavailable(
            f"the registry at {tracking_uri} has no {model_uri}:"
            " register it, or set its alias, first"
        )
    return found


def find(model_uri: str, tracking_uri: str) -> Resolved | None:
    """As `resolve`, but None for what the registry does not have."""
    try:
        name, which = model_of_uri(model_uri)
    except ValueError as error:
        raise Misconfigured(str(error)) from error
    with _environment(
        MLFLOW_HTTP_REQUEST_TIMEOUT=str(TIMEOUT_S), MLFLOW_HTTP_REQUEST_MAX_RETRIES=str(RETRIES)
    ):
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        try:
            client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
            by_alias = "@" in model_uri
            found = (
                client.get_model_version_by_alias(name, which)
                if by_alias
                else client.get_model_version(name, which)
            )
        except MlflowException as error:
            if error.error_code in NOT_REGISTERED:
                return None
            sentence = (
                f"the MLflow registry at {tracking_uri} does not answer:"
                " is MLFLOW_TRACKING_URI right?"
            )
            raise RegistryUnavailable(sentence) from error
    origin = f"{tracking_uri} {found.source} {found.creation_timestamp}"
    return Resolved(name, str(found.version), f"models:/{name}/{found.version}", origin)


def keep_patience_short() -> None:
    """For the whole process and for good.

    A thread that asks beside a model must not change the environment each time.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(TIMEOUT_S))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", str(RETRIES))
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def load(
    resolved: Resolved, tracking_uri: str, laps: Laps | None = None, cache: ModelCache = NO_CACHE
) -> "LoadedModel":
    """Takes a version from the cache or the registry and puts it on its device.

    Raises `Misconfigured` for one that this worker can't serve.
    """
    from worker.models.loaded import LoadedModel
    from worker.models.mlmodel import read

    laps = laps or Laps()
    with _environment(MLFLOW_ALLOW_PICKLE_DESERIALIZATION="false"):
        folder, kept = _files(resolved, tracking_uri, cache)
        laps.lap("download")
        try:
            with judging(resolved.name, resolved.version):
                mlmodel = read(folder)
            make = _engine(mlmodel, resolved)
            laps.lap("imports")
            model = LoadedModel(resolved.name, resolved.version, mlmodel, _made(make, resolved))
            laps.lap("load")
        except BaseException:
            if not kept:
                shutil.rmtree(folder, ignore_errors=True)
            raise
    if not kept:
        weakref.finalize(model, shutil.rmtree, folder, ignore_errors=True)
    return model


def _files(resolved: Resolved, tracking_uri: str, cache: ModelCache) -> tuple[Path, bool]:
    """The version's folder, and whether it is to stay when the model is gone."""
    if copy := cache.find(resolved):
        return cache.use(copy), True
    return cache.keep(resolved, lambda folder: _download(resolved, tracking_uri, folder))


def _download(resolved: Resolved, tracking_uri: str, folder: Path) -> Path:
    """Downloads by the address of the files.

    For a `models:/` address MLflow asks its global default server, not this one.
    """
    from mlflow import MlflowClient
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    try:
        client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
        source = client.get_model_version_download_uri(resolved.name, resolved.version)
        return Path(
            download_artifacts(artifact_uri=source, dst_path=str(folder), tracking_uri=tracking_uri)
        )
    except (MlflowException, OSError) as error:
        raise Misconfigured(
            f"{resolved.uri} can't be downloaded from {tracking_uri}: {first_line(error)}"
        ) from error


def _engine(mlmodel: Any, resolved: Resolved) -> Callable[[], Any]:
    """Imports what the model's kind needs, and returns what makes its engine.

    The imports take seconds.
    """
    try:
        if "pytorch" in mlmodel.flavors:
            import torch

            from worker.models.torch_model import TorchEngine, choose_device

            return partial(TorchEngine, mlmodel, choose_device(torch.cuda.is_available()))
        from worker.models.pyfunc_model import PyfuncEngine

        return partial(PyfuncEngine, mlmodel)
    except ImportError as error:
        raise Misconfigured(
            f"{resolved.uri} can't be loaded by this worker: {first_line(error)}"
        ) from error


def _made(make: Callable[[], Any], resolved: Resolved) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return make()
    except (MlflowException, ImportError) as error:
        raise Misconfigured(
            f"{resolved.uri} can't be loaded by this worker: {first_line(error)}"
        ) from error


@contextmanager
def _environment(**defaults: str) -> Iterator[None]:
    """Sets variables that MLflow reads at each use, and takes them back.

    What the operator set stays as it is.
    """
    defaults["MLFLOW_DISABLE_TELEMETRY"] = "true"
    added = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
