"""*Failures*: what went wrong, whose fault it was, and which part is away."""

from scripts.dashboards.panels import Dashboard, Panel, Query, Row
from scripts.dashboards.promql import NAMESPACE, POOL, quantile, rate, stored

_PREDICTIONS = Row(
    "Predictions",
    (
        Panel(
            "Failed for good",
            "ops",
            "Predictions that became dead letters, by pool and reason. `invalid_input` is the"
            " caller's mistake.",
            "read the dead letters: `GET /dead-letters?error_type=…`. Mend the cause, then"
            " replay them.",
            (
                Query(
                    rate("prediction_failures_total", "model", "reason", where='outcome="failure"'),
                    "{{model}} {{reason}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            "Tried again",
            "ops",
            "Runs that failed and are tried again, and suspects that will run alone, by reason.",
            "`device_error` and `worker_lost` point at a node. `payload_unavailable` points at"
            " the object store.",
            (
                Query(
                    rate(
                        "prediction_failures_total",
                        "reason",
                        "outcome",
                        where='outcome=~"retry|quarantined"',
                    ),
                    "{{reason}} {{outcome}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            "Dead letters",
            "short",
            "Dead letters that the store keeps, by pool.",
            "replay them when the cause is mended, or drop them. The oldest go first at the bound.",
            (Query(stored("prediction_queue_dead_letters"), "{{model}}"),),
        ),
        Panel(
            "Refusals",
            "reqps",
            "Requests that were not taken, by the reason in the answer's `type`.",
            "`invalid-request` that jumps is a caller's new release. `unavailable` is the"
            " store or this gateway.",
            (Query(rate("prediction_refusals_total", "reason"), "{{reason}}"),),
            stacked=True,
        ),
        Panel(
            "Answers 504",
            "reqps",
            "Calls that ended before their result: `slo` is our limit, `wait` the caller's own.",
            "`slo`: see *Queue and scaling*. `wait` is what these callers asked for.",
            (Query(rate("prediction_timeouts_total", "model", "reason"), "{{model}} {{reason}}"),),
            stacked=True,
        ),
        Panel(
            "Outstanding corrected",
            "short",
            "By how much the number that KEDA reads had to be corrected since ever.",
            "anything above 0 is a bug, or somebody changed keys by hand: tell us.",
            (Query(stored("prediction_queue_drift"), "{{model}}"),),
            red_above=1,
        ),
    ),
)
_LEASES = Row(
    "Leases and repairs",
    (
        Panel(
            "Leases that ran out",
            "ops",
            "Predictions taken back from a worker that vanished, and leases that a worker"
            " noticed it had lost.",
            "workers die or stand still: see `kubectl describe pod` for OOMKilled, and the nodes.",
            (
                Query(rate("prediction_reclaims_total", "model"), "{{model}} reclaimed"),
                Query(rate("worker_leases_lost_total", "model"), "{{model}} lost"),
            ),
        ),
        Panel(
            "Moved by the reaper",
            "ops",
            "Records that the reaper moved on: retries that are due, and what expired.",
            "`expired` are predictions that nobody began in their time to start: add workers.",
            (Query(rate("prediction_reaped_total", "move"), "{{move}}"),),
            stacked=True,
        ),
        Panel(
            "Rounds of the reaper",
            "ops",
            "Rounds by outcome. `spared`: another gateway was first.",
            "`failed`, or none at all: leases are not taken back. Look at the store and the"
            " gateways.",
            (Query(rate("reaper_runs_total", "outcome"), "{{outcome}}"),),
            stacked=True,
        ),
        Panel(
            "Model processes replaced",
            "ops",
            "How often a worker's model process was replaced, by cause.",
            "`died`: the model or the kernel killed it. `memory`: the model leaks. `version`"
            " is as it should be.",
            (Query(rate("worker_child_restarts_total", "model", "cause"), "{{model}} {{cause}}"),),
        ),
        Panel(
            "Messages that were no tickets",
            "ops",
            "Messages in a queue of ours that were dropped, by what was wrong with them.",
            "somebody else writes to the broker. Take that right away.",
            (
                Query(
                    rate("worker_tickets_dropped_total", "model", "reason"), "{{model}} {{reason}}"
                ),
            ),
        ),
        Panel(
            "Sweeps of large payloads",
            "ops",
            "Rounds in which payloads that nobody needs were removed. There are none without"
            " `PAYLOAD_URL`.",
            "`failed`: the place or the store does not answer. `refused`: the place belongs to"
            " another store.",
            (Query(rate("payload_cleanup_runs_total", "outcome", scope=NAMESPACE), "{{outcome}}"),),
        ),
    ),
)
_PARTS = Row(
    "Store, broker and registry",
    (
        Panel(
            "Reached",
            "bool_yes_no",
            "Whether every gateway reaches the store, the broker, and the registry of each pool.",
            "bring it back. Accepted predictions wait, and workers go on with what they run.",
            (
                Query(f"min(prediction_store_up{{{NAMESPACE}}})", "store"),
                Query(f"min(prediction_broker_up{{{NAMESPACE}}})", "broker"),
                Query(f"min by (model) (prediction_registry_up{{{POOL}}})", "registry {{model}}"),
            ),
            top=1,
        ),
        Panel(
            "Calls of the store",
            "s",
            "The 99th percentile of each call's time.",
            "above some milliseconds the store's disk or CPU is slow: each write is synced.",
            (
                Query(
                    quantile(0.99, "store_call_duration_seconds", "call", scope=NAMESPACE),
                    "{{call}}",
                ),
            ),
        ),
        Panel(
            "Errors of the store",
            "ops",
            "Calls of the store that failed, by call.",
            "see the store's own log. Some at a fail-over are usual.",
            (
                Query(
                    rate(
                        "store_call_duration_seconds_count",
                        "call",
                        where='outcome="error"',
                        scope=NAMESPACE,
                    ),
                    "{{call}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            "Calls of the broker",
            "s",
            "The 99th percentile of the time to publish a ticket and to check the broker.",
            "a slow broker delays starts by a moment and loses nothing.",
            (
                Query(
                    quantile(0.99, "broker_call_duration_seconds", "call", scope=NAMESPACE),
                    "{{call}}",
                ),
            ),
        ),
        Panel(
            "Errors of the broker",
            "ops",
            "Calls of the broker that failed.",
            "see the broker's own log, and whether a memory or disk alarm holds it.",
            (
                Query(
                    rate(
                        "broker_call_duration_seconds_count",
                        "call",
                        where='outcome="error"',
                        scope=NAMESPACE,
                    ),
                    "{{call}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            "Answers by status",
            "reqps",
            "All answers of the gateways, by status.",
            "a status that jumps tells who is wrong: 4xx the callers, 5xx us.",
            (
                Query(
                    rate("http_request_duration_seconds_count", "status", scope=NAMESPACE),
                    "{{status}}",
                ),
            ),
            stacked=True,
        ),
    ),
)
DASHBOARD = Dashboard(
    "failures",
    "Inference: failures",
    "What went wrong and whose fault it was, what was repaired, and which part is away.",
    (_PREDICTIONS, _LEASES, _PARTS),
)
