"""A gateway ends within seconds at whatever moment it is told to.

The tests tell it while it starts, and with callers while its parts hang.
"""

import json
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from testkit.stack import Process, Stack
from testkit.waiting import until
from tests.gateway.support import GOOD, HTTP, GatewayClient, problem

TERM, INT = signal.SIGTERM, signal.SIGINT


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def another(site: GatewayClient, folder: Path, **env: str) -> Process:
    """Starts one more gateway on the port of the first."""
    first = site.stack.gateways[0]
    process = replace(
        first, name="another", log=folder / "another.log", popen=None, env=first.env | env
    )
    process.start()
    return process


def test_a_gateway_whose_port_is_taken_ends_with_one_sentence(
    site: GatewayClient, tmp_path: Path
) -> None:
    gateway = another(site, tmp_path)
    try:
        assert gateway.wait(120) != 0
        lines = gateway.log.read_text().splitlines()
        (sentence,) = [
            row["event"] for line in lines if (row := json.loads(line))["level"] == "error"
        ]
        assert "address already in use" in sentence
    finally:
        gateway.kill()


@pytest.mark.parametrize("number", [TERM, INT])
@pytest.mark.parametrize("name", ["STORE_URL", "MLFLOW_TRACKING_URI"])
def test_a_gateway_that_waits_for_its_parts_ends_at_a_signal(
    site: GatewayClient, silent: socket.socket, tmp_path: Path, name: str, number: signal.Signals
) -> None:
    scheme = "redis" if name == "STORE_URL" else "http"
    gateway = another(site, tmp_path, **{name: f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"})
    try:
        connection, _ = silent.accept()
        with connection:
            gateway.signal(number)
            assert gateway.wait() == 128 + number
        assert (
            f"error: told to end by {number.name} before it had started\n"
            in gateway.log.read_text()
        )
    finally:
        gateway.kill()


def test_a_signal_during_the_imports_is_heeded(
    site: GatewayClient, silent: socket.socket, tmp_path: Path
) -> None:
    """uvicorn handles signals before it imports the application."""
    gateway = another(site, tmp_path, STORE_URL=f"redis://127.0.0.1:{silent.getsockname()[1]}")
    try:
        until(lambda: handles(gateway, TERM), "the server to handle signals", step_s=0.001)
        gateway.signal(TERM)
        assert gateway.wait() == 128 + TERM
    finally:
        gateway.kill()


def handles(process: Process, number: signal.Signals) -> bool:
    """Whether it catches a signal, by proc_pid_status(5)."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    caught = next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:"))
    return bool(caught >> (number - 1) & 1)


def signal_and_wait(gateway: Process, number: signal.Signals) -> None:
    """Sends a signal and waits until the gateway handles it, which starts a thread.

    Two pending signals would become one.
    """
    threads = gateway.threads()
    gateway.signal(number)
    until(
        lambda: gateway.died() or gateway.threads() > threads,
        "the signal to be handled",
        step_s=0.005,
    )


@pytest.mark.parametrize("numbers", [(TERM,), (INT, INT)], ids=["SIGTERM", "SIGINT twice"])
def test_a_gateway_whose_store_and_broker_hang_ends_at_a_signal(
    own_stack: Stack, numbers: tuple[signal.Signals, ...]
) -> None:
    own_stack.preloaded = False  # a second SIGINT ends an interpreter as one that was not forked
    gateway = own_stack.add_gateway(REGISTRY_REFRESH_S="600")
    with ThreadPoolExecutor() as pool:
        call = pool.submit(HTTP.post, gateway.url + "/predict/", json={"features": GOOD})
        until(
            lambda: (
                HTTP.get(f"{gateway.url}/monitoring/queues").json()["queues"][0]["outstanding"] == 1
            ),
            "the call to wait",
        )
        own_stack.valkey.signal(signal.SIGSTOP)
        for number in numbers:
            signal_and_wait(gateway, number)
        assert gateway.wait() in (0, -numbers[0])
        if len(numbers) == 1:
            problem(call.result(), 503)
    assert "Traceback" not in gateway.log.read_text()
