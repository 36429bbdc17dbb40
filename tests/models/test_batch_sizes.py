"""Networks with convolutions get few sizes of batches on a GPU, as each new one costs seconds."""

import warnings

import numpy as np
import pytest

from inference.errors import OutOfMemory
from inference.models.signature import Tensor
from tests.models.test_networks import torch_model


def test_a_batch_is_filled_up_to_a_power_of_two_and_each_row_keeps_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = []

    def network(rows):  # type: ignore[no-untyped-def]
        sizes.append(len(rows))
        return {"twice": rows * 2, "row": rows.sum(dim=1)}

    from worker.models import torch_model as engine

    monkeypatch.setattr(engine, "plans_by_shape", lambda *_: True)
    model = torch_model(monkeypatch, network, Tensor("x", "float32", (-1, 2)))
    for count in (1, 48, *range(1, 49)):
        inputs = [{"features": {"x": [float(one), 1.0]}} for one in range(count)]
        assert model.predict(inputs) == [
            {"twice": [2 * one, 2], "row": one + 1} for one in range(count)
        ]
    assert set(sizes) == {1, 2, 4, 8, 16, 32, 48}, "and never larger than the largest that came"


def test_a_batch_is_not_filled_up_to_a_size_that_memory_did_not_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = []

    def network(rows):  # type: ignore[no-untyped-def]
        if len(rows) > 24:
            raise MemoryError
        sizes.append(len(rows))
        return rows

    from worker.models import torch_model as engine

    monkeypatch.setattr(engine, "plans_by_shape", lambda *_: True)
    model = torch_model(monkeypatch, network, Tensor("x", "float32", (-1, 1)))
    inputs = [{"features": {"x": [1.0]}}] * 48
    with pytest.raises(OutOfMemory):
        model.predict(inputs)
    for count in (24, 20):
        assert len(model.predict(inputs[:count])) == count
    assert sizes == [24, 24]


def test_rows_of_other_lengths_are_filled_up_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    from worker.models import torch_model as engine

    monkeypatch.setattr(engine, "plans_by_shape", lambda *_: True)
    model = torch_model(monkeypatch, lambda rows: rows.sum(dim=1), Tensor("x", "float32", (-1, -1)))
    inputs = [{"features": {"x": [1.0] * length}} for length in (1, 2, 1, 3, 1, 2, 2, 1, 1)]
    assert model.predict(inputs) == [1, 2, 1, 3, 1, 2, 2, 1, 1]


def test_what_has_no_convolutions_or_no_gpu_gets_its_batches_as_they_are() -> None:
    import torch

    from worker.models.batch_sizes import filled, plans_by_shape

    class Listed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = torch.nn.ModuleList([torch.nn.Linear(4, 4)])

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            for part in self.parts:
                rows = part(rows)
            return rows

    convolves = torch.nn.Sequential(torch.nn.Conv1d(1, 1, 1))
    example = torch.zeros(2, 1, 4)
    exported = torch.export.export(convolves, (example,)).module()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        traced = torch.jit.trace(convolves, example)  # type: ignore[no-untyped-call]
        frozen = torch.jit.freeze(torch.jit.script(convolves.eval()))
        listed = torch.jit.script(Listed())
    for module in (convolves, exported, traced, frozen):
        assert plans_by_shape(module, "cuda:0")
        assert not plans_by_shape(module, "cpu")
    plain = torch.export.export(torch.nn.Linear(4, 4), (example,)).module()
    for module in (torch.nn.Linear(4, 4), plain, listed, Listed()):
        assert not plans_by_shape(module, "cuda:0")
    rows = np.ones((3, 2))
    assert filled(rows, 3) is rows
