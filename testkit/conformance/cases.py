"""Describes a comparison: a model, and the inputs that it is sent.

An input is said twice: to the service as a caller writes it, and to MLflow's scoring server.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Said = dict[str, Any]
"""A body of MLflow's scoring server."""
Say = Callable[[Any], Said]


@dataclass(frozen=True)
class Input:
    """One input of a model: `features` and `params` as a caller of the service writes them.

    `said` is the same for MLflow's scoring server, if the model's own way does not say it.
    """

    label: str
    features: Any
    params: Mapping[str, Any] | None = None
    said: Said | None = None

    def body(self) -> bytes:
        """The body that a caller sends; NaN is written as Python's json does."""
        body = {"features": self.features}
        return json.dumps(body if self.params is None else body | {"params": self.params}).encode()


@dataclass(frozen=True)
class Case:
    """One model with its inputs.

    `make` registers it under the name that it is given. `say` says features to MLflow's scoring
    server. `bare` loads the model without MLflow's wrapper and answers features, for models that
    this wrapper refuses.
    """

    name: str
    flavor: str
    signature: str
    make: Callable[[str], None]
    inputs: Sequence[Input]
    say: Say
    needs: str = ""
    """The package that a heavy one needs, '' for what the development environment has."""
    bare: Callable[[str], Callable[[Any], Any]] | None = None

    def to_mlflow(self, one: Input) -> bytes:
        """The body that MLflow's scoring server gets."""
        said = one.said or self.say(one.features)
        return json.dumps(said if one.params is None else said | {"params": one.params}).encode()

    @property
    def form(self) -> str:
        """The input form of MLflow's scoring server, by name."""
        return self.say.__name__


def dataframe_split(features: Any) -> Said:
    """Named columns, as a frame of one row."""
    if not isinstance(features, dict):
        return {"dataframe_split": features}
    return {"dataframe_split": {"columns": list(features), "data": [list(features.values())]}}


def unnamed_split(features: Any) -> Said:
    """Unnamed columns in order, as a frame of one row."""
    return {"dataframe_split": {"data": [features]}}


def dataframe_records(features: Any) -> Said:
    """Named columns, as a list of one record."""
    return {"dataframe_records": [features]}


def inputs(features: Any) -> Said:
    """One unnamed input: a batch of one."""
    return {"inputs": [features]}


def instances(features: Any) -> Said:
    """One unnamed input: a batch of one, in TensorFlow's row format."""
    return {"instances": [features]}


def named_inputs(features: Any) -> Said:
    """Named tensors, each a batch of one."""
    if not isinstance(features, dict):
        return {"inputs": features}
    return {"inputs": {name: [value] for name, value in features.items()}}


def unwrapped(features: Any) -> Said:
    """What chat models take: the request itself."""
    return dict(features) if isinstance(features, dict) else {"inputs": features}
