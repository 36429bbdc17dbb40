"""Values of store, broker and registry that can't work, and what is said of each."""

from typing import Any

from tests.chart.rendering import OWN_PARTS, TRYOUT

REGISTRY = {"mlflow": {"trackingUri": "http://mlflow"}}
CONNECTIONS: list[tuple[dict[str, Any], str]] = [
    ({}, "there is no store: set store.url or store.existingSecret, or tryout.enabled=true"),
    ({"store": {"url": "redis://cache"}}, "there is no model registry: set mlflow.trackingUri"),
    (
        TRYOUT | {"store": {"url": "redis://cache"}},
        "tryout.enabled brings its own store and MLflow server: unset store.url",
    ),
    (TRYOUT | {"store": {"existingSecret": "x"}}, "unset store.existingSecret"),
    (TRYOUT | {"broker": {"url": "redis://cache"}}, "unset broker.url"),
    (TRYOUT | REGISTRY, "unset mlflow.trackingUri"),
    (
        REGISTRY | {"store": {"url": "redis://a", "existingSecret": "x"}},
        "store.url and store.existingSecret are both set",
    ),
    (
        OWN_PARTS | {"broker": {"url": "redis://a", "existingSecret": "x"}},
        "broker.url and broker.existingSecret are both set",
    ),
    (
        REGISTRY | {"store": {"url": "unix:///run/redis.sock"}},
        "store.url is a socket, which no other pod can reach",
    ),
    (REGISTRY | {"store": {"url": "postgres://db/x"}}, "store.url must read redis://"),
    (REGISTRY | {"store": {"url": "redis://cache/0/1"}}, "store.url must read redis://"),
    (
        REGISTRY | {"store": {"url": "redis://:p@ss/word@cache"}},
        "write special characters of a password as %40",
    ),
    (
        REGISTRY | {"store": {"url": "redis://:secret@localhost:6379"}},
        "store.url names localhost, which is each pod itself",
    ),
    (REGISTRY | {"store": {"url": "amqp://rabbit"}}, "store.url must read redis://"),
    (OWN_PARTS | {"broker": {"url": "kafka://x"}}, "or for RabbitMQ amqp://[user:password@]host"),
    (OWN_PARTS | {"broker": {"url": "amqp://a/b/c"}}, "broker.url must read redis://"),
    (OWN_PARTS | {"broker": {"url": "amqp://a,127.0.0.1/b"}}, "broker.url names localhost"),
    (
        REGISTRY | {"store": {"url": "sentinel://a,b:26379/0?sentinel_password=x"}},
        "store.url must name what its Sentinels watch",
    ),
    (TRYOUT | {"store": {"tls": {"existingSecret": "x"}}}, "unset store.tls.existingSecret"),
    (
        REGISTRY | {"store": {"url": "rediss://a?ssl_ca_certs=/tls/store/ca.crt"}},
        "store.url names /tls/store/ca.crt, which nothing mounts: set store.tls.existingSecret",
    ),
    (
        OWN_PARTS | {"broker": {"url": "amqps://a?keyfile=/tls/broker/tls.key"}},
        "broker.url names /tls/broker/tls.key, which nothing mounts: set broker.tls.existingSecret",
    ),
    (
        OWN_PARTS | {"broker": {"url": "amqps://a", "tls": {"existingSecret": "x"}}},
        "broker.tls.existingSecret is mounted at /tls/broker, and broker.url names no file there",
    ),
    (
        REGISTRY | {"store": {"url": "rediss://a?ssl_check_hostname=false"}},
        "store.url has ssl_check_hostname=false, and KEDA would refuse the certificate",
    ),
    (
        REGISTRY | {"store": {"url": "sentinel://a?service_name=m&ssl=1&sentinel_ssl=no"}},
        "store.url has sentinel_ssl=false, and KEDA asks Sentinels by TLS",
    ),
    (
        OWN_PARTS | {"mlflow": {"trackingUri": "sqlite:///x"}},
        "pods reach a registry by http:// or https:// alone",
    ),
]
