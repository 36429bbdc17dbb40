"""What is particular to the server under the Redis store: when it is full, and when it can't be the store at all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from app.contract.errors import Misconfigured, StoreUnavailable
from app.contract.moves import Limits, Verb
from app.contract.redis_store.server import refuse, refuse_policy, refuse_schema, weakness
from app.contract.states import State
from tests.contract.acting import MODEL, Cast
from tests.contract.conftest import make_cast
from tests.contract.redis_store import RedisUnderTest
from tests.support.servers import Valkey


@pytest.fixture
def small(tmp_path: Path) -> Iterator[tuple[Valkey, Cast]]:
    server = Valkey(tmp_path, "--appendonly", "no", "--maxmemory", "64mb")
    server.start()
    store = RedisUnderTest(server, Limits())
    yield server, make_cast(store)
    store.close()
    server.kill()


def test_a_full_store_refuses_submissions_and_drains(small: tuple[Valkey, Cast]) -> None:
    server, cast = small
    first = cast.submit()
    with redis.Redis(port=server.port) as client:
        client.config_set("maxmemory", "100kb")
    with pytest.raises(StoreUnavailable, match="submit"):
        cast.submit()
    assert cast.run("c1") == [first]
    assert cast.settle("c1", Verb.FINISH) == {first: "success"}
    assert cast.read(first).state is State.SUCCESS
    assert cast.reap().ran


@pytest.mark.parametrize(
    ("info", "sentence"),
    [
        ({"redis_version": "6.2.14"}, "the store is redis 6.2.14, which is too old: the service needs redis 7.0 or newer"),
        (
            {"server_name": "valkey", "valkey_version": "7.2.5", "redis_version": "7.2.4"},
            "the store is valkey 7.2.5, which is too old: the service needs valkey 8.0 or newer",
        ),
        ({"redis_version": "7.4.0", "cluster_enabled": 1}, "a Redis Cluster, which is not supported"),
        ({"redis_version": "7.4.0", "role": "slave"}, "a read-only replica"),
    ],
)
def test_a_server_that_cannot_be_the_store_is_refused_with_a_sentence(info: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Misconfigured, match=sentence):
        refuse(info)


def test_a_store_that_evicts_is_refused() -> None:
    with pytest.raises(Misconfigured, match="set it to noeviction"):
        refuse_policy({"maxmemory": "100", "maxmemory-policy": "allkeys-lru"})


def test_records_of_a_newer_program_are_refused() -> None:
    with pytest.raises(Misconfigured, match="upgrade it"):
        refuse_schema(MODEL, 2)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"appendonly": "yes", "appendfsync": "always"}, ""),
        ({"appendonly": "yes", "appendfsync": "everysec"}, "the last second"),
        ({"appendonly": "no"}, "since its last snapshot"),
        ({}, ""),
    ],
)
def test_a_store_that_may_forget_is_named(config: dict[str, str], sentence: str) -> None:
    assert (sentence in weakness(config)) if sentence else weakness(config) == ""


def test_both_sides_check_a_live_server(valkey: Valkey) -> None:
    store = RedisUnderTest(valkey, Limits())
    cast = make_cast(store)
    assert cast.worker.check(MODEL) == ""
    assert cast.tell("check", MODEL) == ""
    store.close()
