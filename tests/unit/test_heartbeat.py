"""The order of a worker's heartbeats and its goodbye, which two threads send."""

import threading
from typing import Any

from inference.store.messages import HeartbeatRequest, WorkerState
from worker.child_status import HeldVersion
from worker.parent.heartbeat import Heartbeat
from worker.settings import WorkerSettings


class SlowStore:
    """Notes heartbeats as they take effect; the first takes effect only when it is let through."""

    def __init__(self) -> None:
        self.noted: list[WorkerState] = []
        self.asked, self.let_through = threading.Event(), threading.Event()

    def heartbeat(self, beat: HeartbeatRequest) -> "Nothing":
        if not self.asked.is_set():
            self.asked.set()
            self.let_through.wait()
        self.noted.append(beat.state)
        return Nothing()


class Nothing:
    """Stands for the parts that a heartbeat acts on, and for an answer that asks for nothing."""

    repair = waiting = 0
    my_turn = turning = False
    problem = wanted = ""

    def __getattr__(self, name: str) -> "Nothing":
        return self

    def __call__(self, *_: object, **__: object) -> Any:
        return 0


def heartbeat(store: SlowStore) -> Heartbeat:
    parts: Any = Nothing()
    return Heartbeat(
        settings=WorkerSettings(model_uri="models:/rain@production", worker_id="w"),
        store=store,  # type: ignore[arg-type]
        tickets=parts,
        state=lambda: WorkerState.IDLE,
        version=HeldVersion,
        replacement=parts,
        ticket_watch=parts,
        liveness=parts,
    )


def test_a_goodbye_is_the_last_that_the_store_hears_of_a_worker() -> None:
    store = SlowStore()
    beats = heartbeat(store)
    beat = threading.Thread(target=beats.beat)
    goodbye = threading.Thread(target=beats.say_goodbye)
    beat.start()
    store.asked.wait()
    goodbye.start()
    goodbye.join(0.2)
    store.let_through.set()
    beat.join()
    goodbye.join()
    beats.beat()
    assert store.noted == [WorkerState.IDLE, WorkerState.GONE]
