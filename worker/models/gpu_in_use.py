"""Finds out which GPU this process uses, whatever loaded the model onto it."""

import sys


def gpu_in_use() -> str:
    """Returns the UUID of torch's current GPU, '' where torch uses none or is not there."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return ""
    return str(getattr(torch.cuda.get_device_properties(torch.cuda.current_device()), "uuid", ""))
