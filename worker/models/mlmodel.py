"""The `MLmodel` file of a model's folder: what it takes, what it answers, and what it brings along.

The file is read and judged as by the gateway (`app.contract.description`): a version whose requests can't be checked there is
not loaded here. Of its free `metadata` these keys are understood: `feature_table`, a parquet inside the folder, indexed by
the entity key; `outputs`, the names of the output's columns; and of a torch model `image`, which column is an image and how its
pixels are wanted, `labels`, a text file inside the folder with a class's name a line, and `top_k`, how many of them an answer has
(docs/models.md).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.contract.description import compile_checkers, read_description
from app.contract.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the input, by MLflow's type names (`double`, `long`, `string`, …)."""

    name: str
    type: str
    required: bool
    spec: Mapping[str, Any] = field(default_factory=dict)
    """As it stands in the signature, with an array's `items` or an object's `properties`."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One array of the input; `shape` begins with the batch, -1 is any length."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Param:
    """One of the parameters that a request may set; `many` are a list."""

    name: str
    type: str
    many: bool
    default: Any
    spec: Mapping[str, Any] = field(default_factory=dict)
    """As a column's."""


@dataclass(frozen=True, slots=True)
class MLmodel:
    """A model's description; the signature is in columns or in tensors, never both, and both empty if there is none."""

    folder: Path
    flavors: frozenset[str]
    columns: tuple[Column, ...]
    tensors: tuple[Tensor, ...]
    outputs: tuple[str, ...]
    feature_table: Path | None
    example_file: Path | None
    image: Mapping[str, Any] | None = None
    labels_file: Path | None = None
    top_k: Any = 5
    params: tuple[Param, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """All of it, for a program that reads more of it than a worker."""

    def examples(self) -> list[dict[str, Any]]:
        """The registered example as features, one dict a row; empty if there is none."""
        if self.example_file is None:
            return []
        content = json.loads(self.example_file.read_text(encoding="utf-8"))
        names = [part.name for part in self.columns or self.tensors]
        match content:
            case {"data": list(rows)} if not self.tensors:
                names = content.get("columns", names)
            case dict(arrays) if self.tensors:
                names, rows = list(arrays), list(zip(*arrays.values(), strict=True))
            case [list(), *_] if self.tensors:
                rows = [[row] for row in content]
            case [list(), *_]:
                rows = content
            case dict() | [dict(), *_]:
                return [content] if isinstance(content, dict) else content
            case _:
                raise Misconfigured(f"the registered example {self.example_file.name} has a form that this worker does not know")
        return [dict(zip(names, row, strict=True)) for row in rows]


def read(folder: Path) -> MLmodel:
    """Reads the description; raises `Misconfigured` if the folder holds no model, or one whose requests can't be checked."""
    file = folder / "MLmodel"
    if not file.is_file():
        raise Misconfigured(f"there is no MLmodel file in what the registry gave for this model ({folder.name})")
    said = read_description(file.read_bytes())
    compile_checkers(said.inputs, said.params, said.metadata)
    inputs, params, metadata = said.inputs, said.params or (), said.metadata
    table = metadata.get("feature_table")
    return MLmodel(
        folder=folder,
        flavors=said.flavors,
        columns=tuple(_column(spec) for spec in inputs if spec["type"] != "tensor"),
        tensors=tuple(_tensor(spec) for spec in inputs if spec["type"] == "tensor"),
        outputs=tuple(metadata.get("outputs", ())),
        feature_table=folder / table if table else None,
        example_file=folder / said.example if said.example else None,
        image=metadata.get("image"),
        labels_file=folder / metadata["labels"] if metadata.get("labels") else None,
        top_k=metadata.get("top_k", 5),
        params=tuple(_param(spec) for spec in params),
        metadata=metadata,
    )


def _column(spec: Mapping[str, Any]) -> Column:
    return Column(str(spec["name"]), spec["type"], spec.get("required", True), spec)


def _param(spec: Mapping[str, Any]) -> Param:
    return Param(spec["name"], spec.get("type") or spec["dtype"], bool(spec.get("shape")), spec["default"], spec)


def _tensor(spec: Mapping[str, Any]) -> Tensor:
    tensor = spec["tensor-spec"]
    return Tensor(str(spec["name"]), tensor["dtype"], tuple(tensor["shape"]))
