"""Traces by a real OTLP receiver: of predictions that went well, were retried, or ran together."""

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from testkit.collector import Collector, Received
from testkit.stack import Process, Stack
from testkit.waiting import until
from tests.integration.conftest import MakeStack

CALLERS_SPAN = "00f067aa0ba902b7"
Traced = tuple[Stack, Collector]


@pytest.fixture(scope="module")
def traced(make_stack: MakeStack) -> Iterator[Traced]:
    with Collector() as collector:
        stack = make_stack(
            gateways=1,
            workers=1,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_BSP_SCHEDULE_DELAY="100",
            OTEL_EXPORTER_OTLP_TIMEOUT="5",
            MAX_ATTEMPTS="2",
            MAX_BATCH_SIZE="4",
        )
        yield stack, collector


def caller(number: int, flags: str = "01") -> tuple[str, dict[str, str]]:
    """A trace of a caller's own, and the headers that say so."""
    trace_id = f"{number:032x}"
    return trace_id, {"traceparent": f"00-{trace_id}-{CALLERS_SPAN}-{flags}"}


def post(
    stack: Stack, headers: dict[str, str], path: str = "/predict/async/", **features: Any
) -> httpx2.Response:
    return stack.client().post(path, {"features": {"do": "answer"} | features}, headers)


def trace_of(collector: Collector, trace_id: str, last: str, count: int = 1) -> list[Received]:
    """A trace, once it has so many spans of its last operation."""

    def whole() -> bool:
        return sum(span.operation == last for span in collector.spans(trace_id)) >= count

    until(whole, f"{count} × {last} in {[s.name for s in collector.spans(trace_id)]}", 30)
    counts: list[int] = []

    def all_there() -> bool:
        """Each of three programs exports its own, once a second."""
        counts.append(len(collector.spans(trace_id)))
        return counts[-2:-1] == counts[-1:]

    until(all_there, "no more of its spans to come", 30, step_s=1.2)
    return collector.spans(trace_id)


def in_words(span: Received) -> tuple[str, str, str, bool]:
    return span.operation, span.kind, span.service.removeprefix("inference-"), span.failed


RAN_WELL = [
    ("claim", "client", "worker", False),
    ("prepare", "internal", "worker", False),
    ("run", "consumer", "worker", False),
    ("settle", "client", "worker", False),
]


def test_a_prediction_is_one_trace_from_its_caller_to_its_delivery(traced: Traced) -> None:
    stack, collector = traced
    trace_id, headers = caller(1)
    answer = post(stack, headers, "/predict/", value=7)
    assert answer.status_code == 200
    spans = trace_of(collector, trace_id, "deliver")
    spans = trace_of(collector, trace_id, "settle")
    assert {in_words(span) for span in spans} == {
        ("accept", "producer", "gateway", False),
        ("wait", "internal", "worker", False),
        *RAN_WELL,
        ("deliver", "internal", "gateway", False),
    }
    assert len(spans) == 7
    by_name = {span.operation: span for span in spans}
    accept, wait, run = by_name["accept"], by_name["wait"], by_name["run"]
    assert accept.parent_id == CALLERS_SPAN
    assert {span.parent_id for span in spans if span is not accept} == {accept.span_id}
    task_id = answer.json()["task_id"]
    assert run.name == "run fault"
    assert run.attributes == {
        "messaging.system": "inference",
        "messaging.destination.name": "fault",
        "messaging.operation.name": "run",
        "messaging.operation.type": "process",
        "messaging.message.id": task_id,
        "messaging.batch.message_count": 1,
        "inference.attempt": 1,
        "inference.model.version": "1",
        "inference.worker": "worker-0",
    }
    assert by_name["settle"].attributes["inference.state"] == "success"
    assert by_name["claim"].end_ns == wait.end_ns == by_name["prepare"].start_ns
    assert by_name["prepare"].end_ns == run.start_ns
    assert run.end_ns == by_name["settle"].start_ns
    assert by_name["settle"].end_ns - accept.start_ns < 30 * 10**9


