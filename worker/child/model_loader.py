"""Loads the child's model: finds its version and its place.

It also tells the parent when the alias moves later.
"""

import os
import threading
from pathlib import Path
from random import uniform

import structlog

from inference.errors import Misconfigured
from inference.retry import wait_at_start
from worker.child_status import PINNED, write_moved
from worker.models import Model, loader
from worker.models.cache import ModelCache, Resolved
from worker.models.startup_timing import Laps, process_age_s
from worker.settings import WorkerSettings

log = structlog.get_logger()


def load(settings: WorkerSettings) -> Model:
    """Returns the model, loaded and warm; raises `Misconfigured`."""
    began_s, laps, cache = process_age_s(), Laps(), ModelCache(settings.model_cache_dir)
    resolved = resolve(settings, cache, os.environ.get(PINNED, ""))
    laps.lap("registry")
    model = loader.load(resolved, settings.mlflow_tracking_uri, laps, cache)
    model.warm_up(settings.max_batch_size)
    laps.lap("warm_up")
    seconds = {"process": began_s} | laps.seconds
    log.info(
        "model.loaded",
        model=model.name,
        version=model.version,
        device=model.device,
        seconds=seconds,
    )
    return model


def resolve(settings: WorkerSettings, cache: ModelCache, pinned: str) -> Resolved:
    """Asks the registry what the model's address means, or, if a version is pinned, for that one.

    A registry that is away is waited for only where the cache has no answer.
    """
    uri = f"models:/{settings.model_name}/{pinned}" if pinned else settings.model_uri
    try:
        resolved = loader.resolve(uri, settings.mlflow_tracking_uri)
    except loader.RegistryUnavailable as error:
        version = pinned or settings.version
        kept = (
            Resolved(settings.model_name, version, uri)
            if version
            else cache.recall(uri, settings.model_name)
        )
        if kept is not None and cache.find(kept):
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


class AliasWatch:
    """Looks at intervals which version the alias means, on a thread of the child.

    The child has MLflow at hand, so its parent stays small.
    """

    def __init__(self, settings: WorkerSettings, held: str, folder: Path) -> None:
        self._settings, self._held, self._folder = settings, held, folder
        self._never = threading.Event()

    def start(self) -> None:
        """Starts the thread, unless the model's address names a version for good."""
        if not self._settings.version:
            loader.keep_patience_short()
            threading.Thread(target=self._watch, name="alias", daemon=True).start()

    def _watch(self) -> None:
        """Workers that started together do not ask together."""
        period_s, said = self._settings.model_refresh_s, ""
        while not self._never.wait(period_s * uniform(0.75, 1.25)):
            try:
                found = loader.resolve(self._settings.model_uri, self._settings.mlflow_tracking_uri)
            except Misconfigured as error:
                log.info("alias.unknown", reason=str(error))
                continue
            ModelCache(self._settings.model_cache_dir).remember(self._settings.model_uri, found)
            now = found.version if found.version != self._held else ""
            if now != said:
                write_moved(self._folder, now)
                log.info("alias.moved", held=self._held, to=now or self._held)
            said = now
