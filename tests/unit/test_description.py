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


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB + "flavors: {python_function: {}}\nmetadata: {x: *i}", "more than 10000 values"),
        ("a: &a [*a]", "more than 10000 values"),
        ("x: [" + "1," * 20_000 + "]", "more than 10000 values"),
        ("[" * 500, "nested more than 100 deep"),
        (" " * (9 * 2**20), "longer than 8388608 bytes"),
    ],
)
def test_a_file_that_would_take_all_memory_is_refused(text: str, words: str) -> None:
    with pytest.raises(Misconfigured, match=f"its MLmodel file can't be read: .*{words}"):
        read_description(text.encode())


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"labels": "/proc/self/environ"}, "its metadata.labels is '/proc/self/environ', which"),
        ({"feature_table": "../x"}, "its metadata.feature_table is '../x', which leads out of"),
    ],
)
def test_a_worker_refuses_metadata_that_lead_out_of_the_model_s_folder(
    metadata: dict[str, str], words: str, tmp_path: Path
) -> None:
    with pytest.raises(Misconfigured, match=words):
        loaded(mlmodel(GOOD, metadata=metadata), tmp_path)


def test_a_worker_refuses_an_example_that_leads_out_of_the_model_s_folder(tmp_path: Path) -> None:
    info = {"artifact_path": "/etc/passwd", "type": "json_object"}
    with pytest.raises(Misconfigured, match="its input example is '/etc/passwd', which leads out"):
        loaded(mlmodel(GOOD, saved_input_example_info=info), tmp_path)
