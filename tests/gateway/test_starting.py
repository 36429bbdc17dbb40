"""Tests how a gateway reports that it can't start, and what importing it brings.

It reports one sentence on standard error and exits with code 1, without a traceback.
"""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from app.settings import GatewaySettings
from inference.errors import Misconfigured
from inference.settings import read_settings
from testkit.preloaded import completed
from testkit.servers import MlflowServer, Valkey, free_port
from testkit.stack import ROOT, Process, Stack, answers
from testkit.waiting import until
from tests.gateway.support import HTTP, MODEL, register


def start(**env: str) -> subprocess.CompletedProcess[str]:
    return completed(
        "uvicorn", "--factory", "app.main:create_app", "--port", str(free_port()), env=env
    )


def refused(**env: str) -> str:
    """The sentence of a gateway that ends at once."""
    ended = start(START_TIMEOUT_S="1", **env)
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    (sentence,) = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    return sentence


def test_contradicting_settings(valkey: Valkey) -> None:
    assert valkey.answers()
    assert "LEASE_S=2 is too short" in refused(LEASE_S="2")


def test_a_store_that_does_not_answer() -> None:
    assert "the store did not answer" in refused(STORE_URL=f"redis://127.0.0.1:{free_port()}/0")


def test_a_store_of_no_kind_that_is_known() -> None:
    assert "STORE_URL must start with redis://" in refused(STORE_URL="http://x")


def test_a_store_whose_keys_are_another_installation_s(valkey: Valkey) -> None:
    with redis.Redis(port=valkey.port) as client:
        client.set("inference:owner", "production/scores")
    sentence = refused(STORE_URL=valkey.url(), INSTALLATION="staging/scores")
    assert (
        "KEY_PREFIX=inference belong to the installation production/scores, "
        "and this is staging/scores" in sentence
    )


def test_a_store_that_evicts(tmp_path: Path) -> None:
    server = Valkey(tmp_path, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    server.start()
    try:
        assert "noeviction" in refused(STORE_URL=server.url())
    finally:
        server.kill()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MODEL_URIS", "runs:/x"),
        ("MODEL_URIS", "models:/a@b,models:/a/1"),
        ("MODEL_URIS", "models:/a@b,c=models:/a@b"),
        ("MODEL_URIS", "Canary=models:/a@b"),
        ("MODEL_URIS", "models:/a@b,a=models:/c@b"),
        ("MODEL_URIS", ","),
        ("SYNC_SLO_S", "-1"),
        ("SYNC_SLO_S", "soon"),
        ("MAX_BODY_BYTES", "1"),
        ("INSTALLATION", "two words"),
        ("MLFLOW_TRACKING_URI", "127.0.0.1:5000"),
        ("MLFLOW_TRACKING_URI", "http://"),
        ("MLFLOW_TRACKING_URI", "http://mlflow:99999"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=name if value != "runs:/x" else "runs:/x"):
        read_settings(GatewaySettings)


def test_a_misspelt_setting_is_logged_once_before_anything_is_refused() -> None:
    ended = start(STORE_URI="redis://cache/0", LEASE_S="2")
    (line,) = [line for line in ended.stdout.splitlines() if "settings.misspelt" in line]
    assert '"variable":"STORE_URI","meant":"STORE_URL"' in line


def test_its_own_command_serves_with_bounded_connections_and_ends_when_told(
    valkey: Valkey, registry_url: str, tmp_path: Path
) -> None:
    port = free_port()
    command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
    env = {
        "STORE_URL": valkey.url(0),
        "BROKER_URL": valkey.url(1),
        "MLFLOW_TRACKING_URI": registry_url,
        "MODEL_URIS": f"models:/{MODEL}@production",
    }
    gateway = Process("served", command, env, tmp_path / "log", f"http://127.0.0.1:{port}")
    gateway.start()
    try:
        until(lambda: answers(gateway, "/readyz"), "the gateway to be ready", 90)
        assert HTTP.get(f"{gateway.url}/livez", headers={"x": "y" * 100_000}).status_code == 431
        gateway.signal(signal.SIGTERM)
        assert gateway.wait() == -signal.SIGTERM
    finally:
        gateway.kill()


def test_settings_are_described() -> None:
    assert all(field.description for field in GatewaySettings.model_fields.values())


def test_importing_the_gateway_brings_neither_worker_nor_torch() -> None:
    others = ("torch", "numpy", "pandas", "pyarrow", "mlflow", "worker", "examples")
    code = f"import sys, app.main; print([m for m in {others} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_registry_is_read_where_numpy_and_pandas_are_not_installed(registry_url: str) -> None:
    code = f"""
import sys
for name in ("torch", "numpy", "pandas", "pyarrow", \
"sklearn", "scipy", "matplotlib", "flask", "sqlalchemy"):
    sys.modules[name] = None
from app.mlflow_reader import MlflowReader
from app.model_version import registered
model = registered("{MODEL}", MlflowReader({registry_url!r})("models:/{MODEL}@production"))
print(model.version, model.card.metrics, model.features.errors({{"pressure": 1, "days": 1}}))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "{'log_loss': 0.5} []" in done.stdout, done.stderr


def test_a_newer_version_is_served_without_a_restart(
    mlflow_server: MlflowServer, valkey: Valkey, tmp_path: Path
) -> None:
    register(mlflow_server.url, "changing")
    stack = Stack(tmp_path, valkey, mlflow_server.url, "changing")
    try:
        gateway = stack.add_gateway(REGISTRY_REFRESH_S="0.2")
        version = register(mlflow_server.url, "changing")
        until(
            lambda: HTTP.get(f"{gateway.url}/predict/model/info").json()["version"] == version,
            "the new version",
        )
    finally:
        stack.stop()


def test_a_gateway_starts_without_the_registry_from_what_another_kept(own_stack: Stack) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    first = own_stack.add_gateway()
    second = own_stack.add_gateway(MLFLOW_TRACKING_URI=nobody)
    assert [event["version"] for event in second.events("registry.spared")] == ["1"]
    cards = [HTTP.get(f"{gateway.url}/predict/model/info").json() for gateway in (first, second)]
    assert cards[0] == cards[1]
    answers = [
        HTTP.post(f"{gateway.url}/predict/async/", json={"features": {"days": 1}})
        for gateway in (first, second)
    ]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json() == answers[1].json()
