"""Names the likeliest labels of a classifier's row of probabilities.

The answer is `{"labels": [{"label", "index", "probability"}, …]}`.

The k largest are found on the device, so that a row of a thousand numbers does not travel or turn
into Python's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.errors import InvalidInput, Misconfigured, UnfitAnswer

if TYPE_CHECKING:  # A model without torch runs where there is no torch.
    import torch


@dataclass(frozen=True, slots=True)
class Labels:
    """The names of a model's classes in order, and how many of them an answer has."""

    names: tuple[str, ...]
    top_k: int

    def count(self, wanted: int) -> int:
        """Returns how many are wanted; raises `InvalidInput` for a number that there are not."""
        if not 1 <= wanted <= len(self.names):
            raise InvalidInput(f"top_k must be from 1 to {len(self.names)}", field="params.top_k")
        return wanted

    def largest(self, probabilities: Any, count: int) -> "dict[str, torch.Tensor]":
        """Finds the `count` largest probabilities of each row, the largest first.

        Takes `[rows, classes]`; returns index and probability, each `[rows, count]`.
        """
        shape = tuple(getattr(probabilities, "shape", ()))
        if len(shape) != 2 or shape[1] != len(self.names):
            raise UnfitAnswer(
                f"the model has {len(self.names)} labels and answered an array of {list(shape)}"
            )
        found = probabilities.topk(count)
        return {"index": found.indices, "probability": found.values}

    def named(self, row: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        """Makes the answer of one row of `largest`."""
        pairs = zip(row["index"], row["probability"], strict=True)
        return {
            "labels": [
                {"label": self.names[index], "index": index, "probability": value}
                for index, value in pairs
            ]
        }


def read_labels(file: Path, top_k: Any) -> Labels:
    """Reads one name a line; raises `Misconfigured`."""
    try:
        names = tuple(file.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeError) as error:
        raise Misconfigured(f"the model's labels {file.name} can't be read: {error}") from error
    if type(top_k) is not int or not 1 <= top_k <= len(names):
        raise Misconfigured(
            f"the model's top_k must be a number from 1 to {len(names)}, the count of its labels"
        )
    return Labels(names, top_k)
