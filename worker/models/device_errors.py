"""Recognises errors that are the device's and not the model's.

The device's memory was too small for the batch, or its context is broken.
"""

import sys
from collections.abc import Callable
from typing import TypeVar

from inference.errors import DeviceBroken, OutOfMemory, error_text, first_line

T = TypeVar("T")


def guarded(call: Callable[[], T]) -> T:
    """Calls `call`; raises `OutOfMemory` or `DeviceBroken` where the device failed.

    Raises `OutOfMemory` where the device's memory, or the host's, did not hold what the call
    needed. It is raised outside of the handler and without its cause, whose frames would keep the
    batch's tensors alive (PyTorch's FAQ: "My out of memory exception handler can't allocate
    memory").

    Raises `DeviceBroken` after an error of CUDA's. Most leave a context in which every later call
    fails too, until "the process must be terminated and relaunched" (CUDA Runtime API,
    cudaError_t).
    """
    try:
        return call()
    except (MemoryError, RuntimeError) as error:
        if _is_device(error):
            raise DeviceBroken(first_line(error)) from error
        if not _is_memory(error):
            raise
        said = error_text(error) or "the host's memory did not hold the batch"
    if (torch := sys.modules.get("torch")) is not None:
        torch.cuda.empty_cache()
    raise OutOfMemory(said)


def _is_device(error: MemoryError | RuntimeError) -> bool:
    """Whether the error says that the device is broken.

    torch has a class for it since 2.8. An older error, or one of another library's, is told by its
    words.
    """
    torch = sys.modules.get("torch")
    broken = getattr(torch, "AcceleratorError", None)
    return (broken is not None and isinstance(error, broken)) or error_text(error).startswith(
        "CUDA error"
    )


def _is_memory(error: MemoryError | RuntimeError) -> bool:
    """Whether the error says that memory ran out.

    On a GPU torch says it with a class, and on the host with its CPU allocator's name in a
    RuntimeError.
    """
    torch = sys.modules.get("torch")
    of_device = torch is not None and isinstance(error, torch.OutOfMemoryError)
    return of_device or isinstance(error, MemoryError) or "DefaultCPUAllocator" in error_text(error)