def test_a_retried_prediction_shows_each_run_and_why_it_was_retried(traced: Traced) -> None:
    stack, collector = traced
    trace_id, headers = caller(2)
    answer = post(stack, headers, "/predict/", do="raise")
    assert answer.status_code == 500
    trace_of(collector, trace_id, "deliver")
    spans = trace_of(collector, trace_id, "settle", 2)
    once = ["wait", "claim", "prepare", "run", "settle"]
    assert sorted(s.operation for s in spans) == sorted(["accept", *once, *once, "deliver"])
    first, second = (span for span in spans if span.operation == "run")
    assert (first.failed, second.failed) == (True, True)
    ((event, told),) = first.events
    assert (event, told["inference.attempt"]) == ("retry", 1)
    assert 0 <= told["inference.retry.back_off_s"] <= 0.1
    assert second.events == ()
    assert [s.attributes["inference.attempt"] for s in (first, second)] == [1, 2]
    assert first.attributes["error.type"] == "model_error"
    states = [s.attributes["inference.state"] for s in spans if s.operation == "settle"]
    assert states == ["retry", "failure"]
    waits = [span for span in spans if span.operation == "wait"]
    assert waits[1].start_ns >= first.end_ns, "the second wait is the second's own"
    assert "as it was told" not in str(spans)


def test_a_run_whose_process_died_is_told_by_the_parent(traced: Traced) -> None:
    stack, collector = traced
    worker = stack.workers[0]
    trace_id, headers = caller(3)
    task_id = post(stack, headers, seconds=1.0).json()["task_id"]
    stack.client().begun(task_id)
    os.kill(worker.model_process(), signal.SIGKILL)
    assert stack.client().ended(task_id)["status"] == "success"
    lost, run = (s for s in trace_of(collector, trace_id, "run", 2) if s.operation == "run")
    assert (lost.failed, lost.attributes["error.type"]) == (True, "worker_lost")
    assert [event for event, _ in lost.events] == ["retry"]
    assert lost.attributes["inference.worker"] == "worker-0"
    assert (run.failed, run.attributes["inference.attempt"]) == (False, 2)
    assert lost.end_ns <= run.start_ns


def test_a_batch_is_linked_to_the_run_of_each_of_its_members(traced: Traced) -> None:
    stack, collector = traced
    client = stack.client()
    # What waits together is claimed together, however slowly it was submitted.
    assert client.post("/models/fault/pause", None).status_code == 200
    ids = [caller(number) for number in (11, 12)]
    tasks = [post(stack, headers, value=1).json()["task_id"] for _, headers in ids]
    assert client.post("/models/fault/resume", None).status_code == 200
    for task_id in tasks:
        client.ended(task_id)
    runs = [
        next(s for s in trace_of(collector, trace_id, "run") if s.operation == "run")
        for trace_id, _ in ids
    ]
    links = {(run.trace_id, run.span_id) for run in runs}

    def batches() -> list[Received]:
        return [s for s in collector.spans(operation="batch") if links & set(s.links)]

    until(batches, "the batch's span")
    (batch,) = batches()
    assert (batch.parent_id, batch.kind) == ("", "consumer")
    assert set(batch.links) == links
    assert [run.links for run in runs] == [((batch.trace_id, batch.span_id),)] * 2
    assert batch.attributes["messaging.batch.message_count"] == 2
    assert batch.attributes["inference.batch.rows"] == 2
    assert "messaging.message.id" not in batch.attributes


def test_a_caller_who_joins_links_to_the_trace_of_the_record(traced: Traced) -> None:
    stack, collector = traced
    (first, its), (second, joins) = caller(21), caller(22)
    key = {"idempotency-key": "the-same"}
    posted = [post(stack, headers | key, value=5).json()["task_id"] for headers in (its, joins)]
    assert posted[0] == posted[1]
    (accept,) = [s for s in trace_of(collector, first, "accept") if s.operation == "accept"]
    (joined,) = trace_of(collector, second, "accept")
    assert joined.links == ((first, accept.span_id),)
    assert joined.attributes["inference.outcome"] == "joined"


