"""The device bench on a machine without a device: what its runner promises.

Its steps run by `python -m bench.device`.
"""

import json
import signal
import time

from bench.device.machine import Machine
from bench.device.report import HEAD, as_json, page
from bench.device.running import Clock, Step
from bench.device.steps import Say, check
from testkit.stack import ROOT

GPU = Machine(
    torch="2.11.0",
    cuda="13.0",
    device="cuda:0",
    name="NVIDIA H100",
    memory_bytes=80 * 2**30,
    driver="580.1",
)
CPU = Machine(torch="2.11.0", cuda="", device="cpu", name="CPU")


def fails(_: None, say: Say) -> None:
    say("what was seen first", 7)
    check(False, "the cat is a dog")


def hangs(_: None, say: Say) -> None:
    say("before it hung", 1)
    try:
        signal.pause()
    except Exception:
        say("after", 2)


def runs(_: None, say: Say) -> None:
    say("rows/s", 12, "a|b")


def test_a_step_that_fails_or_hangs_is_reported_with_what_it_had_seen_and_the_next_one_runs() -> (
    None
):
    clock = Clock(time.monotonic() + 60)
    failed, hung, good = (clock.run(Step("step", 0.1, run), None) for run in (fails, hangs, runs))
    assert failed.problem == "AssertionError: the cat is a dog"
    assert failed.rows == [("what was seen first", "7", "")]
    assert hung.problem == "it was broken off after 0.1 s"
    assert hung.rows == [("before it hung", "1", "")]
    assert (good.problem, good.rows) == ("", [("rows/s", "12", "a|b")])


def test_a_step_never_outlives_the_budget_and_none_begins_after_it() -> None:
    assert (
        Clock(time.monotonic() + 0.1)
        .run(Step("long", 60, hangs), None)
        .problem.startswith("it was broken off")
    )
    late = Clock(time.monotonic() - 1).run(Step("late", 60, runs), None)
    assert (late.problem, late.rows) == ("it was not run", [])


def test_the_page_says_which_device_it_was_what_failed_and_what_was_simulated() -> None:
    clock = Clock(time.monotonic() + 60)
    results = [clock.run(Step("broken", 1, fails), None), clock.run(Step("batches", 1, runs), None)]
    said = page(GPU, results, "python -m bench.device")
    assert "NVIDIA H100, 80 GiB" in said
    assert "- ✗ broken: AssertionError: the cat is a dog" in said
    assert "| rows/s | 12 | a\\|b |" in said
    assert "simulated." not in said.partition("## This run")[2]
    assert "the faults are simulated." in page(CPU, results, "").partition("## This run")[2]
    assert [step["rows"] for step in json.loads(as_json(GPU, results))["steps"]] == [
        [["what was seen first", "7", ""]],
        [["rows/s", "12", "a|b"]],
    ]


def test_the_recorded_page_describes_todays_steps() -> None:
    assert (ROOT / "docs" / "device.md").read_text(encoding="utf-8").startswith(HEAD)
