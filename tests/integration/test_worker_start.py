"""Tests what a worker refuses at start, each in one sentence.

They also test the imports that its parent does without, and Celery's side of the ticket.
"""

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from inference.broker.celery_config import queue_name
from inference.broker.factory import ticket_publisher
from inference.broker.rabbitmq_broker import QUEUE_ARGUMENTS
from testkit.brokers import ValkeyBroker
from testkit.preloaded import completed, die_with_parent
from testkit.rabbitmq import RabbitMQ
from testkit.servers import Valkey
from testkit.stack import ROOT, Process
from testkit.waiting import until
from tests.integration.refusals import without_patience, worker


def started(valkey: Valkey, **env: str) -> subprocess.CompletedProcess[str]:
    """Starts a worker that is expected to end by itself."""
    return completed("worker", env=without_patience(valkey) | {"PROBE_PORT": "0"} | env)


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"LEASE_S": "5"}, "LEASE_S=5 is too short: it must be above 7"),
        ({"RETRY_BASE_S": "9", "RETRY_CAP_S": "3"}, "RETRY_CAP_S=3 is below RETRY_BASE_S=9"),
        ({"MAX_BATCH_SIZE": "none"}, "MAX_BATCH_SIZE: Input should be a valid integer"),
        ({"MODEL_URI": "match-outcome"}, "MODEL_URI: 'match-outcome' is not a model"),
        ({"STORE_URL": "http://127.0.0.1"}, "STORE_URL must start with redis://"),
        ({"STORE_URL": "redis://127.0.0.1:1"}, "the store at STORE_URL did not answer within 1 s"),
        (
            {"BROKER_URL": "redis://127.0.0.1:1"},
            "the broker at BROKER_URL did not answer within 1 s",
        ),
        (
            {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"},
            "the MLflow registry at http://127.0.0.1:1 does not answer",
        ),
    ],
)
def test_what_cannot_work_is_one_sentence(
    valkey: Valkey, env: dict[str, str], sentence: str
) -> None:
    assert sentence in worker(without_patience(valkey) | env)


def test_a_misspelt_setting_is_logged_once_before_anything_is_waited_for(valkey: Valkey) -> None:
    ended = started(valkey, MODEL_URL="models:/a@b", STORE_URL="redis://127.0.0.1:1")
    (line,) = [line for line in ended.stdout.splitlines() if "settings.misspelt" in line]
    assert '"variable":"MODEL_URL","meant":"MODEL_URI"' in line


@pytest.mark.parametrize(
    ("own", "said"), [("staging/a", "this is staging/a"), ("", "INSTALLATION is not set here")]
)
def test_keys_of_another_installation_are_one_sentence(valkey: Valkey, own: str, said: str) -> None:
    with redis.Redis.from_url(valkey.url(0)) as store:
        store.set("inference:owner", "production/a")
    ended = started(valkey, INSTALLATION=own)
    assert ended.returncode == 1
    (sentence,) = [line for line in ended.stderr.splitlines() if line.startswith("worker: ")]
    assert f"KEY_PREFIX=inference belong to the installation production/a, and {said}" in sentence


def test_a_model_that_the_registry_does_not_have_is_one_sentence(
    valkey: Valkey, fault_registry: str
) -> None:
    ended = started(valkey, MODEL_URI="models:/fault@nowhere", MLFLOW_TRACKING_URI=fault_registry)
    assert ended.returncode == 1
    assert "worker: models:/fault@nowhere could not be loaded: the registry" in ended.stderr


@pytest.mark.parametrize("name", ["STORE_URL", "BROKER_URL"])
def test_a_worker_that_waits_for_its_servers_ends_at_a_signal(
    valkey: Valkey, tmp_path: Path, name: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        env = {
            "STORE_URL": valkey.url(0),
            "BROKER_URL": valkey.url(1),
            name: f"redis://127.0.0.1:{silent.getsockname()[1]}",
        }
        worker = Process(
            "waiting", [sys.executable, "-m", "worker"], env | {"PROBE_PORT": "0"}, tmp_path / "log"
        )
        worker.start()
        try:
            with silent.accept()[0]:
                worker.signal(signal.SIGTERM)
                assert worker.wait(30) == 128 + signal.SIGTERM
            assert (
                worker.log.read_text().count("worker: told to end by SIGTERM before it had started")
                == 1
            )
        finally:
            worker.kill()


def test_the_parent_imports_neither_torch_nor_mlflow() -> None:
    heavy = ("torch", "mlflow", "pandas", "numpy")
    program = (
        "import sys, worker.main, worker.celery_edge.task; "
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        == "[]\n"
    )


STOCK = """
from pathlib import Path
from celery import Celery
from kombu import Exchange, Queue
app = Celery(broker={broker!r})
app.conf.task_default_queue = {queue!r}
app.conf.task_queues = [Queue({queue!r}, Exchange(""), {queue!r}, queue_arguments={arguments!r})]
@app.task(name="inference.run", acks_late=True)
def run():
    Path({mark!r}).touch()
"""


def test_a_ticket_is_a_message_that_a_stock_celery_worker_runs(
    valkey_broker: ValkeyBroker, tmp_path: Path
) -> None:
    a_stock_worker_runs_a_ticket(valkey_broker.url(), tmp_path)


@pytest.mark.rabbitmq
def test_a_ticket_on_rabbitmq_is_a_message_that_a_stock_celery_worker_runs(
    rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    """In a virtual host of its own, where Celery leaves 28 queues."""
    with rabbitmq.virtual_host("stock") as url:
        a_stock_worker_runs_a_ticket(url, tmp_path)


def a_stock_worker_runs_a_ticket(url: str, folder: Path) -> None:
    """Starts Celery's own worker with a task of the ticket's name."""
    mark = folder / "ran"
    queue, arguments = queue_name("stock", "fault"), QUEUE_ARGUMENTS
    program = STOCK.format(broker=url, mark=str(mark), queue=queue, arguments=arguments)
    (folder / "stock.py").write_text(program)
    asyncio.run(published(url))
    command = [sys.executable, "-m", "celery", "-A", "stock", "worker"]
    with (folder / "log").open("wb") as log:
        worker = subprocess.Popen(
            [*command, "--concurrency", "1", "--loglevel", "warning"],
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    try:
        until(mark.exists, "the stock worker to run the ticket")
    finally:
        worker.terminate()
        worker.wait(30)


async def published(broker_url: str) -> None:
    """Publishes a ticket as a gateway does."""
    publisher = ticket_publisher(broker_url, "stock", 5.0)
    try:
        await publisher.publish("fault", 1)
    finally:
        await publisher.close()
