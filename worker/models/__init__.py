"""What the worker's runner needs of a model, whatever it was made with: torch and MLflow stay behind this."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Model(Protocol):
    """A model that is loaded and stays on its device."""

    name: str
    version: str
    device: str
    """`cuda:0` or `cpu`."""

    def predict(self, inputs: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Takes inputs `{"features": {…}, "match_id": 42}`, each part optional, and answers one for one, in order.

        An answer is a result ready for JSON, or an `InvalidInput` for an input that is itself to blame. Raises
        `OutOfMemory` for a batch that the device does not hold; whatever else it raises is the model's error.
        """
        ...

    def warm_up(self, rows: int) -> None:
        """Runs the registered example once alone and once as a batch of `rows`; raises `Misconfigured` if it is refused."""
        ...
