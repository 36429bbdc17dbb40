"""The steps, in the order of what matters most.

Where the model is, what a failing device costs, then how fast it is.

Each raises an AssertionError with a sentence for what is not as it should be, and says its figures
as it finds them.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bench.batching import IMAGE
from bench.batching import MODEL as IMAGES
from bench.device.machine import used_mib
from bench.device.models import ALLOCATING, DENSE, LOOKUP, LOOKUP_ROWS
from bench.device.stand import FAULT, WAIT_MS, Stand, lives, loads, metric, until_loaded
from testkit.stack import Client, Process
from testkit.waiting import until

CATS = {"tabby, tabby cat", "tiger cat", "Egyptian cat", "lynx, catamount"}
ROWS = 8
GUILTY = 3


class Say(Protocol):
    """Takes a row of the report: what, its figure, and what stands beside it."""

    def __call__(self, what: str, figure: object, beside: str = "") -> None: ...


def check(holds: object, sentence: str) -> None:
    """Raises AssertionError with a sentence, also under `python -O`."""
    if not holds:
        raise AssertionError(sentence)


@dataclass(frozen=True)
class Fault:
    """A model that fails, what it is sent, and what an answer has for its caller's number."""

    model: str
    features: Callable[[int], Mapping[str, Any]]
    answer: Callable[[Any], Any]
    error: str


ONE_TOO_MANY = Fault(
    ALLOCATING, lambda value: {"value": value}, lambda result: result[0], "CUDA out of memory"
)
ONLY_ALONE = Fault(
    FAULT,
    lambda value: {"do": "only_alone", "value": value},
    lambda result: result["value"],
    "simulated",
)
OUT_OF_TABLE = Fault(
    LOOKUP,
    lambda value: {"value": LOOKUP_ROWS * 10 if value == GUILTY else value},
    lambda result: result[0] / 2,
    "an index out of a table, a device-side assert",
)
BREAK_DEVICE = Fault(
    FAULT,
    lambda value: {"do": "break_device" if value == GUILTY else "answer", "value": value},
    lambda result: result["value"],
    "simulated",
)


def placed(stand: Stand, say: Say) -> None:
    """The image classifier is on the device, and a cat is a cat."""
    before_mib = used_mib(stand.machine)
    began = time.perf_counter()
    worker = stand.only(IMAGES, 16)
    say(
        "start of a worker to ready, s",
        f"{time.perf_counter() - began:.1f}",
        "files just written, so in the page cache",
    )
    (loaded,) = loads(worker)
    say(
        "its phases, s",
        _phases(loaded),
        "of `model.loaded`; `process` is Python and the worker's own imports",
    )
    say("the worker says its model is on", loaded["device"])
    check(
        loaded["device"] == stand.machine.device,
        f"the model is on {loaded['device']}, not on {stand.machine.device}",
    )
    _check_cat(stand.stack.client())
    say("a photograph of a cat", "a cat")
    if stand.machine.has_gpu:
        say(
            "device memory in use, MiB", used_mib(stand.machine), f"before the worker: {before_mib}"
        )


def torch_model(stand: Stand, say: Say) -> None:
    """An exported graph is on the device, and its answers are its own."""
    worker = stand.kept(DENSE, 8)
    device = loads(worker)[-1]["device"]
    say("the worker says its model is on", device)
    check(
        device == stand.machine.device, f"the model is on {device}, not on {stand.machine.device}"
    )
    client = stand.stack.client()
    answers = [
        client.ended(client.submit({"value": value}, model=DENSE))["result"][0]
        for value in (1.0, 3.0)
    ]
    check(
        answers[0] and abs(answers[1] / answers[0] - 3) < 0.01,
        f"three times the input gives {answers[1]}, once gives {answers[0]}",
    )
    say("three times the input answers", f"{answers[1] / answers[0]:.4f} times as much")


def replaced(stand: Stand, say: Say) -> None:
    """A model's process that is killed is replaced: a new context on the device."""
    worker = stand.kept(IMAGES, 16)
    child, parent, before = worker.model_process(), worker.pid, len(loads(worker))
    began = time.perf_counter()
    os.kill(child, signal.SIGKILL)
    until(lambda: worker.model_process() not in (0, child), "another process of the model", 60)
    say(
        "a killed process is replaced after, s",
        f"{time.perf_counter() - began:.1f}",
        "Celery looks every 5 s",
    )
    until_loaded(worker, before + 1)
    _check_cat(stand.stack.client())
    say("… and predicts after, s", f"{time.perf_counter() - began:.1f}", "from the kill")
    again = loads(worker)[-1]
    say("its phases, s", _phases(again))
    check(again["device"] == stand.machine.device, f"the second process is on {again['device']}")
    check(worker.pid == parent and lives(worker), "the worker's parent did not live on")


