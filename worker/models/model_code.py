"""Judges whether loading a version would run code that came with it.

MLflow imports, unpickles or executes what a version's folder says, so whoever can write to the
registry can run code on the workers. With MODEL_CODE=refuse a version is loaded only if it is known
to hold none. This is a list of what is allowed: an unknown flavor, setting or class is refused. It
is judged before MLflow reads anything of the folder. docs/models.md has the list for people.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog
import yaml

from inference.errors import Misconfigured
from inference.models.bounded_yaml import load_bounded
from worker.models.onnx_files import strange_file
from worker.models.pt2_archive import code_in_archive

log = structlog.get_logger()

REFUSE, ALLOW = "refuse", "allow"
OLD_VARIABLE = "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"

PICKLE = "its file is a pickle"
REFUSED = {
    "sklearn": f"{PICKLE}; skops is refused too, since the model itself names what it may make",
    "statsmodels": PICKLE,
    "pmdarima": PICKLE,
    "prophet": "its file is read by code that MLflow does not check",
    "tensorflow": "a Keras model may hold Python code, and names the module that loads it",
    "keras": "a Keras model may hold Python code, and names the module that loads it",
    "spacy": "its configuration names functions of any package",
    "transformers": "its weights may be pickles, and its configuration names classes",
    "sentence_transformers": "its weights may be pickles, and its configuration names classes",
    "langchain": "it is made of classes that it names, or of code",
    "dspy": PICKLE,
    "paddle": PICKLE,
    "h2o": "a server of its own loads it",
    "spark": "a server of its own loads it",
}
"""MLflow's flavors that are refused by name, each with the reason. Any other is refused as well."""

Setting = Callable[[Any], bool]


def _one_of(*allowed: Any) -> Setting:
    return lambda said: said in allowed


def _any(said: Any) -> bool:
    del said
    return True


def _nothing(said: Any) -> bool:
    return not said


def _names(*allowed: str) -> Setting:
    return lambda said: said is None or (isinstance(said, list) and all(n in allowed for n in said))


def _threads(said: Any) -> bool:
    return not said or (
        isinstance(said, dict)
        and said.keys() <= {"inter_op_num_threads", "intra_op_num_threads", "execution_mode"}
    )


_ALWAYS: dict[str, Setting] = {
    "code": _nothing,
    "extra_files": _any,
    "requirements_file": _any,
    "data": _any,  # judged as a file
}
_XGBOOST = ("XGBModel", "XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier")
SERVED: dict[str, dict[str, Setting]] = {
    "pytorch": {"pytorch_version": _any, "model_data": _one_of("data")},
    "xgboost": {
        "xgb_version": _any,
        "model_format": _any,
        "model_class": _one_of(
            "xgboost.core.Booster",
            *(f"xgboost.sklearn.{name}" for name in (*_XGBOOST, "XGBRFRegressor")),
        ),
    },
    "lightgbm": {
        "lgb_version": _any,
        "model_class": _one_of("lightgbm.basic.Booster"),
        "serialization_format": _any,  # of LightGBM's other classes
        "skops_trusted_types": _any,
    },
    "catboost": {
        "catboost_version": _any,
        "model_type": _one_of(
            "CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker"
        ),
        "save_format": _one_of("cbm", "json"),
    },
    "onnx": {
        "onnx_version": _any,
        "providers": _names("CUDAExecutionProvider", "CPUExecutionProvider"),
        "onnx_session_options": _threads,
    },
}
"""MLflow's flavors that are served, with the settings that they may have beside _ALWAYS."""

_PYFUNC: dict[str, Setting] = _ALWAYS | {
    "loader_module": _any,
    "python_version": _any,
    "env": _any,
    "config": _nothing,
    "streamable": _nothing,
    "predict_fn": _one_of("predict"),
}


def allows_code(said: str) -> bool:
    """Whether workers run a model's code: MODEL_CODE, by the setting or by the environment.

    Where it is not set MLflow's own variable is taken for it, with a warning: installations of
    before had no other. Without either, code is refused.
    """
    said = said or os.environ.get("MODEL_CODE", "")
    if said:
        return said == ALLOW
    old = os.environ.get(OLD_VARIABLE, "").lower() in ("true", "1")
    if old:
        log.warning("model_code.unset", taken=ALLOW, reason=f"{OLD_VARIABLE} is set")
    return old


def refuse_code(folder: Path) -> None:
    """Raises `Misconfigured`, which names the code, for a version that may hold some."""
    found = next(_code_in(folder), "")
    if found:
        raise Misconfigured(
            f"it holds code, or may: {found}. MODEL_CODE=allow runs it; set that only if you trust"
            " everybody who can write to the registry"
        )


def _code_in(folder: Path) -> Iterator[str]:
    try:
        flavors = load_bounded((folder / "MLmodel").read_bytes())["flavors"]
        if "pytorch" in flavors:
            yield from _in_flavor("pytorch", flavors["pytorch"])
            yield from _in_torch(folder / "data")
        else:
            yield from _in_pyfunc(folder, flavors)
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        yield f"its MLmodel file can't be judged ({type(error).__name__})"


def _in_pyfunc(folder: Path, flavors: Any) -> Iterator[str]:
    own = flavors["python_function"]
    module = own["loader_module"]
    yield from _in_python_model(own)
    flavor = module.removeprefix("mlflow.")
    if reason := REFUSED.get(flavor):
        yield f"MLflow loads it as {flavor}, and {reason}"
    if f"mlflow.{flavor}" != module or flavor not in SERVED or flavor not in flavors:
        yield f"its loader_module is {module!r:.100}, which is not known to load data alone"
    yield from _odd_settings("python_function", own, _PYFUNC)
    yield from _in_flavor(flavor, flavors[flavor])
    data = own["data"]
    if data != flavors[flavor]["data"] or "/" in data or not (folder / data).is_file():
        # MLflow reads the MLmodel file beside it, which must be this one.
        yield f"its data is {data!r:.100}, which is no file beside its MLmodel file"
    if flavor == "onnx" and (strange := strange_file(folder / data)):
        yield f"{data}, which {strange}"


def _in_python_model(own: Mapping[str, Any]) -> Iterator[str]:
    """The code of `mlflow.pyfunc`'s own models."""
    for key, words in (
        ("code", "the Python files in {}"),
        ("model_code_path", "the Python file {}, a model from code"),
        ("python_model", "the pickle {}"),
    ):
        if said := own.get(key):
            yield words.format(Path(str(said)).name[:100])


def _in_flavor(flavor: str, own: Mapping[str, Any]) -> Iterator[str]:
    yield from _odd_settings(flavor, own, _ALWAYS | SERVED[flavor])


def _odd_settings(
    flavor: str, own: Mapping[str, Any], known: Mapping[str, Setting]
) -> Iterator[str]:
    for name, said in own.items():
        if name not in known or not known[name](said):
            yield f"{name}={said!r:.100} of its flavor {flavor}"


def _in_torch(data: Path) -> Iterator[str]:
    """MLflow takes `model.pth` and the pickle module that a text file names, if there is one."""
    archive = data / "model.pt2"
    if (data / "model.pth").exists() or not data.is_dir():
        yield "the pickle model.pth, which torch exports as pt2 without one"
    if found := code_in_archive(archive):
        yield found
