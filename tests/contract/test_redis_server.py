"""Tests what is particular to the server under the Redis store.

The server is full in some tests; in others it can't be the store at all.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from inference.errors import Misconfigured, PrefixTaken, StoreUnavailable
from inference.limits import Limits
from inference.redis_access.address import parse
from inference.redis_access.clients import asyncio_client, blocking_client
from inference.states import State
from inference.store.messages import OutcomeKind
from inference.store.redis import RedisGatewayStore, RedisWorkerStore
from inference.store.redis.commands import Commands
from inference.store.redis.server_checks import (
    judge,
    refuse,
    refuse_policy,
    refuse_schema,
    weakness,
)
from testkit.secure_valkey import STORE_USER, documented_users
from testkit.servers import Valkey
from testkit.stack import ROOT
from tests.contract.acting import MODEL, Cast
from tests.contract.conftest import make_cast
from tests.contract.redis_store import RedisUnderTest


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
    assert cast.settle("c1", OutcomeKind.FINISH) == {first: "success"}
    assert cast.read(first).state is State.SUCCESS
    assert cast.reap().ran


@pytest.mark.parametrize(
    ("info", "sentence"),
    [
        (
            {"redis_version": "6.2.14"},
            "the store is redis 6.2.14, which is too old: the service needs redis 7.0 or newer",
        ),
        (
            {"server_name": "valkey", "valkey_version": "7.2.5", "redis_version": "7.2.4"},
            "the store is valkey 7.2.5, which is too old: the service needs valkey 8.0 or newer",
        ),
        (
            {"redis_version": "7.4.0", "cluster_enabled": 1},
            "a Redis Cluster, which is not supported",
        ),
        ({"redis_version": "7.4.0", "role": "slave"}, "a read-only replica"),
    ],
)
def test_a_server_that_cannot_be_the_store_is_refused_with_a_sentence(
    info: dict[str, Any], sentence: str
) -> None:
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


@pytest.mark.parametrize(
    ("info", "config", "sentences"),
    [
        # A user of few rights: HELLO alone told what it is.
        (
            {"server_name": "valkey", "valkey_version": "9.1.2", "role": "master"},
            {},
            ["refuses INFO and CONFIG GET, so it is not known whether it syncs"],
        ),
        # A managed server has no CONFIG.
        (
            {"redis_version": "7.1.0", "maxmemory_policy": "noeviction", "aof_enabled": 0},
            {},
            ["refuses CONFIG GET", "keeps no append-only file"],
        ),
        ({}, {}, ["whether it is a Redis Cluster"]),
    ],
)
def test_what_could_not_be_looked_at_is_named(
    info: dict[str, Any], config: dict[str, str], sentences: list[str]
) -> None:
    said = judge(info, config)
    assert [sentence for sentence in sentences if sentence not in said] == []
    assert len(said.split("; ")) == len(sentences)


def test_a_managed_store_that_evicts_is_refused_by_what_info_says() -> None:
    info = {"redis_version": "7.1.0", "maxmemory": 100, "maxmemory_policy": "volatile-lru"}
    with pytest.raises(Misconfigured, match="volatile-lru"):
        judge(info, {})


def test_a_replica_that_sentinels_name_may_be_a_primary_soon() -> None:
    info = {"redis_version": "7.1.0", "role": "slave"}
    with pytest.raises(StoreUnavailable, match="a replica for now"):
        judge(info, {}, behind_sentinels=True)


def test_the_page_gives_the_store_s_user_what_the_scripts_call() -> None:
    called = {
        word.lower()
        for file in (ROOT / "inference/store/redis/lua").rglob("*.lua")
        for word in re.findall(r"redis\.call\('(\w+)'", file.read_text(encoding="utf-8"))
    }
    (rights,) = [words for words in documented_users("inference") if words[0] == STORE_USER]
    assert len(called) > 20
    assert [name for name in sorted(called) if f"+{name}" not in rights] == []


def test_both_sides_check_a_live_server(valkey: Valkey) -> None:
    store = RedisUnderTest(valkey, Limits())
    cast = make_cast(store)
    assert cast.worker.check(MODEL) == ""
    assert cast.tell("check", MODEL) == ""
    store.close()


@contextmanager
def sides(
    valkey: Valkey, installation: str, prefix: str = "shared"
) -> Iterator[list[Callable[[], object]]]:
    """An installation's `own` and `check`, as a worker and as a gateway asks."""
    commands = Commands(prefix, Limits(), installation)
    address = parse("STORE_URL", valkey.url())
    worker = RedisWorkerStore(blocking_client(address, 10), address, commands)
    with asyncio.Runner() as runner:
        gateway = RedisGatewayStore(asyncio_client(address, 10), address, commands, 10)
        yield [
            lambda: worker.own(MODEL),
            lambda: worker.check(MODEL),
            lambda: runner.run(gateway.own(MODEL)),
            lambda: runner.run(gateway.check(MODEL)),
        ]
        runner.run(gateway.close())


