"""Reads STORE_URL and BROKER_URL where they name a Redis or Valkey: the one place that does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote

from inference.errors import Misconfigured
from inference.redis_access.tls import OF_TLS, Tls, flag, parse_tls

SCHEMES = ("redis://", "rediss://", "unix://", "sentinel://")
SERVER_PORT, SENTINEL_PORT = 6379, 26379
SAME_NAMES = {"virtual_host": "db", "master_name": "service_name"}
"""Celery's words for two of the options."""

OF_SENTINEL = ("service_name", "sentinel_username", "sentinel_password", "sentinel_ssl")
OPTIONS = ("db", "username", "password", *OF_SENTINEL, "ssl", *OF_TLS)


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A server, or the Sentinels that know which server it is.

    `variable` is the setting that said so, for sentences.
    """

    variable: str
    hosts: tuple[tuple[str, int], ...] = ()
    """The server, or with `service` the Sentinels."""
    path: str = ""
    """The socket of a server without hosts."""
    database: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    tls: Tls | None = None
    service: str = ""
    """What the Sentinels call the set; '' without Sentinels."""
    sentinel_username: str = ""
    sentinel_password: str = field(default="", repr=False)
    sentinel_tls: Tls | None = None

    def server_options(self, timeout_s: float) -> dict[str, object]:
        """Returns what redis-py's connections to a server take, but the server's place."""
        return {
            **_credentials(self.username, self.password),
            **(self.tls.options() if self.tls else {}),
            "db": self.database,
            "socket_timeout": timeout_s,
            "socket_connect_timeout": timeout_s,
        }

    def sentinel_options(self, timeout_s: float) -> dict[str, object]:
        """Returns what redis-py's clients of a Sentinel take.

        A Sentinel may take a third of `timeout_s`, so that one that is away leaves time for the
        next.
        """
        tls = {"ssl": True, **self.sentinel_tls.options()} if self.sentinel_tls else {}
        return {
            **_credentials(self.sentinel_username, self.sentinel_password),
            **tls,
            "socket_timeout": timeout_s / 3,
            "socket_connect_timeout": timeout_s / 3,
        }

    def userinfo(self) -> str:
        """Returns `user:password@` as a URL has it, '' without any."""
        if not (self.username or self.password):
            return ""
        return f"{quote(self.username, safe='')}:{quote(self.password, safe='')}@"


def parse(variable: str, url: str) -> RedisAddress:
    """Reads the URL in a setting.

    Raises `Misconfigured` with a sentence that names the setting and no password.
    """
    if not url.startswith(SCHEMES):
        raise Misconfigured(
            f"{variable} must start with {', '.join(SCHEMES[:-1])} or {SCHEMES[-1]}"
        )
    scheme, places, options = _split(variable, url)
    if scheme == "sentinel":
        return _sentinels(variable, places, options)
    userinfo, place, path = places[0]
    username, password = _login(userinfo, options)
    tls = parse_tls(variable, options) if scheme == "rediss" else None
    if unfit := [name for name in options if name in OF_SENTINEL]:
        raise Misconfigured(f"{variable}: {unfit[0]} needs a URL that starts with sentinel://")
    if tls is None and (unfit := [name for name in options if name.startswith("ssl")]):
        raise Misconfigured(f"{variable}: {unfit[0]} needs a URL that starts with rediss://")
    if scheme == "unix":
        socket, path = unquote(f"{place}/{path}"), ""
    else:
        socket = ""
    return RedisAddress(
        variable,
        hosts=() if socket else (_host(variable, place, SERVER_PORT),),
        path=socket,
        database=_database(variable, options.get("db", path)),
        username=username,
        password=password,
        tls=tls,
    )


def _split(variable: str, url: str) -> tuple[str, list[tuple[str, str, str]], dict[str, str]]:
    """Returns the scheme, user, place and path of each part, and the options of all.

    Celery writes a URL for each Sentinel, with semicolons between them.
    """
    scheme = url.partition("://")[0]
    places: list[tuple[str, str, str]] = []
    options: dict[str, str] = {}
    for part in re.split(rf";(?={scheme}://)", url) if scheme == "sentinel" else [url]:
        rest, _, query = part.removeprefix(f"{scheme}://").partition("?")
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
        except ValueError as error:
            raise Misconfigured(
                f"{variable}: after the question mark it must read name=value&name=value"
            ) from error
        options |= {SAME_NAMES.get(name, name): value for name, value in pairs}
        # What stands before the last @ is the user, whatever characters it has.
        userinfo, _, rest = rest.rpartition("@")
        place, _, path = rest.partition("/")
        places.append((userinfo, place, path))
    if unknown := sorted(set(options) - set(OPTIONS)):
        raise Misconfigured(
            f"{variable} has the option {unknown[0]}, which is unknown: there are"
            f" {', '.join(OPTIONS)}"
        )
    return scheme, places, options


def _sentinels(
    variable: str, places: list[tuple[str, str, str]], options: Mapping[str, str]
) -> RedisAddress:
    if not options.get("service_name"):
        raise Misconfigured(
            f"{variable} must name what its Sentinels watch, as in"
            " sentinel://host:26379/0?service_name=mymaster"
        )
    login = next((userinfo for userinfo, _, _ in places if userinfo), "")
    path = next((path for _, _, path in places if path), "")
    username, password = _login(login, options)
    said = [name for name in options if name.startswith("ssl_")]
    by_tls = flag(variable, "ssl", options.get("ssl", "true" if said else "false"))
    tls = parse_tls(variable, options) if by_tls else None
    theirs = flag(variable, "sentinel_ssl", options.get("sentinel_ssl", str(by_tls)))
    hosts = [host for _, place, _ in places for host in place.split(",")]
    return RedisAddress(
        variable,
        hosts=tuple(_host(variable, host, SENTINEL_PORT) for host in hosts),
        database=_database(variable, options.get("db", path)),
        username=username,
        password=password,
        tls=tls,
        service=options["service_name"],
        sentinel_username=options.get("sentinel_username", ""),
        sentinel_password=options.get("sentinel_password", ""),
        sentinel_tls=(tls or parse_tls(variable, options)) if theirs else None,
    )


def _login(userinfo: str, options: Mapping[str, str]) -> tuple[str, str]:
    username, _, password = userinfo.partition(":")
    return (
        unquote(username) or options.get("username", ""),
        unquote(password) or options.get("password", ""),
    )


def _host(variable: str, place: str, default_port: int) -> tuple[str, int]:
    """Splits `host`, `host:port` or `[address]:port`."""
    parts = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]*))(?::(\d*))?", place.strip())
    port = int((parts and parts[3]) or default_port)
    if parts is None or not 0 < port < 65536:
        # Without its text, which may be half of a password that has an @ or a slash.
        raise Misconfigured(
            f"{variable} has a host that can't be read: it must be host or host:port, and in a"
            " password / ? # @ and % are written as %2F %3F %23 %40 and %25"
        )
    return unquote(parts[1] or parts[2] or "localhost"), port


def _database(variable: str, text: str) -> int:
    number = text.strip("/")
    if not re.fullmatch(r"\d{0,9}", number):
        raise Misconfigured(
            f"{variable} must end with the number of a database, as in redis://host:6379/0"
        )
    return int(number or 0)


def _credentials(username: str, password: str) -> dict[str, object]:
    """A password without a user is the user default's."""
    given = {"username": username, "password": password}
    return {name: value for name, value in given.items() if value}
