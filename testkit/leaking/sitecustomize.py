"""With this folder on PYTHONPATH a process keeps all JSON that it read, before and after: a leak
for the soak to find.
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
