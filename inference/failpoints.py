"""Names the gaps between two effects that others can see, the failpoints.

The kill matrix can end a process exactly there. A failpoint's value reads `the effect that has just
happened / the effect that comes next`. A note that a process keeps to itself is no effect; nor is a
read. One failpoint lies in kombu: the tests' hook finds it there, and nothing here reaches it.
"""

from collections.abc import Callable
from enum import StrEnum


class Failpoint(StrEnum):
    """Lists every failpoint, in the order in which a prediction meets them.

    The gateway's come first, then those of the worker's child, then those of the worker's parent.
    """

    ASKED = "request read / record written"
    INPUT_KEPT = "large input written / record written"
    WRITTEN = "record written / caller answered"
    TICKETS_MISSING = "tickets found missing / published"
    TICKETS_PUBLISHED = "gateway's tickets published / tickets in flight raised"
    NEWS_HEARD = "end announced / record read"
    END_READ = "end read / waiting caller answered"
    SUBSCRIBED = "subscription confirmed / what is waited for watched"
    REAPED = "reaper's step / its tickets published"
    STOPPING = "gateway told to stop / waiting callers answered"
    CLOSING = "last caller answered / connections given back"

    LOADED = "model loaded / parent told"
    TICKET_TAKEN = "ticket in the child / claimed"
    CLAIM_WAITS = "claim told to wait / sent again"
    CLAIMED = "claimed / tickets that it missed published"
    COVERED = "claim's tickets published / begun"
    BEGUN = "begun / run"
    RUN = "run / settled"
    RESULT_KEPT = "large result written / settled"
    SETTLED = "settled / tickets that it missed published"
    DONE = "all told to the store / parent told"

    TICKET_POPPED = "ticket taken from the broker by kombu / noted there as unacknowledged"
    TICKET_RECEIVED = "ticket received / handed to the child"
    UNACKNOWLEDGED = "child done / ticket acknowledged"
    ACKNOWLEDGED = "ticket acknowledged / next one asked for"
    RENEWED = "lease renewed / answer acted on"
    REPAIR_DUE = "tickets in flight set by a beat / repairing tickets published"
    REPORT_DUE = "child dead / store told"
    REPORTED = "store told by the parent / tickets that it missed published"
    STOP_TOLD = "store told of a stop / child killed"
    DRAINING = "worker told to stop / run ended or handed back"
    HANDED_BACK = "run handed back / goodbye"
    GOODBYE = "goodbye / process ended"

    WORKER_TICKETS_PUBLISHED = "worker's tickets published / tickets in flight raised"


hook: Callable[[Failpoint], None] | None = None
"""Set by tests alone, from outside: testkit/failpoint_hook.py."""


def failpoint(point: Failpoint) -> None:
    """Marks that this process stands in that gap; nothing happens but in a test."""
    if hook is not None:
        hook(point)
