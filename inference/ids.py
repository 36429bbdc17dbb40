"""Names that appear in keys, queues and task ids, and how one is read out of the other.

A task id begins with its model's name, so that any gateway finds the keys of a record (which share
a slot per model) from the id alone, without an index.
"""

import re
import secrets
import time

MODEL_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_TASK_ID = re.compile(rf"({MODEL_NAME.pattern})-([0-9a-f]{{32}})")


def new_task_id(model: str) -> str:
    """Returns a new task id, `<model>-<32 hex digits>`.

    The digits are 48 bits of milliseconds, then 80 random bits. They sort by time, as UUIDv7 does
    (RFC 9562).
    """
    return f"{model}-{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def model_of(task_id: str) -> str | None:
    """Returns the model that a task id names, or None for what can't be a task id."""
    match = _TASK_ID.fullmatch(task_id)
    return match.group(1) if match else None


def new_claim_id() -> str:
    """Returns 128 random bits in hex, the fence of one delivery.

    It is never derived from anything that can come back.
    """
    return secrets.token_hex(16)
