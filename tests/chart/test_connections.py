"""Store and broker by values alone: what KEDA, policies and pods are told of them."""

from typing import Any

import pytest

from inference.broker.rabbitmq_address import RabbitAddress
from tests.chart.programs import pools
from tests.chart.rendering import OWN_PARTS, Json, Objects, merged, render, scenario

OF_KEDA = ("address", "username", "password", "sentinelUsername", "sentinelPassword")
BY_TLS = "ssl_ca_certs=/tls/store/ca.crt&ssl_certfile=/tls/store/tls.crt"
CERTIFICATES = {"ca": "ca.crt", "cert": "tls.crt", "key": "tls.key"}


def trigger(rendered: Objects) -> Json:
    """The one trigger of the one pool."""
    (found,) = rendered.one("ScaledObject")["spec"]["triggers"]
    return dict(found)


def told(rendered: Objects) -> dict[str, tuple[str, str]]:
    """The Secret and key of each parameter that KEDA is told apart from the trigger."""
    targets = rendered.one("TriggerAuthentication")["spec"]["secretTargetRef"]
    return {each["parameter"]: (each["name"], each["key"]) for each in targets}


def ports(rendered: Objects) -> set[int]:
    """The ports that a worker may call, but DNS's and MLflow's."""
    rules = rendered.one("NetworkPolicy", "worker")["spec"]["egress"]
    return {port["port"] for rule in rules for port in rule["ports"]} - {53, 5000}


@pytest.mark.parametrize(
    ("url", "secret", "metadata"),
    [
        (
            "sentinel://s1,s2:26380/2?service_name=mymaster",
            {"address": "s1.predictions.svc:26379,s2.predictions.svc:26380"},
            {"sentinelMaster": "mymaster", "databaseIndex": "2"},
        ),
        (
            "sentinel://app:p%40s@s1.x,s2.x/0?master_name=m%2F1&db=3"
            "&sentinel_username=watch&sentinel_password=w%26+d",
            {
                "address": "s1.x:26379,s2.x:26379",
                "username": "app",
                "password": "p@s",
                "sentinelUsername": "watch",
                "sentinelPassword": "w& d",
            },
            {"sentinelMaster": "m/1", "databaseIndex": "3"},
        ),
        (
            "sentinel://[fd00::1]:26379,10.0.0.2/?service_name=m&ssl=true",
            {"address": "[fd00::1]:26379,10.0.0.2:26379"},
            {"sentinelMaster": "m", "databaseIndex": "0", "enableTLS": "true"},
        ),
        (
            "sentinel://s.x?service_name=m&ssl_cert_reqs=none",
            {"address": "s.x:26379"},
            {
                "sentinelMaster": "m",
                "databaseIndex": "0",
                "enableTLS": "true",
                "unsafeSsl": "true",
            },
        ),
        (
            "rediss://cache.x?db=4&username=a&password=b&ssl_cert_reqs=none",
            {"address": "cache.x:6379", "username": "a", "password": "b"},
            {"databaseIndex": "4", "enableTLS": "true", "unsafeSsl": "true"},
        ),
    ],
)
def test_keda_is_told_what_the_url_says_of_sentinels_and_tls(
    url: str, secret: dict[str, str], metadata: dict[str, str]
) -> None:
    rendered = render(merged(OWN_PARTS, {"store": {"url": url}}))
    kept = rendered.secret("inference-store")
    assert kept == {"url": url} | secret
    found = trigger(rendered)
    assert found["type"] == ("redis-sentinel" if "sentinelMaster" in metadata else "redis")
    own = ("listName", "listLength", "activationListLength")
    assert {k: v for k, v in found["metadata"].items() if k not in own} == metadata
    assert set(secret) <= set(told(rendered)) <= set(OF_KEDA)


def test_with_a_secret_of_ones_own_the_values_say_what_keda_needs() -> None:
    store = {
        "url": "",
        "existingSecret": "cache",
        "database": 2,
        "sentinel": {"master": "mymaster", "port": 26380},
        "port": 6390,
        "tls": {"enabled": True, "existingSecret": "cache-certificates"},
    }
    rendered = render(merged(OWN_PARTS, {"store": store}))
    found = trigger(rendered)
    assert found["type"] == "redis-sentinel"
    assert (
        found["metadata"].items()
        >= {
            "sentinelMaster": "mymaster",
            "databaseIndex": "2",
            "enableTLS": "true",
        }.items()
    )
    assert told(rendered) == {key: ("cache", key) for key in OF_KEDA} | {
        name: ("cache-certificates", key) for name, key in CERTIFICATES.items()
    }
    assert ports(rendered) == {26380, 6390}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"broker": {"url": "amqp://rabbit"}}, {6379, 5672}),
        ({"broker": {"url": "amqps://rabbit/jobs"}}, {6379, 5671}),
        ({"broker": {"url": "amqp://u:p%2F@one,two:5673,[fd00::1]/%2F"}}, {6379, 5672, 5673}),
        ({"broker": {"url": "rediss://cache.x"}, "store": {"url": "redis://a:1"}}, {1, 6379}),
        ({"broker": {"existingSecret": "rabbit", "port": 5671}}, {6379, 5671}),
        (
            {"broker": {"url": "sentinel://s?service_name=m", "port": 6400}},
            {6379, 26379, 6400},
        ),
        ({"store": {"url": "sentinel://s:1,t:2?service_name=m", "port": 6400}}, {1, 2, 6400}),
    ],
)
def test_pods_may_call_the_ports_of_the_urls(values: Json, expected: set[int]) -> None:
    assert ports(render(merged(OWN_PARTS, values))) == expected


