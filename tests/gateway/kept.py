"""A stack whose gateways keep what is large in a folder, for the tests of it."""

import json
import os
from pathlib import Path

import redis

from inference.blobs import blob_names
from inference.blobs.blob_store import payloads_at
from inference.store.messages import Outcome, OutcomeKind
from testkit.stack import Stack
from tests.gateway.support import GOOD, MODEL, FakeWorker, GatewayClient

LARGE = GOOD | {"station": "x" * 5000}
RESULT = {"text": "y" * 5000}


class Kept:
    """A stack whose gateways keep what is large in a folder, seen by a test."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.sites: list[GatewayClient] = []

    def start(self, **env: str) -> GatewayClient:
        self.stack.add_gateway(**env)
        self.sites.append(GatewayClient(self.stack))
        return self.sites[-1]

    def names(self) -> list[str]:
        """The names of the payloads.

        The gateways' own files are left out: the owner's mark, and what a readiness probe writes.
        """
        inner = self.folder / "inference"
        return (
            sorted(n for n in os.listdir(inner) if not n.startswith(("probe", "owner")))
            if inner.exists()
            else []
        )

    def written(self, name: str) -> bytes:
        return (self.folder / "inference" / name).read_bytes()

    def field(self, task_id: str, name: str) -> bytes:
        with redis.Redis.from_url(self.stack.valkey.url()) as store:
            return store.hget(f"{{inference:{MODEL}}}:record:{task_id}", name) or b""

    def finish_large(self, driver: FakeWorker) -> str:
        """Ends the next record with a large result, as a worker would; returns its id."""
        (granted,) = driver.claim()
        data = json.dumps(RESULT).encode()
        place = payloads_at(f"file://{self.folder}", "inference")
        assert place is not None
        place.write(blob_names.result_name(granted.task_id, driver.claim_id), data)
        outcome = Outcome(
            granted.task_id, OutcomeKind.FINISH, blob_names.of_result(driver.claim_id, len(data))
        )
        assert (
            driver.store.settle(MODEL, driver.claim_id, [outcome], "1").words[granted.task_id]
            == "success"
        )
        return granted.task_id
