"""Reads a GPU's memory and utilisation from the driver's own library, NVML.

By ctypes: three figures need no package on a machine that may have no network. Source of the
functions and structures: NVML API Reference, "Device Queries".
"""

import ctypes
from dataclasses import dataclass
from typing import Any

LIBRARY = "libnvidia-ml.so.1"


class NvmlError(RuntimeError):
    """NVML refused a call."""


class _Memory(ctypes.Structure):
    """nvmlMemory_t, in bytes."""

    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


class _Utilization(ctypes.Structure):
    """nvmlUtilization_t: percent of the last sample period (1/6 to 1 s)."""

    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


@dataclass(frozen=True)
class Usage:
    """What all processes together use of a GPU."""

    memory_bytes: int
    total_bytes: int
    busy_percent: int


class Gpu:
    """One GPU, told by torch's UUID of it; the first one without a UUID.

    NVML counts GPUs without CUDA_VISIBLE_DEVICES, so a number would be another one.
    """

    def __init__(self, uuid: str = "", library: Any = None) -> None:
        """Raises OSError where there is no driver, NvmlError where it does not know the GPU."""
        self._nvml = library or ctypes.CDLL(LIBRARY)
        self._handle = ctypes.c_void_p()
        self._call("nvmlInit_v2")
        if uuid:
            name = uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
            self._call("nvmlDeviceGetHandleByUUID", name.encode(), ctypes.byref(self._handle))
        else:
            self._call("nvmlDeviceGetHandleByIndex_v2", 0, ctypes.byref(self._handle))

    def usage(self) -> Usage:
        """Reads both figures now; utilisation is 0 where the GPU has none (a slice of MIG)."""
        memory, busy = _Memory(), _Utilization()
        self._call("nvmlDeviceGetMemoryInfo", self._handle, ctypes.byref(memory))
        try:
            self._call("nvmlDeviceGetUtilizationRates", self._handle, ctypes.byref(busy))
        except NvmlError:
            busy = _Utilization()
        return Usage(memory.used, memory.total, busy.gpu)

    def driver(self) -> str:
        """The driver's version."""
        text = ctypes.create_string_buffer(80)
        self._call("nvmlSystemGetDriverVersion", text, 80)
        return text.value.decode()

    def _call(self, function: str, *arguments: Any) -> None:
        if code := getattr(self._nvml, function)(*arguments):
            raise NvmlError(f"{function} answered {code}")
