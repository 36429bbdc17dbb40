"""The row *Canaries* of *Workers and models*: two versions side by side, each a pool."""

from scripts.dashboards.panels import Panel, Query, Row
from scripts.dashboards.promql import rate

_TAKEN = 'outcome=~"accepted|joined"'
_FAILED = 'outcome="failure", reason!="invalid_input"'

ROW = Row(
    "Canaries",
    (
        Panel(
            "Calls taken by pool",
            "ops",
            "Predictions that gateways took, by the pool that got them. Choose a pool and its"
            " canary above.",
            'a canary below its share: see "Calls drawn for a canary". Without a match or a key'
            " the draw is random, so few calls are uneven.",
            (Query(rate("prediction_requests_total", "model", where=_TAKEN), "{{model}}"),),
            stacked=True,
        ),
        Panel(
            "Calls drawn for a canary",
            "ops",
            "Calls that were drawn for a canary: taken, or why the main pool answered instead.",
            "any but `taken` is told in docs/operations.md, under Canary. No caller notices, but"
            " the canary is not tried.",
            (
                Query(
                    rate("prediction_canary_draws_total", "model", "outcome"),
                    "{{model}} {{outcome}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            "Failed for good by pool",
            "percentunit",
            "Of the predictions that ended, the share that failed, and not by their callers'"
            " mistake.",
            "the canary above the main pool: set its `trafficPercent` to 0, and read its dead"
            " letters.",
            (
                Query(
                    f"{rate('prediction_failures_total', 'model', where=_FAILED)}"
                    f" / {rate('worker_predictions_total', 'model')}",
                    "{{model}}",
                ),
            ),
            top=1,
        ),
    ),
)
