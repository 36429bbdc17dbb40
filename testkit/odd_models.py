"""Registers model versions that can't be served, each wrong in its own way.

Run as `python -m testkit.odd_models URL`. It registers them by hand and not by MLflow's
`log_model`, which refuses some of them; other programs and older releases register what they like.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from mlflow import MlflowClient

TENSOR = {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}
PYFUNC = {"python_function": {"loader_module": "nothing"}}


def mlmodel(inputs: Any = None, params: Any = None, flavors: Any = None, **more: Any) -> str:
    """The text of an MLmodel file."""
    signature = {
        part: json.dumps(said)
        for part, said in (("inputs", inputs), ("params", params))
        if said is not None
    }
    return yaml.safe_dump(
        {"flavors": PYFUNC if flavors is None else flavors, "signature": signature or None, **more}
    )


GOOD = [{"type": "double", "name": "x", "required": True}]


@dataclass(frozen=True)
class Odd:
    """The MLmodel file, and words of the reason why it can't be served."""

    mlmodel: str
    words: str


FILES = {
    "odd-map-column": Odd(
        mlmodel([{"type": "map", "values": {"type": "vector"}, "name": "x"}]),
        "type that can't be checked: 'vector'",
    ),
    "odd-unknown-type": Odd(
        mlmodel([{"type": "decimal", "name": "x"}]), "a type that can't be checked: 'decimal'"
    ),
    "odd-unknown-dtype": Odd(
        mlmodel([TENSOR | {"name": "x", "tensor-spec": {"dtype": "complex64", "shape": [-1]}}]),
        "can't be checked: 'complex64'",
    ),
    "odd-shape": Odd(
        mlmodel([TENSOR | {"name": "x", "tensor-spec": {"dtype": "int8", "shape": [-1, "a"]}}]),
        "can't be checked",
    ),
    "odd-unnamed-tensors": Odd(mlmodel([TENSOR, TENSOR]), "must name its tensors"),
    "odd-unnamed-column": Odd(mlmodel([*GOOD, {"type": "double"}]), "name every input, or none"),
    "odd-two-of-one-name": Odd(mlmodel([GOOD[0] | {"name": n} for n in (0, "0")]), "of one name"),
    "odd-unsigned": Odd(mlmodel(), "it has no signature of its inputs"),
    "odd-inputs": Odd(mlmodel({"a": 1}), "no list of columns or tensors"),
    "odd-params": Odd(mlmodel(GOOD, {"a": 1}), "its signature or its metadata can't be read"),
    "odd-metadata": Odd(
        mlmodel(GOOD, metadata={"image": [1]}), "its signature or its metadata can't be read"
    ),
    "odd-no-json-metadata": Odd(
        mlmodel(GOOD, metadata={"n": 2**70}), "its MLmodel file can't be read"
    ),
    "odd-no-json-signature": Odd(
        "flavors: {python_function: {}}\nsignature: {inputs: '[{'}",
        "its MLmodel file can't be read",
    ),
    "odd-no-yaml": Odd("flavors: {[", "its MLmodel file can't be read"),
    "odd-no-mapping": Odd("just words", "its MLmodel file can't be read"),
    "odd-no-text": Odd("\x00\x01", "its MLmodel file can't be read"),
    "odd-foreign": Odd(
        mlmodel(GOOD, flavors={"spark": {}}), "none of the flavors that workers load"
    ),
}

NO_FILE, FILES_AWAY, NO_ALIAS, NOT_REGISTERED = (
    "odd-no-file",
    "odd-files-away",
    "odd-no-alias",
    "odd-not-registered",
)
REASONS = {name: odd.words for name, odd in FILES.items()} | {
    NO_FILE: "the MLmodel file of models:/odd-no-file/1 can't be fetched",
    FILES_AWAY: "the MLmodel file of models:/odd-files-away/1 can't be fetched",
    NO_ALIAS: "has no models:/odd-no-alias@production: register it, or set its alias, first",
    NOT_REGISTERED: (
        "has no models:/odd-not-registered@production: register it, or set its alias, first"
    ),
}


def register(client: "MlflowClient", name: str, source: str, run_id: str | None = None) -> None:
    client.create_registered_model(name)
    client.create_model_version(name, source, run_id)
    if name != NO_ALIAS:
        client.set_registered_model_alias(name, "production", "1")


def main(url: str) -> None:
    # here, since it takes two seconds, and a test that only reads the files needs none of it
    import mlflow

    mlflow.set_tracking_uri(url)
    client = mlflow.MlflowClient()
    with TemporaryDirectory() as folder, mlflow.start_run() as run:
        for name, odd in (FILES | {NO_ALIAS: Odd(mlmodel(GOOD), "")}).items():
            (Path(folder) / name).mkdir()
            (Path(folder) / name / "MLmodel").write_text(odd.mlmodel)
        mlflow.log_artifacts(folder)
    for name in (*FILES, NO_FILE, NO_ALIAS):
        register(client, name, f"{run.info.artifact_uri}/{name}", run.info.run_id)
    register(client, FILES_AWAY, f"s3://away/{FILES_AWAY}")


if __name__ == "__main__":
    main(sys.argv[1])
