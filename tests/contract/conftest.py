"""The stores that the contract tests run on."""

import os
from collections.abc import Iterator

import pytest

from inference.limits import Limits
from testkit.secure_valkey import STORE_USER, SecureValkey
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
def store(request: pytest.FixtureRequest) -> StoreUnderTest:
    """A store, empty and with its clock set right: `secure_store` with CONTRACT_STORE=secure."""
    name = os.environ.get("CONTRACT_STORE", "shared")
    return empty(request.getfixturevalue(f"{name}_store"))


def empty(store: RedisUnderTest) -> RedisUnderTest:
    """Empties a store and sets its clock right."""
    store.flush()
    store.clock.offset_ms = 0
    return store


def make_cast(store: StoreUnderTest) -> Cast:
    """Two gateways and a worker on the store."""
    return Cast(store, store.worker_store(), (store.gateway_store(0), store.gateway_store(1)))


@pytest.fixture(scope="session")
def secure_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisUnderTest]:
    """The service's side by TLS with a client's certificate, as the user of docs/operations.md."""
    server = SecureValkey(
        tmp_path_factory.mktemp("secure"), "--appendonly", "no", key_prefix="contract"
    )
    server.start()
    store = RedisUnderTest(server, LIMITS, server.secure_url(STORE_USER))
    yield store
    store.close()
    server.kill()


@pytest.fixture(scope="session", params=["shared_store", "secure_store"], ids=["plain", "secure"])
def shared_cast(request: pytest.FixtureRequest) -> Cast:
    """One for each way to reach a store. Most of the state machine's lives run on the plain one."""
    return make_cast(request.getfixturevalue(request.param))


@pytest.fixture
def cast(shared_cast: Cast) -> Cast:
    """The cast on a store that was emptied, with its clock set right."""
    shared_cast.store.flush()
    shared_cast.store.clock.offset_ms = 0
    return shared_cast
