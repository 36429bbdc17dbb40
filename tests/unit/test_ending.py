"""What ends a gateway's tasks and, in the last resort, its process."""

import asyncio
import subprocess
import sys
from contextlib import suppress

from app.shutdown import end_tasks


async def forgetful(cancels: int) -> None:
    """Forgets so many cancels, as redis-py does now and then."""
    for _ in range(cancels):
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    await asyncio.Event().wait()


def test_a_task_that_forgets_its_cancel_ends() -> None:
    async def run() -> bool:
        task = asyncio.create_task(forgetful(1))
        await asyncio.sleep(0)
        await end_tasks([task])
        return task.cancelled()

    assert asyncio.run(run())


def test_a_task_that_never_ends_holds_nobody_up() -> None:
    async def run() -> bool:
        task = asyncio.create_task(forgetful(10))
        await asyncio.sleep(0)
        await end_tasks([task], within_s=0.2)
        going_on = not task.done()
        await end_tasks([task], within_s=30)
        return going_on

    assert asyncio.run(run())


HANGING = """
import asyncio, threading
from app.shutdown import end_within
async def run():
    asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
    end_within(0.1)
asyncio.run(run())
"""


def test_a_thread_that_hangs_does_not_keep_the_process() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(
        "error: ended by force after 0.1 s, with these threads: asyncio_0"
    )
