"""Tells an input that a model refuses from a model that fails.

A model's code need not import anything of ours for it: an exception is taken for `InvalidInput` by
its class's name, or by the attribute `invalid_input`. It may name the `field`. MLflow checks inputs
once more before it calls a model; what that refuses is a caller's mistake too.
"""

from collections.abc import Iterator
from types import TracebackType

from inference.errors import InvalidInput, error_text
from inference.field_errors import shown

NAME, MARK = "InvalidInput", "invalid_input"
_CHECKS = frozenset({"_validate_prediction_input", "_validate_model_input", "_convert_input"})
"""MLflow's functions that check or convert an input, before the model's own code has it."""

_DATA_VALIDATION = "mlflow.pyfunc.utils.data_validation"


def callers_mistake(error: BaseException) -> InvalidInput | None:
    """Returns the error as an `InvalidInput`, None if the caller is not to blame."""
    if isinstance(error, InvalidInput):
        return error
    if any(kind.__name__ == NAME for kind in type(error).__mro__) or _is_marked(error):
        field = getattr(error, "field", None)
        said = error_text(error) or "the model refuses this input"
        return InvalidInput(said, shown(field) if isinstance(field, str) and field else None)
    if type(error).__module__.startswith("mlflow.") and _is_of_a_check(error.__traceback__):
        # Before the reason MLflow writes the whole table.
        return InvalidInput(error_text(error).rpartition(" Error: ")[2] or "MLflow refuses it")
    return None


def _is_marked(error: BaseException) -> bool:
    try:
        return getattr(error, MARK, False) is True
    except Exception:  # foreign code
        return False


def _is_of_a_check(traceback: TracebackType | None) -> bool:
    """Whether MLflow raised it while it checked, and the model's own code was not reached."""
    module = ""
    for module, function in _frames(traceback):
        if module.startswith("mlflow.") and function in _CHECKS:
            return True
        if not module.startswith(("mlflow.", "worker.")):
            return False
    return module == _DATA_VALIDATION


def _frames(traceback: TracebackType | None) -> Iterator[tuple[str, str]]:
    while traceback is not None:
        frame = traceback.tb_frame
        yield str(frame.f_globals.get("__name__", "")), frame.f_code.co_name
        traceback = traceback.tb_next
