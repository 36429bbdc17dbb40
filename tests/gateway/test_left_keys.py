"""All keys of a service are among those that docs/operations.md says to delete, and no others."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import redis

from inference.store.messages import WorkerState
from testkit.waiting import until
from tests.gateway.support import FakeWorker, GatewayClient

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def patterns(where: str) -> list[str]:
    """Those of the page's loop over the keys of the store or the broker."""
    page = PAGE.read_text(encoding="utf-8")
    loops = re.findall(r"for pattern in ([^;]+); do\n  redis-cli -u \"\$(\w+)\"", page)
    (found,) = [named for named, url in loops if url == where]
    return re.findall(r"'([^']+)'", found)


def test_what_a_service_leaves_behind_is_what_the_page_says(
    site: GatewayClient, driver: FakeWorker
) -> None:
    site.submit(match_id=7)
    driver.beat(WorkerState.IDLE)
    driver.run()
    driver_failed = site.submit()
    driver.fail()
    assert driver_failed
    for database, where in ((0, "STORE_URL"), (1, "BROKER_URL")):
        with redis.Redis.from_url(site.stack.valkey.url(database)) as client:
            until(client.dbsize, f"keys of {where}")
            keys = [key.decode() for key in client.scan_iter()]
        assert [k for k in keys if not any(fnmatchcase(k, p) for p in patterns(where))] == []
    others = ["{inference-2:m}:meta", "inference-2:owner", "inference-2.m"]
    every = patterns("STORE_URL") + patterns("BROKER_URL")
    assert [name for name in others if any(fnmatchcase(name, p) for p in every)] == []
