"""Defines the model that the worker's runner needs, whatever it was made with.

torch and MLflow stay behind this.

A batch has two stages. *prepare* is for the host: it reads inputs, fetches their URLs and decodes
images, and an input that fails there fails alone. *run* is for the device, and gets only inputs
that can be run.
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
        """Prepares inputs for `run` and answers one for one, in order.

        An input is `{"features": {…}, "match_id": 42, "params": {…}}`, each part optional.

        An answer is something for `run`; or an `InvalidInput` for an input that is itself to blame;
        or an `InputUnavailable` for one whose URL can't be fetched for now.
        """
        ...

    def run(self, prepared: Sequence[Any]) -> list[Any]:
        """Answers what was prepared, one for one, in order; at least one.

        An answer is a result in JSON's values, where a number may be NaN or infinite; or the error
        of that row alone, such as an `InvalidInput` or an `UnfitAnswer`. Raises `OutOfMemory` for a
        batch that the device does not hold; whatever else it raises is the model's error.
        """
        ...

    def predict(self, inputs: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Runs both stages in one, with the default limits.

        Answers are a result, or the error of an input's own.
        """
        ...

    def warm_up(self, rows: int) -> None:
        """Runs the registered example once alone and once as a batch of `rows`.

        What fails there is logged and no reason not to serve, but for two cases. Raises
        `Misconfigured` where no answer of the model could be cut into rows, and `DeviceBroken`.
        """
        ...
