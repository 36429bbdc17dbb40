"""The callers of the soak, in a closed loop with a bounded backlog.

They ask, wait and leave in every manner at once.
"""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, cycle
from random import Random
from threading import Event, Thread
from typing import Any, Self

import httpx2

from testkit.kill_matrix.load import CALL_S, TAKEN_LATE, WAIT_S, Accepted
from testkit.soak.ledger import Ledger

BACKLOG = 200
"""Callers that do not wait for a result ask no more while so many are outstanding.

So the workers never lack work, and nothing piles up.
"""
HAS_PLACE_S, AGAIN_S, OPERATOR_S = 0.01, 0.05, 0.5
LEAVES_AFTER_S = 0.1
PADDING = 8_000
"""Each body carries so many bytes that nobody needs: whoever keeps bodies is seen to."""


@dataclass(frozen=True)
class Pace:
    """How callers ask: each pauses between two calls, and pads each body."""

    pause_s: float = 0.0
    padding: int = PADDING


AT_CAPACITY = Pace()

Call = Callable[[httpx2.Client, str], bool]


class Load:
    """Calls go to one gateway and then to the other.

    One record in a hundred is a poison that raises.
    """

    def __init__(
        self, urls: list[str], ledger: Ledger, random: Random, pace: Pace = AT_CAPACITY
    ) -> None:
        self._pace = pace
        self._ledger, self._random, self._values, self._stop = ledger, random, count(), Event()
        calls: list[tuple[Call, float]] = [
            *[(self._ask, CALL_S)] * 3,
            *[(self._ask_and_wait, WAIT_S)] * 2,
            (self._ask_twice, CALL_S),
            (self._leave, LEAVES_AFTER_S),
            (self._operate, WAIT_S),
        ]
        self._urls = urls
        self._threads = [
            Thread(target=self._call_on, args=(place, *call), daemon=True)
            for place, call in enumerate(calls)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _call_on(self, place: int, call: Call, timeout_s: float) -> None:
        urls: Iterator[str] = cycle(self._urls[place % 2 :] + self._urls[: place % 2])
        with httpx2.Client(timeout=timeout_s, verify=False) as http:
            while not self._stop.is_set():
                try:
                    good = self._ledger.outstanding < BACKLOG and call(http, next(urls))
                except httpx2.TransportError:
                    self._ledger.refused()
                    good = False
                if good:
                    self._stop.wait(self._pace.pause_s)
                else:
                    time.sleep(HAS_PLACE_S if self._ledger.outstanding >= BACKLOG else AGAIN_S)

    def _features(self, poison: bool) -> dict[str, Any]:
        value = next(self._values)
        do = "raise" if poison and value % 100 == 50 else "answer" + " " * self._pace.padding
        return {"do": do, "seconds": round(self._random.uniform(0.01, 0.04), 4), "value": value}

    def _take(self, features: dict[str, Any], answer: httpx2.Response) -> str:
        """Notes an answer; returns the id that was accepted, or ''."""
        body = answer.json()
        if (
            answer.status_code in (200, 202) or body.get("type") in TAKEN_LATE
        ) and "task_id" in body:
            result = body["result"] if answer.status_code == 200 else None
            self._ledger.accept(
                body["task_id"], Accepted(features["value"], features["do"].strip(), result)
            )
            return str(body["task_id"])
        self._ledger.refused(
            "" if answer.status_code == 503 else f"{answer.status_code}: {answer.text[:300]}"
        )
        return ""

    def _ask(self, http: httpx2.Client, url: str) -> bool:
        features = self._features(poison=True)
        return bool(
            self._take(features, http.post(f"{url}/predict/async/", json={"features": features}))
        )

    def _ask_and_wait(self, http: httpx2.Client, url: str) -> bool:
        features = self._features(poison=True)
        return bool(self._take(features, http.post(f"{url}/predict/", json={"features": features})))

    def _ask_twice(self, http: httpx2.Client, url: str) -> bool:
        """By key, and about a match: the second is the same prediction."""
        features = self._features(poison=False)
        how: dict[str, Any] = self._random.choice(
            [{"headers": {"Idempotency-Key": f"key-{features['value']}"}}, {}]
        )
        body = {"features": features} | ({} if how else {"match_id": features["value"]})
        ids = [
            self._take(features, http.post(f"{url}/predict/async/", json=body, **how))
            for _ in range(2)
        ]
        if all(ids) and ids[0] != ids[1]:
            self._ledger.refused(f"asked twice, two predictions: {ids} {how}")
        return all(ids)

    def _leave(self, http: httpx2.Client, url: str) -> bool:
        """Hangs up while it waits, by its own short time-out.

        It does so in a long-poll, and in a call whose outcome it then does not know.
        """
        features = self._features(poison=False)
        task_id = self._take(
            features, http.post(f"{url}/predict/async/", json={"features": features})
        )
        for method, path, body in (
            ("GET", f"/monitoring/task_status/{task_id}?wait=20", None),
            ("POST", "/predict/", features),
        ):
            try:
                http.request(method, url + path, json=body and {"features": body})
            except httpx2.TimeoutException:
                continue
        return bool(task_id)

    def _operate(self, http: httpx2.Client, url: str) -> bool:
        """Of the newest dead letters one is replayed, and one deleted."""
        ids = [
            item["task_id"]
            for item in http.get(f"{url}/dead-letters", params={"limit": 20})
            .json()
            .get("items", [])
        ]
        if ids:
            http.post(f"{url}/dead-letters/{self._random.choice(ids)}/replay")
            deleted = self._random.choice(ids)
            self._ledger.deleted.add(deleted)
            http.delete(f"{url}/dead-letters/{deleted}")
        self._stop.wait(OPERATOR_S)
        return True


def hang_up(url: str, callers: int) -> None:
    """Cuts off so many callers in the middle of a request, and as many after a whole one.

    The latter are cut off while they wait for the answer.
    """
    host, port = url.removeprefix("http://").split(":")
    body = b'{"features": {"do": "answer", "seconds": 0.01, "value": 1}}'
    head = (
        f"POST /predict/ HTTP/1.1\r\nHost: {host}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    for sent in (body[:20], body):
        for _ in range(callers):
            with socket.create_connection((host, int(port)), timeout=CALL_S) as caller:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                caller.sendall(head.encode() + sent)
