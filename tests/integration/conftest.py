"""Stacks of real processes for the integration tests."""

from collections.abc import Callable, Iterator

import pytest

from testkit.lanes import once
from testkit.preloaded import completed
from testkit.servers import MlflowServer, Valkey
from testkit.stack import Stack

MakeStack = Callable[..., Stack]


@pytest.fixture(scope="session")
def fault_registry(mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an MLflow that knows the fault model."""

    def register() -> str:
        done = completed("testkit.register", mlflow_server.url, env={})
        assert done.returncode == 0, done.stderr
        return mlflow_server.url

    return once(tmp_path_factory, "fault", register)


@pytest.fixture(scope="module")
def make_stack(
    fault_registry: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeStack]:
    """Makes stacks on a Valkey of their own.

    Each stack is stopped when the next one starts, since two cores are few.
    """
    stacks: list[Stack] = []

    def make(gateways: int = 2, workers: int = 1, **env: str) -> Stack:
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
