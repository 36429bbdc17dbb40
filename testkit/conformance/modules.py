"""The torch modules that are compared. They stand apart, since importing torch takes seconds."""

from collections.abc import Callable
from functools import partial

import torch


class One(torch.nn.Module):
    """A small network; equal in every process."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.layer = torch.nn.Linear(width, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.layer(x))


class Two(torch.nn.Module):
    def forward(self, x: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
        return x * factor


class ByName(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"double": x * 2, "sum": x.sum(dim=1)}


class Several(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x * 2, x.sum(dim=1)


class Half(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.to(torch.bfloat16) * 2


class Tokens(torch.nn.Module):
    """An embedding of ten words."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.words = torch.nn.Embedding(10, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.words(tokens).mean(dim=1)
        return found


MODULES: dict[str, Callable[[], torch.nn.Module]] = {
    "one": One,
    "pair": partial(One, 2),
    "two": Two,
    "by-name": ByName,
    "tuple": Several,
    "bfloat16": Half,
    "tokens": Tokens,
}
