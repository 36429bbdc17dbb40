"""What all commands of an installation need: its keys, and the limits it works by."""

import secrets
from dataclasses import dataclass, field

from inference.ids import model_of
from inference.limits import Limits
from inference.store.redis.commands.command import Command, Reply, text
from inference.store.redis.server_checks import SCHEMA


@dataclass(frozen=True)
class Keys:
    """Names the keys of an installation, and builds the commands that all sides share.

    `key_prefix` lets several installations share a server. '' for `installation` marks no keys as
    its own.
    """

    key_prefix: str = "inference"
    limits: Limits = field(default_factory=Limits)
    installation: str = ""

    def prefix(self, model: str) -> str:
        """Returns the start of all keys of a model; the braces put them into one slot."""
        return f"{{{self.key_prefix}:{model}}}"

    def prefix_of(self, task_id: str) -> str:
        """Returns the start of the keys of a task's model."""
        return self.prefix(model_of(task_id) or "")

    def own(self, model: str) -> Command[tuple[str, int]]:
        """Marks the keys as this installation's, if they are nobody's.

        Answers the owner of the keys and the layout of the records.
        """
        request = {
            "owner_key": f"{self.key_prefix}:owner",
            "installation": self.installation,
            "schema": SCHEMA,
        }
        return Command("own", self.prefix(model), request, _owner)

    def tickets_published(self, model: str, published: int) -> Command[int]:
        """Counts the tickets just published as in flight; answers how many are missing still."""
        return Command("tickets_published", self.prefix(model), {"published": published}, _missing)

    def retry_limits(self) -> dict[str, float]:
        """Returns the values that decide on the next run of a record that failed.

        The jitter is drawn here, for scripts draw nothing.
        """
        return {
            "max_attempts": self.limits.max_attempts,
            "base_ms": self.limits.retry_base_ms,
            "cap_ms": self.limits.retry_cap_ms,
            "jitter": secrets.randbelow(1_000_000) / 1_000_000,
        }


def _owner(reply: Reply) -> tuple[str, int]:
    return text(reply["owner"]), reply["schema"]


def _missing(reply: Reply) -> int:
    return int(reply["missing"])
