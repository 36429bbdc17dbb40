"""Models as the runner uses them, loaded from a real registry; code is refused but for shop's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples.football.features import FEATURES
from inference.errors import InvalidInput, Misconfigured, OutOfMemory
from worker.models import Model
from worker.models.loader import load, resolve

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")

ROW = dict.fromkeys(FEATURES, 1.0) | {
    "home_rating": 1600.0,
    "away_rating": 1500.0,
    "rating_difference": 100.0,
}


@pytest.fixture(scope="module")
def shop(registry: str) -> Model:
    return load(resolve("models:/shop/1", registry), registry, model_code="allow")


@pytest.fixture(scope="module")
def scale(registry: str) -> Model:
    return load(resolve("models:/scale/1", registry), registry)


@pytest.fixture(scope="module")
def files(registry: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the match-outcome model."""
    from mlflow import MlflowClient
    from mlflow.artifacts import download_artifacts

    source = MlflowClient(registry, registry).get_model_version_download_uri("match-outcome", "1")
    return Path(
        download_artifacts(
            artifact_uri=source,
            dst_path=str(tmp_path_factory.mktemp("files")),
            tracking_uri=registry,
        )
    )


def probabilities(answer: dict[str, Any]) -> list[float]:
    return [answer[name] for name in ("home", "draw", "away")]


def test_features_give_three_probabilities_and_the_likeliest_outcome(match_outcome: Model) -> None:
    (answer,) = match_outcome.predict([{"features": ROW}])
    scores = probabilities(answer)
    assert sum(scores) == pytest.approx(1)
    assert answer["outcome"] == ("home", "draw", "away")[scores.index(max(scores))]


def test_a_known_match_id_is_enough(match_outcome: Model) -> None:
    first, again, other = match_outcome.predict(
        [{"match_id": 42}, {"match_id": 42}, {"match_id": 6000}]
    )
    assert first == again != other


def test_the_order_of_features_does_not_matter(match_outcome: Model) -> None:
    turned = dict(reversed(ROW.items()))
    assert match_outcome.predict([{"features": turned}]) == match_outcome.predict(
        [{"features": ROW}]
    )


def test_bad_inputs_fail_alone_and_the_rest_keeps_its_order(match_outcome: Model) -> None:
    lacking = {name: value for name, value in ROW.items() if name != "away_rating"}
    inputs: list[dict[str, Any]] = [
        {"match_id": 42},
        {"match_id": 99999},
        {"features": lacking},
        {"features": ROW | {"home_rating": float("nan")}},
        {"features": ROW | {"home_rating": 1e39}},
        {"match_id": 6000},
    ]
    answers = match_outcome.predict(inputs)
    refused = {
        place: answer.field
        for place, answer in enumerate(answers)
        if isinstance(answer, InvalidInput)
    }
    assert refused == {
        1: "match_id",
        2: "features.away_rating",
        3: "features.home_rating",
        4: "features.home_rating",
    }
    assert str(answers[1]).startswith("no match 99999")
    alone = match_outcome.predict([inputs[0]]) + match_outcome.predict([inputs[5]])
    np.testing.assert_allclose(
        [probabilities(a) for a in (answers[0], answers[5])],
        [probabilities(a) for a in alone],
        rtol=1e-5,
    )


def test_a_batch_answers_what_each_alone_does(match_outcome: Model) -> None:
    inputs = [{"match_id": n} for n in range(1, 101)]
    alone = [probabilities(match_outcome.predict([one])[0]) for one in inputs]
    np.testing.assert_allclose(
        [probabilities(answer) for answer in match_outcome.predict(inputs)], alone, rtol=1e-5
    )


def test_nothing_but_bad_inputs_needs_no_model_run(match_outcome: Model) -> None:
    assert isinstance(match_outcome.predict([{}])[0], InvalidInput)
    assert match_outcome.predict([]) == []


def test_models_warm_up_with_their_registered_example(
    match_outcome: Model, shop: Model, scale: Model
) -> None:
    for model in (match_outcome, shop, scale):
        model.warm_up(8)


def test_named_tensors_are_taken_and_given_by_name(scale: Model) -> None:
    one, two = (
        {"features": {"picture": [[1, 2], [3, 4]], "factor": factor}} for factor in (1.0, 10.0)
    )
    bad = {"features": {"picture": [[1, 2]], "factor": 1}}
    answers = scale.predict([one, bad, two])
    assert answers[0] == {"scaled": [[1, 2], [3, 4]], "sum": 10}
    assert answers[2] == {"scaled": [[10, 20], [30, 40]], "sum": 100}
    assert answers[1].field == "features.picture"


