"""Clients that are generated from the OpenAPI page compile, have types, and call three models."""

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import orjson
import pytest

from inference.ids import new_claim_id
from inference.store.messages import ClaimRequest, OutcomeKind
from testkit.servers import Valkey
from testkit.signatures import CARDS, page_of, serve
from tests.clients.tools import Clients
from tests.gateway.support import FakeWorker

pytestmark = pytest.mark.clients

RESULTS: dict[str, Any] = {
    "objects": {"best": {"street": "Ring"}, "score": 0.5},
    "tensor": [0.25] * 10,
    "matches": {"home": 0.5, "draw": 0.25, "away": 0.25, "outcome": "home"},
}
LONGEST_LINE = 400
LONG_TUPLE = re.compile(r"\[(?:[^\[\],;]+,){16}")


def answer(valkey: Valkey, pool: str, end: Event) -> None:
    """Ends each prediction of a model with the same result, until `end`."""
    with FakeWorker(valkey.url(), pool) as worker:
        while not end.wait(0.02):
            worker.claim_id = new_claim_id()
            ask = ClaimRequest(pool, worker.claim_id, "stub", 1)
            for record in worker.store.claim(ask).records:
                worker.store.begin(pool, worker.claim_id, [record.task_id])
                worker.settle(record.task_id, OutcomeKind.FINISH, RESULTS[pool])


@pytest.fixture(scope="module")
def clients(valkey_server: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """The generators, with the page of a gateway whose three models answer."""
    valkey_server.flush()
    folder = tmp_path_factory.mktemp("clients")
    stack = serve(folder, valkey_server, CARDS)
    page = folder / "page.json"
    page.write_bytes(orjson.dumps(page_of(stack)))
    end = Event()
    workers = [Thread(target=answer, args=(valkey_server, pool, end)) for pool in RESULTS]
    for worker in workers:
        worker.start()
    yield Clients(folder / "programs", page, stack.gateways[0].url)
    end.set()
    for worker in workers:
        worker.join()
    stack.stop()
    valkey_server.flush()


def assert_short(files: list[Path]) -> None:
    """No line is long but for what lists the models, and no type has an entry for each item."""
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        parts = (part for line in text.splitlines() for part in line.split(" | "))
        assert max(map(len, parts)) <= LONGEST_LINE, file
        assert not LONG_TUPLE.search(text), file


def test_typescript_clients_are_typed_and_call_three_models(clients: Clients) -> None:
    clients.make_typescript()
    assert_short([clients.folder / "openapi_typescript.ts"])
    assert_short([clients.folder / "hey_api_client" / "types.gen.ts"])
    for program in ("openapi_fetch", "hey_api"):
        clients.call_by_typescript(program)


def test_a_python_client_is_typed_and_calls_three_models(clients: Clients) -> None:
    clients.make_python()
    assert_short(list((clients.folder / "inference_service_client").rglob("*.py")))
    models = clients.folder / "inference_service_client" / "models"
    for name in (
        "features_objects",
        "features_objects_person",
        "predict_tensor",
        "predict_matches",
    ):
        fields = (models / f"{name}.py").read_text().partition("def to_dict")[0]
        assert not re.search(r"^    \w+: .*\bAny\b", fields, re.MULTILINE), name
    for name in ("result_objects", "result_matches", "prediction_tensor", "task_status_tensor"):
        fields = (models / f"{name}.py").read_text().partition("additional_properties")[0]
        assert not re.search(r"^    \w+: .*\bAny\b", fields, re.MULTILINE), name
    clients.call_by_python()
