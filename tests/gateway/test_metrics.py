"""What a gateway counts: each series from the start, once, and none by what callers send."""

import httpx2
import pytest

from inference.metrics import GATEWAY_CALLS, WORKER_CALLS
from inference.store.messages import WorkerState
from testkit.scraping import scrape
from testkit.stack import ROOT
from tests.gateway.support import GOOD, MODEL, FakeWorker, GatewayClient

SCRIPTS = ROOT / "inference/store/redis/lua"


def test_every_call_to_the_store_is_among_those_measured() -> None:
    assert set(GATEWAY_CALLS) | set(WORKER_CALLS) == {file.stem for file in SCRIPTS.glob("*.lua")}


def test_every_series_is_there_before_anything_happened(site: GatewayClient) -> None:
    seen = scrape(site.urls[0])
    for series in (
        f'prediction_requests_total{{model="{MODEL}",outcome="refused",source="sync"}}',
        f'prediction_timeouts_total{{model="{MODEL}",reason="wait"}}',
        f'prediction_refusals_total{{model="{MODEL}",reason="backlog-full"}}',
        'prediction_refusals_total{model="unknown",reason="invalid-request"}',
        f'prediction_tickets_total{{model="{MODEL}",outcome="failed"}}',
        f'prediction_reclaims_total{{model="{MODEL}"}}',
        f'prediction_reaped_total{{model="{MODEL}",move="expired"}}',
        f'reaper_runs_total{{model="{MODEL}",outcome="failed"}}',
        'payload_cleanup_runs_total{outcome="failed"}',
        'store_call_duration_seconds_count{call="replay",outcome="error"}',
        'broker_call_duration_seconds_count{call="publish",outcome="error"}',
        f'prediction_workers{{model="{MODEL}",state="draining"}}',
        f'prediction_queue_oldest_waiting_seconds{{model="{MODEL}"}}',
    ):
        assert series in seen
    assert seen["prediction_store_up"] == seen["prediction_broker_up"] == 1
    assert seen[f'prediction_registry_up{{model="{MODEL}"}}'] == 1
    assert seen[f'prediction_model_served{{model="{MODEL}"}}'] == 1
    assert seen[f'prediction_queue_limit{{model="{MODEL}"}}'] > 0


def test_refusals_are_counted_by_the_type_of_the_problem(site: GatewayClient) -> None:
    invalid = f'prediction_refusals_total{{model="{MODEL}",reason="invalid-request"}}'
    no_json = 'prediction_refusals_total{model="unknown",reason="bad-request"}'
    before = site.metric(invalid), site.metric(no_json)
    for body in ({}, {"features": {**GOOD, "pressure": "high"}}):
        assert site.post("/predict/", body).status_code == 422
    as_json = {"content-type": "application/json"}
    assert site.call("POST", "/predict/", content=b"{", headers=as_json).status_code == 400
    assert (site.metric(invalid), site.metric(no_json)) == (before[0] + 2, before[1] + 1)


def test_the_store_s_answers_are_measured(site: GatewayClient, driver: FakeWorker) -> None:
    counted = 'store_call_duration_seconds_count{call="submit",outcome="ok"}'
    published = f'prediction_tickets_total{{model="{MODEL}",outcome="published"}}'
    before = site.metric(counted), site.metric(published)
    site.submit()
    driver.run()
    assert site.metric(counted) == before[0] + 1
    assert site.metric(published) >= before[1]


def test_a_version_that_no_worker_holds_any_more_is_shown_no_more(
    site: GatewayClient, driver: FakeWorker
) -> None:
    held = f'prediction_workers_by_version{{model="{MODEL}",version='
    first, second = f'{held}"1"}}', f'{held}"2"}}'
    driver.beat(WorkerState.IDLE, version="1")
    assert scrape(site.urls[0])[first] == 1
    driver.beat(WorkerState.IDLE, version="2")
    seen = scrape(site.urls[0])
    assert first not in seen
    assert seen[second] == 1


@pytest.mark.parametrize("accept", ["", "text/plain;version=x", "a;b=c,,;", "*/*"])
def test_whoever_scrapes_gets_text_whatever_it_accepts(site: GatewayClient, accept: str) -> None:
    answer = httpx2.get(f"{site.urls[0]}/metrics", headers={"accept": accept}, verify=False)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")


def test_a_scraper_that_accepts_openmetrics_gets_it(site: GatewayClient) -> None:
    asked = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    answer = httpx2.get(f"{site.urls[0]}/metrics", headers=asked, verify=False)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


def test_a_duration_leads_to_the_trace_of_a_call_that_took_so_long(site: GatewayClient) -> None:
    """An exemplar, for a trace that is kept alone."""
    kept, dropped = "4bf92f3577b34da6a3ce929d0e0e4736", "5bf92f3577b34da6a3ce929d0e0e4736"
    for trace, flags in ((kept, "01"), (dropped, "00")):
        for _ in site.urls:
            parent = f"00-{trace}-00f067aa0ba902b7-{flags}"
            site.post("/predict/async/", {"features": GOOD}, traceparent=parent)
    asked = {"accept": "application/openmetrics-text"}
    text = httpx2.get(f"{site.urls[0]}/metrics", headers=asked, verify=False).text
    assert f'# {{trace_id="{kept}"}}' in text
    assert dropped not in text


def test_what_callers_send_makes_no_series(site: GatewayClient) -> None:
    """Names, ids, keys, headers, paths and methods of a caller, all different each time."""
    site.submit()
    before = [set(scrape(url)) for url in site.urls]
    for n in range(40):
        name = f"bomb-{n}"
        site.post("/predict/", {"model": name, "features": {name: n}}, x_request_id=name)
        site.post("/predict/", {"features": GOOD, "priority": n, name: 1}, traceparent=name)
        site.post("/predict/async/", {"features": GOOD}, idempotency_key=name, user_agent=name)
        for path in (f"/{name}", f"/monitoring/task_status/{name}", f"/dead-letters/{name}"):
            site.get(path)
        site.call(f"BOMB{n}", "/predict/")
    bombed = [series for url in site.urls for series in scrape(url) if "bomb" in series.lower()]
    assert bombed == []
    new = [set(scrape(url)) - seen for url, seen in zip(site.urls, before, strict=True)]
    names = {series.partition("{")[0] for series in set().union(*new)}
    http = "http_request_duration_seconds"
    assert names <= {f"{http}{end}" for end in ("_bucket", "_count", "_sum")}
