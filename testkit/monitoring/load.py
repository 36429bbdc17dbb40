"""Callers of all kinds, beside each other, for as long as Prometheus watches."""

from itertools import count
from typing import Any

import httpx2

from testkit.background import Background
from testkit.stack import Client

PAUSE_S, REFUSED_S = 0.2, 1.0
"""Between two rounds; a caller who was refused comes back later."""

BURST = 120
FAILURES = ("raise", "flaky", "invalid", "refuse")
"""What the fault model is told to do in turn."""


class Callers(Background):
    """Most predictions are answered; each of FAILURES comes every few seconds."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client

    def _run(self) -> None:
        for number in count():
            taken = self._post("/predict/async/", do="answer", seconds=0.05, value=number)
            self._post("/predict/", do="answer", value=number)
            if self._stop.wait(PAUSE_S if taken else REFUSED_S):
                return
            if number % 8 == 0:
                self._post("/predict/async/", do=FAILURES[number // 8 % len(FAILURES)])
            if number % 20 == 0:
                self._post("/predict/", nothing="of the kind")
            if number % 150 == 30:
                self._burst()

    def _burst(self) -> None:
        """More at one time than may be outstanding, so that some are refused."""
        for value in range(BURST):
            self._post("/predict/async/", do="answer", seconds=0.1, value=value)

    def _post(self, path: str, **features: Any) -> bool:
        """Whether it was taken."""
        try:
            return self._client.post(path, {"features": features}).status_code < 500
        except httpx2.TransportError:
            return False


class SlowCallers(Background):
    """Predictions that take longer than their callers wait: the service's limit, and their own."""

    def __init__(self, client: Client, seconds: float) -> None:
        super().__init__()
        self._client, self._seconds = client, seconds

    def _run(self) -> None:
        body = {"features": {"do": "answer", "seconds": self._seconds}}
        while not self._stop.is_set():
            for headers in ({}, {"Prefer": "wait=1"}):
                try:
                    refused = self._client.post("/predict/", body, headers).status_code == 503
                except httpx2.TransportError:
                    refused = True
                if refused:
                    self._stop.wait(REFUSED_S)
