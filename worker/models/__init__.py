"""What the worker's runner needs of a model, whatever it was made with: torch and MLflow stay
behind this.

A batch has two stages. *prepare* is for the host: inputs are read, what they point at is fetched,
images are decoded, and what fails there fails alone. *run* is for the device, and gets only what
can be run.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from inference.outbound.input_limits import InputLimits


class Model(Protocol):
    """A model that is loaded and stays on its device."""

    name: str
    version: str
    device: str
    """`cuda:0` or `cpu`."""

    def prepare(self, inputs: Sequence[Mapping[str, Any]], limits: InputLimits) -> list[Any]:
        """Takes inputs `{"features": {…}, "match_id": 42, "params": {…}}`, each part optional, and
        answers one for one, in order.

        An answer is something for `run`; or an `InvalidInput` for an input that is itself to blame,
        an `InputUnavailable` for one that points at what can't be fetched for now.
        """
        ...

    def run(self, prepared: Sequence[Any]) -> list[Any]:
        """Answers what was prepared, one for one, in order; at least one.

        An answer is a result ready for JSON, or an `InvalidInput`. Raises `OutOfMemory` for a batch
        that the device does not hold; whatever else it raises is the model's error.
        """
        ...

    def predict(self, inputs: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Both stages in one, with the default limits: answers are a result, or the error of an
        input's own.
        """
        ...

    def warm_up(self, rows: int) -> None:
        """Runs the registered example once alone and once as a batch of `rows`; raises
        `Misconfigured` if it is refused.
        """
        ...
