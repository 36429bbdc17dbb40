"""The stores that the contract tests run on."""

from collections.abc import Iterator

import pytest

from inference.limits import Limits
from testkit.servers import Valkey
from tests.contract.acting import Cast
from tests.contract.redis_store import RedisUnderTest
from tests.contract.stores import StoreUnderTest

LIMITS = Limits(
    lease_ms=4_000,
    max_attempts=2,
    retry_cap_ms=4_000,
    result_ttl_ms=60_000,
    tombstone_ttl_ms=120_000,
    dead_letter_ttl_ms=180_000,
    most_outstanding=14,
    most_outstanding_bytes=100,
    most_dead=3,
    most_dead_bytes=20,
)


@pytest.fixture(scope="session")
def quick_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Never killed, so it syncs nothing: the machine makes some ten thousand moves."""
    server = Valkey(tmp_path_factory.mktemp("quick"), "--appendonly", "no")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def shared_store(quick_valkey: Valkey) -> Iterator[RedisUnderTest]:
    store = RedisUnderTest(quick_valkey, LIMITS)
    yield store
    store.close()


@pytest.fixture
def store(shared_store: RedisUnderTest) -> StoreUnderTest:
    """A store, empty and with its clock set right."""
    shared_store.flush()
    shared_store.clock.offset_ms = 0
    return shared_store


def make_cast(store: StoreUnderTest) -> Cast:
    """Two gateways and a worker on the store."""
    return Cast(store, store.worker_store(), (store.gateway_store(0), store.gateway_store(1)))


@pytest.fixture(scope="session")
def shared_cast(shared_store: RedisUnderTest) -> Cast:
    return make_cast(shared_store)


@pytest.fixture
def cast(store: StoreUnderTest, shared_cast: Cast) -> Cast:
    """The cast on a store that was emptied."""
    assert shared_cast.store is store
    return shared_cast
