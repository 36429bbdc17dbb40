"""A forked worker's spares: each becomes a model's process as a new interpreter would."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from testkit.spares import NAME, SPARES
from testkit.stack import ROOT
from testkit.waiting import until

WORKER = """
import json, os, sys
from billiard import popen_spawn_posix
from testkit import spares
spares.keep(lambda: os.environ.update(SITE="ran"))
os.environ["SET_LATER"] = "yes"
child = '''
import json, os, sys
seen = [os.environ["SET_LATER"], os.environ.get("SITE"), sys.argv, os.getppid()]
os.write(%d, json.dumps([*seen, open("/proc/self/comm").read().strip()]).encode())
sys.exit(7)
'''
for _ in range(spares.SPARES + 1):
    ours, theirs = os.pipe()
    command = [sys.executable, "-c", child % theirs, "--option"]
    pid = popen_spawn_posix.spawnv_passfds(sys.executable, command, [theirs])
    os.close(theirs)
    said = json.loads(os.read(ours, 10_000))
    said[3] = said[3] == os.getpid()
    print(json.dumps([*said, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]))
"""
WAITING = """
import os, signal, sys
from pathlib import Path
from testkit import spares
spares.keep(lambda: None)
print(Path(f"/proc/self/task/{os.getpid()}/children").read_text(), flush=True)
os.kill(os.getpid(), signal.SIGKILL if "killed" in sys.argv else 0)
"""


def said(program: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_spare_is_as_a_new_interpreter_and_when_all_are_used_there_are_new_interpreters() -> None:
    *spares, interpreter = map(json.loads, said(WORKER))
    assert spares == [["yes", "ran", ["-c", "--option"], True, NAME, 7]] * SPARES
    assert interpreter[:4] == ["yes", None, ["-c", "--option"], True]
    assert interpreter[4] != NAME


@pytest.mark.parametrize("end", ["by itself", "killed"])
def test_spares_that_wait_end_with_their_worker(end: str) -> None:
    pids = [int(pid) for line in said(WAITING, end) for pid in line.split()]
    assert len(pids) == SPARES
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "the spares to end")