def test_a_trace_that_the_caller_does_not_keep_is_not_kept_here(traced: Traced) -> None:
    stack, collector = traced
    dropped, headers = caller(31, flags="00")
    kept, kept_headers = caller(32)
    for one in (headers, kept_headers):
        assert post(stack, one, "/predict/").status_code == 200
    trace_of(collector, kept, "settle")
    assert collector.spans(dropped) == []


def test_odd_headers_begin_a_trace_of_our_own(traced: Traced) -> None:
    stack, collector = traced
    parent = caller(41)[1]["traceparent"]
    odd = ["", "00", "x" * 9_000, parent.upper(), parent + "-00", "\u00e9" * 40, "00" + "-0" * 60]
    tries = [{"traceparent": one} for one in odd]
    tries.append({"traceparent": parent, "tracestate": "=" * 9_000})
    ids = set()
    for headers in tries:
        encoded = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = post(stack, encoded, "/predict/")  # type: ignore[arg-type]
        assert answer.status_code == 200
        ids.add(answer.json()["task_id"])

    def own() -> list[Received]:
        """Those of an earlier test may come as late."""
        spans = collector.spans(operation="accept")
        return [span for span in spans if span.attributes["messaging.message.id"] in ids]

    until(lambda: len(own()) == len(tries), "a span of each", 30)
    accepts = own()
    assert sum(span.parent_id == CALLERS_SPAN for span in accepts) == 1
    assert len({span.trace_id for span in accepts}) == len(tries)


def test_the_lines_of_gateway_and_worker_have_the_ids_of_request_and_trace(traced: Traced) -> None:
    stack, collector = traced
    trace_id, headers = caller(51)
    answer = post(stack, headers | {"x-request-id": "find-me-1"}, "/predict/")
    assert answer.headers["x-request-id"] == "find-me-1"
    (line,) = [
        line
        for line in stack.workers[0].events("prediction.began")
        if line.get("request_id") == "find-me-1"
    ]
    assert (line["trace_id"], line["task_id"]) == (trace_id, answer.json()["task_id"])
    assert line["model"] == "fault"
    assert collector.requests > 0


@pytest.mark.parametrize("gone", [False, True], ids=["hangs", "is gone"])
def test_a_collector_that_is_no_good_costs_nothing(traced: Traced, gone: bool) -> None:
    stack, _ = traced
    with Collector() as collector:
        collector.answering.clear()
        url = "http://127.0.0.1:9" if gone else collector.url
        gateway = stack.add_gateway(OTEL_EXPORTER_OTLP_ENDPOINT=url)
        began = time.monotonic()
        with httpx2.Client(base_url=gateway.url, verify=False) as http:
            for _ in range(50):
                body = {"features": {"do": "answer"}}
                assert http.post("/predict/async/", json=body).status_code == 202
        assert time.monotonic() - began < 10
        until(lambda: gateway.events("traces.collector_lost") or not gone, "the line that says so")
        _ends_in_time(gateway, 5)
        stack.gateways.remove(gateway)


def test_a_worker_ends_in_time_whatever_its_collector_does(traced: Traced) -> None:
    stack, _ = traced
    with Collector() as collector:
        collector.answering.clear()
        worker = stack.add_worker(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        client = stack.client()

        def runs() -> bool:
            tasks = [client.submit({"do": "answer", "seconds": 0.02}) for _ in range(12)]
            return all(client.ended(task_id) for task_id in tasks) and bool(
                worker.events("prediction.ended")
            )

        until(runs, "the new worker to run something", 30)
        assert not _ends_in_time(worker, 10)
        stack.workers.remove(worker)


def _ends_in_time(process: Process, limit_s: float) -> int:
    began = time.monotonic()
    process.signal(signal.SIGTERM)
    code = process.wait(30)
    assert time.monotonic() - began < limit_s
    return code
