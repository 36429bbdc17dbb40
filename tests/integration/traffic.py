"""Callers with nothing in mind but predictions, beside whatever else a test does to the service."""

from itertools import count

import httpx2

from testkit.background import Background
from testkit.stack import Client

PAUSE_S = 0.05
"""Between two rounds: they are to notice what is done to others, and not to be the load."""


class Traffic(Background):
    """Makes a synchronous prediction and an asynchronous one in turn, until it is stopped.

    Every answer is recorded.
    """

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self._tasks: list[str] = []
        self._rounds = 0
        self._bad: list[str] = []

    def check(self) -> None:
        """Nobody was refused or kept waiting too long, and every prediction ended in success."""
        assert self._rounds > 10
        assert not self._bad
        assert {
            task_id: end
            for task_id in self._tasks
            if (end := self._client.ended(task_id)["status"]) != "success"
        } == {}

    def _run(self) -> None:
        for value in count():
            if self._stop.wait(PAUSE_S):
                return
            body = {"features": {"do": "answer", "value": value}}
            try:
                self._look(self._client.post("/predict/", body), 200, value)
                answer = self._client.post("/predict/async/", body)
            except httpx2.TransportError as error:
                self._bad.append(repr(error))
                continue
            self._look(answer, 202, value)
            self._tasks += [answer.json()["task_id"]] if answer.status_code == 202 else []
            self._rounds += 1

    def _look(self, answer: httpx2.Response, status: int, value: int) -> None:
        right = answer.status_code == status and (
            status == 202 or answer.json()["result"]["value"] == value
        )
        if not right:
            self._bad.append(answer.text)
