"""What operators look at, and what holds for every answer."""

import pytest

from inference.store.messages import WorkerState
from tests.gateway.support import GOOD, MODEL, FakeWorker, GatewayClient, problem


def test_queues_are_counted(site: GatewayClient, driver: FakeWorker) -> None:
    for _ in range(4):
        site.submit()
    driver.fail()
    driver.claim()
    (queue,) = site.get("/monitoring/queues").json()["queues"]
    assert queue.pop("oldest_waiting_s") >= 0
    assert queue == {
        "model": MODEL,
        "waiting": 2,
        "running": 1,
        "retry": 0,
        "outstanding": 3,
        "dead_letters": 1,
        "paused": None,
    }
    assert site.metric(f'prediction_queue_outstanding{{model="{MODEL}"}}') == 3 * len(site.urls)


def test_workers_are_shown(site: GatewayClient, driver: FakeWorker) -> None:
    driver.beat(WorkerState.BUSY)
    answer = site.get("/monitoring/workers").json()
    assert answer["starting"] is None, "nothing starts pods here"
    (worker,) = answer["workers"]
    assert worker.pop("since").endswith("Z")
    assert worker == {
        "id": "driver",
        "model": MODEL,
        "version": "1",
        "state": "busy",
        "batch": 8,
        "problem": None,
    }


def test_the_models_card_has_the_registrys_word_and_the_workers(
    site: GatewayClient, driver: FakeWorker
) -> None:
    driver.beat(WorkerState.IDLE, version="0")
    card = site.get("/predict/model/info").json()
    assert (card["name"], card["version"], card["aliases"]) == (MODEL, "1", ["production"])
    assert card["metrics"] == {"log_loss": 0.5}
    assert card["run_id"]
    assert card["metadata"] == {"feature_table": "stations.parquet"}
    assert [column["name"] for column in card["signature"]["inputs"]] == [
        "pressure",
        "days",
        "station",
        "coastal",
    ]
    assert card["workers"] == [{"id": "driver", "version": "0", "state": "idle"}]
    assert site.get(f"/predict/model/info?model={MODEL}").json()["name"] == MODEL
    assert problem(site.get("/predict/model/info?model=nope"), 422)["errors"][0]["field"] == "model"


def test_ready_counts_the_workers_that_have_the_model(
    site: GatewayClient, driver: FakeWorker
) -> None:
    body = site.get("/readyz").json()
    assert body == {
        "status": "ready",
        "store": "ok",
        "warnings": [],
        "models": {MODEL: {"version": "1", "workers": 0}},
    }
    driver.beat(WorkerState.LOADING)
    assert site.get("/readyz").json()["models"][MODEL]["workers"] == 0
    driver.beat(WorkerState.IDLE)
    assert site.get("/readyz").json()["models"][MODEL]["workers"] == 1


def test_metrics_that_must_exist_are_there_from_the_start(site: GatewayClient) -> None:
    text = site.get("/metrics").text
    for source in ("sync", "async"):
        for outcome in ("accepted", "joined", "invalid", "refused", "unavailable"):
            labels = f'model="{MODEL}",outcome="{outcome}",source="{source}"'
            assert f"prediction_requests_total{{{labels}}}" in text
    for reason in ("slo", "wait"):
        assert f'prediction_timeouts_total{{model="{MODEL}",reason="{reason}"}}' in text


@pytest.mark.parametrize(
    "path",
    [
        "/livez",
        "/readyz",
        "/metrics",
        "/monitoring/queues",
        "/monitoring/workers",
        "/predict/model/info",
        "/models",
    ],
)
def test_a_slash_at_the_end_changes_nothing(site: GatewayClient, path: str) -> None:
    assert site.get(path).status_code == 200
    assert site.get(path + "/").status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/predict/", "/predict/async", "/predict/async/"])
def test_predicting_answers_with_and_without_the_slash(site: GatewayClient, path: str) -> None:
    assert site.post(path, {"features": GOOD}, Prefer="respond-async").status_code == 202


def test_a_sane_request_id_is_kept_and_another_made_anew(site: GatewayClient) -> None:
    assert (
        site.get("/livez", headers={"X-Request-ID": "abc-1.2:3"}).headers["x-request-id"]
        == "abc-1.2:3"
    )
    for odd in ("", "a b", "x" * 129, '<script>"'):
        made = site.get("/nowhere", headers={"X-Request-ID": odd}).headers["x-request-id"]
        assert made not in ("", odd)


def test_inputs_and_outputs_are_not_logged(site: GatewayClient, driver: FakeWorker) -> None:
    site.submit(features=GOOD | {"station": "a-secret-station"})
    site.post("/predict/", {"features": {"station": "a-secret-station", "pressure": "x"}})
    driver.run("a-secret-result")
    for gateway in site.stack.gateways:
        assert "a-secret" not in gateway.log.read_text()
