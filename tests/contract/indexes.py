"""What is counted is what the records say: judged from a snapshot alone."""

import math

from inference.states import State
from tests.contract.findings import Finding
from tests.contract.snapshot import StoreSnapshot


def indexes(seen: StoreSnapshot) -> None:
    """What is counted is what the records say."""
    state = {task_id: row.state for task_id, row in seen.records.items()}
    if set(seen.outstanding) != {
        task_id for task_id, row in seen.records.items() if row.outstanding
    }:
        raise Finding("outstanding is not what the records say", sorted(seen.outstanding))
    for name, held in (("waiting", seen.waiting), ("running", seen.running), ("retry", seen.retry)):
        if set(held) != {task_id for task_id, word in state.items() if word == name}:
            raise Finding(f"{name} is not what the records say", sorted(held))
    for name, held in (("bytes", seen.outstanding), ("dead_bytes", seen.dead)):
        if sum(len(seen.records[i].input or b"") for i in held) != seen.meta.get(name, 0):
            raise Finding(f"{name} are not what the records say", seen.meta)
    if left := [
        i
        for i, row in seen.records.items()
        if row.history and not row.outstanding and row.state is not State.FAILURE
    ]:
        raise Finding("a history is left of what ended otherwise", left)
    rows = sum(seen.records[i].rows for i in seen.waiting if not seen.records[i].quarantined)
    if rows != seen.meta.get("waiting_rows", 0):
        raise Finding("waiting_rows is not what the records say", seen.meta)


def needed(seen: StoreSnapshot, batch: int) -> int:
    """Tickets that what waits needs; none while nothing may start."""
    if seen.meta.get("paused"):
        return 0
    return math.ceil(seen.meta.get("waiting_rows", 0) / batch) + len(seen.quarantined_ids)
