"""Makes an exception the outcome of a record: its type, its words, and whether it is for good."""

import orjson

from inference.errors import (
    DeviceBroken,
    InputUnavailable,
    InvalidInput,
    PayloadGone,
    PayloadUnavailable,
    Permanent,
)
from inference.store.messages import Outcome, OutcomeKind
from worker.child.results import error_message
from worker.metrics import INVALID

OF_ITS_OWN = (InvalidInput, InputUnavailable, PayloadUnavailable, PayloadGone)
"""What goes wrong with an input before the model has it; its batch mates have no part in it."""


def failure(task_id: str, result: BaseException, own: bool, run_ms: int = 0) -> Outcome:
    """Returns the failure of a record; with `own` its batch mates have no part in it."""
    kinds = (
        (InvalidInput | InputUnavailable, INVALID),
        (DeviceBroken, "device_error"),
        (PayloadUnavailable, "payload_unavailable"),
        (PayloadGone, "payload_gone"),
    )
    kind = next((word for error, word in kinds if isinstance(result, error)), "model_error")
    told = {"type": kind, "message": error_message(result)}
    if isinstance(result, InvalidInput | InputUnavailable) and result.field:
        told["field"] = result.field
    verb = OutcomeKind.FAIL_FOR_GOOD if isinstance(result, Permanent) else OutcomeKind.FAIL
    return Outcome(task_id, verb, orjson.dumps(told), own=own, run_ms=run_ms)


def error_type(outcome: Outcome) -> str:
    """Returns the type of the error of an outcome, '' for a result."""
    if outcome.verb not in (OutcomeKind.FAIL, OutcomeKind.FAIL_FOR_GOOD):
        return ""
    return str(orjson.loads(outcome.payload)["type"])
