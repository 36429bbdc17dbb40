"""What KEDA is told to read, and where the queue is: the store's and the broker's addresses."""

import re

import pytest
import redis

from inference.ids import new_task_id
from inference.limits import Limits
from inference.records import PredictionRequest
from inference.redis_access.address import parse
from inference.redis_access.clients import blocking_client
from inference.store.redis import RedisWorkerStore
from inference.store.redis.commands import Commands
from testkit.secure_valkey import BROKER_USER, PASSWORD, RIGHTS, STORE_USER, allow_users
from testkit.servers import Valkey
from tests.chart.programs import read
from tests.chart.rendering import OWN_PARTS, Json, merged, render, scenario
from worker.settings import WorkerSettings


def said(url: str) -> Json:
    """What a URL says to the programs' own client."""
    return dict(redis.Redis.from_url(url).connection_pool.connection_kwargs)


def test_keda_reads_the_key_in_which_the_store_counts_what_is_outstanding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("tryout", "many"):
        rendered = scenario(name)
        for scaled in rendered.of("ScaledObject").values():
            deployment = rendered.of("Deployment")[scaled["spec"]["scaleTargetRef"]["name"]]
            with monkeypatch.context() as patch:
                settings = read(WorkerSettings, rendered, deployment, patch)
            (trigger,) = scaled["spec"]["triggers"]
            key = (
                Commands(settings.key_prefix, settings.limits).prefix(settings.model)
                + ":outstanding"
            )
            assert (trigger["type"], trigger["metadata"]["listName"]) == ("redis", key)
            database = said(settings.store_url).get("db", 0)
            assert trigger["metadata"]["databaseIndex"] == str(database)


def test_what_is_submitted_is_counted_there_by_the_command_that_keda_uses(valkey: Valkey) -> None:
    """KEDA asks for a key's type and takes ZCARD of a sorted set.

    These are facts of its redis scaler, 2.20 and newer.
    """
    commands = Commands("predictions-inference", Limits())
    address = parse("STORE_URL", valkey.url())
    store = RedisWorkerStore(blocking_client(address, 2.0), address, commands)
    store.run(
        commands.submit(PredictionRequest(new_task_id("match-outcome"), "match-outcome", b"{}"))
    )
    key = scenario("tryout").one("ScaledObject")["spec"]["triggers"][0]["metadata"]["listName"]
    client = redis.Redis.from_url(valkey.url())
    assert (client.type(key), client.zcard(key)) == (b"zset", 1)


KEDA_S_SCRIPT = """
local listName = KEYS[1]
local listType = redis.call('type', listName).ok
if listType == 'zset' then
    return redis.call('zcard', listName)
elseif listType == 'list' or listType == 'none' then
    return redis.call('llen', listName)
end
"""
"""Of its redis scaler 2.21, without the types that are never met."""


def test_the_documented_rights_are_enough_for_what_keda_asks(valkey: Valkey) -> None:
    """As the store's user, whom the chart's Secret names, and as one with KEDA's rights alone."""
    page = RIGHTS.read_text(encoding="utf-8")
    (rights,) = re.findall(r"it may be another,\s+with `([^`]+)`", page)
    key = "{inference:m}:outstanding"
    with redis.Redis(port=valkey.port) as admin:
        allow_users(valkey.port)
        words = f"ACL SETUSER keda on >{PASSWORD} resetkeys nocommands".split()
        admin.execute_command(*words, *rights.split())
        for user in (STORE_USER, "keda"):
            with redis.Redis(port=valkey.port, username=user, password=PASSWORD) as client:
                assert client.ping()
                admin.delete(key)
                assert client.eval(KEDA_S_SCRIPT, 1, key) == 0
                admin.zadd(key, {"a": 1, "b": 2})
                assert client.eval(KEDA_S_SCRIPT, 1, key) == 2
        admin.acl_deluser("keda", STORE_USER, BROKER_USER)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://cache", "cache.predictions.svc:6379"),
        ("rediss://us%40er:p%40ss%2Fw:o%23rd@cache:6380/3", "cache.predictions.svc:6380"),
        ("redis://:only-a-password@cache.databases.svc:7000/0", "cache.databases.svc:7000"),
        ("redis://10.1.2.3:6379/15?health_check_interval=5", "10.1.2.3:6379"),
        ("redis://[fd00::1]:6379", "[fd00::1]:6379"),
    ],
)
def test_keda_is_told_what_the_store_s_url_says(url: str, address: str) -> None:
    rendered = render(merged(OWN_PARTS, {"store": {"url": url}}))
    secret = rendered.secret("inference-store")
    parsed = said(url)
    assert (secret["url"], secret["address"]) == (url, address)
    assert (secret.get("username"), secret.get("password")) == (
        parsed.get("username"),
        parsed.get("password"),
    )
    trigger = rendered.one("ScaledObject")["spec"]["triggers"][0]
    assert trigger["metadata"].get("enableTLS") == ("true" if url.startswith("rediss") else None)
    (authentication,) = rendered.of("TriggerAuthentication").values()
    assert trigger["authenticationRef"]["name"] == authentication["metadata"]["name"]
    targets = authentication["spec"]["secretTargetRef"]
    assert {(each["parameter"], each["key"]) for each in targets} == {
        (key, key) for key in ("address", "username", "password")
    }
    assert {each["name"] for each in targets} == {"inference-store"}


@pytest.mark.parametrize(
    ("store", "broker"),
    [
        ("redis://cache", "redis://cache/1"),
        (
            "rediss://:p%2Fw@cache:6380/3?ssl_cert_reqs=none",
            "rediss://:p%2Fw@cache:6380/1?ssl_cert_reqs=none",
        ),
    ],
)
def test_the_broker_is_the_store_s_server_unless_told(store: str, broker: str) -> None:
    assert (
        render(merged(OWN_PARTS, {"store": {"url": store}})).secret("inference-broker")["url"]
        == broker
    )
