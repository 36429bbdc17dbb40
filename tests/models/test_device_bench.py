"""Tests the graphs that the device bench brings to a real device (bench/device).

Here they run on the CPU: they export with any number of rows.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bench.device.graphs import Allocating, Dense, Lookup
from bench.device.models import LOOKUP_ROWS, DenseSize


def exported(network: torch.nn.Module) -> torch.nn.Module:
    """As MLflow's saver exports it: from two rows, their number left open."""
    program = torch.export.export(
        network.eval(), (torch.ones(2, 1),), dynamic_shapes=[{0: torch.export.Dim.AUTO}]
    )
    module: torch.nn.Module = program.module()
    return module


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).unsqueeze(1)


def test_the_model_that_allocates_answers_its_input_and_needs_as_much_a_row_as_told() -> None:
    module, seen = exported(Allocating(row_bytes=4096)), []

    class Sizes(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(  # type: ignore[no-untyped-def]
            self, func, types, args=(), kwargs=None
        ):
            answer = func(*args, **(kwargs or {}))
            seen.extend(
                [answer.untyped_storage().nbytes()] if isinstance(answer, torch.Tensor) else []
            )
            return answer

    with Sizes():  # type: ignore[no-untyped-call]
        assert torch.equal(module(column(1, 2, 3)), column(1, 2, 3))
    assert max(seen) == 3 * 4096


def test_the_model_that_looks_up_answers_each_row_and_fails_on_an_index_that_is_outside() -> None:
    module = exported(Lookup())
    assert torch.equal(module(column(1, 7, 3)), column(2, 14, 6))
    with pytest.raises(IndexError):
        module(column(1, LOOKUP_ROWS, 3))


def test_the_model_of_much_arithmetic_answers_a_finite_number_a_row_alone_as_in_a_batch() -> None:
    module = exported(Dense(DenseSize(tokens=4, width=64, layers=3)))
    answers = module(column(1, 2, 4))
    assert answers.isfinite().all()
    torch.testing.assert_close(answers, answers[0] * column(1, 2, 4))
    torch.testing.assert_close(module(column(2)), answers[1:2])
