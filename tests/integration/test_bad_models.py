"""Models that leak, and that take long to load: what it costs, and what an operator sees of it."""

import os
from typing import Any

import httpx2

from testkit.stack import Client, answers
from testkit.waiting import until
from tests.integration.conftest import MakeStack

LEAK_MIB, LIMIT_MIB = 200, 900
LOAD_S = float(os.environ.get("SLOW_LOAD_S", "14"))
"""Longer than a lease; with 180 the three minutes of a large model."""


def worker_of(client: Client) -> dict[str, Any]:
    return dict(client.get("/monitoring/workers").json()["workers"][0])


def test_a_model_that_leaks_is_loaded_anew_between_two_batches_and_no_prediction_pays(
    make_stack: MakeStack,
) -> None:
    stack = make_stack(
        gateways=1, MODEL_MEMORY_MAX_BYTES=str(LIMIT_MIB * 2**20), MAX_BATCH_SIZE="1"
    )
    client, worker = stack.client(), stack.workers[0]
    ends: list[dict[str, Any]] = []
    while not worker.events("child.outgrown"):
        assert len(ends) < 11 * (2 + LIMIT_MIB / LEAK_MIB), "it leaked more than it may have"
        ids = [
            client.submit({"do": "leak", "value": LEAK_MIB}),
            *(client.submit({"do": "answer"}) for _ in range(10)),
        ]
        ends += [client.ended(task_id) for task_id in ids]
    ends.append(client.ended(client.submit({"do": "answer", "value": 1})))
    assert {(end["status"], end["attempts"]) for end in ends} == {("success", 0)}
    said = until(lambda: worker_of(client)["problem"], "the worker to say so")
    assert said.startswith(
        f"its process outgrew the {LIMIT_MIB} MiB of MODEL_MEMORY_MAX_BYTES and was replaced, "
    )
    assert len(worker.events("model.loaded")) == 1 + len(worker.events("child.outgrown"))
    assert not worker.died()


def test_where_an_operator_wants_it_a_number_that_is_none_is_an_error_of_its_row_alone(
    make_stack: MakeStack,
) -> None:
    client = make_stack(gateways=1, RESULT_NAN="error").client()
    ids = [
        client.submit({"do": "not_finite" if value == 1 else "answer", "value": value})
        for value in range(4)
    ]
    ends = [client.ended(task_id) for task_id in ids]
    failed = ends.pop(1)
    assert failed["error"] == {
        "type": "model_error",
        "message": "result.x[0] is no finite number, and RESULT_NAN=error",
    }
    assert [(end["status"], end["result"]["value"]) for end in ends] == [
        ("success", value) for value in (0, 2, 3)
    ]


def test_a_model_that_loads_for_long_is_seen_loading_and_what_was_submitted_waits(
    make_stack: MakeStack,
) -> None:
    stack = make_stack(gateways=1, workers=0)
    client, worker = stack.client(), stack.add_worker(wait=False, FAULT_LOAD_S=f"{LOAD_S:g}")
    until(lambda: client.get("/monitoring/workers").json()["workers"], "the worker to be listed")
    task_id = client.submit({"do": "answer", "value": 7})
    assert worker_of(client)["state"] == "loading"
    until(lambda: answers(worker, "/livez"), "its probes to answer")
    assert (
        httpx2.get(f"{worker.url}/livez", verify=False).status_code,
        httpx2.get(f"{worker.url}/readyz", verify=False).status_code,
    ) == (200, 503)
    waiting = client.status(task_id)
    assert (waiting["status"], waiting["position"]) == ("submitted", 0)
    late = client.post(
        "/predict/", {"features": {"do": "answer", "value": 8}}, {"Prefer": "wait=1"}
    )
    assert late.status_code == 504
    ends = [client.ended(one, limit_s=LOAD_S + 60) for one in (task_id, late.json()["task_id"])]
    assert [(end["result"]["value"], end["attempts"]) for end in ends] == [(7, 0), (8, 0)]
    (loaded,) = worker.events("model.loaded")
    assert loaded["seconds"]["load"] >= LOAD_S
    assert not worker.died()
