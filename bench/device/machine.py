"""What this machine has for a device.

Processes of their own look at it, for the bench itself must hold no CUDA context.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from testkit.stack import ROOT
from worker.gpu import Gpu, NvmlError

LOOK = """
import json, platform, time, torch
seen = {"torch": torch.__version__, "cuda": torch.version.cuda or ""}
seen |= {"device": "cpu", "name": platform.processor() or "CPU"}
if torch.cuda.is_available():
    began = time.perf_counter()
    torch.zeros(1, device="cuda:0").add(1).cpu()
    seen["context_s"] = round(time.perf_counter() - began, 2)
    own = torch.cuda.get_device_properties(0)
    seen |= {"device": "cuda:0", "name": own.name, "memory_bytes": own.total_memory}
    seen["multiprocessors"] = own.multi_processor_count
    seen["uuid"] = str(getattr(own, "uuid", ""))
print(json.dumps(seen))
"""

MIB = 2**20


@dataclass(frozen=True)
class Machine:
    """`device` is `cuda:0` or `cpu`.

    `context_s` is how long a bare process takes to open the device.
    """

    torch: str
    cuda: str
    device: str
    name: str
    memory_bytes: int = 0
    multiprocessors: int = 0
    context_s: float = 0.0
    driver: str = ""
    uuid: str = ""
    cores: int = os.cpu_count() or 1

    @property
    def has_gpu(self) -> bool:
        return self.device != "cpu"


def look() -> Machine:
    """Returns what torch sees."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOOK], cwd=ROOT, check=True, capture_output=True
    )
    seen = json.loads(done.stdout.splitlines()[-1])
    return Machine(**seen, driver=_driver())


def gpu_of(machine: Machine) -> Gpu | None:
    """Returns what tells the usage of the machine's GPU; None without one."""
    return Gpu(machine.uuid) if machine.has_gpu else None


def used_mib(machine: Machine) -> int:
    """Memory of the GPU in use, by all processes, in MiB; 0 where nobody can tell."""
    try:
        gpu = gpu_of(machine)
        return gpu.usage().memory_bytes // MIB if gpu else 0
    except (OSError, NvmlError):
        return 0


def _driver() -> str:
    """The driver's version, '' where there is none."""
    try:
        return Gpu().driver()
    except (OSError, NvmlError):
        return ""
