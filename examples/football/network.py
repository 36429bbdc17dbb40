"""Predicts a football match's outcome with a small network.

It gives three probabilities from what is known before the match is played.

The scores are a linear function of Elo's columns plus a correction by several small networks,
averaged. A correction begins at zero, so a network that learned nothing beyond ratings answers what
ratings say.

Normalisation and softmax are part of the module, so that what is exported takes raw features and
answers probabilities, and no copy of either lives in the service.
"""

from collections.abc import Sequence

import torch
from torch import nn


class MatchOutcome(nn.Module):
    """Turns features into the probabilities of home win, draw and away win.

    It takes `[rows, features]` in float32 and returns `[rows, 3]`.
    """

    mean: torch.Tensor
    scale: torch.Tensor
    elo_columns: torch.Tensor

    def __init__(
        self,
        features: torch.Tensor,
        elo_columns: Sequence[int],
        members: int,
        hidden: int,
        dropout: float,
    ) -> None:
        """Takes its normalisation from the features it will be fitted on."""
        super().__init__()
        self.register_buffer("mean", features.mean(dim=0))
        self.register_buffer("scale", features.std(dim=0).clamp_min(1e-6))
        self.register_buffer("elo_columns", torch.tensor(elo_columns))
        self.elo = nn.Linear(len(elo_columns), 3)
        self.corrections = nn.ModuleList(
            _correction(features.shape[1], hidden, dropout) for _ in range(members)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.logits(features).mean(dim=0).softmax(dim=-1)

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """`[members, rows, 3]`: what each of the corrected networks says."""
        inputs = self.normalised(features)
        scores: torch.Tensor = self.elo(self.of_elo(inputs))
        return scores + torch.stack([correction(inputs) for correction in self.corrections])

    def normalised(self, features: torch.Tensor) -> torch.Tensor:
        return (features - self.mean) / self.scale

    def of_elo(self, inputs: torch.Tensor) -> torch.Tensor:
        """The columns that the linear part sees."""
        return inputs.index_select(1, self.elo_columns)


def _correction(width: int, hidden: int, dropout: float) -> nn.Sequential:
    last = nn.Linear(hidden, 3)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), last)
