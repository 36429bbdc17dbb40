"""Watches the child's process.

It looks for a version that can't be loaded, and for a child that died and is not replaced.
"""

import time
from collections.abc import Callable

from worker.child_status import ChildStatusFiles
from worker.parent.claim_reports import ClaimReports
from worker.parent.current_claims import CurrentClaims
from worker.parent.liveness import Liveness
from worker.parent.version_switch import VersionSwitch

REPLACE_S = 15.0
"""How long a child may stay dead before the worker ends, to be started again.

Celery's loop replaces a dead child within 5 s.
"""


class ChildWatch:
    """Called once a beat, by the parent's thread. `give_up` ends the worker with a sentence."""

    def __init__(
        self,
        *,
        model_uri: str,
        child_status: ChildStatusFiles,
        claims: CurrentClaims,
        reports: ClaimReports,
        version_switch: VersionSwitch,
        liveness: Liveness,
        give_up: Callable[[str], None],
    ) -> None:
        self._model_uri = model_uri
        self._child_status = child_status
        self._claims = claims
        self._reports = reports
        self._version_switch = version_switch
        self._liveness = liveness
        self._give_up = give_up
        self._dead_since: float | None = None

    def check(self) -> None:
        """Rolls back, reports a dead child's claim, or gives up."""
        version, sentence = self._child_status.failed()
        if sentence and not self._version_switch.roll_back(version, sentence):
            self._give_up(f"{self._model_uri} could not be loaded: {sentence}")
        if not self._child_status.died():
            self._dead_since = None
            return
        # Celery looks for dead children every 5 s, and now and then replaces one by a process that
        # it can't talk to.
        claim = self._claims.current
        if claim is not None and claim.pid == self._child_status.pid():
            self._reports.child_died(claim.claim_id)
        self._check_replaced()

    def _check_replaced(self) -> None:
        """Gives up if a dead child was not replaced in time.

        While the event loop stands still nobody replaces the child, and that is no reason to give
        up.
        """
        if not self._liveness.turning:
            self._dead_since = None
            return
        self._dead_since = self._dead_since or time.monotonic()
        if time.monotonic() - self._dead_since > REPLACE_S:
            self._give_up("the process of the model died and was not replaced")
