"""Memory that was too small for a batch, told apart from the errors of a model: a smaller batch may fit."""

import sys
from collections.abc import Callable
from typing import TypeVar

from app.contract.errors import OutOfMemory

T = TypeVar("T")


def guarded(call: Callable[[], T]) -> T:
    """Calls, and raises `OutOfMemory` where the device's memory, or the host's, did not hold what the call needed.

    It is raised outside of the handler and without its cause, whose frames would keep the batch's tensors alive
    (PyTorch's FAQ: "My out of memory exception handler can't allocate memory").
    """
    try:
        return call()
    except (MemoryError, RuntimeError) as error:
        if not _is_memory(error):
            raise
        said = str(error) or "the host's memory did not hold the batch"
    if (torch := sys.modules.get("torch")) is not None:
        torch.cuda.empty_cache()
    raise OutOfMemory(said)


def _is_memory(error: MemoryError | RuntimeError) -> bool:
    """torch says it with a class on a GPU, and with its CPU allocator's name in a RuntimeError on the host."""
    torch = sys.modules.get("torch")
    of_device = torch is not None and isinstance(error, torch.OutOfMemoryError)
    return of_device or isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error)
