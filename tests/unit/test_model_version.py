"""A model's card is plain JSON, whatever its author wrote into it."""

import math
from datetime import date

import orjson

from app.model_version import ModelVersion


def test_a_card_with_whatever_yaml_can_say_is_kept_and_read_again() -> None:
    metadata = {
        1: date(2026, 11, 27),
        "huge": 10**30,
        "nan": math.nan,
        "half": "\ud800",
        "deep": [{"inf": -math.inf, None: {"a"}}, True, 7, 0.5, None],
    }
    card = ModelVersion("models:/a@b", "1", "f00", aliases=("b",), metadata=metadata)  # type: ignore[arg-type]
    read = ModelVersion.read(card.kept())
    assert read is not None
    assert (read.uri, read.identity, read.aliases) == (card.uri, card.identity, card.aliases)
    assert read.metadata == {
        "1": "2026-11-27",
        "huge": str(10**30),
        "nan": None,
        "half": "?",
        "deep": [{"inf": None, "None": ["a"]}, True, 7, 0.5, None],
    }


def test_a_card_of_a_release_before_identities_is_read_and_of_a_later_one_is_not() -> None:
    old = ModelVersion.read(orjson.dumps({"uri": "models:/a@b", "version": "1"}))
    assert old == ModelVersion("models:/a@b", "1")
    later = {"uri": "models:/a@b", "version": "1", "new_field": 1}
    assert ModelVersion.read(orjson.dumps(later)) is None
