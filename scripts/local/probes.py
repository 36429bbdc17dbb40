"""How a run asks a service whether it is ready: one question, answered in time or not at all."""

import json
import socket
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import amqp
import redis

from inference.models.model_address import ModelAddress

_TIMEOUT_S = 1.0
_FIRST_TIMEOUT_S = 10.0
"""The timeout of a question whose answer is not asked for again.

MLflow opens its tables when it is first asked for a model.
"""

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Whatever proxy the environment names, these servers are asked directly."""


def pings(port: int) -> bool:
    """Whether a Valkey answers on a port; one that still reads its file does not."""
    try:
        with redis.Redis(port=port, socket_timeout=_TIMEOUT_S) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def takes_logins(host: str, port: int, user: str, password: str) -> bool:
    """Whether a RabbitMQ takes connections of a user."""
    try:
        with amqp.Connection(
            f"{host}:{port}",
            userid=user,
            password=password,
            connect_timeout=_TIMEOUT_S,
            read_timeout=_TIMEOUT_S,
        ):
            return True
    except (OSError, amqp.AMQPError):
        return False


def listens(host: str, port: int) -> bool:
    """Whether something takes connections on a port."""
    try:
        with socket.create_connection((host, port), _TIMEOUT_S):
            return True
    except OSError:
        return False


def answers(url: str) -> bool:
    """Whether an HTTP server answers 200."""
    return _get(url) is not None


def serves(url: str, model: str) -> bool:
    """Whether a gateway serves a model and knows a worker that holds it."""
    body = _get(f"{url}/readyz")
    told = json.loads(body).get("models", {}).get(model, {}) if body is not None else {}
    return bool(told.get("version") and told.get("workers"))


def registered(tracking_uri: str, model: ModelAddress) -> bool:
    """Whether an MLflow server has a version under an alias, or of a number.

    False also where it cannot be asked this way.
    """
    if not tracking_uri.startswith("http"):
        return False
    call = "registered-models/alias" if model.alias else "model-versions/get"
    which = {"alias": model.alias} if model.alias else {"version": model.version}
    query = urllib.parse.urlencode({"name": model.name} | which)
    url = f"{tracking_uri.rstrip('/')}/api/2.0/mlflow/{call}?{query}"
    return _get(url, _FIRST_TIMEOUT_S) is not None


def _get(url: str, timeout_s: float = _TIMEOUT_S) -> Any:
    try:
        with _DIRECT.open(url, timeout=timeout_s) as answer:
            return answer.read() if answer.status == 200 else None
    except (urllib.error.URLError, OSError, ValueError):
        return None
