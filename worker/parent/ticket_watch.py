"""Notices that no tickets arrive although predictions wait.

Then the consumer's connection to the broker is lost.
"""

from collections.abc import Callable

from inference.settings import BEAT_S
from worker.parent.current_claims import CurrentClaims

DEAF_S = 90.0
"""An idle worker that gets no ticket for so long while something waits ends itself.

Repairs come at least every 30 s.
"""


class TicketWatch:
    """Called once a beat. `give_up` ends the worker with a sentence."""

    def __init__(self, claims: CurrentClaims, give_up: Callable[[str], None]) -> None:
        self._claims = claims
        self._give_up = give_up
        self._opened_before = 0
        self._deaf_beats = 0

    def check(self, expected: bool) -> None:
        """`expected`: this worker is idle, something waits, and a ticket should come.

        That is, all that could bring one works.
        """
        none_came = self._claims.opened == self._opened_before
        self._deaf_beats = self._deaf_beats + 1 if expected and none_came else 0
        self._opened_before = self._claims.opened
        if self._deaf_beats * BEAT_S >= DEAF_S:
            self._give_up(
                f"it got no ticket in {DEAF_S:g} s although predictions wait:"
                " its connection to the broker is lost"
            )
