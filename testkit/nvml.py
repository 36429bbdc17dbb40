"""A GPU's driver as a test plays it."""

import ctypes
from types import SimpleNamespace
from typing import Any


class Driver(SimpleNamespace):
    """NVML as a driver would answer it: 3 of 80 GiB in use, 87 % busy."""

    def nvmlInit_v2(self) -> int:
        return 0

    def nvmlDeviceGetHandleByUUID(self, name: bytes, _: Any) -> int:
        return 0 if name == b"GPU-7" else 6

    def nvmlDeviceGetMemoryInfo(self, _: ctypes.c_void_p, memory: Any) -> int:
        memory._obj.used, memory._obj.total = 3 * 2**30, 80 * 2**30
        return 0

    def nvmlDeviceGetUtilizationRates(self, _: ctypes.c_void_p, busy: Any) -> int:
        busy._obj.gpu = 87
        return 0
