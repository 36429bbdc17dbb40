"""Fits the match-outcome network and says honestly how good it is.

The judgement is by periods of time, never by shuffled rows.

Matches before the validation date teach, those up to the test date say when to stop. Then both
teach a network for so many epochs, and the test period is looked at once. Beside the network stand
two plain forecasts for the same period, fitted on the same matches. They are the outcomes'
frequencies (the base rate), and a logistic regression on Elo's expected score alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
import torch
from torch import nn
from torch.nn.functional import cross_entropy, nll_loss

from examples.football.features import ELO, FEATURES, Fixture, outcome
from examples.football.network import MatchOutcome


@dataclass(frozen=True)
class Plan:
    """The periods and the network's parameters, chosen on periods before the test period."""

    train_from: date = date(2013, 10, 1)
    """Before it the teams have no form yet, and ratings are all alike."""
    validation_from: date = date(2016, 1, 1)
    test_from: date = date(2016, 7, 1)
    elo_penalty: float = 0.03
    """The penalty on the squared weights of the linear part.

    Early ratings lie close together and make it too sure of itself.
    """
    members: int = 4
    hidden: int = 16
    dropout: float = 0.5
    learning_rate: float = 5e-4
    weight_decay: float = 1.0
    batch_rows: int = 256
    epochs: int = 120
    patience_epochs: int = 15
    seed: int = 1


@dataclass(frozen=True)
class Period:
    """The matches of a period: features `[rows, features]` and outcomes `[rows]`."""

    features: torch.Tensor
    outcomes: torch.Tensor

    def __len__(self) -> int:
        return len(self.outcomes)

    def then(self, later: "Period") -> "Period":
        return Period(
            torch.cat([self.features, later.features]), torch.cat([self.outcomes, later.outcomes])
        )


@dataclass(frozen=True)
class Score:
    log_loss: float
    accuracy: float


@dataclass(frozen=True)
class Fitted:
    network: MatchOutcome
    epochs: int
    validation: Score
    """Of the network that had not learned from the validation period."""


Progress = Callable[[int, float, float], None]
"""Is told an epoch's number, its training loss and its validation loss."""


def split(
    matches: Sequence[Fixture], table: pd.DataFrame, plan: Plan
) -> tuple[Period, Period, Period]:
    """Returns the training, validation and test period; matches without a score are in none."""

    def period(first: date, end: date) -> Period:
        chosen = [
            (match, result)
            for match in matches
            if first <= match.date < end and (result := outcome(match)) is not None
        ]
        rows = table.loc[[match.match_id for match, _ in chosen], list(FEATURES)].to_numpy(
            dtype="float32"
        )
        return Period(torch.tensor(rows), torch.tensor([result for _, result in chosen]))

    return (
        period(plan.train_from, plan.validation_from),
        period(plan.validation_from, plan.test_from),
        period(plan.test_from, date.max),
    )


def fit(train: Period, validation: Period, plan: Plan, progress: Progress) -> Fitted:
    """Fits on both periods for as many epochs as were best on the second.

    The same plan and data give the same network.
    """
    with torch.random.fork_rng(devices=[]):
        epochs, best = _stop(train, validation, plan, progress)
        period = train.then(validation)
        network, optimizer = _begin(period, plan)
        for _ in range(epochs):
            _epoch(network, optimizer, period, plan.batch_rows)
    return Fitted(network.eval(), epochs, best)


def score(network: nn.Module, period: Period) -> Score:
    """Returns the log loss and the share of matches whose likeliest outcome came true.

    Log loss is in nats a match, lower is better.
    """
    network.eval()
    with torch.inference_mode():
        return _score(network(period.features), period.outcomes)


def base_rate(train: Period, period: Period) -> Score:
    """The score of forecasting the training period's frequencies for every match."""
    frequencies = torch.bincount(train.outcomes, minlength=3) / len(train)
    return _score(frequencies.expand(len(period), 3), period.outcomes)


def elo_logistic(train: Period, period: Period) -> Score:
    """The score of a multinomial logistic regression on the expected score by Elo ratings."""
    column = [FEATURES.index("expected_home_score")]
    with torch.random.fork_rng(devices=[]):
        model = nn.Linear(1, 3)
    _fit_logistic(model, train.features[:, column], train.outcomes, penalty=0.0)
    with torch.inference_mode():
        return _score(model(period.features[:, column]).softmax(dim=-1), period.outcomes)


def _stop(train: Period, validation: Period, plan: Plan, progress: Progress) -> tuple[int, Score]:
    """Returns the number of epochs with the lowest validation loss, and that score.

    The number is 0 for Elo's ratings alone.
    """
    network, optimizer = _begin(train, plan)
    best, best_epoch = score(network, validation), 0
    for epoch in range(1, plan.epochs + 1):
        train_loss = _epoch(network, optimizer, train, plan.batch_rows)
        now = score(network, validation)
        progress(epoch, train_loss, now.log_loss)
        if now.log_loss < best.log_loss:
            best, best_epoch = now, epoch
        elif epoch - best_epoch >= plan.patience_epochs:
            break
    return best_epoch, best


def _begin(period: Period, plan: Plan) -> tuple[MatchOutcome, torch.optim.Optimizer]:
    """Returns a network that says what Elo's ratings say, and the optimizer of its corrections."""
    torch.manual_seed(plan.seed)
    columns = [FEATURES.index(name) for name in ELO]
    network = MatchOutcome(period.features, columns, plan.members, plan.hidden, plan.dropout)
    inputs = network.of_elo(network.normalised(period.features))
    _fit_logistic(network.elo, inputs, period.outcomes, plan.elo_penalty)
    network.elo.requires_grad_(False)
    parameters = network.corrections.parameters()
    return network, torch.optim.AdamW(
        parameters, lr=plan.learning_rate, weight_decay=plan.weight_decay
    )


def _fit_logistic(
    model: nn.Linear, inputs: torch.Tensor, outcomes: torch.Tensor, penalty: float
) -> None:
    """Fits a multinomial logistic regression to its optimum.

    The penalty is on the weights' squares.
    """
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    optimizer: torch.optim.Optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=200, line_search_fn="strong_wolfe"
    )

    def loss() -> float:
        optimizer.zero_grad()
        value = cross_entropy(model(inputs), outcomes) + penalty * model.weight.square().sum()
        torch.autograd.backward(value)
        return value.item()

    optimizer.step(loss)


def _epoch(
    network: MatchOutcome, optimizer: torch.optim.Optimizer, period: Period, batch_rows: int
) -> float:
    """One pass over a period in random order; returns the mean loss of the members."""
    network.train()
    total = 0.0
    for rows in torch.split(torch.randperm(len(period)), batch_rows):
        logits = network.logits(period.features[rows])
        loss = cross_entropy(logits.flatten(0, 1), period.outcomes[rows].repeat(len(logits)))
        optimizer.zero_grad()
        torch.autograd.backward(loss * len(logits))
        optimizer.step()
        total += loss.item() * len(rows)
    return total / len(period)


def _score(probabilities: torch.Tensor, outcomes: torch.Tensor) -> Score:
    log_loss = nll_loss(probabilities.log(), outcomes).item()
    return Score(log_loss, (probabilities.argmax(dim=-1) == outcomes).float().mean().item())
