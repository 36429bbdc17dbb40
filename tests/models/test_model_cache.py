"""Versions that a worker keeps on its disk."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from inference.errors import Misconfigured
from testkit.registry_copies import register_like
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
    load(shop, registry, cache=cache, model_code="allow")
    cache.remember("models:/shop@live", shop)
    said = cache.recall("models:/shop@live", "shop")
    assert said == shop
    assert load(said, "http://127.0.0.1:1", cache=cache, model_code="allow").predict(
        [{"features": {"item": "tea", "price": 2.0}}]
    )
    moved = replace(shop, identity="another")
    with pytest.raises(Misconfigured, match="can't be downloaded"):
        load(moved, "http://127.0.0.1:1", cache=cache, model_code="allow")


@pytest.mark.parametrize("name", ["My shop", "x@y%2e", "店" * 256])
def test_a_model_of_any_name_is_kept_and_found_again(
    registry: str, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")  # its thread races with the loader
    register_like(MlflowClient(registry, registry), name, "shop")
    cache, uri = ModelCache(str(tmp_path)), f"models:/{name}@production"
    shop = resolve(uri, registry)
    cache.remember(uri, shop)
    load(shop, registry, cache=cache, model_code="allow")
    said = cache.recall(uri, name)
    assert (said, said and said.identity) == (shop, shop.identity)
    kept = load(shop, "http://127.0.0.1:1", cache=cache, model_code="allow")
    assert kept.name == name


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
