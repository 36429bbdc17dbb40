"""Tests which of a model's exceptions are its caller's mistake."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from inference.errors import InvalidInput
from worker.models.caller_mistakes import callers_mistake
from worker.models.loaded import LoadedModel
from worker.models.loader import load, resolve

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")
TEA = {"features": {"item": "tea", "price": 2.0, "pieces": 1}}


class Refusal(ValueError):
    """What a model may define for itself."""

    invalid_input = True

    def __init__(self, said: str, field: Any = None) -> None:
        super().__init__(said)
        self.field = field


Named: Any = type("InvalidInput", (ValueError,), {})
Derived: Any = type("Derived", (Named,), {})


class Moody(Exception):
    @property
    def invalid_input(self) -> bool:
        raise RuntimeError("no answer")


@pytest.fixture
def shop(registry: str) -> Any:
    return load(resolve("models:/shop/1", registry), registry, model_code="allow")


@pytest.mark.parametrize(
    ("error", "said", "field"),
    [
        (InvalidInput("no such town", field="features.town"), "no such town", "features.town"),
        (Named("no such town"), "no such town", None),
        (Derived("no such town"), "no such town", None),
        (Named(), "the model refuses this input", None),
        (Refusal("no such town", "features.town"), "no such town", "features.town"),
        (Refusal("no such town", 7), "no such town", None),
    ],
)
def test_a_refusal_is_known_by_its_class_s_name_or_by_a_mark(
    error: Exception, said: str, field: str | None
) -> None:
    mistake = callers_mistake(error)
    assert mistake is not None
    assert (str(mistake), mistake.field) == (said, field)


@pytest.mark.parametrize("error", [ValueError("x"), Moody(), MlflowException("x"), SystemExit(1)])
def test_any_other_exception_is_the_model_s(error: BaseException) -> None:
    assert callers_mistake(error) is None


def answering(shop: Any, predict: Callable[..., Any]) -> LoadedModel:
    """The shop with another model behind MLflow's interface."""
    shop._engine._model = SimpleNamespace(predict=predict)
    return shop  # type: ignore[no-any-return]


def test_a_refusal_in_a_row_s_place_fails_that_row_alone(shop: Any) -> None:
    model = answering(shop, lambda *_, **__: [Refusal("no", "features.item"), {"total": 1}])
    refused, answer = model.predict([TEA, TEA])
    assert isinstance(refused, InvalidInput)
    assert (str(refused), refused.field, answer) == ("no", "features.item", {"total": 1})


def test_a_refusal_that_is_raised_is_told_as_such(shop: Any) -> None:
    def predict(*_: Any, **__: Any) -> Any:
        raise Named("no such town")

    with pytest.raises(InvalidInput, match="no such town") as refused:
        answering(shop, predict).predict([TEA])
    assert isinstance(refused.value.__cause__, Named)


def test_what_mlflow_refuses_before_it_calls_the_model_is_the_caller_s(shop: Any) -> None:
    shop._engine._batch = lambda _: pd.DataFrame({"item": [1.5], "price": [2.0]})
    with pytest.raises(InvalidInput, match=r"^Incompatible input types for column item"):
        shop.predict([TEA])


def test_what_a_type_hint_refuses_is_the_caller_s(shop: Any) -> None:
    from mlflow.pyfunc.utils import pyfunc  # it warns, which a module here may not

    def doubled(model_input: list[int], params: Any = None) -> list[int]:
        del params
        return [2 * number for number in model_input]

    with pytest.raises(InvalidInput):
        answering(shop, pyfunc(doubled)).predict([TEA])  # type: ignore[no-untyped-call]


def test_what_another_model_refuses_inside_of_a_model_is_the_model_s(shop: Any) -> None:
    inner = shop._engine._model

    def predict(*_: Any, **__: Any) -> Any:
        return inner.predict(pd.DataFrame({"item": [1.5], "price": [2.0]}))

    with pytest.raises(MlflowException, match="Failed to enforce schema"):
        answering(shop, predict).predict([TEA])
