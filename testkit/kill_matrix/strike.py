"""Brings a process into the gap of a case, and strikes it there."""

import signal
from collections.abc import Callable
from random import Random

from inference.failpoints import Failpoint
from testkit.failpoint_hook import Role
from testkit.kill_matrix.cases import Case, Signal
from testkit.kill_matrix.load import Load
from testkit.kill_matrix.stand import KEYS, LEASE_S, QUEUE, SLOW_S, Stand, pause, send
from testkit.stack import Process
from testkit.waiting import until

REACH_S, TRIES = 20.0, 3
"""How long a gap is waited for after a provocation, and how often it is provoked."""
NUMBERS = {Signal.KILL: signal.SIGKILL, Signal.TERM: signal.SIGTERM, Signal.STOP: signal.SIGSTOP}
Reached = Callable[[], bool]


def no_help(stand: Stand, load: Load, reached: Reached) -> None:
    """Ordinary work gets there."""
    del stand, load, reached


def cut_the_subscriptions(stand: Stand, load: Load, reached: Reached) -> None:
    del load, reached
    stand.store.client_kill_filter(_type="pubsub")


def lose_the_tickets(stand: Stand, load: Load, reached: Reached) -> None:
    """Until the workers ask for others; meanwhile enough tickets are believed to be in flight."""
    del load

    def lose() -> bool:
        stand.store.hset(f"{KEYS}:meta", "tickets", 1000)
        stand.broker.purge(QUEUE)
        return reached()

    _comes(lose, step_s=0.5)


def miscount_the_tickets(stand: Stand, load: Load, reached: Reached) -> None:
    """Until somebody sees too few of them, and then somebody of the right role."""
    del load

    def miscount() -> bool:
        stand.store.hincrby(f"{KEYS}:meta", "tickets", -2)
        return reached()

    _comes(miscount)


def kill_a_child_at_work(stand: Stand, load: Load, reached: Reached) -> None:
    """One that has begun with something."""
    del load, reached

    def kill() -> bool:
        for worker in stand.stack.workers:
            if (
                not worker.died()
                and stand.held_by(worker.name)
                and (child := worker.model_process())
            ):
                send(child, signal.SIGKILL)
                return True
        return False

    _comes(kill, step_s=0.001)


def run_something_slow(stand: Stand, load: Load) -> tuple[str, Process]:
    """Returns the record, and the worker that has begun it."""
    task_id = load.submit_slow(SLOW_S)

    def runner() -> Process | None:
        name, begun = stand.store.hmget(f"{KEYS}:record:{task_id}", "worker", "begun")
        return next(
            (worker for worker in stand.stack.workers if worker.name == name and begun), None
        )

    worker = until(runner, "the slow one to run", REACH_S)
    assert worker is not None
    return task_id, worker


def drain_a_worker_at_work(stand: Stand, load: Load, reached: Reached) -> None:
    """One that must hand back what it runs.

    The count of tickets in flight is lowered, so that what is handed back misses a ticket.
    """
    _, worker = run_something_slow(stand, load)
    send(worker.pid, signal.SIGTERM)
    miscount_the_tickets(stand, load, reached)


def reclaim_from_the_living(stand: Stand, load: Load, reached: Reached) -> None:
    """Lets the lease of a run that goes on run out, as if its renewals had been late.

    The parent must then stop it.
    """
    del reached
    task_id, _ = run_something_slow(stand, load)
    claim = str(stand.store.hget(f"{KEYS}:record:{task_id}", "claim") or "")
    mates = str(stand.store.hget(f"{KEYS}:claim:{claim}", "ids")).split()

    def taken() -> bool:
        if stand.store.hget(f"{KEYS}:record:{task_id}", "claim") != claim:
            return True
        stand.store.zadd(f"{KEYS}:running", dict.fromkeys(mates, 0), xx=True)
        return False

    _comes(taken)


def stop_a_gateway(stand: Stand, load: Load, reached: Reached) -> None:
    del load, reached
    send(stand.stack.gateways[0].pid, signal.SIGTERM)


PROVOCATIONS: dict[Failpoint, Callable[[Stand, Load, Reached], None]] = {
    Failpoint.SUBSCRIBED: cut_the_subscriptions,
    Failpoint.STOPPING: stop_a_gateway,
    Failpoint.CLOSING: stop_a_gateway,
    Failpoint.LOADED: kill_a_child_at_work,
    Failpoint.REPAIR_DUE: lose_the_tickets,
    Failpoint.REPORT_DUE: kill_a_child_at_work,
    Failpoint.REPORTED: kill_a_child_at_work,
    Failpoint.STOP_TOLD: reclaim_from_the_living,
    Failpoint.DRAINING: drain_a_worker_at_work,
    Failpoint.HANDED_BACK: drain_a_worker_at_work,
    Failpoint.GOODBYE: drain_a_worker_at_work,
}


def target_of(stand: Stand, load: Load, case: Case, random: Random) -> int:
    """The process to strike, which stands in the gap if the case names one.

    Fails if nobody gets there.
    """
    if case.gap is None:
        workers = [worker for worker in stand.stack.workers if worker.model_process()]
        if case.stands is Role.CHILD:
            return random.choice(workers).model_process()
        return random.choice(stand.stack.gateways if case.role is Role.GATEWAY else workers).pid
    stand.gaps.arm(case.gap, case.stands)
    for _ in range(TRIES):
        _provocation(case)(stand, load, lambda: bool(stand.gaps.standing()))
        if _comes(lambda: bool(stand.gaps.standing()), step_s=0.002):
            return stand.gaps.standing()
    raise AssertionError(f"no {case.role} reached: {case.place}")


def _provocation(case: Case) -> Callable[[Stand, Load, Reached], None]:
    if case.gap is Failpoint.WORKER_TICKETS_PUBLISHED:
        return drain_a_worker_at_work if case.role is Role.PARENT else miscount_the_tickets
    return PROVOCATIONS.get(case.gap, no_help) if case.gap else no_help


def strike(stand: Stand, case: Case, target: int) -> None:
    """Sends the signal, holds it if it is a stop, and lets the process go on if it still can."""
    to = _sender(stand, case, target)
    to(NUMBERS[case.signal])
    if case.signal is Signal.STOP:
        pause(LEASE_S + 1)
        to(signal.SIGCONT)
    if case.gap:
        stand.gaps.disarm(case.gap, case.stands)


def _sender(stand: Stand, case: Case, target: int) -> Callable[[signal.Signals], None]:
    if server := stand.servers.get(case.role):
        return server.signal
    targets = [target] if case.role is not Role.WORKER else [target, stand.owner(target).pid]

    def to_all(number: signal.Signals) -> None:
        for pid in targets:
            send(pid, number)

    return to_all


def _comes(condition: Reached, step_s: float = 0.02) -> bool:
    """Whether something comes true in time."""
    try:
        return until(condition, "it", REACH_S, step_s)
    except AssertionError:
        return False
