"""Run inside the cluster, by `python -c`: a client that logs each answer as a line of JSON.

It uses the standard library alone. Each call has a connection of its own, so that the Service may
send it to any gateway.
    submit URL COUNT FEATURES       COUNT submissions; `value` counts up
    ended URL SECONDS ID...         the record of each once it has ended, or what it was
                                    after so many seconds
    load URL FILE PAUSE FEATURES    submissions and reads, with pauses, until FILE is there,
                                    each answer a line
    call URL METHOD PATH BODY       one call
"""

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

FINAL = ("success", "failure", "cancelled", "expired")
printing = threading.Lock()


def call(
    url: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Answers the status, 0 when there was no answer, and the body."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(
        url + path, data, {"content-type": "application/json"} | (headers or {}), method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=70) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")
    except OSError as error:
        return 0, {"error": str(error)}


def say(**row: Any) -> None:
    with printing:
        print(json.dumps(row), flush=True)


def submit(url: str, features: dict[str, Any], value: int) -> tuple[int, str | None]:
    began = time.time()
    model = features.pop("model", None)
    body = {"features": features | {"value": value}} | ({"model": model} if model else {})
    status, answer = call(url, "POST", "/predict/async/", body)
    say(
        call="submit",
        status=status,
        task_id=answer.get("task_id"),
        value=value,
        at=began,
        s=time.time() - began,
        answer=answer,
    )
    return status, answer.get("task_id")


def ended(url: str, seconds: str, task_ids: Sequence[str]) -> None:
    until = time.time() + float(seconds)
    for task_id in task_ids:
        while True:
            status, record = call(url, "GET", f"/monitoring/task_status/{task_id}?wait=10")
            if record.get("status") in FINAL or time.time() > until:
                say(task_id=task_id, code=status, record=record)
                break
            if status != 200:
                time.sleep(0.2)


def load(url: str, stop: str, pause_s: float, features: dict[str, Any]) -> None:
    """Four callers: submit, read what was submitted, pause."""

    def go(offset: int) -> None:
        value = offset
        while not os.path.exists(stop):
            status, task_id = submit(url, dict(features), value)
            value += 4
            if status == 202:
                began = time.time()
                status, answer = call(url, "GET", f"/monitoring/task_status/{task_id}")
                say(
                    call="read",
                    status=status,
                    task_id=task_id,
                    at=began,
                    s=time.time() - began,
                    answer=answer,
                )
            time.sleep(pause_s)

    callers = [threading.Thread(target=go, args=(number,)) for number in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()


def main(action: str, url: str, *rest: str) -> None:
    if action == "submit":
        for value in range(int(rest[0])):
            submit(url, json.loads(rest[1]), value)
    elif action == "ended":
        ended(url, rest[0], rest[1:])
    elif action == "load":
        load(url, rest[0], float(rest[1]), json.loads(rest[2]))
    else:
        method, path, body, headers = rest
        status, answer = call(url, method, path, json.loads(body), json.loads(headers))
        say(status=status, answer=answer)


main(*sys.argv[1:])
