"""Each dropped message is counted, and the log has one line a second about them."""

from structlog.testing import capture_logs

from inference.broker.ticket import NoTicket
from worker.celery_edge.dropped_messages import DroppedMessages
from worker.metrics import DROPPED


def counted(model: str, reason: NoTicket) -> float:
    """What the metric says."""
    return float(DROPPED.labels(model, reason)._value.get())


def test_a_flood_is_counted_and_does_not_fill_the_log() -> None:
    times = iter([10.0] * 1_000 + [10.5] * 1_000 + [11.0])
    dropped = DroppedMessages("flooded", lambda: next(times))
    with capture_logs() as lines:
        for _ in range(2_000):
            dropped.count(NoTicket.NOT_JSON)
        dropped.count(NoTicket.TIMED)
    assert counted("flooded", NoTicket.NOT_JSON) == 2_000
    assert counted("flooded", NoTicket.TIMED) == 1
    assert [line["messages"] for line in lines] == [
        {"not_json": 1},
        {"not_json": 1_999, "timed": 1},
    ]
