"""*Queue and scaling*: why a prediction does not run yet."""

from scripts.dashboards.panels import Dashboard, Kind, Panel, Query, Row, quantiles_of_pools
from scripts.dashboards.promql import (
    mean_of_the_living,
    of_keda,
    parts,
    rate,
    stored,
    total,
)

OUTSTANDING = stored("prediction_queue_outstanding")
LOADING = total("prediction_workers", 'state="loading"')
READY = total("prediction_workers", 'state=~"idle|busy"')
DEPLOYMENT = '{namespace="$namespace", deployment=~".+-worker-($model)"}'

_NOW = Row(
    "Now",
    (
        Panel(
            "Waiting",
            "short",
            "Predictions that wait for a worker, all pools chosen together.",
            "read this page downwards: is a worker wanted, does it start, is it ready?",
            (Query(f"sum({stored('prediction_queue_waiting')})", "waiting"),),
            Kind.NUMBER,
        ),
        Panel(
            "Oldest waiting",
            "s",
            "The age of the prediction that has waited longest.",
            "if no worker is ready, one is to be started. If some are busy, the pool needs more.",
            (Query(f"max({stored('prediction_queue_oldest_waiting_seconds')})", "oldest"),),
            Kind.NUMBER,
            red_above=300,
        ),
        Panel(
            "Workers ready",
            "short",
            "Workers that hold their model: idle or busy.",
            "0 is right where a pool scales to zero and nothing waits. Else see the row *Scaling*.",
            (Query(f"sum({READY})", "ready"),),
            Kind.NUMBER,
        ),
        Panel(
            "Workers loading",
            "short",
            "Workers that live and load their model.",
            'if it stays above 0, see "Time of a start" of *Workers and models*, and the'
            " worker's log.",
            (
                Query(
                    f"sum({LOADING})",
                    "loading",
                ),
            ),
            Kind.NUMBER,
        ),
        Panel(
            "Backlog used",
            "percentunit",
            "Of the predictions that may be outstanding, the share that is: the fullest pool.",
            "above 1 submissions are refused with `backlog-full`. Add workers, or raise"
            " `BACKLOG_MAX_RECORDS`.",
            (
                Query(
                    f"max({OUTSTANDING} / {stored('prediction_queue_limit')})",
                    "used",
                ),
            ),
            Kind.NUMBER,
            top=1,
            red_above=0.8,
        ),
        Panel(
            "Errors of KEDA",
            "short",
            "How often KEDA could not read a pool's number in the time shown.",
            "run `kubectl describe hpa`, and read the events of the ScaledObject. While it"
            " fails, KEDA leaves the workers as they are.",
            (
                Query(
                    "sum(increase(keda_scaled_object_errors_total"
                    '{exported_namespace="$namespace"}[$__range])'
                    " or increase(keda_scaled_object_errors_total"
                    '{namespace="$namespace"}[$__range]))',
                    "errors",
                ),
            ),
            Kind.NUMBER,
            red_above=1,
        ),
    ),
)
_QUEUE = Row(
    "Queue",
    (
        Panel(
            "Waiting, running, to be retried",
            "short",
            "What is outstanding, by pool. KEDA scales on the sum.",
            "waiting that grows needs workers. Retries that grow need a look at *Failures*.",
            tuple(
                Query(parts(f"prediction_queue_{state}", "model"), f"{{{{model}}}} {state}")
                for state in ("waiting", "running", "retry")
            ),
            stacked=True,
        ),
        Panel(
            "In and out",
            "ops",
            "Predictions accepted and predictions ended a second, by pool.",
            "if more comes in than ends for long, raise `autoscaling.maxReplicas`.",
            (
                Query(
                    rate("prediction_requests_total", "model", where='outcome="accepted"'),
                    "{{model}} accepted",
                ),
                Query(
                    rate(
                        "worker_predictions_total",
                        "model",
                        where='state=~"success|failure|invalid_input"',
                    ),
                    "{{model}} ended",
                ),
            ),
        ),
        Panel(
            "Time in queue",
            "s",
            "From accepted to first claimed, by pool.",
            'a pool at zero pays the start of a worker: see "Cold starts". Else it needs more'
            " workers.",
            quantiles_of_pools("prediction_queue_seconds", 0.5, 0.95),
        ),
        Panel(
            "Age of the oldest",
            "s",
            "How long the prediction that is next has waited, by pool.",
            "if it only grows, nothing of this pool runs: look at its workers.",
            (Query(stored("prediction_queue_oldest_waiting_seconds"), "{{model}}"),),
        ),
        Panel(
            "Tickets in flight",
            "short",
            "Tickets in flight, as far as the store knows, by pool.",
            "waiting above 0 with no tickets lasts for two beats at most. If it lasts longer,"
            " look at the"
            " broker.",
            (Query(stored("prediction_queue_tickets"), "{{model}}"),),
        ),
        Panel(
            "Bytes of inputs",
            "bytes",
            "Bytes of the inputs of all that is outstanding, and of the dead letters, by pool.",
            "above `BACKLOG_MAX_BYTES` submissions are refused. Set `PAYLOAD_URL` for large"
            " inputs.",
            (
                Query(stored("prediction_queue_outstanding_bytes"), "{{model}} outstanding"),
                Query(stored("prediction_queue_dead_letter_bytes"), "{{model}} dead letters"),
            ),
        ),
    ),
)
_SCALING = Row(
    "Scaling",
    (
        Panel(
            "Workers by state",
            "short",
            "The live workers by what they do.",
            "`loading` for long is a start that fails. `idle` while work waits are lost"
            " tickets, which come"
            " again by themselves.",
            (
                Query(
                    f"sum by (state) ({parts('prediction_workers', 'model', 'state')})",
                    "{{state}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            "Wanted and there",
            "short",
            "Workers that KEDA asked for, and those that are ready. It needs kube-state-metrics.",
            "wanted above ready for long: `/monitoring/workers` says what each pod waits for.",
            (
                Query(
                    f"max by (deployment) (kube_deployment_spec_replicas{DEPLOYMENT})",
                    "{{deployment}} wanted",
                ),
                Query(
                    f"max by (deployment) (kube_deployment_status_replicas_ready{DEPLOYMENT})",
                    "{{deployment}} ready",
                ),
            ),
        ),
        Panel(
            "What KEDA reads",
            "short",
            "KEDA's own number of each pool: the predictions outstanding.",
            'it must follow "Waiting, running, to be retried". If it does not, KEDA reads'
            " another key or"
            " store.",
            (Query(of_keda("keda_scaler_metrics_value"), "{{scaledObject}}"),),
        ),
        Panel(
            "KEDA: active and paused",
            "bool_yes_no",
            "Whether KEDA holds a pool for active, and whether it was told to pause.",
            "`paused` is an annotation of the ScaledObject. Remove"
            " `autoscaling.keda.sh/paused` to go on.",
            (
                Query(of_keda("keda_scaler_active"), "{{scaledObject}} active"),
                Query(of_keda("keda_scaled_object_paused"), "{{scaledObject}} paused"),
            ),
            top=1,
        ),
        Panel(
            "KEDA: time to ask the store",
            "s",
            "How long KEDA took to read a pool's number.",
            "the store is slow or far. Above some seconds KEDA gives up and changes nothing.",
            (Query(of_keda("keda_scaler_metrics_latency_seconds"), "{{scaledObject}}"),),
        ),
        Panel(
            "Cold starts",
            "s",
            "How long the oldest prediction of a new worker's first batch had waited for that"
            " worker.",
            'see "Time of a start" of *Workers and models* for the phase that takes long.',
            (Query(mean_of_the_living("worker_cold_start_seconds", "model"), "{{model}}"),),
        ),
    ),
)
_TICKETS = Row(
    "Tickets",
    (
        Panel(
            "Tickets published",
            "ops",
            "Tickets that gateways and workers published, and those that the broker did not take.",
            "`failed`: the broker is away. Tickets are made again, and no prediction is lost.",
            (Query(rate("prediction_tickets_total", "outcome"), "{{outcome}}"),),
            stacked=True,
        ),
        Panel(
            "Tickets without work",
            "ops",
            "Tickets that found nothing waiting, and messages that were no tickets.",
            "some without work are usual, since a batch takes several predictions. A message"
            " that is no ticket"
            " comes from somebody else.",
            (
                Query(rate("worker_empty_claims_total", "model"), "{{model}} without work"),
                Query(
                    rate("worker_tickets_dropped_total", "model", "reason"), "{{model}} {{reason}}"
                ),
            ),
        ),
        Panel(
            "Refused",
            "ops",
            "Submissions refused for want of room or time, by reason.",
            "`backlog-full`: add workers or raise the bound. `not-in-time`: callers should"
            " submit and come"
            " back.",
            (
                Query(
                    rate(
                        "prediction_refusals_total",
                        "reason",
                        where='reason=~"backlog-full|not-in-time"',
                    ),
                    "{{reason}}",
                ),
            ),
            stacked=True,
        ),
    ),
)
DASHBOARD = Dashboard(
    "queue-and-scaling",
    "Inference: queue and scaling",
    "Why a prediction does not run yet: what waits, which workers are wanted, starting and ready.",
    (_NOW, _QUEUE, _SCALING, _TICKETS),
)
