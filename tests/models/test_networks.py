"""Models of the pytorch flavor: what a network gets and may answer, and what its device says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference.errors import DeviceBroken, InvalidInput, OutOfMemory, UnfitAnswer
from inference.models.signature import Column, Tensor
from worker.models.loaded import LoadedModel
from worker.models.mlmodel import MLmodel


def torch_model(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[..., Any], *inputs: Column | Tensor
) -> LoadedModel:
    """A model of the pytorch flavor that answers so."""
    from worker.models import torch_model

    monkeypatch.setattr(torch_model, "load_module", lambda *_: answer)
    columns = tuple(part for part in inputs if isinstance(part, Column))
    tensors = tuple(part for part in inputs if isinstance(part, Tensor))
    mlmodel = MLmodel(Path(), frozenset({"pytorch"}), columns, tensors, (), None, None)
    return LoadedModel("network", "1", mlmodel, torch_model.TorchEngine(mlmodel, "cpu"))


def test_a_network_gets_nan_for_an_optional_column_that_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    columns = [Column("a", "double", True), Column("b", "long", False)]
    model = torch_model(monkeypatch, lambda rows: rows.nan_to_num(-1.0), *columns)
    features: list[dict[str, Any]] = [
        {"a": 1.0},
        {"a": 2.0, "b": 3},
        {"a": 4.0, "b": None},
        {"b": 5},
    ]
    *answers, refused = model.predict([{"features": one} for one in features])
    assert answers == [[1, -1], [2, 3], [4, -1]]
    assert isinstance(refused, InvalidInput)
    assert refused.field == "features.a"


def test_a_network_gets_tensors_of_several_lengths_each_length_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = torch_model(monkeypatch, lambda rows: rows.sum(dim=1), Tensor("x", "float32", (-1, -1)))
    assert model.predict([{"features": {"x": x}} for x in ([1.0], [1.0, 2.0], [4.0])]) == [1, 3, 4]


def test_a_network_that_answers_several_tensors_gives_each_row_a_part_of_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for several in (tuple, list):
        model = torch_model(
            monkeypatch,
            lambda rows, several=several: several((rows, rows.sum(dim=1).bfloat16())),
            Tensor("x", "float32", (-1, 2)),
        )
        answers = model.predict([{"features": {"x": x}} for x in ([1.0, 2.0], [3.0, 4.5])])
        assert answers == [[[1, 2], 3], [[3, 4.5], 7.5]]


@pytest.mark.parametrize(
    "answer",
    [
        lambda rows: (rows, rows.sum()),
        lambda rows: (rows, "1"[: len(rows)]),
        lambda _: (),
        lambda rows: rows.sum(),
        lambda rows: {"y": (rows, rows)},
    ],
)
def test_a_network_that_answers_no_rows_is_refused_for_good(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[..., Any]
) -> None:
    model = torch_model(monkeypatch, answer, Column("a", "double", True))
    for count in (1, 2):
        with pytest.raises(UnfitAnswer):
            model.predict([{"features": {"a": 1.0}}] * count)


def test_the_gpu_is_taken_if_there_is_one() -> None:
    from worker.models.torch_model import choose_device

    assert choose_device(cuda_available=True) == "cuda:0"
    assert choose_device(cuda_available=False) == "cpu"


def test_memory_that_is_too_small_is_told_apart_from_a_models_error() -> None:
    import torch

    from worker.models.device_errors import guarded

    def raising(error: BaseException) -> Callable[[], None]:
        def call() -> None:
            raise error

        return call

    for error in (
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate"),
    ):
        with pytest.raises(OutOfMemory) as caught:
            guarded(raising(error))
        assert caught.value.__context__ is None, "the cause's frames would keep the batch in memory"
    with pytest.raises(RuntimeError, match="shapes"):
        guarded(raising(RuntimeError("shapes do not match")))


def test_an_error_of_cuda_says_that_the_device_is_broken() -> None:
    import torch

    from worker.models.device_errors import guarded

    def raising(error: BaseException) -> Callable[[], None]:
        def call() -> None:
            raise error

        return call

    for error in (
        torch.AcceleratorError("CUDA error: device-side assert triggered"),
        RuntimeError("CUDA error: unknown error"),
    ):
        with pytest.raises(DeviceBroken, match="CUDA error"):
            guarded(raising(error))
