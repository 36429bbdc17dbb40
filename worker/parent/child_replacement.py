"""Replaces the child between two batches: for its memory, or for another version of the model."""

from dataclasses import dataclass

from worker.parent.memory_limit import MemoryLimit
from worker.parent.version_switch import VersionSwitch


@dataclass(frozen=True)
class ChildReplacement:
    """Both reasons, in their order.

    A child above its memory limit needs no turn: the same version comes back.
    """

    memory_limit: MemoryLimit
    version_switch: VersionSwitch

    def after_batch(self) -> None:
        """No claim is in the child; under load this is the only moment at which none is."""
        self.memory_limit.measure()
        self.replace_if_due()

    def replace_if_due(self) -> None:
        """Kills the child if there is a reason and no claim is in it; Celery starts another."""
        if not self.memory_limit.restart_child():
            self.version_switch.switch()

    @property
    def problem(self) -> str:
        """What an operator should know, in sentences, or ''."""
        return "; ".join(filter(None, (self.version_switch.problem, self.memory_limit.problem)))
