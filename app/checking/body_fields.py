"""The fields that the body of a prediction may have, and what is wrong with those it has."""

from typing import Any, Protocol

from inference.field_errors import MOST_ERRORS, FieldError, shown
from inference.models.input_schema import PartSchema

FIELDS = frozenset({"match_id", "features", "params", "model", "priority", "time_to_start_s"})
HIGHEST_PRIORITY = 9


class Model(Protocol):
    """What a body is checked by."""

    @property
    def name(self) -> str: ...
    @property
    def features(self) -> PartSchema: ...
    @property
    def params(self) -> PartSchema: ...
    @property
    def has_feature_table(self) -> bool: ...


def wrong_fields(body: dict[str, Any], model: Model, longest_to_start_s: float) -> list[FieldError]:
    """Returns what is wrong with which fields; null is a field that is left out."""
    errors = [
        FieldError(shown(name), "is not a field of this request")
        for name in sorted(body.keys() - FIELDS)[:MOST_ERRORS]
    ]
    entity_key, priority = body.get("match_id"), body.get("priority")
    features, params, to_start_s = (
        body.get("features"),
        body.get("params"),
        body.get("time_to_start_s"),
    )
    if entity_key is not None and (
        type(entity_key) is not int or not -(2**63) <= entity_key < 2**63
    ):
        errors.append(FieldError("match_id", "must be an integer of 64 bits"))
    if features is not None:
        errors += model.features.errors(features)
    elif entity_key is None or not model.has_feature_table:
        errors.append(FieldError("features", "is missing"))
    if params is not None:
        errors += model.params.errors(params)
    if priority is not None and (
        type(priority) is not int or not 0 <= priority <= HIGHEST_PRIORITY
    ):
        errors.append(FieldError("priority", f"must be an integer from 0 to {HIGHEST_PRIORITY}"))
    if to_start_s is not None and not _is_time(to_start_s, longest_to_start_s):
        errors.append(
            FieldError(
                "time_to_start_s", f"must be a number above 0 and at most {longest_to_start_s:g}"
            )
        )
    return errors


def _is_time(value: Any, longest_s: float) -> bool:
    """NaN is no time: it fails the comparison."""
    return type(value) in (int, float) and 0 < value <= longest_s
