"""What the MLflow registry says of the models served: read over HTTP, without torch, pandas or the model itself.

The registry is asked on a thread, at start and every so often. It may be away later: what was read last goes on being served.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog
import yaml

from app.contract.addresses import Network
from app.contract.errors import Misconfigured, StoreUnavailable, Temporary
from app.contract.moves import WorkerInfo
from app.contract.settings import model_of_uri
from app.schema import PartSchema, compile_inputs, compile_params

log = structlog.get_logger()

FOLLOW_S = 2.0
"""How often the workers are looked at."""


class RegistryUnavailable(Temporary):
    """The registry did not answer, or does not know the model (yet)."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A model version as the registry describes it."""

    name: str
    """The name of the pool that serves it, which is its own unless the operator gave another."""
    uri: str
    version: str
    features: PartSchema
    params: PartSchema
    run_id: str = ""
    aliases: tuple[str, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)
    inputs: Any = None
    outputs: Any = None
    param_specs: Any = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """How a request may ask for it beside the pool's name: `name@alias`, or `name/version`."""
        return self.uri.removeprefix("models:/")

    @property
    def registered_name(self) -> str:
        """The model's name in the registry."""
        return model_of_uri(self.uri)[0]

    @property
    def knows_matches(self) -> bool:
        """Whether the worker can assemble the features from a `match_id` alone."""
        return "feature_table" in self.metadata


Read = Callable[[str], Registered]
Workers = Callable[[str], Awaitable[Sequence[WorkerInfo]]]


class Registry:
    """The models served, by the names of their pools. `read` blocks and is called on a thread; `workers` lists a model's live ones.

    A model is served as the version that most of its live workers hold, and where there is none as the one that the registry
    names: requests are checked by the signature of what will run them, also while an alias moves from one version to another.
    """

    def __init__(self, uris: dict[str, str], read: Read, refresh_s: float, workers: Workers) -> None:
        self.uris = uris
        self.default = next(iter(self.uris))
        self.models: dict[str, Registered] = {}
        self._named: dict[str, Registered] = {}
        self._read = read
        self._workers = workers
        self._refresh_s = refresh_s

    def find(self, asked: Any) -> Registered | None:
        """Returns the model of a pool's name or of an address that a pool serves: `name`, `name@alias`, `name/version`."""
        if type(asked) is not str:
            return None
        return self.models.get(asked) or next((model for model in self.models.values() if model.address == asked), None)

    @property
    def names(self) -> list[str]:
        """All that `find` knows."""
        return [name for model in self.models.values() for name in (model.name, model.address)]

    async def load(self) -> None:
        """Reads every model; raises `RegistryUnavailable` or `Misconfigured`."""
        for name, uri in self.uris.items():
            self._named[name] = replace(await asyncio.to_thread(self._read, uri), name=name)
            if name not in self.models or self.models[name].version == self._named[name].version:
                self._serve(name, self._named[name])

    async def keep_fresh(self) -> None:
        """Reads again for ever."""
        while True:
            await asyncio.sleep(self._refresh_s)
            try:
                await self.load()
            except (RegistryUnavailable, Misconfigured) as error:
                log.warning("registry.kept", reason=str(error))

    async def follow_workers(self) -> None:
        """Goes by what the workers hold, for ever."""
        while True:
            for name in self.uris:
                try:
                    await self._follow(name)
                except (RegistryUnavailable, StoreUnavailable, Misconfigured) as error:
                    log.info("registry.kept", reason=str(error))
            await asyncio.sleep(FOLLOW_S)

    async def _follow(self, name: str) -> None:
        named, held = self._named[name], Counter(w.version for w in await self._workers(name) if w.version)
        most = max(held.values(), default=0)
        among = [version for version, count in held.items() if count == most] or [named.version]
        # Where as many hold one as another, the one that the alias means is on its way in.
        version = named.version if named.version in among else max(among, key=lambda v: (v.isdigit() and int(v), v))
        if version == self.models[name].version:
            return
        if version != named.version:
            held_one = await asyncio.to_thread(self._read, f"models:/{named.registered_name}/{version}")
            named = replace(held_one, name=name, uri=named.uri)
        self._serve(name, named)

    def _serve(self, name: str, found: Registered) -> None:
        before = self.models.get(name)
        self.models[name] = found
        if before is None or before.version != found.version:
            log.info("registry.model", model=name, version=found.version, before=before and before.version)


class MlflowReader:
    """Reads models from an MLflow server. A version's MLmodel never changes, so each is fetched once."""

    def __init__(self, tracking_uri: str, fetch_allowed: Sequence[Network] = ()) -> None:
        self._tracking_uri = tracking_uri
        self._fetch_allowed = fetch_allowed
        self._described: dict[tuple[str, str], dict[str, Any]] = {}
        # MLflow's own patience is seven tries of two minutes each; a refresh comes again by itself.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

    def __call__(self, uri: str) -> Registered:
        # Imported here, on the thread: it takes seconds, and whatever of numpy and pandas is installed.
        import mlflow
        from mlflow.exceptions import MlflowException
        from requests.exceptions import RequestException

        try:
            return self._read(mlflow, uri)
        except (MlflowException, RequestException, OSError) as error:
            reason = str(error).splitlines()[0][:300]
            raise RegistryUnavailable(f"the registry at {self._tracking_uri} did not give {uri}: {reason}") from error

    def _read(self, mlflow: Any, uri: str) -> Registered:
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
        inputs, outputs, params = (json.loads(signature.get(part) or "null") for part in ("inputs", "outputs", "params"))
        try:
            image = (described.get("metadata") or {}).get("image") or {}
            features = compile_inputs(inputs, image.get("column", ""), self._fetch_allowed)
            checked_params = compile_params(params)
        except Misconfigured as error:
            raise Misconfigured(f"model {name} version {version} can't be served: {error}") from error
        return Registered(
            name=name,
            uri=uri,
            version=version,
            features=features,
            params=checked_params,
            run_id=found.run_id or "",
            aliases=tuple(sorted(found.aliases)),
            metrics=_metrics(client, found),
            inputs=inputs,
            outputs=outputs,
            param_specs=params,
            metadata=described.get("metadata") or {},
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
