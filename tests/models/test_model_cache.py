"""Versions that a worker keeps on its disk."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from inference.errors import Misconfigured
from worker.models.cache import KEPT, ModelCache, Resolved
from worker.models.loader import load, resolve

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")


def test_a_version_is_downloaded_once_and_served_while_the_registry_is_away(
    registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0"
    )  # MLflow's own patience with a download is four minutes
    cache, shop = ModelCache(str(tmp_path)), resolve("models:/shop/1", registry)
    load(shop, registry, cache=cache)
    cache.remember("models:/shop@live", shop)
    said = cache.recall("models:/shop@live", "shop")
    assert said == shop
    assert load(said, "http://127.0.0.1:1", cache=cache).predict(
        [{"features": {"item": "tea", "price": 2.0}}]
    )
    moved = replace(shop, origin="another registry")
    with pytest.raises(Misconfigured, match="can't be downloaded"):
        load(moved, "http://127.0.0.1:1", cache=cache)


def test_only_the_versions_used_last_are_kept(tmp_path: Path) -> None:
    cache = ModelCache(str(tmp_path))
    for version in map(str, range(1, KEPT + 3)):
        cache.keep(Resolved("m", version, f"models:/m/{version}", version), _downloaded)
        os.utime(
            cache.find(Resolved("m", version, "", version)) or tmp_path,
            (int(version), int(version)),
        )
    kept = [
        version
        for version in range(1, KEPT + 3)
        if cache.find(Resolved("m", str(version), "", str(version)))
    ]
    assert kept == [3, 4, 5]


def _downloaded(folder: Path) -> Path:
    (folder / "model-files").mkdir()
    return folder / "model-files"
