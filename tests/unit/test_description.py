"""Tests which model versions are refused, in a sentence.

Gateway and worker refuse the same versions in the same words.
"""

from pathlib import Path

import pytest

from app.model_version import ModelVersion, Registered, registered
from inference.errors import Misconfigured
from inference.models.description import judging, read_description
from testkit.odd_models import FILES, GOOD, mlmodel
from worker.models.mlmodel import MLmodel, read


def served(text: str) -> Registered:
    """Reads a file and makes its checkers, as a gateway does."""
    with judging("odd", "1"):
        said = read_description(text.encode())
    return registered(
        "odd",
        ModelVersion(
            "models:/odd/1", "1", inputs=said.inputs, params=said.params, metadata=said.metadata
        ),
    )


def loaded(text: str, folder: Path) -> MLmodel:
    """Reads a file as a worker does."""
    (folder / "MLmodel").write_text(text)
    with judging("odd", "1"):
        return read(folder)


@pytest.mark.parametrize("name", FILES)
def test_what_a_gateway_can_not_check_no_worker_loads(name: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as by_gateway:
        served(FILES[name].mlmodel)
    with pytest.raises(Misconfigured) as by_worker:
        loaded(FILES[name].mlmodel, tmp_path)
    assert str(by_gateway.value) == str(by_worker.value)
    assert str(by_worker.value).startswith("models:/odd/1 can't be served: it")
    assert FILES[name].words in str(by_worker.value)
    assert "\n" not in str(by_worker.value)


def test_a_default_that_is_no_json_is_left_out_of_the_page(tmp_path: Path) -> None:
    horizon, cap = (
        {"name": name, "type": "double", "default": default}
        for name, default in (("h", 1.5), ("c", float("inf")))
    )
    text = mlmodel(GOOD, [horizon, cap])
    page = served(text).params.json_schema["properties"]
    assert (page["h"]["default"], "default" in page["c"]) == (1.5, False)
    assert [param.default for param in loaded(text, tmp_path).params] == [1.5, float("inf")]
