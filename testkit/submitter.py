"""A caller that goes on submitting to the fault model while a test acts on the service."""

from itertools import count

from testkit.background import Background
from testkit.stack import Client
from testkit.waiting import until


class Submitter(Background):
    """Goes on submitting, whatever it is answered, until it is stopped.

    `accepted` are the ids of its 2xx answers, in order. With `most_outstanding` it holds back while
    as many are outstanding.
    """

    def __init__(self, client: Client, seconds: float, most_outstanding: int = 0) -> None:
        super().__init__()
        self.accepted: dict[str, int] = {}
        self._client, self._seconds, self._most = client, seconds, most_outstanding

    def _run(self) -> None:
        for value in count():
            if self._stop.is_set():
                return
            if self._most:
                until(
                    lambda: self._client.queue()["outstanding"] < self._most or self._stop.is_set(),
                    "the backlog to shrink",
                    180,
                )
            features = {"do": "answer", "seconds": self._seconds, "value": value}
            answer = self._client.post("/predict/async/", {"features": features})
            assert answer.status_code in (202, 503), answer.text
            if answer.status_code == 202:
                self.accepted[answer.json()["task_id"]] = value
