"""Celery's connection to a broker of the Redis family, and the look at it at start."""

from contextlib import suppress
from typing import Any
from urllib.parse import quote

import redis
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from inference.errors import BrokerUnavailable, Misconfigured, first_line
from inference.redis_access import address, clients
from inference.redis_access.address import RedisAddress
from inference.redis_access.probe import tls_trouble
from inference.redis_access.troubles import facts_of_hello, refuse_for_good, refuse_mode

SCHEMES = address.SCHEMES
SOCKET_S, CONNECT_S = 5.0, 2.0


def connection_settings(broker_url: str, queue: str) -> dict[str, Any]:
    """Returns Celery's settings of the connection, for a worker of the queue."""
    server = address.parse("BROKER_URL", broker_url)
    options: dict[str, Any] = {
        "socket_timeout": SOCKET_S,
        "socket_connect_timeout": CONNECT_S,
        "socket_keepalive": True,
        # Else one set for all services on the server; a worker of another would restore our
        # tickets, and we theirs.
        "unacked_key": f"{queue}.unacked",
        "unacked_index_key": f"{queue}.unacked_index",
        "unacked_mutex_key": f"{queue}.unacked_mutex",
    }
    if server.service:
        options["master_name"] = server.service
        options["sentinel_kwargs"] = server.sentinel_options(CONNECT_S)
    return {
        "broker_url": kombu_url(server),
        # RabbitMQ needs no such switch: there a worker has one message until it acknowledges it.
        "worker_disable_prefetch": True,
        # kombu verifies nothing of a rediss:// that it is told nothing of.
        "broker_use_ssl": server.tls.options() if server.tls else False,
        "broker_transport_options": options,
    }


def kombu_url(server: RedisAddress) -> str:
    """Returns the URL as kombu reads it; what TLS needs is told beside it.

    Each of several Sentinels has a URL of its own, with user and database, since kombu goes on with
    the next one alone when it reconnects.
    """
    if server.path:
        path, options = quote(server.path), f"virtual_host={server.database}"
        return f"redis+socket://{server.userinfo()}{path}?{options}"
    scheme = "sentinel" if server.service else "rediss" if server.tls else "redis"
    return ";".join(
        f"{scheme}://{server.userinfo()}{_bracketed(host)}:{port}/{server.database}"
        for host, port in server.hosts
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def check(server: RedisAddress, timeout_s: float, queue: str = "") -> None:
    """Looks at the broker once, and with a queue at what its worker needs the right for.

    Raises `Misconfigured` for one that waiting can't mend, `BrokerUnavailable` for any other
    trouble.
    """
    client = clients.blocking_client(server, timeout_s)
    try:
        client.ping()
        with suppress(ResponseError):  # of a proxy that knows few commands
            hello: Any = client.execute_command("HELLO")  # type: ignore[no-untyped-call]
            refuse_mode("BROKER_URL", "broker", facts_of_hello(hello))
        if queue:
            _try_rights(client, queue)
    except (RedisError, OSError) as error:
        refuse_for_good("BROKER_URL", "broker", error)
        if trouble := tls_trouble(server, "broker", error, timeout_s):
            raise Misconfigured(trouble) from error
        raise BrokerUnavailable(first_line(error)) from error
    finally:
        client.close()


def _try_rights(client: redis.Redis, queue: str) -> None:
    """Raises `NoPermissionError` for a command or key that kombu needs and the user may not have.

    Without it a worker would connect for ever, and Celery would not say why. The commands are
    queued in a transaction that is given up: none of them runs, and rights are looked at before.
    """
    connection: Any = client.connection_pool.get_connection()
    try:
        if not _allowed(connection, "MULTI"):
            return  # a proxy that knows no transactions
        for command in _needed(queue):
            _allowed(connection, *command)
    finally:
        connection.disconnect()  # which gives the transaction up
        client.connection_pool.release(connection)


def _allowed(connection: Any, *command: str | int) -> bool:
    """Sends a command, and answers whether it was taken. Raises `NoPermissionError`."""
    connection.send_command(*command)
    try:
        connection.read_response()
    except NoPermissionError:
        raise
    except ResponseError:
        return False
    return True


def _needed(queue: str) -> list[tuple[str | int, ...]]:
    unacked, index, mutex = (f"{queue}.unacked{end}" for end in ("", "_index", "_mutex"))
    # Celery names the exchange of a queue like the queue.
    binding, permanent = (f"_kombu.{name}.{queue}" for name in ("binding", "binding_permanent"))
    return [
        *(("LPUSH", queue, ""), ("RPUSH", queue, ""), ("BRPOP", queue, 1), ("LLEN", queue)),
        *(("RPOP", queue), ("TYPE", queue), ("UNLINK", queue)),  # to drop what is no ticket
        *(("SADD", binding, ""), ("SMEMBERS", binding), ("SADD", permanent, "")),
        *(("HSET", unacked, "", ""), ("HGET", unacked, ""), ("HDEL", unacked, "")),
        *(("ZADD", index, 0, ""), ("ZREM", index, ""), ("ZRANGE", index, 0, 0)),
        *(("SET", mutex, ""), ("GET", mutex), ("DEL", mutex), ("EVALSHA", "0" * 40, 1, mutex)),
    ]
