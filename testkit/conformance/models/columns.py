"""Pyfunc models with named columns of every type, parameters, artifacts, and models from code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from testkit.conformance.cases import (
    Case,
    dataframe_records,
    dataframe_split,
    inputs,
    unnamed_split,
)
from testkit.conformance.inputs import of_doubles
from testkit.conformance.models.column_inputs import (
    ODD,
    OPTIONAL,
    TYPES,
    of_anything,
    of_floats,
    of_maps,
    of_nested,
    of_odd_names,
    of_optional,
    of_params,
    of_the_artifact,
    of_types,
    of_unnamed,
    of_unnamed_mixed,
)
from testkit.conformance.models.sklearn_models import ROWS

CODE = Path(__file__).parents[1] / "from_code.py"


def log(model: Any, name: str, signature: Any, **options: Any) -> None:
    import mlflow.pyfunc

    mlflow.pyfunc.log_model(
        name=name,
        python_model=model,
        signature=signature,
        registered_model_name=name,
        pip_requirements=[],
        **options,
    )


def seen(name: str, columns: Sequence[Any], params: Sequence[Any] = (), model: Any = None) -> None:
    from mlflow.models import ModelSignature
    from mlflow.types import ParamSchema, Schema

    from testkit.conformance.classes import Seen

    signature = ModelSignature(inputs=Schema(list(columns)))
    if params:
        signature.params = ParamSchema(list(params))
    log(model or Seen(), name, signature)


def all_types(name: str) -> None:
    from mlflow.types import ColSpec

    seen(name, [ColSpec(kind, column) for column, kind in TYPES.items()])


def echo(name: str) -> None:
    from mlflow.types import ColSpec

    from testkit.conformance.classes import Echo

    seen(name, [ColSpec(kind, column) for column, kind in TYPES.items()], model=Echo())


def optional(name: str) -> None:
    from mlflow.types import ColSpec

    columns = [ColSpec(kind, column, required=False) for column, kind in OPTIONAL.items()]
    seen(name, [ColSpec("string", "row"), *columns])


def nested(name: str) -> None:
    from mlflow.types import ColSpec
    from mlflow.types.schema import Array, Object, Property

    item = Object([Property("s", "string"), Property("n", "long", required=False)])
    seen(
        name,
        [
            ColSpec(Array("double"), "doubles"),
            ColSpec(Array("string"), "words", required=False),
            ColSpec(item, "item"),
            ColSpec(Array(item), "items", required=False),
        ],
    )


def floats_inside(name: str) -> None:
    from mlflow.types import ColSpec
    from mlflow.types.schema import Array, Object, Property

    parts = Object([Property("i", "integer"), Property("f", "float"), Property("t", "datetime")])
    seen(name, [ColSpec(Array("float"), "floats"), ColSpec(parts, "parts", required=False)])


def maps(name: str) -> None:
    from mlflow.types import ColSpec
    from mlflow.types.schema import Array, Map

    seen(
        name,
        [
            ColSpec(Map("double"), "weights"),
            ColSpec(Map(Array("string")), "tags", required=False),
        ],
    )


def anything(name: str) -> None:
    from mlflow.types import ColSpec
    from mlflow.types.schema import AnyType

    any_type = AnyType()  # type: ignore[no-untyped-call]
    seen(name, [ColSpec(any_type, "any"), ColSpec("string", "s", required=False)])


def odd_names(name: str) -> None:
    from mlflow.types import ColSpec

    seen(name, [ColSpec("double", column) for column in ODD])


def unnamed(name: str) -> None:
    from mlflow.types import ColSpec

    seen(name, [ColSpec("string")])


def unnamed_mixed(name: str) -> None:
    from mlflow.types import ColSpec

    seen(name, [ColSpec("long"), ColSpec("string"), ColSpec("double")])


def params(name: str) -> None:
    from mlflow.types import ColSpec, DataType, ParamSpec
    from mlflow.types.schema import Object, Property

    config = Object([Property("depth", DataType.long), Property("name", DataType.string)])
    seen(
        name,
        [ColSpec("double", "x")],
        [
            ParamSpec("top", "long", 3),
            ParamSpec("factor", "double", 0.5),
            ParamSpec("mode", "string", None),
            ParamSpec("fees", "double", [1.0], (-1,)),
            ParamSpec("since", "datetime", "2026-01-31"),
            ParamSpec("config", config, {"depth": 1, "name": "a"}),
        ],
    )


def artifact(name: str) -> None:
    from tempfile import TemporaryDirectory

    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    from testkit.conformance.classes import Scaled

    with TemporaryDirectory() as folder:
        file = Path(folder) / "factor.json"
        file.write_text('{"factor": 2.5}')
        signature = ModelSignature(Schema([ColSpec("double", "x"), ColSpec("double", "y")]))
        log(Scaled(), name, signature, artifacts={"factor": str(file)})


def loader(name: str) -> None:
    """A module of the user's own that loads a folder of data; no Python object is stored."""
    from tempfile import TemporaryDirectory

    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    with TemporaryDirectory() as folder:
        (Path(folder) / "factor.json").write_text('{"factor": 2.5}')
        mlflow.pyfunc.log_model(
            name=name,
            loader_module="own_loader",
            code_paths=[str(CODE.with_name("own_loader.py"))],
            data_path=folder,
            signature=ModelSignature(Schema([ColSpec("double", "a"), ColSpec("double", "b")])),
            registered_model_name=name,
            pip_requirements=[],
        )


def from_code(name: str) -> None:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    signature = ModelSignature(Schema([ColSpec("double", "a"), ColSpec("double", "b")]))
    log(str(CODE), name, signature)


PY = "pyfunc"
CASES = [
    Case("py-types", PY, "a column of each type", all_types, of_types(), dataframe_split),
    Case("py-echo", PY, "a column of each type", echo, of_types(), dataframe_records),
    Case("py-optional", PY, "optional columns", optional, of_optional(), dataframe_split),
    Case("py-nested", PY, "arrays and objects", nested, of_nested(), dataframe_split),
    Case("py-floats", PY, "float32 in arrays", floats_inside, of_floats(), dataframe_split),
    Case("py-maps", PY, "maps", maps, of_maps(), dataframe_split),
    Case("py-any", PY, "any", anything, of_anything(), dataframe_split),
    Case("py-names", PY, "odd names", odd_names, of_odd_names(), dataframe_split),
    Case("py-params", PY, "parameters", params, of_params(), dataframe_split),
    Case("py-artifact", PY, "named columns", artifact, of_the_artifact(), dataframe_split),
    Case("py-loader", PY, "named columns", loader, of_doubles(ROWS), dataframe_split),
    Case("py-from-code", PY, "named columns", from_code, of_doubles(ROWS), dataframe_split),
    Case("py-unnamed", PY, "an unnamed column", unnamed, of_unnamed(), inputs),
    Case("py-row", PY, "unnamed columns", unnamed_mixed, of_unnamed_mixed(), unnamed_split),
]
