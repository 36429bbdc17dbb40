"""Gateway and worker run as a user that no image knows, as OpenShift makes them.

Its restricted-v2 gives each namespace a range of user ids and takes the first, with group 0.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.process_facts import credentials
from testkit.servers import Valkey
from testkit.stack import ROOT, Stack
from tests.integration.conftest import start, stop

USER, GROUP = 1_000_640_000, 0

AS_ANY_USER = (
    *("setpriv", f"--reuid={USER}", f"--regid={GROUP}", "--clear-groups", "--no-new-privs"),
    # An image's files are readable; the tests' interpreter may be in a home that is not.
    *("--bounding-set=-all,+dac_read_search", "--inh-caps=-all,+dac_read_search"),
    *("--ambient-caps=+dac_read_search", "--pdeathsig=KILL"),
)


@pytest.fixture
def stack(tmp_path: Path, fault_registry: str) -> Iterator[Stack]:
    valkey = Valkey(tmp_path / "valkey")
    valkey.start()
    home = tmp_path / "tmp"
    home.mkdir()
    home.chmod(0o1777)
    env = {"HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    both = Stack(tmp_path, valkey, fault_registry, "fault", env, run_by=AS_ANY_USER)
    start(both, gateways=1, workers=1)
    yield both
    stop(both)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_prediction_is_made_by_users_without_a_name_or_a_home(stack: Stack) -> None:
    answer = stack.client().post("/predict/", {"features": {"do": "answer", "value": 7}})
    assert (answer.status_code, answer.json()["result"]["value"]) == (200, 7), answer.text
    worker, gateway = stack.workers[0], stack.gateways[0]
    for pid in (gateway.pid, worker.pid, worker.model_process()):
        assert credentials(pid) == (USER, GROUP), pid


def test_the_images_let_any_user_in() -> None:
    """What they need to write is under /tmp; all else is root's, and everybody's to read."""
    for dockerfile in ("app/Dockerfile", "worker/Dockerfile", "k8s/tryout/Dockerfile"):
        lines = (ROOT / dockerfile).read_text(encoding="utf-8").splitlines()
        assert any("HOME=/tmp" in line for line in lines if line.startswith("ENV ")), dockerfile
        assert not [line for line in lines if "chmod" in line or "chown" in line], dockerfile
