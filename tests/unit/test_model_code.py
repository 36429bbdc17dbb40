"""Tests which versions hold code, as a worker with MODEL_CODE=refuse judges their folders.

The folders are written by hand, as somebody would who wants code to run.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from inference.errors import Misconfigured
from worker.models.model_code import REFUSED, SERVED, allows_code, refuse_code
from worker.models.model_files import check_files, path_inside

MODELS_PAGE = Path(__file__).parents[2] / "docs" / "models.md"
DATA = {"data": "model.onnx"}
OF_FLAVOR: dict[str, dict[str, Any]] = {
    "xgboost": {"model_class": "xgboost.core.Booster", "model_format": "json", "xgb_version": "3"},
    "lightgbm": {"model_class": "lightgbm.basic.Booster", "lgb_version": "4"},
    "catboost": {"model_type": "CatBoostClassifier", "save_format": "cbm"},
    "onnx": {"providers": ["CUDAExecutionProvider", "CPUExecutionProvider"], "onnx_version": "1"},
}


def field(number: int, content: bytes) -> bytes:
    """A field of protobuf."""
    assert len(content) < 128
    tag = number << 3 | 2
    head = bytes([tag]) if tag < 128 else bytes([tag & 127 | 128, tag >> 7])
    return head + bytes([len(content)]) + content


def tensor(location: bytes) -> bytes:
    """A tensor whose values are in another file."""
    entry = field(1, b"location") + field(2, location)
    return field(13, field(1, b"offset") + field(2, b"0")) + field(13, entry)


def graph(location: bytes) -> bytes:
    """An ONNX model with such a tensor, and with an input that is called location."""
    version, name = b"\x08\x09", field(11, field(1, b"location"))
    return version + field(7, name + field(5, tensor(location)))


def folder_of(folder: Path, flavors: dict[str, Any]) -> Path:
    """A version's folder with these flavors."""
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": flavors}))
    (folder / "model.onnx").write_bytes(graph(location=b"model.onnx.data"))
    (folder / "model.onnx.data").write_bytes(b"weights")
    return folder


def native(flavor: str, own: dict[str, Any] | None = None, **pyfunc: Any) -> dict[str, Any]:
    """The flavors of a model as MLflow's saver of that flavor writes them."""
    env = {"env": {"conda": "conda.yaml"}, "python_version": "3.11.7", "code": None}
    return {
        "python_function": {"loader_module": f"mlflow.{flavor}"} | DATA | env | pyfunc,
        flavor: DATA | OF_FLAVOR.get(flavor, {}) | (own or {}),
    }


def of_python(**own: Any) -> dict[str, Any]:
    return {"python_function": {"loader_module": "mlflow.pyfunc.model"} | own}


@pytest.mark.parametrize("flavor", OF_FLAVOR)
def test_a_file_that_only_its_own_library_reads_is_loaded(flavor: str, tmp_path: Path) -> None:
    refuse_code(folder_of(tmp_path, native(flavor)))


CODE = {
    "a model from code": (of_python(model_code_path="m.py"), "the Python file m.py, a model from"),
    "a pickled class": (of_python(python_model="python_model.pkl"), "the pickle python_model.pkl"),
    "a folder of code": (of_python(code="code"), "the Python files in code"),
    "code beside a file": (native("onnx", code="code"), "the Python files in code"),
    "code of the flavor": (native("onnx", {"code": "c"}), "code='c' of its flavor onnx"),
    "a module of its own": (
        {"python_function": {"loader_module": "os"} | DATA},
        "its loader_module is 'os', which is not known to load data alone",
    ),
    "a new flavor": (native("crew"), "its loader_module is 'mlflow.crew', which is not known"),
    "a module in a module": (native("onnx", loader_module="mlflow.onnx.x"), "'mlflow.onnx.x'"),
    "a class": (native("xgboost", {"model_class": "os.system"}), "model_class='os.system' of"),
    "a class of LightGBM": (
        native("lightgbm", {"model_class": "lightgbm.sklearn.LGBMClassifier"}),
        "model_class='lightgbm.sklearn.LGBMClassifier' of its flavor lightgbm",
    ),
    "a provider's library": (
        native("onnx", {"providers": [["TensorrtExecutionProvider", {"trt_extra_plugin": "x"}]]}),
        "providers=",
    ),
    "a session's setting": (
        native("onnx", {"onnx_session_options": {"extra_session_config": {"a": "b"}}}),
        "onnx_session_options=",
    ),
    "another function": (native("onnx", predict_fn="get_raw_model"), "predict_fn='get_raw_model'"),
    "a setting of later": (native("onnx", {"plugin": "x"}), "plugin='x' of its flavor onnx"),
    "another MLmodel file": (
        native("xgboost", {"data": "more/x"}, data="more/x"),
        "its data is 'more/x', which is no file beside its MLmodel file",
    ),
    "two files": (native("xgboost", data="other"), "its data is 'other'"),
    "no file of torch": ({"pytorch": {"model_data": "data"}}, "the pickle model.pth"),
    "another folder": ({"pytorch": {"model_data": "d"}}, "model_data='d' of its flavor pytorch"),
    "no settings": ({"python_function": None}, "can't be judged"),
}


