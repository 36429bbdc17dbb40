"""Extends Celery's request: each delivery gets a claim id of its own.

The parent hears when a delivery starts and ends. Celery subclasses this and overrides
`execute_using_pool` and `on_success`, so the end of a success is seen where it is acknowledged
(docs/facts/celery.md).
"""

from typing import Any

from billiard.exceptions import TimeLimitExceeded
from celery.worker.request import Request

from inference.failpoints import Failpoint, failpoint
from inference.ids import new_claim_id
from worker.parent.parent_thread import ParentThread

ACK_S = 1.0
"""After this long an acknowledgement is sent, or lost."""


class TicketRequest(Request):  # type: ignore[misc]
    """Runs a ticket under a fresh claim id.

    The claim id is never Celery's task id, which a redelivery shares (protocol rule 2).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.claim_id = new_claim_id()
        self.request_dict["claim_id"] = self.claim_id
        self._parent: ParentThread = self._app.parent_thread
        self._parent.claims.open(self.claim_id)
        failpoint(Failpoint.TICKET_RECEIVED)

    def on_accepted(self, pid: int, time_accepted: float) -> None:
        self._parent.claims.accept(self.claim_id, pid)
        super().on_accepted(pid, time_accepted)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        if not soft:
            self._report_failure(TimeLimitExceeded(timeout))
        super().on_timeout(soft, timeout)

    def on_failure(
        self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False
    ) -> Any:
        self._report_failure(exc_info.exception)
        return super().on_failure(
            exc_info, send_failed_event=send_failed_event, return_ok=return_ok
        )

    def _report_failure(self, cause: BaseException) -> None:
        cause = getattr(
            cause, "exc", cause
        )  # billiard wraps what it raises together with its traceback
        self._parent.reports.ended_badly(
            self.claim_id, cause, timed_out=isinstance(cause, TimeLimitExceeded)
        )

    def acknowledge(self) -> None:
        failpoint(Failpoint.UNACKNOWLEDGED)
        super().acknowledge()
        failpoint(Failpoint.ACKNOWLEDGED)
        self._parent.claim_closed(self.claim_id)
        self._app.hub.call_later(ACK_S, self._check_acknowledged)

    def _check_acknowledged(self) -> None:
        """Makes Celery connect anew when the broker did not take the acknowledgement.

        kombu logs that and goes on, but the channel counts the ticket as unacknowledged for ever,
        so a consumer with a prefetch of one would never ask for another. A connection error raised
        in the loop is what Celery answers by reconnecting. A channel that is gone already counts
        nothing.
        """
        tasks = self._app.consumer.task_consumer
        is_current = tasks is not None and tasks.channel is self.message.channel
        if is_current and not self.message.acknowledged:
            self._app.hub.call_soon(
                _raise, ConnectionResetError("the broker did not take an acknowledgement")
            )

    def reject(self, requeue: bool = False) -> None:
        super().reject(requeue=requeue)
        self._parent.claim_closed(self.claim_id)


def _raise(error: Exception) -> None:
    raise error
