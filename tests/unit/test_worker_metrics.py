"""What a worker shows at its scrape, and how it adds its states up."""

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from inference.store.messages import WorkerState
from testkit.nvml import Driver
from worker import metrics
from worker.child_status import ChildStatusFiles, HeldVersion, write_loaded
from worker.exposition import Exposition, Shown
from worker.parent.child_replacement import ChildReplacement
from worker.parent.current_claims import CurrentClaims
from worker.parent.memory_limit import MemoryLimit
from worker.parent.state_times import StateTimes
from worker.parent.version_switch import VersionSwitch

OWN = 4242


def value(metric: Any, *labels: str) -> float:
    return float(metric.labels(*labels)._value.get())


def shown(folder: Path, pid: int, driver: Any) -> str:
    """Returns the answer to a scrape, as text."""
    registry = CollectorRegistry()
    status = ChildStatusFiles(folder, lambda: pid)
    registry.register(Shown(Exposition("m", status, driver).seen))
    return generate_latest(registry).decode()


def loaded(folder: Path, monkeypatch: pytest.MonkeyPatch, device: str, gpu: str) -> None:
    """A child of that id says that it holds the model."""
    monkeypatch.setattr("worker.child_status.os.getpid", lambda: OWN)
    write_loaded(folder, HeldVersion("3", "abc"), device, gpu)


def test_the_version_held_is_shown_with_its_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "worker_model_info{" not in shown(tmp_path, OWN, Driver())
    loaded(tmp_path, monkeypatch, "cpu", "")
    text = shown(tmp_path, OWN, Driver())
    assert 'worker_model_info{device="cpu",model="m",version="3"} 1.0' in text
    assert "worker_gpu" not in text


def test_the_gpu_that_the_model_uses_is_read_from_the_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(tmp_path, monkeypatch, "cuda:0", "7")
    text = shown(tmp_path, OWN, Driver())
    assert f'worker_gpu_memory_used_bytes{{gpu="7",model="m"}} {3 * 2**30:g}' in text.replace(
        "3.221225472e+09", f"{3 * 2**30:g}"
    )
    assert 'worker_gpu_utilization_ratio{gpu="7",model="m"} 0.87' in text


def test_a_gpu_that_the_driver_can_not_tell_of_leaves_the_rest_of_the_scrape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(tmp_path, monkeypatch, "cuda:0", "8")
    text = shown(tmp_path, OWN, Driver())
    assert "worker_model_info{" in text
    assert "worker_gpu" not in text


def test_time_counts_for_the_state_that_was_seen_before_it(tmp_path: Path) -> None:
    now, state = [100.0], [WorkerState.LOADING]
    times = state_times("times", tmp_path, lambda: state[0], pids=[0], clock=lambda: now[0])
    for seconds, following in ((4.0, WorkerState.IDLE), (2.0, WorkerState.BUSY), (5.0, None)):
        now[0] += seconds
        state[0] = following or state[0]
        times.look()
    spent = {s: value(metrics.STATE_SECONDS, "times", s) for s in ("loading", "idle", "busy")}
    assert spent == {"loading": 4.0, "idle": 2.0, "busy": 5.0}


def test_a_replaced_process_is_counted_by_who_ended_it(tmp_path: Path) -> None:
    pids = [1]
    claims = CurrentClaims()
    times = state_times("ended", tmp_path, lambda: WorkerState.IDLE, pids=pids, claims=claims)
    times.look()
    parts = (claims, times.replacement.memory_limit, times.replacement.version_switch)
    for part, name in zip(parts, ("stopped", "ended", "ended"), strict=True):
        setattr(part, name, pids[0])
        pids[0] += 1
        times.look()
    pids[0] = 0  # nobody is there for a moment
    times.look()
    pids[0] = 9
    times.look()
    times.look()
    counted = {c: value(metrics.RESTARTED, "ended", c) for c in metrics.RESTARTS}
    assert counted == {"stopped": 1, "memory": 1, "version": 1, "died": 1}


def state_times(
    model: str,
    folder: Path,
    state: Any,
    *,
    pids: list[int],
    clock: Any = lambda: 0.0,
    claims: CurrentClaims | None = None,
) -> StateTimes:
    """The times of a worker whose child has the last of the ids."""
    claims = claims or CurrentClaims()
    status = ChildStatusFiles(folder, lambda: pids[0])
    switch = VersionSwitch(status, claims)
    replacement = ChildReplacement(MemoryLimit(status, claims, 0), switch)
    return StateTimes(model, state, status, replacement, claims, clock=clock)
