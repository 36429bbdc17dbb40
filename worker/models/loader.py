"""The model registry: which version an alias means, and that version, loaded.

Resolving is light and bounded, so that a worker's parent and a start-up probe may do it; torch and
the heavy part of MLflow are imported by `load` alone, in the process that will own the device.
No code of a version runs unless the operator sets MODEL_CODE=allow: it is code from whoever can
write to the registry (`worker.models.model_code`).
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
from inference.models.model_address import ModelAddress
from inference.models.registered_version import identity_of, unready
from inference.settings import NOT_REGISTERED
from worker.models.cache import ModelCache, Resolved
from worker.models.model_code import OLD_VARIABLE, allows_code, refuse_code
from worker.models.model_files import check_files
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
        address = ModelAddress.read(model_uri)
    except ValueError as error:
        raise Misconfigured(str(error)) from error
    with _environment(
        MLFLOW_HTTP_REQUEST_TIMEOUT=str(TIMEOUT_S), MLFLOW_HTTP_REQUEST_MAX_RETRIES=str(RETRIES)
    ):
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        try:
            client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
            found = (
                client.get_model_version_by_alias(address.name, address.alias)
                if address.alias
                else client.get_model_version(address.name, address.version)
            )
        except MlflowException as error:
            if error.error_code in NOT_REGISTERED:
                return None
            sentence = (
                f"the MLflow registry at {tracking_uri} does not answer:"
                " is MLFLOW_TRACKING_URI right?"
            )
            raise RegistryUnavailable(sentence) from error
    if problem := unready(found):
        raise RegistryUnavailable(problem)
    version = str(found.version)
    return Resolved(address.name, version, address.of_version(version), identity_of(found))


def keep_patience_short() -> None:
    """For the whole process and for good.

    A thread that asks beside a model must not change the environment each time.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(TIMEOUT_S))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", str(RETRIES))
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def load(
    resolved: Resolved,
    tracking_uri: str,
    laps: Laps | None = None,
    cache: ModelCache = NO_CACHE,
    model_code: str = "",
) -> "LoadedModel":
    """Takes a version from the cache or the registry and puts it on its device.

    `model_code` is MODEL_CODE; '' takes it from the environment. Raises `Misconfigured` for a
    version that this worker can't serve.
    """
    from worker.models.loaded import LoadedModel
    from worker.models.mlmodel import read

    laps, allowed = laps or Laps(), allows_code(model_code)
    with _environment(), _pickles(allowed):
        folder, kept = _files(resolved, tracking_uri, cache)
        laps.lap("download")
        try:
            with judging(resolved.name, resolved.version):
                check_files(folder)
                mlmodel = read(folder)
                if not allowed:
                    refuse_code(folder)
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


def fetch(resolved: Resolved, tracking_uri: str, cache: ModelCache) -> Path:
    """Downloads a version into a cache unless it is there, and returns its folder."""
    with _environment():
        return _files(resolved, tracking_uri, cache)[0]


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
def _pickles(allowed: bool) -> Iterator[None]:
    """Tells MLflow whether it may unpickle, whatever the operator told it: MODEL_CODE decides."""
    before = os.environ.get(OLD_VARIABLE)
    os.environ[OLD_VARIABLE] = str(allowed).lower()
    try:
        yield
    finally:
        if before is None:
            del os.environ[OLD_VARIABLE]
        else:
            os.environ[OLD_VARIABLE] = before


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
