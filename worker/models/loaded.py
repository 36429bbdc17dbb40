"""Implements a model as the runner sees it, with any engine.

Inputs are read one by one, so that a bad one fails alone; the good ones run as one batch.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import structlog

from inference.errors import InputUnavailable, InvalidInput, Misconfigured, Temporary, UnfitAnswer
from inference.outbound.input_limits import InputLimits
from worker.models.conversion import is_missing
from worker.models.images.decoding import Picture
from worker.models.images.labels import Labels
from worker.models.inputs import FeatureTable, param_values
from worker.models.mlmodel import MLmodel
from worker.models.outputs import named

log = structlog.get_logger()
T = TypeVar("T")
Failed = InvalidInput | InputUnavailable


class Engine(Protocol):
    """What differs between kinds of models."""

    device: str
    image: Picture | None
    """Which input is an image, if one is."""
    labels: Labels | None

    def row(self, features: Mapping[str, Any], params: Mapping[str, Any]) -> Any:
        """Turns one input into the row that `run` takes.

        `params` has a value for each of the model's parameters. Raises `InvalidInput`. Rows of one
        batch may have different parameters.
        """
        ...

    def run(self, rows: list[Any]) -> list[Any]:
        """Answers a batch of at least one row, one for one and ready for JSON.

        Raises `OutOfMemory`.
        """
        ...


class LoadedModel:
    """Implements `worker.models.Model` with any engine."""

    def __init__(self, name: str, version: str, mlmodel: MLmodel, engine: Engine) -> None:
        self.name = name
        self.version = version
        self.device = engine.device
        self.mlmodel = mlmodel
        self._engine = engine
        self._table = FeatureTable(mlmodel)
        self._outputs = mlmodel.outputs
        self._examples = mlmodel.examples()
        self._image = _image_input(engine.image)

    def prepare(self, inputs: Sequence[Mapping[str, Any]], limits: InputLimits) -> list[Any]:
        features = [_tried(self._table.features, given) for given in inputs]
        if self._image is not None:
            features = self._image.opened(features, limits)
        params = [_tried(self._params, given) for given in inputs]
        return [self._row(*both) for both in zip(features, params, strict=True)]

    def _params(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return param_values(self.mlmodel.params, given.get("params"))

    def _row(self, features: Any, params: Any) -> Any:
        return (
            params
            if isinstance(params, Failed)
            else _tried(lambda found: self._engine.row(found, params), features)
        )

    def run(self, prepared: Sequence[Any]) -> list[Any]:
        return [self._named(row) for row in self._engine.run(list(prepared))]

    def predict(self, inputs: Sequence[Mapping[str, Any]]) -> list[Any]:
        rows = self.prepare(inputs, InputLimits())
        good = [row for row in rows if not isinstance(row, Failed)]
        answers = iter(self.run(good) if good else ())
        return [row if isinstance(row, Failed) else next(answers) for row in rows]

    def warm_up(self, rows: int) -> None:
        whole = [example for example in self._examples if not _has_gap(example)]
        if whole:
            self._warm_up(whole, rows)
        elif self._examples:
            self._try_to_warm_up(rows)

    def _try_to_warm_up(self, rows: int) -> None:
        """Warms up with an example that has gaps, and goes on whatever the model makes of it.

        A request with such gaps, if it may be made, fails alone.
        """
        try:
            self._warm_up(self._examples, rows)
        except Temporary:
            raise
        except Exception as error:  # foreign code
            log.warning(
                "warm_up.given_up",
                reason="the registered example has missing values",
                error=str(error),
            )

    def _warm_up(self, examples: Sequence[Mapping[str, Any]], rows: int) -> None:
        inputs = [{"features": example} for example in examples]
        batch = (inputs * rows)[:rows]
        try:
            answers = self.predict(inputs[:1]) + self.predict(batch)
        except UnfitAnswer as error:
            raise Misconfigured(f"{self.name} {self.version} can't be served: {error}") from error
        for answer in answers:
            if isinstance(answer, Failed):
                raise Misconfigured(
                    f"the registered example of {self.name} {self.version} is refused: {answer}"
                ) from answer

    def _named(self, row: Any) -> Any:
        if self._engine.labels is not None and not isinstance(row, InvalidInput):
            return self._engine.labels.named(row)
        return named(row, self._outputs)


def _tried(read: Callable[[Any], T], given: Any) -> T | Failed:
    """Reads one input; what had failed before stays as it is."""
    if isinstance(given, Failed):
        return given
    try:
        return read(given)
    except InvalidInput as error:
        return error


def _has_gap(example: Any) -> bool:
    if isinstance(example, Mapping):
        return any(map(_has_gap, example.values()))
    return any(map(_has_gap, example)) if isinstance(example, list | tuple) else is_missing(example)


def _image_input(picture: Picture | None) -> Any:
    """Imported for models of images alone: it brings an HTTP client."""
    if picture is None:
        return None
    from worker.models.images.image_input import ImageInput

    return ImageInput(picture)
