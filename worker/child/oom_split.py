"""Runs in halves a batch that the device can't hold.

The runner uses it, and so does a job without a queue.
"""

from collections.abc import Callable, Sequence
from typing import Any

from inference.errors import OutOfMemory

Inputs = Sequence[Any]


def predict_in_halves(
    predict: Callable[[Inputs], list[Any]], inputs: Inputs, halved: Callable[[], object]
) -> list[Any]:
    """Answers one for one.

    `halved` hears of each halving; `OutOfMemory` is raised for a single input that is too large.
    """
    try:
        results = predict(inputs)
    except OutOfMemory:
        if len(inputs) == 1:
            raise
        halved()
        half = len(inputs) // 2
        return predict_in_halves(predict, inputs[:half], halved) + predict_in_halves(
            predict, inputs[half:], halved
        )
    if len(results) != len(inputs):
        raise RuntimeError(f"the model answered {len(results)} results for {len(inputs)} inputs")
    return results
