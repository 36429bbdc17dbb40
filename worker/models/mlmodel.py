"""A model's folder: what its `MLmodel` file says, and the files that it brings along.

The file and its signature are read by `inference.models.description`, for the gateway too: a
version whose requests can't be checked there is not loaded here. Of its free `metadata` these keys
are understood (docs/models.md):

- `feature_table`: a parquet inside the folder, indexed by the entity key;
- `outputs`: the names of the output's columns;
- of a torch model `image`: which column is an image and how its pixels are wanted;
- `labels`: a text file inside the folder with a class's name a line;
- `top_k`: how many labels an answer has.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inference.errors import Misconfigured
from inference.models.description import compile_checkers, read_description, read_signature
from inference.models.input_example import UnknownExample, features_of_example
from inference.models.signature import Column, InputForm, Param, Tensor
from worker.models.model_files import path_inside


@dataclass(frozen=True, slots=True)
class MLmodel:
    """A model's description.

    The signature is in columns or in tensors, never both, and both empty if there is none.
    """

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
    form: InputForm = InputForm.NAMED
    hinted: bool = False
    """The signature was made from a type hint."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """All of it, for a program that reads more of it than a worker."""

    def examples(self) -> list[Any]:
        """The registered example as features, one for a row; empty if there is none."""
        if self.example_file is None:
            return []
        content = json.loads(self.example_file.read_text(encoding="utf-8"))
        try:
            return features_of_example(content, self.columns or self.tensors, self.form)
        except UnknownExample:
            raise Misconfigured(
                f"the registered example {self.example_file.name} has a form that this worker"
                " does not know"
            ) from None


def read(folder: Path) -> MLmodel:
    """Reads the description; raises `Misconfigured` for a folder that can't be served.

    Such a folder holds no model, or one whose requests can't be checked.
    """
    file = folder / "MLmodel"
    if not file.is_file():
        raise Misconfigured(
            f"there is no MLmodel file in what the registry gave for this model ({folder.name})"
        )
    said = read_description(file.read_bytes())
    metadata = said.metadata
    signature = read_signature(said.inputs, said.params, metadata, hinted=said.hinted)
    compile_checkers(signature)
    table, labels = metadata.get("feature_table"), metadata.get("labels")
    return MLmodel(
        folder=folder,
        flavors=said.flavors,
        columns=tuple(part for part in signature.inputs if isinstance(part, Column)),
        tensors=tuple(part for part in signature.inputs if isinstance(part, Tensor)),
        outputs=tuple(metadata.get("outputs", ())),
        feature_table=path_inside(folder, table, "its metadata.feature_table") if table else None,
        example_file=path_inside(folder, said.example, "its input example")
        if said.example
        else None,
        image=metadata.get("image"),
        labels_file=path_inside(folder, labels, "its metadata.labels") if labels else None,
        top_k=metadata.get("top_k", 5),
        params=signature.params,
        form=signature.form,
        hinted=said.hinted,
        metadata=metadata,
    )
