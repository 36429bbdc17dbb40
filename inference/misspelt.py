"""Finds variables of the environment that look like a setting and are none.

A variable that is no setting is read by nobody: `STORE_URI=…` would leave a gateway with the
default store, without a word.
"""

import re
from collections.abc import Iterable, Mapping

import structlog

log = structlog.get_logger()

FEW_LETTERS = 6
"""A setting with fewer letters than this is one slip away at most, any other two."""

ELSEWHERE = frozenset(
    {
        "MODEL_URI",
        "MODEL_URIS",
        "MODEL_DIR",
        "MLFLOW_TRACKING_DIR",
        "WORKERS",
        "PROXY_HOST",
        "PROXY_PORT",
    }
)
"""Variables that somebody else reads, although they are near a setting.

A gateway reads MODEL_URIS and a worker MODEL_URI, and both may have both.
"""

_SERVICE_ADDRESS = re.compile("(tcp|udp|sctp)://")
"""Kubernetes gives each pod the addresses of all Services, as in PROD_PORT=tcp://10.0.0.1:80.

The other variables that it makes of a Service are near no setting.
"""


def warn_of_misspelt(environment: Mapping[str, str], settings: Iterable[str]) -> None:
    """Logs each variable that is near a setting and is none, with both names."""
    for name, meant in misspelt(environment, settings).items():
        log.warning(
            "settings.misspelt", variable=name, meant=meant, consequence=f"{name} is read by nobody"
        )


def misspelt(environment: Mapping[str, str], settings: Iterable[str]) -> dict[str, str]:
    """Returns the variables that are near a setting and are none, each with the nearest.

    `settings` are the names of all settings of one program, in any case. A variable is near one if
    it is the same without underscores, or two slips away at most. Empty variables count as unset.
    """
    known = [name.upper() for name in settings]
    others = {
        name
        for name, value in environment.items()
        if value and name.upper() not in known and not _is_anothers(name, value)
    }
    nearest = {name: _nearest(name.upper(), known) for name in sorted(others)}
    return {name: meant for name, meant in nearest.items() if meant}


def _is_anothers(name: str, value: str) -> bool:
    return name in ELSEWHERE or (
        name.endswith("_PORT") and _SERVICE_ADDRESS.match(value) is not None
    )


def _nearest(name: str, known: list[str]) -> str:
    """Returns the setting that `name` is near to, '' if there is none."""
    one = _letters(name)
    pairs = [(_letters(each), each) for each in known]
    near = [(slips(one, other), each) for other, each in pairs if abs(len(one) - len(other)) <= 2]
    count, meant = min(near, default=(0, ""))
    return meant if count <= (2 if len(meant) >= FEW_LETTERS else 1) else ""


def _letters(name: str) -> str:
    return name.replace("_", "")


def slips(a: str, b: str) -> int:
    """Counts the slips that make one word of another (Damerau and Levenshtein).

    A slip is a letter too many, one too few, a wrong one, or two in the wrong order.
    """
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        row = [i]
        for j, other in enumerate(b, 1):
            fewest = min(last[j] + 1, row[-1] + 1, last[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                fewest = min(fewest, before[j - 2] + 1)
            row.append(fewest)
        before, last = last, row
    return last[-1]
