"""The sizes of batches that a network with convolutions gets on a GPU.

cuDNN makes a plan for every shape of a convolution that is new to its process. For the 49 of
EfficientNet-Lite0 that took 1.6 to 2.4 s a batch size, and a batch of 64 takes 9 ms afterwards
(NVIDIA H200, cuDNN 9.19; docs/device.md). Batches come in every size, so a process would stand
still 64 times. They are filled up to a power of two instead, and it does so seven times. TensorFlow
Serving has the same remedy (`allowed_batch_sizes` in its batching parameters).
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.modules.conv import _ConvNd


class BatchSizes:
    """Fills batches up with copies of their last row.

    A batch never grows beyond the largest that ran: that one is known to fit into the device's
    memory, and a worker's warm-up runs one of MAX_BATCH_SIZE.
    """

    def __init__(self) -> None:
        self._largest = 0

    def size_for(self, rows: int) -> int:
        """The size to run `rows` rows with: the next power of two, or `rows` itself."""
        return max(rows, min(1 << (rows - 1).bit_length(), self._largest))

    def ran(self, size: int) -> None:
        """A batch of this size fits."""
        self._largest = max(self._largest, size)


def filled(array: NDArray[Any], size: int) -> NDArray[Any]:
    """Returns the array `[rows, ...]` with its last row again and again, up to `size` rows."""
    missing = size - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array


def plans_by_shape(module: torch.nn.Module, device: str) -> bool:
    """Whether a new batch size costs the module time: it has convolutions and runs on a GPU."""
    return device.startswith("cuda") and any(map(_convolves, module.modules()))


def _convolves(part: torch.nn.Module) -> bool:
    """Knows a convolution as a module, and by its name in an exported or scripted graph."""
    if isinstance(part, torch.fx.GraphModule):
        return any("conv" in str(node.target) for node in part.graph.nodes)
    if isinstance(part, torch.jit.ScriptModule):
        graph = str(getattr(part, "inlined_graph", ""))  # a list of modules has none
        return "aten::conv" in graph or "aten::_conv" in graph
    return isinstance(part, _ConvNd)