def test_the_broker_behind_the_store_s_sentinels_is_its_database_1() -> None:
    url = "sentinel://u:p@a,b:1/{}?service_name=m&sentinel_password=x"
    rendered = render(merged(OWN_PARTS, {"store": {"url": url.format(0)}}))
    assert rendered.secret("inference-broker")["url"] == url.format(1)


@pytest.mark.parametrize(
    "broker",
    [
        {"url": "amqp://u:p@rabbit/jobs"},
        {"existingSecret": "rabbit"},
        {"url": "redis://other:1/9"},
    ],
)
def test_keda_reads_the_store_whatever_carries_the_tickets(broker: dict[str, Any]) -> None:
    """A broker's queue forgets what runs, and KEDA would scale busy workers to zero."""
    without = render(OWN_PARTS)
    rendered = render(merged(OWN_PARTS, {"broker": broker}))
    assert trigger(rendered) == trigger(without)
    assert told(rendered) == told(without)


def test_the_programs_get_the_url_of_a_rabbitmq() -> None:
    rendered = scenario("rabbitmq")
    for deployment in [rendered.one("Deployment", "api"), *pools(rendered).values()]:
        env = rendered.environment(deployment["spec"]["template"]["spec"]["containers"][0])
        url = env["BROKER_URL"].partition("?")[0]
        address = RabbitAddress.parse(url)
        assert address.hosts == (("rabbit-0.rabbit", 5671), ("rabbit-1.rabbit", 5673))
        assert (address.user, address.password) == ("app", "tick/ets")
        assert env["STORE_URL"].startswith("sentinel://")


def test_a_trial_on_rabbitmq_has_one_whose_address_the_programs_are_told() -> None:
    rendered = scenario("tryout-rabbitmq")
    service = rendered.one("Service", "rabbitmq")
    broker = rendered.one("Deployment", "rabbitmq")["spec"]["template"]
    (container,) = broker["spec"]["containers"]
    assert service["spec"]["selector"].items() <= broker["metadata"]["labels"].items()
    for deployment in [rendered.one("Deployment", "api"), *pools(rendered).values()]:
        env = rendered.environment(deployment["spec"]["template"]["spec"]["containers"][0])
        address = RabbitAddress.parse(env["BROKER_URL"])
        assert address.hosts == (
            (service["metadata"]["name"], service["spec"]["ports"][0]["port"]),
        )
        assert address.virtual_host == "/"
        assert env["STORE_URL"] == "redis://inference-valkey:6379/0"
    assert not scenario("tryout").text.count("rabbitmq"), "a plain trial has none"
    (folder,) = [each for each in container["volumeMounts"] if each["name"] == "data"]
    told = {each["name"]: each["value"] for each in container["env"]}
    places = ("HOME", "RABBITMQ_MNESIA_BASE", "RABBITMQ_LOG_BASE", "RABBITMQ_PID_FILE")
    assert all(told[name].startswith(folder["mountPath"]) for name in places)


@pytest.mark.parametrize("pool", ["api", "worker-match-outcome"])
def test_certificates_are_files_where_the_urls_look_for_them(pool: str) -> None:
    rendered = scenario("rabbitmq")
    pod = rendered.one("Deployment", pool)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    secrets = {each["name"]: each.get("secret") for each in pod["volumes"]}
    mounted = {
        each["mountPath"]: secrets[each["name"]]["secretName"]
        for each in container["volumeMounts"]
        if secrets[each["name"]]
    }
    assert mounted == {"/tls/store": "store-certificates", "/tls/broker": "broker-certificates"}
    assert not any("subPath" in each for each in container["volumeMounts"]), "it is never renewed"
    env = rendered.environment(container)
    assert "ssl_ca_certs=/tls/store/ca.crt" in env["STORE_URL"]
    assert "ssl_keyfile=/tls/broker/tls.key" in env["BROKER_URL"]


def test_keda_has_the_same_certificates_as_the_programs() -> None:
    url = f"rediss://cache?{BY_TLS}&ssl_keyfile=/tls/store/tls.key"
    values = {"store": {"url": url, "tls": {"existingSecret": "mine"}}}
    rendered = render(merged(OWN_PARTS, values))
    assert (
        told(rendered).items()
        >= {name: ("mine", key) for name, key in CERTIFICATES.items()}.items()
    )
    assert trigger(rendered)["metadata"]["enableTLS"] == "true"
    assert rendered.secret("inference-broker")["url"] == url.replace("cache?", "cache/1?")
