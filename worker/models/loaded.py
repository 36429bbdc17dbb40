"""Implements a model as the runner sees it, with any engine.

Inputs are read one by one, so that a bad one fails alone; the good ones run as one batch.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import structlog

from inference.errors import (
    DeviceBroken,
    InputUnavailable,
    InvalidInput,
    Misconfigured,
    UnfitAnswer,
    first_line,
)
from inference.outbound.input_limits import InputLimits
from worker.models.caller_mistakes import callers_mistake
from worker.models.conversion import is_missing
from worker.models.images.decoding import Picture
from worker.models.images.labels import Labels
from worker.models.inputs import FeatureTable, param_values
from worker.models.mlmodel import MLmodel
from worker.models.outputs import AmbiguousAnswer, named

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
        try:
            answers = self._answers(list(prepared))
        except Exception as error:  # foreign code
            mistake = callers_mistake(error)
            if mistake is None or mistake is error:
                raise
            raise mistake from error
        return [self._named(_own(row)) for row in answers]

    def _answers(self, rows: list[Any]) -> list[Any]:
        try:
            return self._engine.run(rows)
        except AmbiguousAnswer:
            return [answer for row in rows for answer in self._engine.run([row])]

    def predict(self, inputs: Sequence[Mapping[str, Any]]) -> list[Any]:
        rows = self.prepare(inputs, InputLimits())
        good = [row for row in rows if not isinstance(row, Failed)]
        answers = iter(self.run(good) if good else ())
        return [row if isinstance(row, Failed) else next(answers) for row in rows]

    def warm_up(self, rows: int) -> None:
        """Runs the example; what fails is logged with its step, and the model is served.

        Raises `Misconfigured` where the answer to a whole example can't be cut into rows: no
        prediction could succeed, and the version before goes on. Raises `DeviceBroken`, after
        which only another process may run.
        """
        try:
            examples = self.mlmodel.examples()
        except Exception as error:  # somebody else's file
            _gave_up("read the example", error)
            return
        whole = [example for example in examples if not _has_gap(example)]
        inputs: list[Mapping[str, Any]] = [{"features": example} for example in whole or examples]
        try:
            if inputs and self._ran("run it alone", inputs[:1]):
                self._ran(f"run a batch of {rows}", (inputs * rows)[:rows])
        except UnfitAnswer as error:
            if whole:
                raise Misconfigured(
                    f"{self.name} {self.version} can't be served: {error}"
                ) from error
            _gave_up("run an example that has missing values", error)

    def _ran(self, step: str, inputs: Sequence[Mapping[str, Any]]) -> bool:
        """Runs a step of the warm-up; raises `UnfitAnswer` for a single input alone.

        A batch whose answer has other rows is run one by one later.
        """
        try:
            answers = self.predict(inputs)
            if len(inputs) == 1 and isinstance(answers[0], UnfitAnswer):
                raise answers[0]
        except Exception as error:  # foreign code
            if isinstance(error, DeviceBroken) or (
                isinstance(error, UnfitAnswer) and len(inputs) == 1
            ):
                raise
            _gave_up(step, error)
            return False
        refused = next((answer for answer in answers if isinstance(answer, Failed)), None)
        if refused is not None:
            _gave_up(step, refused)
        return refused is None

    def _named(self, row: Any) -> Any:
        if self._engine.labels is not None and not isinstance(row, BaseException):
            return self._engine.labels.named(row)
        return named(row, self._outputs)


def _gave_up(step: str, error: Exception) -> None:
    """Says why a model is served without having been warmed up."""
    log.warning(
        "warm_up.failed",
        step=step,
        error=type(error).__name__,
        reason=first_line(error),
        consequence="the model is served; its first predictions may be slow, or fail as this did",
        exc_info=error,
    )


def _own(row: Any) -> Any:
    """Turns an exception in a row's place that refuses the row's input into ours."""
    return (callers_mistake(row) or row) if isinstance(row, BaseException) else row


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
