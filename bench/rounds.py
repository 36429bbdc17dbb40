"""One round of load on a gateway, and how rounds are held against each other."""

import json
import subprocess
import sys
from statistics import median
from typing import Any

from testkit.stack import ROOT

CALLERS = 32
BODY = '{"features":{"do":"answer","value":12345},"model":"fault"}'


def load(url: str, seconds: float, callers: int) -> dict[str, Any]:
    """One round of load, by a process of its own."""
    print(f"{callers} callers for {seconds:g} s on {url}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "bench.load", url, str(seconds), str(callers), BODY]
    answer: dict[str, Any] = json.loads(
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    )
    refused = {code: count for code, count in answer["codes"].items() if code[0] != "2"}
    if refused:
        raise SystemExit(f"{url} answered {refused}: this is no measurement")
    return answer


def ratios(ours: list[float], theirs: list[float]) -> str:
    """The median ratio of the rounds, and their range."""
    each = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return f"{median(each):.2f} ({min(each):.2f}-{max(each):.2f})"
