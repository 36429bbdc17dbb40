"""A model as the runner sees it: inputs are read one by one, so that a bad one fails alone; the good ones run as one batch."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from app.contract.errors import InvalidInput, Misconfigured
from worker.models.inputs import FeatureTable
from worker.models.mlmodel import MLmodel
from worker.models.results import named


class Engine(Protocol):
    """What differs between kinds of models."""

    device: str

    def row(self, features: Mapping[str, Any]) -> Any:
        """Turns one input's features into what `run` takes; raises `InvalidInput`."""
        ...

    def run(self, rows: list[Any]) -> list[Any]:
        """Answers a batch of at least one row, one for one and ready for JSON; raises `OutOfMemory`."""
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

    def predict(self, inputs: Sequence[Mapping[str, Any]]) -> list[Any]:
        rows = [self._read(given) for given in inputs]
        good = [row for row in rows if not isinstance(row, InvalidInput)]
        answers = iter(self._engine.run(good) if good else ())
        return [row if isinstance(row, InvalidInput) else named(next(answers), self._outputs) for row in rows]

    def warm_up(self, rows: int) -> None:
        examples = [{"features": example} for example in self._examples]
        if not examples:
            return
        batch = (examples * rows)[:rows]
        for answer in self.predict(examples[:1]) + self.predict(batch):
            if isinstance(answer, InvalidInput):
                raise Misconfigured(f"the registered example of {self.name} {self.version} is refused: {answer}") from answer

    def _read(self, given: Mapping[str, Any]) -> Any:
        try:
            return self._engine.row(self._table.features(given))
        except InvalidInput as error:
            return error