def test_a_model_from_code_gets_the_batch_as_one_frame(shop: Model) -> None:
    answers = shop.predict(
        [
            {"features": {"item": "tea", "price": 2, "pieces": 3}},
            {"features": {"item": "oat", "price": 1.5, "pieces": 1}},
        ]
    )
    assert answers == [
        {"item": "tea", "total": 6, "rows": 2},
        {"item": "oat", "total": 1.5, "rows": 2},
    ]
    assert shop.device == "cpu"


def test_rows_that_leave_an_optional_integer_out_run_apart(shop: Model) -> None:
    with_pieces, without = {"item": "tea", "price": 2, "pieces": 3}, {"item": "oat", "price": 1}
    answers = shop.predict([{"features": f} for f in (without, with_pieces, without)])
    assert [(answer["total"], answer["rows"]) for answer in answers] == [(1, 2), (6, 1), (1, 2)]


def test_rows_with_other_parameters_run_apart_and_who_sets_none_gets_the_model_s(
    shop: Model,
) -> None:
    tea = {"item": "tea", "price": 10}
    params: list[Any] = [
        None,
        {"discount": 0.5},
        {},
        {"fees": [1, 2]},
        {"discount": 0.5, "fees": [0]},
        {"unknown": 1},
    ]
    answers = shop.predict([{"features": tea, "params": given} for given in params])
    assert [(answer["total"], answer["rows"]) for answer in answers] == [
        (10, 3),
        (5, 2),
        (10, 3),
        (13, 1),
        (5, 2),
        (10, 3),
    ]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ([], "params"),
        ({"discount": "half"}, "params.discount"),
        ({"fees": 3}, "params.fees"),
        ({"fees": [1, 2.5]}, "params.fees"),
    ],
)
def test_a_parameter_of_another_type_fails_alone(shop: Model, params: Any, field: str) -> None:
    tea = {"item": "tea", "price": 10}
    bad, good = shop.predict([{"features": tea, "params": params}, {"features": tea}])
    assert isinstance(bad, InvalidInput)
    assert bad.field == field
    assert good["total"] == 10


def test_a_model_from_code_that_runs_out_of_memory_says_so(shop: Model) -> None:
    with pytest.raises(OutOfMemory):
        shop.predict([{"features": {"item": "sea", "price": -1}}])


def test_an_exported_model_moves_to_another_device_as_a_whole(files: Path) -> None:
    from worker.models.torch_model import load_module

    module = load_module(files, "meta")
    assert {str(part.device) for part in (*module.parameters(), *module.buffers())} == {"meta"}


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable:UserWarning")
def test_mlflow_itself_serves_the_torch_model_from_the_same_columns(
    files: Path, match_outcome: Model
) -> None:
    from worker.models.mlmodel import read
    from worker.models.pyfunc_model import PyfuncEngine

    engine = PyfuncEngine(read(files))
    (scores,) = engine.run([engine.row(ROW, {})])
    np.testing.assert_allclose(
        list(scores.values()),
        probabilities(match_outcome.predict([{"features": ROW}])[0]),
        rtol=1e-5,
    )


def test_a_torch_model_that_runs_out_of_memory_says_so(registry: str) -> None:
    import torch

    class Full(torch.nn.Module):
        def forward(self, features: torch.Tensor) -> torch.Tensor:
            raise torch.cuda.OutOfMemoryError(f"CUDA out of memory for {len(features)} rows")

    model: Any = load(resolve("models:/match-outcome/1", registry), registry)
    model._engine._module = Full()
    with pytest.raises(OutOfMemory, match="CUDA out of memory for 1 rows"):
        model.predict([{"match_id": 42}])


def test_a_model_of_scikit_learn_is_served_if_the_operator_trusts_the_registry(
    registry: str,
) -> None:
    resolved = resolve("models:/churn/1", registry)
    with pytest.raises(Misconfigured, match=r"MLflow loads it as sklearn, .* MODEL_CODE=allow"):
        load(resolved, registry, model_code="refuse")
    churn = load(resolved, registry, model_code="allow")
    stays, leaves, bad = (
        {"months": months, "calls": calls}
        for months, calls in ((35.0, 0.0), (1.0, 5.0), ("a", 0.0))
    )
    answers = churn.predict([{"features": features} for features in (stays, leaves, bad)])
    assert answers[:2] == [0, 1]
    assert isinstance(answers[2], InvalidInput)
