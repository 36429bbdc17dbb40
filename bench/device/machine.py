"""What this machine has for a device.

Processes of their own look at it, for the bench itself must hold no CUDA context.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

from testkit.stack import ROOT

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
print(json.dumps(seen))
"""


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
    cores: int = os.cpu_count() or 1

    @property
    def has_gpu(self) -> bool:
        return self.device != "cpu"


def look() -> Machine:
    """Returns what torch sees."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOOK], cwd=ROOT, check=True, capture_output=True
    )
    return Machine(**json.loads(done.stdout.splitlines()[-1]), driver=_nvidia_smi("driver_version"))


def used_mib() -> int:
    """Memory of the first GPU in use, by all processes, in MiB; 0 without one."""
    return int(_nvidia_smi("memory.used") or 0)


def _nvidia_smi(figure: str) -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    command = [program, f"--query-gpu={figure}", "--format=csv,noheader,nounits", "--id=0"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""