def too_large(stand: Stand, say: Say) -> None:
    """A batch that the device can't hold is halved until it fits.

    Nobody is charged, all succeed.
    """
    fault = ONE_TOO_MANY if stand.machine.has_gpu else ONLY_ALONE
    worker = stand.only(fault.model, ROWS, WAIT_MS)
    child = worker.model_process()
    # Rows of a GPU's size must not meet the host's memory: a kernel that overcommits gives it, and
    # then kills other processes.
    check(
        loads(worker)[0]["device"] == stand.machine.device,
        "the model is not on the device: nothing is sent",
    )
    say("out of memory by", fault.error, f"batches of {ROWS}")
    for turn in (1, 2):
        records = _sent(stand.stack.client(), fault)
        bad = [record for value, record in enumerate(records) if not _good(record, fault, value)]
        check(
            not bad,
            (
                f"turn {turn}: {len(bad)} of {ROWS} did not succeed uncharged with their own"
                f" answer: {bad[:1]}"
            ),
        )
    check(
        _largest_batch(worker) == ROWS,
        f"the rows came in batches of {_largest_batch(worker)} at most",
    )
    until(lambda: metric(worker, "worker_batches_halved_total") > 0, "a halving to be counted")
    say("rows that succeeded, charged to nobody", 2 * ROWS, "each with its own answer")
    say("halvings", f"{metric(worker, 'worker_batches_halved_total'):.0f}", "of two batches")
    check(
        worker.model_process() == child and len(loads(worker)) == 1,
        "the model's process was replaced",
    )


def broken(stand: Stand, say: Say) -> None:
    """A broken context costs a process and the guilty one an attempt; the innocents succeed."""
    fault = OUT_OF_TABLE if stand.machine.has_gpu else BREAK_DEVICE
    worker = stand.only(fault.model, ROWS, WAIT_MS)
    child, parent = worker.model_process(), worker.pid
    say("context broken by", fault.error, f"one row in a batch of {ROWS}")
    records = _sent(stand.stack.client(), fault)
    guilty = records[GUILTY]
    error = guilty.get("error") or {}
    say(
        "what the guilty's record says",
        str(error.get("message")),
        f"{error.get('type')}, attempts {guilty.get('attempts')}",
    )
    bad = [
        record
        for value, record in enumerate(records)
        if value != GUILTY and not _good(record, fault, value)
    ]
    check(
        not bad, f"{len(bad)} innocents did not succeed uncharged with their own answer: {bad[:1]}"
    )
    told = (guilty["status"], error.get("type"), guilty["attempts"])
    check(
        told == ("failure", "device_error", 1),
        f"the guilty is {told}, not charged once with a device_error",
    )
    check(
        _largest_batch(worker) == ROWS,
        f"the rows came in batches of {_largest_batch(worker)} at most",
    )
    found = len(worker.events("device.broken"))
    say(
        "broken contexts found, processes replaced",
        found,
        "once for the batch, once for the guilty alone",
    )
    check(found == 2, f"{found} broken contexts were found, not 2")
    took = until_loaded(worker, found + 1)
    check(worker.model_process() not in (0, child), "the model's process was not replaced")
    say(
        "the last one's phases, s",
        _phases(loads(worker)[-1]),
        f"{took:.1f} s after the last answer",
    )
    check(worker.pid == parent and lives(worker), "the worker's parent did not live on")
    (last,) = _sent(stand.stack.client(), fault, 1)
    check(_good(last, fault, 0), f"the worker does not predict any more: {last}")


def _phases(loaded: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {seconds:g}" for name, seconds in loaded["seconds"].items())


def _check_cat(client: Client) -> None:
    answer = client.post("/predict/", {"features": {"image": IMAGE}, "model": IMAGES})
    check(
        answer.status_code == 200, f"the photograph got {answer.status_code}: {answer.text[:300]}"
    )
    labels = answer.json()["result"]["labels"][:3]
    sure = sum(label["probability"] for label in labels)
    check({label["label"] for label in labels} <= CATS and sure > 0.8, f"the cat is {labels}")


def _sent(client: Client, fault: Fault, rows: int = ROWS) -> list[dict[str, Any]]:
    """Submits callers' numbers 0 … `rows` and returns their records when all have ended."""
    ids = [client.submit(dict(fault.features(value)), model=fault.model) for value in range(rows)]
    return [client.ended(task_id, limit_s=110) for task_id in ids]


def _good(record: Mapping[str, Any], fault: Fault, value: int) -> bool:
    return bool(
        record["status"] == "success"
        and record["attempts"] == 0
        and fault.answer(record["result"]) == value
    )


def _largest_batch(worker: Process) -> int:
    return max((len(event["task_ids"]) for event in worker.events("prediction.began")), default=0)
