"""*Is it fine?*: what callers notice, on one page."""

from scripts.dashboards.panels import Dashboard, Kind, Panel, Query, Row, quantiles_of_pools
from scripts.dashboards.promql import NAMESPACE, increase, quantile, rate, stored

SYNC = 'source="sync"'
SLO = 'reason="slo"'
LATE = increase("prediction_timeouts_total", "namespace", where=SLO)
SYNC_REFUSED = increase(
    "prediction_requests_total", "namespace", where=f'{SYNC}, outcome=~"refused|unavailable"'
)
SYNC_VALID = increase("prediction_requests_total", "namespace", where=f'{SYNC}, outcome!="invalid"')
FAILED = 'outcome="failure", reason!="invalid_input"'


def _time_to_answer(route: str, *shares: float) -> tuple[Query, ...]:
    """The quantiles of the time to answer a submission, with links to traces."""
    metric, where = "http_request_duration_seconds", f'route="{route}", method="POST"'
    return tuple(
        Query(
            quantile(share, metric, where=where, scope=NAMESPACE),
            f"p{share * 100:g}",
            exemplars=True,
        )
        for share in shares
    )


_NOW = Row(
    "Now",
    (
        Panel(
            "Alerts that fire",
            "short",
            "How many of the service's own alerts fire. Without the chart's PrometheusRule it"
            " is 0.",
            "open Prometheus' page of alerts. Each alert links to its entry in the runbook.",
            (
                Query(
                    'sum(ALERTS{namespace="$namespace", alertname=~"Inference.+",'
                    ' alertstate="firing"})'
                    " or vector(0)",
                    "alerts",
                ),
            ),
            Kind.NUMBER,
            red_above=1,
        ),
        Panel(
            "Sync calls answered in time",
            "percentunit",
            "Of the valid calls of `POST /predict/` in the time shown, the share that was neither"
            " refused nor late. A wait that the caller shortened does not count.",
            'look at "Late and refused" below, then at the dashboard *Queue and scaling*.',
            (Query(f"1 - ({LATE} + {SYNC_REFUSED}) / {SYNC_VALID}", "in time"),),
            Kind.NUMBER,
            top=1,
            red_below=0.99,
        ),
        Panel(
            "Results within a minute",
            "percentunit",
            "Of the predictions that ended in the time shown, the share that ended within 60 s"
            " after they were accepted.",
            "open *Queue and scaling*: either they wait, or the model got slower.",
            (
                Query(
                    increase(
                        "prediction_time_to_result_seconds_bucket", "namespace", where='le="60.0"'
                    )
                    + " / "
                    + increase("prediction_time_to_result_seconds_count", "namespace"),
                    "within 60 s",
                ),
            ),
            Kind.NUMBER,
            top=1,
            red_below=0.99,
        ),
        Panel(
            "Failed for good",
            "short",
            "Predictions that failed for good in the time shown, without callers' mistakes.",
            "open *Failures*, which tells the reasons.",
            (Query(increase("prediction_failures_total", "namespace", where=FAILED), "failed"),),
            Kind.NUMBER,
            red_above=1,
        ),
        Panel(
            "Store",
            "bool_on_off",
            "Whether every gateway reaches the store.",
            "the store is away: `kubectl logs` of a gateway says why. Nothing that was"
            " accepted is lost.",
            (Query(f"min(prediction_store_up{{{NAMESPACE}}})", "store"),),
            Kind.NUMBER,
            red_below=1,
        ),
        Panel(
            "Broker",
            "bool_on_off",
            "Whether every gateway's last look at the broker went well.",
            "bring the broker back. Work that was accepted waits in the store meanwhile.",
            (Query(f"min(prediction_broker_up{{{NAMESPACE}}})", "broker"),),
            Kind.NUMBER,
            red_below=1,
        ),
    ),
)
_TRAFFIC = Row(
    "Traffic and errors",
    (
        Panel(
            "Requests",
            "reqps",
            "Requests for a prediction by how they were answered.",
            "`invalid` is the callers' mistake, `refused` a full backlog, `unavailable` ours:"
            ' see "Refusals" of'
            " *Failures*.",
            (Query(rate("prediction_requests_total", "outcome"), "{{outcome}}"),),
            stacked=True,
        ),
        Panel(
            "Late and refused",
            "percentunit",
            "The share of valid sync calls that were refused or late, by pool.",
            'if they are late, look at "Time in queue". If they are refused, add workers or'
            " raise the bound.",
            (
                Query(
                    f"({rate('prediction_timeouts_total', 'model', where=SLO)} + "
                    + rate(
                        "prediction_requests_total",
                        "model",
                        where=f'{SYNC}, outcome=~"refused|unavailable"',
                    )
                    + ") / "
                    + rate(
                        "prediction_requests_total", "model", where=f'{SYNC}, outcome!="invalid"'
                    ),
                    "{{model}}",
                ),
            ),
            top=1,
        ),
        Panel(
            "Answers 5xx",
            "reqps",
            "Answers of 500 and above by call. 503 and 504 are said on purpose and tell when"
            " to come again.",
            "500 on `/predict/` is a model that failed: see *Failures*. On another call it is"
            " a bug of the"
            " gateway: its log says where.",
            (
                Query(
                    rate(
                        "http_request_duration_seconds_count",
                        "route",
                        "status",
                        where='status=~"5.."',
                        scope=NAMESPACE,
                    ),
                    "{{route}} {{status}}",
                ),
            ),
            stacked=True,
        ),
    ),
)
_TIMES = Row(
    "Times",
    (
        Panel(
            "Time to answer a sync call",
            "s",
            "How long `POST /predict/` took, in which it waits for the result.",
            'compare it with "Time to run": the rest is the queue. A point links to its trace.',
            _time_to_answer("/predict/", 0.5, 0.95, 0.99),
        ),
        Panel(
            "Time to submit",
            "s",
            "How long `POST /predict/async/` took: one check and one write to the store.",
            'look at "Calls of the store" of *Failures*. Then look at the gateways\' CPU.',
            _time_to_answer("/predict/async/", 0.5, 0.99),
        ),
        Panel(
            "Time to result",
            "s",
            "From accepted to ended, retries and back-offs included, by pool.",
            "see *Queue and scaling* if it grows with the time in queue, else *Workers and"
            " models*.",
            quantiles_of_pools("prediction_time_to_result_seconds", 0.5, 0.95),
        ),
        Panel(
            "Time in queue",
            "s",
            "From accepted to first claimed, by pool.",
            "there are too few workers, or none: see *Queue and scaling*.",
            quantiles_of_pools("prediction_queue_seconds", 0.5, 0.95),
        ),
        Panel(
            "Time to run",
            "s",
            "How long the model took for a batch, by pool.",
            'a new version is slower, or batches grew: see "Rows of a batch" and "Versions" of'
            " *Workers and models*.",
            quantiles_of_pools("worker_run_seconds", 0.5, 0.95),
        ),
        Panel(
            "Outstanding",
            "short",
            "Predictions that were accepted and have not ended, by pool.",
            "if it only grows, more comes in than the workers can do: see *Queue and scaling*.",
            (Query(stored("prediction_queue_outstanding"), "{{model}}"),),
            stacked=True,
        ),
    ),
)
DASHBOARD = Dashboard(
    "is-it-fine",
    "Inference: is it fine?",
    "What callers notice: whether they are answered, how fast, and whether work gets done.",
    (_NOW, _TRAFFIC, _TIMES),
)
