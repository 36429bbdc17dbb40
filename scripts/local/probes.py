"""How a run asks a service whether it is ready: one question, answered in time or not at all."""

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import redis

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


def answers(url: str) -> bool:
    """Whether an HTTP server answers 200."""
    return _get(url) is not None


def serves(url: str, model: str) -> bool:
    """Whether a gateway serves a model and knows a worker that holds it."""
    body = _get(f"{url}/readyz")
    told = json.loads(body).get("models", {}).get(model, {}) if body is not None else {}
    return bool(told.get("version") and told.get("workers"))


def registered(tracking_uri: str, name: str, alias: str) -> bool:
    """Whether an MLflow server has a version under an alias.

    False also where it cannot be asked this way.
    """
    if not tracking_uri.startswith("http"):
        return False
    query = urllib.parse.urlencode({"name": name, "alias": alias})
    return (
        _get(
            f"{tracking_uri.rstrip('/')}/api/2.0/mlflow/registered-models/alias?{query}",
            _FIRST_TIMEOUT_S,
        )
        is not None
    )


def _get(url: str, timeout_s: float = _TIMEOUT_S) -> Any:
    try:
        with _DIRECT.open(url, timeout=timeout_s) as answer:
            return answer.read() if answer.status == 200 else None
    except (urllib.error.URLError, OSError, ValueError):
        return None