def refused(asking: list[Callable[[], object]]) -> set[str]:
    """The sentence of each; all must be refused."""
    said = set()
    for ask in asking:
        with pytest.raises(PrefixTaken) as refusal:
            ask()
        said.add(str(refusal.value))
    return said


@pytest.mark.parametrize("first", range(4))
def test_the_first_installation_owns_the_keys_and_every_other_is_refused(
    valkey: Valkey, first: int
) -> None:
    with (
        sides(valkey, "prod/a") as owner,
        sides(valkey, "prod/b") as stranger,
        sides(valkey, "") as nameless,
    ):
        owner[first]()
        assert [ask() or "" for ask in owner] == [""] * 4
        (sentence,) = refused(stranger)
        assert "KEY_PREFIX=shared belong to the installation prod/a, and this is prod/b" in sentence
        (sentence,) = refused(nameless)
        assert "INSTALLATION is not set" in sentence


def test_keys_under_another_prefix_are_another_installation_s(valkey: Valkey) -> None:
    with sides(valkey, "prod/a") as one, sides(valkey, "prod/b", "other") as other:
        assert [ask() or "" for ask in one + other] == [""] * 8


def test_a_program_without_a_name_marks_nothing(valkey: Valkey) -> None:
    with sides(valkey, "") as nameless, sides(valkey, "prod/a") as named:
        for ask in nameless:
            ask()
        named[0]()
        refused(nameless)


def test_a_store_that_came_back_empty_is_marked_again(valkey: Valkey) -> None:
    with sides(valkey, "prod/a") as owner, sides(valkey, "prod/b") as stranger:
        owner[0]()
        valkey.flush()
        owner[0]()
        refused(stranger)


def test_the_keys_are_handed_over_by_the_command_of_the_sentence(valkey: Valkey) -> None:
    with sides(valkey, "prod/a") as old, sides(valkey, "prod/b") as new:
        old[0]()
        (sentence,) = refused(new)
        command = re.search(r"SET \S+ \S+$", sentence)
        assert command
        with redis.Redis(port=valkey.port) as client:
            client.execute_command(*command.group().split())
        assert [ask() or "" for ask in new] == [""] * 4
        refused(old)


def test_of_two_that_start_together_one_owns_the_keys(valkey: Valkey) -> None:
    with (
        sides(valkey, "prod/a") as one,
        sides(valkey, "prod/b") as other,
        ThreadPoolExecutor(2) as pool,
    ):
        outcomes = [pool.submit(asking[0]) for asking in (one, other)]
        assert sum(each.exception() is None for each in outcomes) == 1


def test_a_full_store_can_be_marked_and_checked(small: tuple[Valkey, Cast]) -> None:
    server, _ = small
    with (
        redis.Redis(port=server.port) as client,
        sides(server, "prod/a") as owner,
        sides(server, "prod/b") as stranger,
    ):
        client.config_set("maxmemory", "100kb")
        owner[1]()
        refused(stranger)
