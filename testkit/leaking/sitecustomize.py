"""Makes a process keep all JSON that it read, as text and parsed: a leak for the soak to find.

It takes effect with this folder on PYTHONPATH.
"""

from typing import Any

import orjson

_KEPT: list[Any] = []
_loads = orjson.loads


def _keep(text: Any) -> Any:
    read = _loads(text)
    _KEPT.append((text, read))
    return read


orjson.loads = _keep
