"""The commands of a worker, each with its reply."""

from collections.abc import Sequence

from inference.store import messages
from inference.store.redis.commands.bad_runs import bad_runs, trace_of
from inference.store.redis.commands.command import Command, Reply, by_name, text
from inference.store.redis.commands.keys import Keys


class WorkerCommands(Keys):
    """See `WorkerStore`."""

    def claim(self, ask: messages.ClaimRequest) -> Command[messages.ClaimAnswer]:
        """Waiting → running."""
        request = {
            "claim_id": ask.claim_id,
            "worker_id": ask.worker_id,
            "batch_rows": ask.batch_rows,
            "max_batch_wait_ms": ask.max_batch_wait_ms,
            "lease_ms": self.limits.lease_ms,
        }
        return Command("claim", self.prefix(ask.model), request, _claimed)

    def begin(self, model: str, claim_id: str, task_ids: Sequence[str]) -> Command[tuple[str, ...]]:
        """Running → running: the records about to be run; answers those still held."""
        return Command(
            "begin", self.prefix(model), {"claim_id": claim_id, "task_ids": list(task_ids)}, _held
        )

    def renew(self, model: str, claim_id: str, limit_ms: int) -> Command[messages.RenewAnswer]:
        """Running → running: the lease."""
        request = {"claim_id": claim_id, "lease_ms": self.limits.lease_ms, "limit_ms": limit_ms}
        return Command("renew", self.prefix(model), request, _renewed)

    def settle(
        self, model: str, claim_id: str, outcomes: Sequence[messages.Outcome], version: str
    ) -> Command[messages.SettleAnswer]:
        """Running → success, retry, failure or waiting.

        The payload of each outcome travels as bytes, in the same order.
        """
        told = [
            {
                "task_id": o.task_id,
                "verb": messages.OutcomeKind(o.verb).value,
                "own": o.own,
                "run_ms": o.run_ms,
            }
            for o in outcomes
        ]
        request = {
            "claim_id": claim_id,
            "version": version,
            "retry": self.retry_limits(),
            "outcomes": told,
        }
        return Command(
            "settle", self.prefix(model), request, _settled, tuple(o.payload for o in outcomes)
        )

    def heartbeat(self, beat: messages.HeartbeatRequest) -> Command[messages.HeartbeatAnswer]:
        """A worker lives."""
        request = {
            "worker_id": beat.worker_id,
            "state": beat.state.value,
            "version": beat.version,
            "batch_rows": beat.batch_rows,
            "period_ms": beat.period_ms,
            "wants": beat.wants,
            "turn_ms": beat.turn_ms,
            "problem": beat.problem,
            "identity": beat.identity,
        }
        return Command("heartbeat", self.prefix(beat.model), request, _heard)


def _claimed(reply: Reply) -> messages.ClaimAnswer:
    return messages.ClaimAnswer(
        kind=messages.ClaimStatus(text(reply["kind"])),
        records=tuple(_granted(by_name(record)) for record in reply.get("records", ())),
        wait_ms=reply.get("wait_ms", 0),
        tickets=reply.get("tickets", 0),
    )


def _granted(record: Reply) -> messages.ClaimedRecord:
    return messages.ClaimedRecord(
        text(record["task_id"]),
        record.get("input"),
        int(record["rows"]),
        age_ms=record.get("age_ms", 0),
        epoch=record.get("epoch", 0),
        fresh=record.get("fresh") == 1,
        waited_ms=record.get("waited_ms", 0),
        attempts=record.get("attempts", 0),
        trace=trace_of(record),
        request_id=text(record.get("request", "")),
    )


def _held(reply: Reply) -> tuple[str, ...]:
    return tuple(text(task_id) for task_id in reply["held"])


def _renewed(reply: Reply) -> messages.RenewAnswer:
    return messages.RenewAnswer(
        kind=messages.LeaseStatus(text(reply["kind"])),
        held=tuple(text(task_id) for task_id in reply.get("held", ())),
        refused=bool(reply.get("refused")),
        begun_for_ms=reply.get("begun_for_ms"),
    )


def _settled(reply: Reply) -> messages.SettleAnswer:
    words = {task_id: text(word) for task_id, word in by_name(reply["words"]).items()}
    return messages.SettleAnswer(words, reply["tickets"], bad_runs(reply))


def _heard(reply: Reply) -> messages.HeartbeatAnswer:
    return messages.HeartbeatAnswer(reply["waiting"], reply["repair"], bool(reply["my_turn"]))
