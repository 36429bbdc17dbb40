"""Stacks of real processes for the integration tests."""

import os
from collections.abc import Callable, Iterator
from random import Random

import pytest

from inference.broker.celery_config import queue_name
from testkit import rabbitmq
from testkit.servers import Valkey
from testkit.stack import Stack

MakeStack = Callable[..., Stack]


ON_EITHER_BROKER = ("test_gaps", "test_kills", "test_worker")
"""Modules that touch tickets, workers and kills, and whose tests name no broker."""


def drawn_broker(request: pytest.FixtureRequest) -> str:
    """The broker of a module whose tests name none: redis or rabbitmq.

    BROKER says which. Without it those of ON_EITHER_BROKER draw it by the run's printed seed.
    """
    module = request.path.stem
    if said := os.environ.get("BROKER"):
        return said
    if module not in ON_EITHER_BROKER or not rabbitmq.installed():
        return "redis"
    seed = request.config.getoption("randomly_seed", "")
    return Random(f"{seed} {module}").choice(["redis", "rabbitmq"])


@pytest.fixture(scope="module")
def make_stack(
    request: pytest.FixtureRequest, fault_registry: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeStack]:
    """Makes stacks on a Valkey of their own, which is their broker too unless one is named.

    Those of the modules in ON_EITHER_BROKER have the drawn one. Each stack is stopped when the next
    one starts, since two cores are few.
    """
    stacks: list[Stack] = []

    def make(gateways: int = 2, workers: int = 1, **env: str) -> Stack:
        if "BROKER_URL" not in env and drawn_broker(request) == "rabbitmq":
            env["BROKER_URL"] = request.getfixturevalue("rabbitmq_server").url()
        folder = tmp_path_factory.mktemp("stack")
        for earlier in stacks:
            stop(earlier)
        valkey = Valkey(folder / "valkey")
        valkey.start()
        stack = Stack(
            folder,
            valkey,
            fault_registry,
            "fault",
            {"RETRY_BASE_S": "0.1", "RETRY_CAP_S": "1"} | env,
        )
        stacks.append(stack)
        start(stack, gateways, workers)
        return stack

    yield make
    for stack in stacks:
        stop(stack)
    if drawn_broker(request) == "rabbitmq":  # the lane's other tests declare the queue themselves
        prefixes = {stack.env.get("KEY_PREFIX", "inference") for stack in stacks}
        queues = [queue_name(prefix, "fault") for prefix in sorted(prefixes)]
        request.getfixturevalue("rabbitmq_server").mend(*queues)


def start(stack: Stack, gateways: int, workers: int) -> None:
    """Starts the processes of a stack, the workers beside each other."""
    for _ in range(workers):
        stack.add_worker(wait=False)
    for _ in range(gateways):
        stack.add_gateway()
    for worker in stack.workers:
        stack.wait_for(worker)


def stop(stack: Stack) -> None:
    """Stops a stack and the Valkey that was its own."""
    stack.stop()
    stack.valkey.kill()
