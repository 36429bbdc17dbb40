"""Loads the child's model: finds its version and its place.

It also tells the parent when the model's address means another version later.
"""

import threading
from pathlib import Path
from random import uniform

import structlog

from inference.errors import Misconfigured
from inference.retry import wait_at_start
from worker import metrics
from worker.child_status import NO_VERSION, HeldVersion, pinned_version, write_moved
from worker.models import Model, loader
from worker.models.cache import ModelCache, Resolved
from worker.models.startup_timing import Laps, process_age_s
from worker.settings import WorkerSettings

log = structlog.get_logger()


def load(settings: WorkerSettings) -> tuple[Model, HeldVersion]:
    """Returns the model, loaded and warm, and its version; raises `Misconfigured`."""
    began_s, laps, cache = process_age_s(), Laps(), ModelCache(settings.model_cache_dir)
    resolved = resolve(settings, cache, pinned_version())
    laps.lap("registry")
    model = loader.load(
        resolved, settings.mlflow_tracking_uri, laps, cache, model_code=settings.model_code
    )
    model.warm_up(settings.max_batch_size)
    laps.lap("warm_up")
    seconds = {"process": began_s} | laps.seconds
    for phase, took_s in seconds.items():
        metrics.START_SECONDS.labels(settings.model, phase).observe(took_s)
    log.info(
        "model.loaded",
        model=model.name,
        version=model.version,
        identity=resolved.identity,
        device=model.device,
        seconds=seconds,
    )
    return model, HeldVersion(resolved.version, resolved.identity)


def resolve(settings: WorkerSettings, cache: ModelCache, pinned: HeldVersion) -> Resolved:
    """Finds the version that is pinned, or else the one that the model's address means.

    The address decides also where the registry has no such version any more, or another one by its
    number, and the cache has no copy.
    """
    return (pinned.number and _pinned(settings, cache, pinned)) or _addressed(settings, cache)


def _pinned(settings: WorkerSettings, cache: ModelCache, pinned: HeldVersion) -> Resolved | None:
    """The version itself; None where it can't be had any more."""
    number, identity = pinned
    uri = settings.address.of_version(number)
    kept = Resolved(settings.model_name, number, uri, identity)
    if identity and cache.find(kept):
        return kept
    found = wait_at_start(
        "the registry did not give it",
        lambda: loader.find(uri, settings.mlflow_tracking_uri),
        settings.start_timeout_s,
        loader.RegistryUnavailable,
    )
    if found is not None and identity in ("", found.identity):
        return found
    log.warning("version.gone", version=str(pinned), consequence="the address decides")
    return None


def _addressed(settings: WorkerSettings, cache: ModelCache) -> Resolved:
    """A registry that is away is waited for only where the cache has no answer."""
    uri, name, version = settings.model_uri, settings.model_name, settings.address.version
    try:
        resolved = loader.resolve(uri, settings.mlflow_tracking_uri)
    except loader.RegistryUnavailable as error:
        kept = cache.recall(uri, name) or (version and cache.known(Resolved(name, version, uri)))
        if kept:
            log.warning("registry.spared", reason=str(error), version=kept.version)
            return kept
        resolved = wait_at_start(
            "the registry did not give it",
            lambda: loader.resolve(uri, settings.mlflow_tracking_uri),
            settings.start_timeout_s,
            loader.RegistryUnavailable,
        )
    cache.remember(uri, resolved)
    return resolved


class AddressWatch:
    """Looks at intervals which version the model's address means, on a thread of the child.

    An alias moves, and a registry that was set up anew has another version by the same number. The
    child has MLflow at hand, so its parent stays small.
    """

    def __init__(self, settings: WorkerSettings, held: HeldVersion, folder: Path) -> None:
        self._settings, self._held, self._folder = settings, held, folder
        self._never = threading.Event()

    def start(self) -> None:
        """Starts the thread."""
        loader.keep_patience_short()
        threading.Thread(target=self._watch, name="address", daemon=True).start()

    def _watch(self) -> None:
        """Workers that started together do not ask together."""
        period_s, said = self._settings.model_refresh_s, NO_VERSION
        while not self._never.wait(period_s * uniform(0.75, 1.25)):
            try:
                found = loader.resolve(self._settings.model_uri, self._settings.mlflow_tracking_uri)
            except Misconfigured as error:
                log.info("alias.unknown", reason=str(error))
                continue
            ModelCache(self._settings.model_cache_dir).remember(self._settings.model_uri, found)
            meant = HeldVersion(found.version, found.identity)
            now = meant if meant != self._held else NO_VERSION
            if now != said:
                write_moved(self._folder, now)
                log.info("alias.moved", held=str(self._held), to=str(meant))
            said = now
