"""The input example that MLflow keeps beside a model, as the `features` of requests.

The worker warms up with it, and the gateway shows it on the OpenAPI page.
"""

from collections.abc import Sequence
from typing import Any

from inference.models.signature import Column, InputForm, Tensor


class UnknownExample(Exception):
    """An example has a form that nobody here knows."""


def features_of_example(
    content: Any, inputs: Sequence[Column | Tensor], form: InputForm
) -> list[Any]:
    """Returns the features of each row of an example's file; raises `UnknownExample`.

    `content` is the file's JSON, `inputs` and `form` are the signature's.
    """
    if isinstance(content, dict) and content.keys() == {"inputs", "params"}:
        content = content["inputs"]
    if form is InputForm.NAMED:
        return _named(content, inputs)
    rows = content["data"] if isinstance(content, dict) and "data" in content else content
    if form is InputForm.VALUE and rows is not content:
        rows = [row[0] for row in rows]
    return rows if isinstance(rows, list) else [rows]


def _named(content: Any, inputs: Sequence[Column | Tensor]) -> list[Any]:
    names = [part.name for part in inputs]
    tensors = any(isinstance(part, Tensor) for part in inputs)
    match content:
        case {"data": list(rows)} if not tensors:
            names = list(map(str, content.get("columns", names)))
        case dict(arrays) if tensors:
            names, rows = list(arrays), list(zip(*arrays.values(), strict=True))
        case [list(), *_] if tensors:
            rows = [[row] for row in content]
        case [list(), *_]:
            rows = content
        case dict() | [dict(), *_]:
            return [content] if isinstance(content, dict) else content
        case _:
            raise UnknownExample
    return [dict(zip(names, row, strict=True)) for row in rows]
