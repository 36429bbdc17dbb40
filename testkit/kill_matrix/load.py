"""The clients of a case, and their log.

The log has what was accepted, by which answer, and what the answer said.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, cycle
from random import Random
from threading import Event, Lock, Thread
from typing import Any, Self

import httpx2

ASKERS, WAITERS = 3, 2
CALL_S, WAIT_S = 4.0, 30.0
AGAIN_S = 0.03
TRICKLE_S = 0.25
LARGE_EACH, LARGE_BYTES = 8, 2_000
"""One in so many has an input, and gets a result, that is kept beside the store."""
TAKEN_LATE = (
    "urn:inference:stopping",
    "urn:inference:not-done-in-time",
    "urn:inference:prediction-failed",
)
"""Problems that name a task which was accepted."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A prediction that the service said it has.

    `answer` is the result that its caller was given, if it waited for one.
    """

    value: int
    do: str
    answer: Any = None

    @property
    def innocent(self) -> bool:
        return self.do == "answer"


class Load:
    """Callers that alternate between the gateways, some of which wait for their results.

    They go on until `records` were accepted and the strike is over (`struck`), from then on in a
    trickle. One in a hundred is a poison that raises; with `exits` one of them ends its process
    instead.
    """

    def __init__(self, urls: list[str], records: int, random: Random, exits: bool) -> None:
        self.accepted: dict[str, Accepted] = {}
        self.unanswered = 0
        self.strange: list[str] = []
        self.struck = Event()
        self._urls, self._records, self._random, self._exits = urls, records, random, exits
        self._values, self._lock, self._stop = count(), Lock(), Event()
        kinds = [False] * ASKERS + [True] * WAITERS
        self._threads = [
            Thread(target=self._call_on, args=(place, waits), daemon=True)
            for place, waits in enumerate(kinds)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.join()

    def join(self) -> None:
        """Waits until all was submitted."""
        for thread in self._threads:
            thread.join()

    def submit_slow(self, seconds: float) -> str:
        """One more prediction, that takes so long; returns its id once a gateway took it."""
        features = {"do": "answer", "seconds": seconds, "value": next(self._values)}
        with httpx2.Client(timeout=CALL_S, verify=False) as http:
            while True:
                answer = http.post(
                    f"{self._random.choice(self._urls)}/predict/async/", json={"features": features}
                )
                if answer.status_code == 202:
                    return self._take(features, answer)

    def _call_on(self, place: int, waits: bool) -> None:
        urls = cycle(self._urls[place % 2 :] + self._urls[: place % 2])
        with httpx2.Client(timeout=WAIT_S if waits else CALL_S, verify=False) as http:
            while not (self._stop.is_set() or (self._enough() and self.struck.is_set())):
                if not self._call(http, urls, waits):
                    time.sleep(AGAIN_S)
                if self._enough():
                    time.sleep(TRICKLE_S)

    def _enough(self) -> bool:
        return len(self.accepted) >= self._records

    def _call(self, http: httpx2.Client, urls: Iterator[str], waits: bool) -> bool:
        with self._lock:
            features = self._features(next(self._values))
        try:
            answer = http.post(
                f"{next(urls)}/predict/{'' if waits else 'async/'}", json={"features": features}
            )
        except httpx2.TransportError:
            with self._lock:
                self.unanswered += 1
            return False
        return bool(self._take(features, answer))

    def _features(self, value: int) -> dict[str, Any]:
        do = "raise" if value % 100 == 50 else "answer"
        if self._exits and value == 250:
            do = "exit"
        features = {
            "do": do,
            "seconds": round(self._random.uniform(0.005, 0.02), 4),
            "value": value,
        }
        return features | {"note": "n" * LARGE_BYTES} if value % LARGE_EACH == 3 else features

    def _take(self, features: dict[str, Any], answer: httpx2.Response) -> str:
        """Notes an answer; returns the id that was accepted, or ''."""
        body = answer.json()
        taken = answer.status_code in (200, 202) or body.get("type") in TAKEN_LATE
        with self._lock:
            if taken and "task_id" in body:
                result = body["result"] if answer.status_code == 200 else None
                self.accepted[body["task_id"]] = Accepted(features["value"], features["do"], result)
                return str(body["task_id"])
            if answer.status_code == 503:
                self.unanswered += 1
            else:
                self.strange.append(f"{answer.status_code}: {answer.text[:300]}")
        return ""
