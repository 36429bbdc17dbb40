"""What a purge may not do, judged from the store before and after it."""

from typing import TYPE_CHECKING

from inference.states import State
from tests.contract.findings import Finding

if TYPE_CHECKING:
    from tests.contract.invariants import Step


def judge_purge(step: "Step", before_ms: int) -> None:
    """Only what waited when it was ordered has ended, and nobody took that for work."""
    changed = step.changed()
    for task_id, old, new in changed:
        if old.state is State.RUNNING or new.state is not State.CANCELLED:
            raise Finding("a purge ended what runs", f"{task_id}: from {old} to {new}")
        if old.created > before_ms:
            raise Finding("a purge took what came after it", f"{task_id}: {old}")
    grew = {
        name: step.after.meta.get(name, 0) - step.before.meta.get(name, 0)
        for name in ("ended", "ended_before")
    }
    if grew["ended"] != grew["ended_before"]:
        raise Finding("a purge was counted as work", f"{len(changed)}: {grew}")
