"""Training says how good the model is, by periods of time, and registers it."""

import subprocess
import sys
from dataclasses import replace
from datetime import date

import pytest

from examples.football import training
from examples.football.features import ELO, FEATURES, OUTCOMES, Fixture, compute, read_matches
from examples.football.training import DATA
from tests.models.conftest import REPOSITORY
from worker.models.loader import resolve


def test_the_model_is_better_than_the_base_rate_on_matches_it_never_saw(
    training_report: str, registry: str
) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(registry, registry)
    version = client.get_model_version_by_alias("match-outcome", "production")
    metrics = client.get_run(str(version.run_id)).data.metrics
    assert metrics["test_log_loss"] < metrics["base_log_loss"] - 0.05
    assert metrics["test_accuracy"] > metrics["base_accuracy"] + 0.03
    assert f"{metrics['test_log_loss']:.4f}" in training_report
    assert {"elo_log_loss", "validation_log_loss", "epoch_validation_loss"} <= metrics.keys()


def test_the_run_says_what_it_was_made_of(registry: str) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(registry, registry)
    params = client.get_run(str(client.get_model_version("match-outcome", "1").run_id)).data.params
    assert (params["validation_from"], params["test_from"]) == ("2016-01-01", "2016-07-01")
    assert (params["train_rows"], params["validation_rows"], params["test_rows"]) == (
        "3732",
        "843",
        "1626",
    )
    assert len(params["data_sha256"]) == 64
    assert "rolling periods before 2016-07-01" in params["choice"]


def test_an_alias_that_exists_is_left_alone_where_only_a_missing_one_is_wanted(
    registry: str,
) -> None:
    program = f"""
import sys
from examples.football import training
assert "torch" not in sys.modules and "mlflow" not in sys.modules
assert training.main(["--tracking-uri", {registry!r}, "--if-missing"]) == 0
assert "torch" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "match-outcome@production is version 1 already\n"


def test_training_again_registers_another_version_and_moves_only_its_own_alias(
    registry: str,
) -> None:
    assert resolve("models:/match-outcome@candidate", registry).version == "2"
    assert resolve("models:/match-outcome@production", registry).version == "1"


def test_a_registry_that_is_away_ends_training_with_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert training.main(["--tracking-uri", "http://127.0.0.1:1"]) == 2
    assert capsys.readouterr().err.startswith(
        "the MLflow registry at http://127.0.0.1:1 does not answer"
    )


def test_the_periods_follow_each_other_and_no_match_is_in_two() -> None:
    from examples.football.fitting import Plan, split

    days = [
        date(2015, 12, 31),
        date(2016, 1, 1),
        date(2016, 6, 30),
        date(2016, 7, 1),
        date(2016, 7, 2),
    ]
    matches = [Fixture(n, day, "First", "Leeds", "Fulham", n, 1) for n, day in enumerate(days[:-1])]
    matches.append(Fixture(9, days[-1], "First", "Leeds", "Fulham", None, None))
    periods = split(matches, compute(matches), Plan())
    assert [[OUTCOMES[result] for result in period.outcomes.tolist()] for period in periods] == [
        ["away"],
        ["draw", "home"],
        ["home"],
    ]


def test_the_same_data_and_seed_give_the_same_network() -> None:
    import torch

    from examples.football.fitting import Plan, fit, score, split

    torch.set_num_threads(1)
    plan = Plan(epochs=2)
    matches = read_matches(DATA)
    train, validation, test = split(matches, compute(matches), plan)
    one, two = (fit(train, validation, plan, lambda *_: None).network for _ in range(2))
    assert score(one, test) == score(two, test)
    assert all(
        torch.equal(one.state_dict()[name], two.state_dict()[name]) for name in one.state_dict()
    )


def test_a_network_that_learned_nothing_more_says_what_ratings_say() -> None:
    import torch

    from examples.football.fitting import Plan, elo_logistic, fit, score, split

    plan = Plan(validation_from=date(2015, 7, 1), test_from=date(2016, 1, 1), epochs=0)
    matches = [match for match in read_matches(DATA) if match.date < date(2016, 7, 1)]
    train, validation, later = split(matches, compute(matches), plan)
    network = fit(train, validation, plan, lambda *_: None).network
    assert (
        score(network, later).log_loss
        < elo_logistic(train.then(validation), later).log_loss + 0.005
    )
    others = [place for place, name in enumerate(FEATURES) if name not in ELO]
    changed = later.features.clone()
    changed[:, others] += 1.0
    assert torch.equal(network(later.features), network(changed))


def test_on_periods_before_the_test_period_the_network_is_no_worse_than_ratings_alone() -> None:
    """The periods on which its parameters were chosen; the test period is not read."""
    import torch

    from examples.football.fitting import Plan, elo_logistic, fit, score, split

    torch.set_num_threads(1)
    matches = [match for match in read_matches(DATA) if match.date < date(2016, 7, 1)]
    table = compute(matches)
    days = [
        date(2014, 7, 1),
        date(2015, 1, 1),
        date(2015, 7, 1),
        date(2016, 1, 1),
        date(2016, 7, 1),
    ]
    for first, second, end in zip(days, days[1:], days[2:], strict=False):
        plan = replace(Plan(), validation_from=first, test_from=second)
        train, validation, later = split(
            [match for match in matches if match.date < end], table, plan
        )
        network = fit(train, validation, plan, lambda *_: None).network
        assert score(network, later).log_loss < elo_logistic(train.then(validation), later).log_loss
