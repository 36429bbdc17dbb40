"""Programs that are expected to end at start, with one sentence."""

from collections.abc import Callable

from testkit.preloaded import completed
from testkit.servers import Valkey, free_port

Program = Callable[[dict[str, str]], str]


def without_patience(valkey: Valkey) -> dict[str, str]:
    """Returns the settings of a program on this server that waits for nothing."""
    return {"STORE_URL": valkey.url(0), "BROKER_URL": valkey.url(1), "START_TIMEOUT_S": "1"}


def gateway(env: dict[str, str]) -> str:
    """Starts a gateway and returns the sentence that it ended with."""
    command = ("uvicorn", "--factory", "app.main:create_app", "--port", str(free_port()))
    return _sentence(command, env, "error: ")


def worker(env: dict[str, str]) -> str:
    """Starts a worker and returns the sentence that it ended with."""
    return _sentence(("worker",), env | {"PROBE_PORT": "0"}, "worker: ")


def _sentence(command: tuple[str, ...], env: dict[str, str], start: str) -> str:
    ended = completed(*command, env=env)
    said = [line for line in ended.stderr.splitlines() if line.startswith(start)]
    assert (ended.returncode, len(said)) == (1, 1), ended.stderr
    assert "Traceback" not in ended.stderr
    return said[0]
