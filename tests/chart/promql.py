"""What can be told of an expression by its text: its metrics, and how it puts series together."""

import re

WORDS = frozenset(
    {
        *("by", "without", "on", "ignoring", "and", "or", "unless", "offset", "bool"),
        *("sum", "max", "min", "avg", "count", "rate", "increase", "changes"),
        *("histogram_quantile", "absent", "vector"),
    }
)
STORED = re.compile(
    r"\b(?:prediction_queue_(?!seconds)\w+|prediction_workers\w*"
    r"|prediction_(?:store|broker|registry)_up|prediction_model_(?:served|paused))\b"
)
"""The store's numbers, and what each gateway sees of a server that they share."""

_AGGREGATION = re.compile(r"\b(sum|max|min|avg|count|topk)\s*(?:(?:by|without)\s*\([^()]*\)\s*)?$")


def metrics_of(expr: str) -> set[str]:
    """The names of the metrics."""
    bare = re.sub(r'"[^"]*"', '""', expr)
    bare = re.sub(r"\{[^{}]*\}|\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\b(?:by|without|on|ignoring)\s*\([^()]*\)", " ", bare)
    return {
        word for word in re.findall(r"(?<![\w.$:])[a-zA-Z_:][\w:]*", bare) if word not in WORDS
    } - {"d", "h", "m", "s"}


def sums_of_the_store(expr: str) -> list[str]:
    """The store's numbers that are added up over gateways.

    Within a pod, which saw all of them at one moment, a sum is right.
    """
    return [
        found.group()
        for found in STORED.finditer(expr)
        if _aggregation_around(expr, found.start()) not in ("max", "min", "avg", "sum by pod")
        and not _within_braces(expr, found.start())
        and "absent(" not in expr[: found.start()]
    ]


def _within_braces(expr: str, place: int) -> bool:
    return expr.count("{", 0, place) > expr.count("}", 0, place)


def _aggregation_around(expr: str, place: int) -> str:
    """The innermost aggregation whose parentheses have that place; empty if there is none."""
    depth = 0
    for index in range(place - 1, -1, -1):
        if expr[index] == ")":
            depth += 1
        elif expr[index] == "(":
            if depth == 0 and (found := _AGGREGATION.search(expr[:index])):
                by_pod = re.search(r"\bby\s*\([^()]*\bpod\b", found.group())
                return found.group(1) + " by pod" * bool(by_pod)
            depth = max(0, depth - 1)
    return ""
