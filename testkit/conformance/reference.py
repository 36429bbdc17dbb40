"""What MLflow answers: its scoring server's own code, for one row alone."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from testkit.conformance.cases import Case, Input


@dataclass(frozen=True)
class Answer:
    """An answer of either side.

    `kind` says how far the input came: `answer`, or for what it was refused.
    """

    kind: str
    value: Any = None
    words: str = ""

    @property
    def answered(self) -> bool:
        return self.kind == ANSWER


ANSWER = "answer"
REFUSED = "refused"
"""By MLflow: the input can't be parsed, or does not fit the signature."""
RAISED = "raised"
"""By the model's own code, or by MLflow's wrapper of it."""
UNSAID = "unsaid"
"""The model answered, and MLflow has no JSON for it."""
NO_ROW = "no row"
"""MLflow passes on an answer that has no row for the input."""


class Reference:
    """A model behind MLflow's scoring server."""

    def __init__(self, case: Case, uri: str) -> None:
        import mlflow.pyfunc
        from mlflow.exceptions import MlflowException

        self._case = case
        self._bare: Callable[[Any], Any] | None = case.bare(uri) if case.bare else None
        try:
            self._model = mlflow.pyfunc.load_model(uri)
        except MlflowException:
            # MLflow gives no pyfunc to a torch module of several inputs.
            if self._bare is None:
                raise
            self._model = None

    def answer(self, one: Input) -> Answer:
        """What MLflow answers to the input alone."""
        found = Answer(RAISED) if self._model is None else self._answer(one)
        if found.kind in (RAISED, UNSAID) and self._bare is not None:
            try:
                return Answer(ANSWER, self._bare(one.features), "the bare model")
            except Exception as error:  # foreign code
                return Answer(RAISED, words=_words(error))
        return found

    def _answer(self, one: Input) -> Answer:
        from mlflow.exceptions import MlflowException
        from mlflow.pyfunc.scoring_server import invocations
        from mlflow.pyfunc.utils.environment import _simulate_serving_environment

        body, schema = self._case.to_mlflow(one), self._model.metadata.get_input_schema()
        try:
            with _simulate_serving_environment():
                response = invocations(  # type: ignore[no-untyped-call]
                    body, "application/json", self._model, schema
                )
        except MlflowException as error:
            raised = "unexpected error while evaluating" in str(error)
            cause = error.json_kwargs.get("stack_trace", "").strip().splitlines()[-1:]
            return Answer(RAISED if raised else REFUSED, words=" ".join(cause) or _words(error))
        except TypeError as error:
            unsaid = "not JSON serializable" in str(error)
            return Answer(UNSAID if unsaid else REFUSED, words=_words(error))
        except Exception as error:  # MLflow's parser lets some through
            return Answer(REFUSED, words=_words(error))
        return _row(json.loads(response.response))


def _row(said: Any) -> Answer:
    """The row of a batch of one. What chat models answer is no batch."""
    if not isinstance(said, dict) or list(said) != ["predictions"]:
        return Answer(ANSWER, said)
    try:
        return Answer(ANSWER, _only(said["predictions"]))
    except ValueError:
        return Answer(NO_ROW, said["predictions"])


def _only(predictions: Any) -> Any:
    if isinstance(predictions, dict) and predictions:
        return {name: _only(part) for name, part in predictions.items()}
    if isinstance(predictions, list) and len(predictions) == 1:
        return predictions[0]
    raise ValueError


def _words(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
