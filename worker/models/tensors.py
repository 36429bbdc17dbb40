"""Arrays and tensors of every dtype, as JSON's values."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inference.errors import UnfitAnswer

NUMPY_FLOATS = ("torch.float16", "torch.float32", "torch.float64")
"""The floats of torch that NumPy has, too."""
_OF_TORCH = ("__torch_function__", "detach", "layout")
_LIBRARIES = ("tensorflow", "jax", "jaxlib")
_DAYS = ("Y", "M", "W", "D")


class NoJson(UnfitAnswer):
    """A value that JSON has no words for; `steps` lead to it, the last one first."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.steps: list[str] = []

    def __str__(self) -> str:
        return f"result{''.join(reversed(self.steps)):.80} {self.problem}"


def is_tensor(value: Any) -> bool:
    """Whether it is an array of torch, TensorFlow or JAX.

    None of them need be installed, so it is known by what it has or where it comes from.
    """
    return _is_of_torch(value) or (
        type(value).__module__.partition(".")[0] in _LIBRARIES and hasattr(value, "__array__")
    )


def array_of(value: Any) -> NDArray[Any] | None:
    """Returns a tensor of another library as an array of NumPy's; None for any other value."""
    if _is_of_torch(value):
        return _from_torch(value)
    return np.asarray(value) if is_tensor(value) else None


def _is_of_torch(value: Any) -> bool:
    return all(hasattr(value, name) for name in _OF_TORCH)


def _each(array: NDArray[Any], convert: Callable[[Any], Any]) -> Any:
    found = np.empty(array.size, dtype=object)
    found[:] = [None if np.isnat(one) else convert(one) for one in array.ravel()]
    return found.reshape(array.shape).tolist()


def _small_numbers(array: NDArray[Any]) -> Any:
    """The dtypes of `ml_dtypes`, such as bfloat16, that NumPy knows as bytes alone."""
    name = array.dtype.name
    if not name.startswith(("bfloat", "float", "int", "uint")):
        raise NoJson(f"is of the type {name}, which is not JSON")
    return array.astype(np.int64 if "int" in name else np.float32).tolist()


def _day(one: np.datetime64) -> str:
    return str(one.astype("M8[D]"))


def _moment(one: np.datetime64) -> str:
    try:
        return pd.Timestamp(one).isoformat()
    except ValueError:  # a year that pandas does not have
        return str(one)


def duration(value: Any) -> str:
    try:
        return pd.Timedelta(value).isoformat()
    except ValueError as error:
        raise NoJson(f"is a duration that has no length: {error}") from error


def _from_torch(tensor: Any) -> NDArray[Any]:
    """On the host, dense, in a dtype that NumPy has; of other floats float32 has every value."""
    found = tensor.detach()
    try:
        if found.is_quantized:
            found = found.dequantize()
        if str(found.layout) != "torch.strided":
            found = found.to_dense()
        found = found.cpu()
        if found.dtype.is_complex:
            found = found if found.itemsize > 4 else found.cfloat()
        elif found.dtype.is_floating_point and str(found.dtype) not in NUMPY_FLOATS:
            found = found.float()
        return np.asarray(found.resolve_conj().resolve_neg())
    except (NotImplementedError, TypeError) as error:
        raise NoJson(f"is a tensor of {tensor.dtype}, which is not JSON") from error


def _complex(array: NDArray[Any]) -> Any:
    return np.stack((array.real, array.imag), axis=-1).astype(np.float64).tolist()


def _float(array: NDArray[Any]) -> Any:
    return (array.astype(np.float64) if array.itemsize > 8 else array).tolist()


def _times(array: NDArray[Any]) -> Any:
    return _each(array, _day if np.datetime_data(array.dtype)[0] in _DAYS else _moment)


BY_KIND: Mapping[str, Callable[[NDArray[Any]], Any]] = {
    **dict.fromkeys("biuU", lambda array: array.tolist()),
    "f": _float,
    "c": _complex,
    "M": _times,
    "m": lambda array: _each(array, duration),
    "V": _small_numbers,
}
"""What writes an array, by the kind of its dtype. Others hold objects; records are no such kind."""
