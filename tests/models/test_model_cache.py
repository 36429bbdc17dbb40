"""Versions that a worker keeps on its disk."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import pytest
from mlflow import MlflowClient

from inference.errors import Misconfigured
from testkit.registry_copies import register_like
from worker.fetch import main
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


def test_a_folder_that_was_fetched_serves_without_registry_and_for_any_user(
    registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry)
    folder = tmp_path / "models"
    assert main(["models:/shop/1", str(folder)]) == 0
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    said = ModelCache(str(folder)).recall("models:/shop/1", "shop")
    assert said is not None
    model = load(said, "http://127.0.0.1:1", cache=ModelCache(str(folder)), model_code="allow")
    assert model.name == "shop"
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)


def test_a_version_that_is_not_there_is_refused_in_a_sentence(
    registry: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry)
    assert main(["models:/shop@nobody", str(tmp_path)]) == 2
    assert "has no models:/shop@nobody: register it" in capsys.readouterr().err


def test_a_folder_that_can_only_be_read_serves_what_it_has_and_keeps_no_more(
    read_only: Path,
) -> None:
    """As an image volume is mounted."""
    cache, known = ModelCache(str(read_only)), Resolved("m", "1", "models:/m/1", "x")
    copy = cache.find(known)
    assert copy is not None
    assert (cache.use(copy) / "weights").read_text() == "1"
    cache.remember("models:/m@other", known)
    assert cache.recall("models:/m@live", "m") == known
    place, kept = cache.keep(Resolved("m", "2", "models:/m/2", "y"), _downloaded)
    assert (kept, place.is_relative_to(read_only), place.is_dir()) == (False, False, True)
    shutil.rmtree(place.parent)


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder with one version that this process can't write to: root becomes nobody for a while.

    It is not below `tmp_path`, which nobody else may enter.
    """
    folder = Path(mkdtemp())
    cache, known = ModelCache(str(folder)), Resolved("m", "1", "models:/m/1", "x")
    place, _ = cache.keep(known, _downloaded)
    (place / "weights").write_text("1")
    cache.remember("models:/m@live", known)
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o555 if path.is_dir() else 0o444)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    yield folder
    os.seteuid(user)
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


def _downloaded(folder: Path) -> Path:
    (folder / "model-files").mkdir()
    return folder / "model-files"
