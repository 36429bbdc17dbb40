"""Describes inputs and results that are kept outside their record: the references and the names.

A reference is what the record holds in place of such an input or result. It can't be taken for the
thing itself. An inline input is an object that a gateway made, and always has `features`. A
reference to an input is an object with `payload` alone. So a worker that knows no references finds
an input without features, and says so at once and for good. A result may be any JSON, so its
reference is no JSON. A gateway that knows no references fails to read it, which is better than an
answer that is not the model's.

A name contains the task id, so that a reader of the names can ask the store about the record. A
result's name contains its claim too: a late write by a worker whose claim was reclaimed must not
replace the result that counts.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import orjson

from inference.blobs.atomic_write import DRAFT
from inference.ids import model_of

_RESULT = b"@payload "


@dataclass(frozen=True, slots=True)
class Reference:
    """A payload by name, and how many bytes it has."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What a name says. `claim` is '' for an input."""

    task_id: str
    claim: str


def input_name(task_id: str) -> str:
    """Returns the name of a record's input."""
    return f"{task_id}.input"


def result_name(task_id: str, claim_id: str) -> str:
    """Returns the name of the result that a claim made of a record."""
    return f"{task_id}.{claim_id}.result"


def draft_name(name: str) -> str:
    """Returns a name under which a payload is written before it gets its own."""
    return f"{name}.{secrets.token_hex(4)}{DRAFT}"


def what_is(name: str) -> Kept | None:
    """Reads a name; None for a draft, and for what is not ours."""
    match name.split("."):
        case [task_id, "input"] if model_of(task_id):
            return Kept(task_id, "")
        case [task_id, claim, "result"] if model_of(task_id):
            return Kept(task_id, claim)
    return None


def of_input(size: int) -> bytes:
    """Returns what a record holds as its input."""
    return orjson.dumps({"payload": {"bytes": size}})


def input_reference(task_id: str, given: Any) -> Reference | None:
    """Returns where an input is, given the parsed value that the record holds.

    None if that value is the input itself.
    """
    if isinstance(given, dict) and given.keys() == {"payload"}:
        return Reference(input_name(task_id), int(given["payload"]["bytes"]))
    return None


def of_result(claim_id: str, size: int) -> bytes:
    """Returns what a record holds as its result."""
    return _RESULT + orjson.dumps({"claim": claim_id, "bytes": size})


def result_reference(task_id: str, held: str) -> Reference | None:
    """Returns where a result is, by what the record holds; None if that is the result itself."""
    if not held.startswith(_RESULT.decode()):
        return None
    told = orjson.loads(held[len(_RESULT) :])
    return Reference(result_name(task_id, told["claim"]), int(told["bytes"]))


def input_of(features: Any, entity_key: int | None, params: Any) -> dict[str, Any]:
    """Returns an input as a record has it and a worker reads it.

    It has `params` only where there are any.
    """
    given = {"features": features, "match_id": entity_key}
    return given | {"params": params} if params else given


def input_in(kept: dict[str, Any]) -> dict[str, Any]:
    """Returns the input in what is kept of it, which may be a whole request's body."""
    return input_of(kept.get("features"), kept.get("match_id"), kept.get("params"))