@pytest.mark.parametrize("case", CODE)
def test_what_holds_code_is_refused_in_a_sentence_that_names_it(case: str, tmp_path: Path) -> None:
    flavors, words = CODE[case]
    with pytest.raises(Misconfigured, match=r"^it holds code, or may: .*\. MODEL_CODE=allow") as e:
        refuse_code(folder_of(tmp_path, flavors))
    assert words in str(e.value)


@pytest.mark.parametrize("flavor", REFUSED)
def test_a_flavor_that_is_known_to_run_code_is_refused_with_the_reason(
    flavor: str, tmp_path: Path
) -> None:
    with pytest.raises(Misconfigured, match=f"MLflow loads it as {flavor}, and ") as refused:
        refuse_code(folder_of(tmp_path, native(flavor)))
    assert REFUSED[flavor] in str(refused.value)


def test_the_page_for_authors_has_the_flavors_and_the_reasons_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", MODELS_PAGE.read_text(), re.MULTILINE)
    assert {name for name, verdict, _ in rows if verdict == "loaded"} == SERVED.keys()
    assert {name: why for name, verdict, why in rows if verdict == "refused"} == REFUSED


@pytest.mark.parametrize(
    ("model_code", "old", "allowed"),
    [
        ("", "", False),
        ("", "true", True),
        ("", "1", True),
        ("", "false", False),
        ("refuse", "true", False),
        ("allow", "false", True),
    ],
)
def test_the_setting_decides_and_mlflow_s_own_variable_is_taken_where_it_is_not_set(
    model_code: str, old: str, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_CODE", model_code)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", old)
    assert allows_code("") is allowed
    assert allows_code(model_code) is allowed


@pytest.mark.parametrize(
    "said", ["/proc/self/environ", "../secret", "a/../../secret", "link", "a\0b", 7, ["a"]]
)
def test_a_name_that_leads_out_of_the_folder_is_refused(said: Any, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/proc/self/environ")
    with pytest.raises(Misconfigured, match=r"^its metadata\.labels is .*, which "):
        path_inside(tmp_path, said, "its metadata.labels")


def test_a_name_in_the_folder_is_taken_behind_a_link_to_the_folder_too(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "model").symlink_to("1")
    assert path_inside(tmp_path / "model", "x/labels.txt", "it") == tmp_path / "model/x/labels.txt"


def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_not(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "inside").symlink_to("../sub")
    check_files(tmp_path)
    (tmp_path / "sub" / "out").symlink_to("/proc/self")
    with pytest.raises(Misconfigured, match="its sub/out is a link that leads out"):
        check_files(tmp_path)


IN_A_NODE = field(7, field(1, field(5, field(5, tensor(b"../x")))))
IN_A_BRANCH = field(7, field(1, field(5, field(6, field(15, field(2, tensor(b"/etc/passwd")))))))
IN_A_FUNCTION = field(25, field(7, field(5, field(5, tensor(b"/etc/passwd")))))
TWICE = field(13, field(1, b"location") + field(2, b"model.onnx.data") + field(2, b"../x"))
LONG_FORM = b"\x6a\x93\x00\x0a\x88\x00location\x12\x85\x00/etc/"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (graph(b"/etc/passwd"), "names the file '/etc/passwd', which is not beside it"),
        (graph(b"*/_ORT_MEM_ADDR_/*"), "which is not beside it"),
        (graph(b"nothing"), "names the file 'nothing', which is not beside it"),
        (IN_A_NODE, "names the file '../x'"),
        (IN_A_BRANCH, "names the file '/etc/passwd'"),
        (IN_A_FUNCTION, "names the file '/etc/passwd'"),
        (field(7, field(5, TWICE)), "names the file '../x'"),
        (field(7, field(5, LONG_FORM)), "names the file '/etc/'"),
        (field(7, b"\x2a\x7f"), "can't be read as ONNX"),
        (b"\x03", "can't be read as ONNX"),
        (b"", "can't be read as ONNX"),
    ],
)
def test_a_graph_whose_tensors_are_not_beside_it_is_refused(
    content: bytes, words: str, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, native("onnx"))
    (folder / "model.onnx").write_bytes(content)
    with pytest.raises(Misconfigured) as refused:
        refuse_code(folder)
    assert "model.onnx, which " in str(refused.value)
    assert words in str(refused.value)
