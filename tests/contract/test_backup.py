"""The steps of docs/procedures.md for a backup of the store, and what a restored one still has."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from inference.states import State
from inference.store.messages import OutcomeKind
from testkit.servers import Valkey
from testkit.waiting import until
from tests.contract.acting import MODEL, Cast
from tests.contract.conftest import LIMITS, make_cast
from tests.contract.redis_store import RedisUnderTest


def back_up(server: Valkey, to: Path) -> None:
    """Has the server write a snapshot beside its log, and takes a copy."""
    with redis.Redis(port=server.port) as client:
        before = client.lastsave()
        client.bgsave()
        until(
            lambda: (
                client.lastsave() > before
                or not client.info("persistence")["rdb_bgsave_in_progress"]
            ),
            "the snapshot",
        )
    shutil.copy(server.folder / "dump.rdb", to)


def restore(copy: Path, folder: Path) -> None:
    """Makes a server's folder of a snapshot: it is read without the log, then the log is begun."""
    folder.mkdir()
    shutil.copy(copy, folder / "dump.rdb")
    server = Valkey(folder, "--appendonly", "no")
    server.start()
    with redis.Redis(port=server.port) as client:
        client.config_set("appendonly", "yes")
        until(
            lambda: (
                client.info("persistence")["aof_enabled"]
                and not client.info("persistence")["aof_rewrite_in_progress"]
                and not client.info("persistence")["aof_rewrite_scheduled"]
            ),
            "the log to hold all",
        )
    server.kill()


@contextmanager
def serving(server: Valkey) -> Iterator[Cast]:
    """Gateways and a worker on a server that is started."""
    server.start()
    store = RedisUnderTest(server, LIMITS)
    try:
        yield make_cast(store)
    finally:
        store.close()
        server.kill()


def test_what_was_there_at_the_backup_is_served_by_a_restored_store(tmp_path: Path) -> None:
    first = Valkey(tmp_path / "first")
    with serving(first) as cast:
        done, dead = cast.submit(), cast.submit()
        cast.run("c1", rows=1)
        cast.settle("c1", OutcomeKind.FINISH)
        cast.run("c2", rows=1)
        cast.settle("c2", OutcomeKind.FAIL_FOR_GOOD)
        waiting = cast.submit(idempotency_key="once", body_digest="d")
        back_up(first, tmp_path / "copy.rdb")
        later = cast.submit()
    restore(tmp_path / "copy.rdb", tmp_path / "second")
    with serving(Valkey(tmp_path / "second")) as cast:
        assert cast.read(done).state is State.SUCCESS
        assert cast.read(done).result == [2]
        assert cast.tell("watch", later, "") is None, "it came after the backup"
        again = cast.answer(idempotency_key="once", body_digest="d")
        assert again.task_id == waiting
        assert cast.run("c3") == [waiting]
        assert cast.settle("c3", OutcomeKind.FINISH) == {waiting: "success"}
        assert cast.tell("replay", dead, 1).epoch == 2
        assert cast.tell("counts", MODEL).outstanding == 1
