"""Tests waiting (protocol rule 7): the bookkeeping, then real connections.

The bookkeeping runs against a store that may announce late, twice or never.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx2
import redis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from app.background.result_waiter import Waiters
from inference.records import Record
from inference.states import FINAL, State
from testkit.stack import Stack
from testkit.waiting import until
from tests.gateway.support import GOOD, HTTP, FakeWorker, GatewayClient

IDS = st.sampled_from(["m-1", "m-2"])
STATES = st.sampled_from([State.RUNNING, State.RETRY, State.WAITING, State.SUCCESS, State.FAILURE])


class WaitersMachine(RuleBasedStateMachine):
    """A store that moves records on, its announcements, and waiters.

    A `failure` may be replayed. Announcements arrive late, twice, or are lost. Once all
    announcements have arrived, or everything was watched again, each waiter for a record that ended
    must be awake.
    """

    waiters = Bundle("waiters")

    def __init__(self) -> None:
        super().__init__()
        self.waiting = Waiters()
        self.records = {task_id: Record(task_id, State.WAITING, 1) for task_id in ("m-1", "m-2")}
        self.messages: list[str] = []
        self.told: dict[str, int] = {}

    @rule(target=waiters, task_id=IDS)
    def wait(self, task_id: str) -> tuple[str, object, asyncio.Event]:
        context = self.waiting.register(task_id)
        event = context.__enter__()
        self.waiting.saw(task_id, self.records[task_id])
        return task_id, context, event

    @rule(waiter=consumes(waiters))
    def leave(self, waiter: tuple[str, object, asyncio.Event]) -> None:
        waiter[1].__exit__(None, None, None)  # type: ignore[attr-defined]

    @rule(task_id=IDS, state=STATES)
    def move(self, task_id: str, state: State) -> None:
        before = self.records[task_id]
        if before.state is State.SUCCESS:
            return
        self.records[task_id] = Record(task_id, state, before.sequence + 1)
        self.messages.append(f"{task_id} {before.sequence + 1} {state}")

    @rule(data=st.data(), again=st.booleans())
    def announce(self, data: st.DataObject, again: bool) -> None:
        if self.messages:
            message = data.draw(st.sampled_from(self.messages))
            self.waiting.hear(message)
            if not again:
                self.messages.remove(message)

    @rule()
    def lose_all(self) -> None:
        """The connection is lost and the subscription confirmed anew."""
        self.messages.clear()
        self.resubscribed()

    def resubscribed(self) -> None:
        for task_id in self.waiting.ids:
            self.waiting.saw(task_id, self.records[task_id])

    @rule(waiter=waiters)
    def look(self, waiter: tuple[str, object, asyncio.Event]) -> None:
        """A waiter that was woken reads the record, and waits on if it has not ended."""
        task_id, _, event = waiter
        if event.is_set():
            event.clear()
            self.waiting.saw(task_id, self.records[task_id])

    @rule()
    def deliver(self) -> None:
        """All that was announced arrives, in order."""
        for message in self.messages:
            self.waiting.hear(message)
        self.messages.clear()

    @invariant()
    def the_ended_are_awake(self) -> None:
        if self.messages:
            return
        for task_id, wait in self.waiting._waits.items():
            if self.records[task_id].final:
                assert all(event.is_set() for event in wait.events), task_id


TestWaiters = WaitersMachine.TestCase
TestWaiters.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)


def test_old_news_wakes_nobody() -> None:
    waiters = Waiters()
    with waiters.register("m-1") as event:
        waiters.saw("m-1", Record("m-1", State.RUNNING, 6))
        waiters.hear("m-1 5 failure")
        assert not event.is_set()
        waiters.hear("m-1 7 success")
        assert event.is_set()


def test_a_record_cut_back_hears_its_end_again() -> None:
    waiters = Waiters()
    with waiters.register("m-1") as event:
        waiters.hear("m-1 6 running")
        waiters.saw("m-1", Record("m-1", State.WAITING, 2))
        waiters.hear("m-1 4 success")
        assert event.is_set()


def test_nothing_stays_behind_when_waits_end() -> None:
    waiters = Waiters()
    with waiters.register("m-1"), waiters.register("m-1"), waiters.register("m-2"):
        assert set(waiters.ids) == {"m-1", "m-2"}
    assert waiters.ids == ()


def test_every_final_word_is_known() -> None:
    for state in FINAL:
        waiters = Waiters()
        with waiters.register("m-1") as event:
            waiters.hear(f"m-1 2 {state}")
            assert event.is_set()


def test_a_killed_subscription_costs_no_waiter_its_answer(
    site: GatewayClient, driver: FakeWorker
) -> None:
    calls = [site.later(site.predict) for _ in range(8)]
    until(lambda: site.outstanding() == 8, "eight to wait")
    records = driver.claim(8)
    with redis.Redis(port=site.stack.valkey.port) as client:
        killed = client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    assert killed == 2
    for record in records:
        driver.finish(record.task_id)
    assert {call.result(timeout=10).status_code for call in calls} == {200}


def test_a_waiter_survives_a_restart_of_the_store(own_stack: Stack) -> None:
    gateway = own_stack.add_gateway()
    with ThreadPoolExecutor() as pool, FakeWorker(own_stack.valkey.url()) as driver:
        call = pool.submit(
            HTTP.post, f"{gateway.url}/predict/", json={"features": GOOD}, timeout=60
        )
        (record,) = driver.claim()
        own_stack.valkey.kill()
        until(
            lambda: gateway.events("waiting.unsubscribed"), "the gateway to lose its subscription"
        )
        own_stack.valkey.start()
        driver.finish(record.task_id)
        assert call.result(timeout=40).json()["status"] == "success"


def test_a_lost_record_is_a_503_with_its_id(own_stack: Stack) -> None:
    gateway = own_stack.add_gateway(REREAD_S="0.5")
    with ThreadPoolExecutor() as pool, FakeWorker(own_stack.valkey.url()) as driver:
        call = pool.submit(
            HTTP.post, f"{gateway.url}/predict/", json={"features": GOOD}, timeout=60
        )
        (record,) = driver.claim()
        own_stack.valkey.flush()
        answer = call.result(timeout=20)
    assert answer.status_code == 503
    assert answer.json()["task_id"] == record.task_id
    assert answer.headers["retry-after"]


def test_a_thousand_waiting_callers_cost_no_thread(own_stack: Stack) -> None:
    gateway = own_stack.add_gateway(SYNC_SLO_S="200")
    HTTP.post(f"{gateway.url}/predict/async/", json={"features": GOOD})
    before = gateway.threads()

    async def callers() -> list[int]:
        limits = httpx2.Limits(max_connections=1000, max_keepalive_connections=0)
        async with httpx2.AsyncClient(
            base_url=gateway.url, timeout=300, limits=limits, verify=False
        ) as client:
            calls = [
                asyncio.create_task(client.post("/predict/", json={"features": GOOD}))
                for _ in range(1000)
            ]
            await asyncio.to_thread(
                until, lambda: outstanding(gateway.url) == 1001, "a thousand to wait", 120
            )
            # Reading the registry has a thread of its own for a moment.
            await asyncio.to_thread(
                until, lambda: gateway.threads() <= before, "the gateway to have no thread more"
            )
            await asyncio.to_thread(finish_all)
            return [answer.status_code for answer in await asyncio.gather(*calls)]

    def finish_all() -> None:
        with FakeWorker(own_stack.valkey.url()) as driver:
            for _ in range(7):
                driver.finish_all(driver.claim(150 if outstanding(gateway.url) > 150 else 1001))

    assert asyncio.run(callers()) == [200] * 1000


def outstanding(url: str) -> int:
    return int(HTTP.get(f"{url}/monitoring/queues").json()["queues"][0]["outstanding"])
