"""Answers rows as the service answers requests: the checks of the door, then those of the worker.

A row that is refused, or on which the model fails, has an error in place of an answer. A batch that
fails runs again row by row, so that each row has its own verdict.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import structlog

from inference.errors import DeviceBroken, InvalidInput, UnfitAnswer
from inference.models.description import Checkers
from inference.outbound.input_limits import InputLimits
from worker.child import tracebacks
from worker.child.oom_split import predict_in_halves
from worker.child.results import error_message, result_json
from worker.models import Model

log = structlog.get_logger()

MOST_LOGGED = 3
"""Tracebacks of a failing model in the log; a model that always fails would fill it."""


class Answer(NamedTuple):
    """A row's result as JSON, or its error; the other is None."""

    result: str | None
    error: str | None = None


class Scorer:
    """Runs rows on one loaded model, with the same parameters for all."""

    def __init__(
        self,
        model: Model,
        door: Checkers,
        params: Mapping[str, Any],
        limits: InputLimits,
        not_finite: Literal["null", "error"],
    ) -> None:
        self._model, self._door, self._limits = model, door, limits
        self._params = {"params": params} if params else {}
        self._not_finite = not_finite
        self._logged = 0
        self.halved = 0
        """How often a batch was halved, since the device did not hold it."""

    def answers(self, inputs: Sequence[Mapping[str, Any] | InvalidInput]) -> list[Answer]:
        """Answers one for one, in order. Raises `DeviceBroken`."""
        checked = [self._checked(given) for given in inputs]
        good = [given for given in checked if not isinstance(given, InvalidInput)]
        found = iter(self._ran(good) if good else ())
        return [
            self._answer(given if isinstance(given, InvalidInput) else next(found))
            for given in checked
        ]

    def _checked(self, given: Mapping[str, Any] | InvalidInput) -> Mapping[str, Any] | InvalidInput:
        if isinstance(given, InvalidInput) or "features" not in given:
            return given if isinstance(given, InvalidInput) else {**given, **self._params}
        if given["features"] is None:
            return InvalidInput("features is missing")
        wrong = self._door.features.errors(given["features"])
        if wrong:
            told = (f"{one.field.removeprefix('features.')} {one.message}" for one in wrong)
            return InvalidInput("; ".join(told))
        return {**given, **self._params}

    def _ran(self, inputs: Sequence[Mapping[str, Any]]) -> list[Any]:
        try:
            return self._together(inputs)
        except DeviceBroken:
            raise
        except (Exception, SystemExit) as error:  # foreign code
            if len(inputs) == 1:
                self._log(error)
                return [error]
        return [result for given in inputs for result in self._ran([given])]

    def _together(self, inputs: Sequence[Mapping[str, Any]]) -> list[Any]:
        prepared = self._model.prepare(inputs, self._limits)
        rows = [row for row in prepared if not isinstance(row, BaseException)]
        results = iter(predict_in_halves(self._model.run, rows, self._halve) if rows else ())
        return [row if isinstance(row, BaseException) else next(results) for row in prepared]

    def _halve(self) -> None:
        self.halved += 1

    def _answer(self, result: Any) -> Answer:
        if isinstance(result, BaseException):
            return Answer(None, error_message(result))
        try:
            return Answer(result_json(result, self._not_finite).decode())
        except UnfitAnswer as unfit:
            return Answer(None, error_message(unfit))

    def _log(self, error: BaseException) -> None:
        if self._logged < MOST_LOGGED and not isinstance(error, InvalidInput):
            log.warning(
                "model.raised", error=type(error).__name__, traceback=tracebacks.whole(error)
            )
            self._logged += 1
