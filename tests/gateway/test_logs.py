"""A gateway's lines: about calls, at a level that changes, and of what the reaper takes back."""

import json
import signal
from typing import Any

from testkit.collector import Collector
from testkit.stack import Process, Stack
from testkit.waiting import until
from tests.gateway.support import GOOD, HTTP, FakeWorker

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}


def submitted(gateway: Process, **headers: str) -> str:
    answer = HTTP.post(f"{gateway.url}/predict/async/", json={"features": GOOD}, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])


def lines(gateway: Process, event: str, request_id: str) -> list[dict[str, Any]]:
    return [line for line in gateway.events(event) if line.get("request_id") == request_id]


def test_each_call_is_a_line_if_wanted_and_the_level_changes_by_a_signal(own_stack: Stack) -> None:
    gateway = own_stack.add_gateway(ACCESS_LOG="on", LOG_LEVEL="INFO")
    submitted(gateway, **{"x-request-id": "r-1"} | PARENT)
    HTTP.get(f"{gateway.url}/no/where?secret=1", headers={"x-request-id": "r-2"})
    until(lambda: lines(gateway, "http.answered", "r-2"), "its line")
    (line,) = lines(gateway, "http.answered", "r-1")
    assert (line["method"], line["path"], line["status"]) == ("POST", "/predict/async/", 202)
    assert line["trace_id"] == TRACE
    (line,) = lines(gateway, "http.answered", "r-2")
    assert (line["path"], line["status"]) == ("/no/where", 404)
    assert not gateway.events("prediction.submitted")
    gateway.signal(signal.SIGUSR1)
    until(lambda: gateway.events("log.level_changed"), "the level to change")
    task_id = submitted(gateway, **{"x-request-id": "r-3"})
    until(lambda: lines(gateway, "prediction.submitted", "r-3"), "the line of a lesser level")
    assert lines(gateway, "prediction.submitted", "r-3")[0]["task_id"] == task_id
    gateway.signal(signal.SIGUSR2)
    until(lambda: len(gateway.events("log.level_changed")) == 2, "the level to change back")
    submitted(gateway, **{"x-request-id": "r-4"})
    until(lambda: lines(gateway, "http.answered", "r-4"), "its line")
    assert not lines(gateway, "prediction.submitted", "r-4")
    for text in gateway.log.read_text().splitlines():
        assert {"event", "level", "timestamp"} <= json.loads(text).keys()


def test_what_the_reaper_takes_back_is_a_line_and_a_span(own_stack: Stack) -> None:
    times = {"REAPER_PERIOD_S": "0.1", "LEASE_S": "4.5", "STORE_TIMEOUT_S": "2"}
    with Collector() as collector, FakeWorker(own_stack.valkey.url()) as worker:
        exports = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        gateway = own_stack.add_gateway(**times, **exports)
        task_id = submitted(gateway, **{"x-request-id": "r-1"} | PARENT)
        worker.claim()
        until(lambda: lines(gateway, "prediction.reclaimed", "r-1"), "the lease to run out")
        until(lambda: collector.spans(TRACE, "run"), "the span of the run that was lost")
    (line,) = lines(gateway, "prediction.reclaimed", "r-1")
    assert (line["task_id"], line["trace_id"], line["worker"]) == (task_id, TRACE, "driver")
    assert (line["state"], line["attempts"]) == ("retry", 1)
    (run,) = collector.spans(TRACE, "run")
    (accept,) = collector.spans(TRACE, "accept")
    assert run.parent_id == accept.span_id
    assert (run.failed, run.attributes["error.type"]) == (True, "worker_lost")
    assert [event for event, _ in run.events] == ["reclaimed", "retry"]
    assert run.events[0][1] == {"inference.worker": "driver"}
    assert 3 * 10**9 < run.end_ns - run.start_ns < 30 * 10**9
