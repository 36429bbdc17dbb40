"""Models of MLflow's `pytorch` flavor: on the GPU if there is one, a batch in one call.

MLflow refuses to move a model exported by torch (pt2) to another device than it was saved on; torch
itself can. So MLflow loads it, which checks the archive for pickles, and on a GPU the same archive
is read again and moved.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow.pytorch
import numpy as np
import torch
from numpy.typing import NDArray
from torch.export.passes import move_to_device_pass

from inference.errors import InvalidInput, Misconfigured, UnfitAnswer
from inference.models.signature import Tensor
from worker.models.batch_sizes import BatchSizes, filled, plans_by_shape
from worker.models.device_errors import guarded
from worker.models.grouping import run_in_groups
from worker.models.images.decoding import Picture
from worker.models.images.labels import Labels, read_labels
from worker.models.inputs import column_values, tensor_values
from worker.models.mlmodel import MLmodel
from worker.models.outputs import parts_as_rows, rows_of
from worker.models.tensors import array_of

TOP_K = "top_k"
"""The one parameter that a torch model may have: how many labels an answer has."""
Row = tuple[list[NDArray[Any]], int]
"""An input's arrays, and how many labels its answer gets."""


class TorchEngine:
    """Runs a torch module.

    The module is fed float32 `[rows, columns]`, named tensors in the signature's order, or uint8
    `[rows, size, size, 3]`. An optional column that a row leaves out is NaN. Rows whose tensors
    differ in their lengths run apart.
    """

    def __init__(self, mlmodel: MLmodel, device: str) -> None:
        if not mlmodel.columns and not mlmodel.tensors:
            raise Misconfigured("a torch model needs a signature: register it with one")
        self.device = device
        self._columns = mlmodel.columns
        self.image = _picture(mlmodel)
        self._tensors = (_pixels(self.image),) if self.image else mlmodel.tensors
        self.labels = (
            read_labels(mlmodel.labels_file, mlmodel.top_k) if mlmodel.labels_file else None
        )
        _check_params(mlmodel, self.labels)
        self._module = load_module(mlmodel.folder, device)
        self._sizes = BatchSizes() if plans_by_shape(self._module, device) else None

    def row(self, features: Mapping[str, Any], params: Mapping[str, Any]) -> Row:
        return self._arrays(features), self.labels.count(
            params.get(TOP_K, self.labels.top_k)
        ) if self.labels else 0

    def _arrays(self, features: Mapping[str, Any]) -> list[NDArray[Any]]:
        if self._tensors:
            return tensor_values(self._tensors, features)
        values = column_values(self._columns, features)
        with np.errstate(over="ignore"):
            row = np.asarray(values, dtype=np.float32)
        for place in np.flatnonzero(~np.isfinite(row)):
            if values[place] is not None:
                name = self._columns[place].name
                raise InvalidInput(f"{name} is too large", field=f"features.{name}")
        return [row]

    def run(self, rows: list[Row]) -> list[Any]:
        return run_in_groups(
            rows, lambda row: tuple(array.shape for array in row[0]), self._answers
        )

    def _answers(self, rows: list[Row]) -> list[Any]:
        wanted = [count for _, count in rows]
        size = self._sizes.size_for(len(rows)) if self._sizes else len(rows)
        stacked = [
            filled(np.stack(parts), size)
            for parts in zip(*(arrays for arrays, _ in rows), strict=True)
        ]
        answers = rows_of(guarded(lambda: self._call(stacked, max(wanted))), size)[: len(rows)]
        if self._sizes:
            self._sizes.ran(size)
        if self.labels is None:
            return answers
        return [
            {name: values[:count] for name, values in row.items()}
            for row, count in zip(answers, wanted, strict=True)
        ]

    def _call(self, arrays: Sequence[NDArray[Any]], most_labels: int) -> Any:
        with torch.inference_mode():
            output = self._module(*(torch.from_numpy(array).to(self.device) for array in arrays))
            if self.labels is not None:
                output = self.labels.largest(output, most_labels)
        if isinstance(output, Mapping):
            return {name: _array(part) for name, part in output.items()}
        if isinstance(output, tuple | list):
            return parts_as_rows([_array(part) for part in output], len(arrays[0]))
        return _array(output)


def _picture(mlmodel: MLmodel) -> Picture | None:
    """Returns how the model wants its image, if its metadata say that it takes one.

    The image is the only input then.
    """
    if mlmodel.image is None:
        return None
    try:
        picture = Picture(**mlmodel.image)
    except TypeError as error:
        raise Misconfigured(f"the model's metadata.image is not understood: {error}") from error
    if [(column.name, column.type) for column in mlmodel.columns] != [(picture.column, "string")]:
        raise Misconfigured(
            f"a model of images must have one input in its signature, the string {picture.column}"
        )
    return picture


def _check_params(mlmodel: MLmodel, labels: Labels | None) -> None:
    """A module's `forward` knows no parameters beside its inputs."""
    if [param.name for param in mlmodel.params] not in ([], [TOP_K]) or (
        mlmodel.params and labels is None
    ):
        raise Misconfigured(
            f"a torch model may have the parameter {TOP_K} alone, and that with metadata.labels"
        )


def _pixels(picture: Picture) -> Tensor:
    return Tensor(picture.column, "uint8", (-1, picture.size, picture.size, 3))


def choose_device(cuda_available: bool) -> str:
    """The device for a model: a worker has one GPU, or none."""
    return "cuda:0" if cuda_available else "cpu"


def load_module(folder: Path, device: str) -> torch.nn.Module:
    """Loads the module of a model's folder onto a device, ready for inference."""
    module: torch.nn.Module = mlflow.pytorch.load_model(str(folder), map_location="cpu")
    if device == "cpu":
        return module
    exported = folder / "data" / "model.pt2"
    if not exported.is_file():
        return module.to(device)
    return move_to_device_pass(torch.export.load(str(exported)), device).module()


def _array(output: Any) -> NDArray[Any]:
    array = array_of(output)
    if array is None:
        raise UnfitAnswer(
            "a torch model must answer a tensor, several by name, or a tuple or list of tensors,"
            f" not {type(output).__name__}"
        )
    return array
