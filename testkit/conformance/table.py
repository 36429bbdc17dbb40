"""The table as Markdown."""

import json
import platform
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from testkit.conformance import stated
from testkit.conformance.comparing import AMONG, SAME_LATE, Outcome, Verdict

HEAD = """# The same answers as MLflow

Each model below is registered and sent each of its inputs, once alone and once among seven \
others. What the service
answers is compared with what MLflow's own scoring server answers to that row alone.

- **MLflow's side** is `mlflow.pyfunc.load_model`, and the scoring server's own functions for \
reading the body and
  writing the answer.
- **The service's side** is the gateway's check of the body and the worker's runner with the \
loaded model. A store in
  memory hands it the batches. `--http` sends some models' inputs through running processes as well.
- **same**: equal as JSON. Numbers after it name stated differences, from the list below.
- **refused**: neither side answers. The service refuses it at the door, or its model fails as \
MLflow's does.
- **late**: so it is, but the worker refuses it, and the gateway had let it through.
- **DIFFERENT** is a fault, and the command ends with 1.

`python -m testkit.conformance --heavy --http --write` runs all models and writes this page. It \
makes a virtual
environment for the heavy packages (testkit/conformance/packages.txt).
`tests/models/test_conformance.py` runs a dozen models on each commit.
"""


def document(outcomes: Sequence[Outcome], command: str, http: Sequence[str] = ()) -> str:
    """The page. `http` are lines on what running processes said."""
    rows = [_row(outcome) for outcome in outcomes]
    faults = [
        line
        for outcome in outcomes
        if outcome.different
        for line in (f"### {outcome.name}", "", *map(_fault, outcome.different), "")
    ]
    return "\n".join(
        [
            HEAD,
            "## Stated differences",
            "",
            *(f"{one.number}. {one.sentence}" for one in stated.ALL),
            "",
            "## This run",
            "",
            _about(outcomes, command),
            "",
            *(
                ["Through running processes:", "", *(f"- {line}" for line in http), ""]
                if http
                else []
            ),
            "| model | flavor | signature | said to MLflow as | inputs | verdict |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            *(["## What differs", "", *faults] if faults else []),
        ]
    )


def _about(outcomes: Sequence[Outcome], command: str) -> str:
    verdicts = [verdict for outcome in outcomes for verdict in outcome.verdicts]
    words = Counter(verdict.word for verdict in verdicts)
    not_served = sum(bool(outcome.not_served) for outcome in outcomes)
    said = ", ".join(f"{words[word]} {word}" for word in sorted(words))
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()},"
        f" MLflow {version('mlflow')}, pandas {version('pandas')}; `{command}`."
        f" {len(outcomes)} models, {not_served} of them not served; {len(verdicts)} inputs: {said}."
    )


def _row(outcome: Outcome) -> str:
    cells = [
        outcome.name,
        outcome.flavor,
        outcome.signature,
        f"`{outcome.form}`",
        str(len(outcome.verdicts)),
        verdict_of(outcome),
    ]
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def verdict_of(outcome: Outcome) -> str:
    """One model's verdict in words."""
    if outcome.not_served:
        return f"not served: {outcome.not_served}"
    numbers = sorted({number for verdict in outcome.verdicts for number in verdict.numbers})
    stated = f" ({', '.join(map(str, numbers))})" if numbers else ""
    refused = sum("refused" in verdict.word for verdict in outcome.verdicts)
    late = sum(verdict.word == SAME_LATE for verdict in outcome.verdicts)
    rest = f", {refused} refused by both" if refused else ""
    rest += f" ({late} of them late)" if late else ""
    if outcome.different:
        return f"**{len(outcome.different)} DIFFERENT**, the others same{stated}{rest}"
    return f"same{stated}{rest}"


def _fault(verdict: Verdict) -> str:
    sides = ("alone", "among others") if verdict.word == AMONG else ("MLflow", "the service")
    said = zip(sides, (verdict.theirs, verdict.ours), strict=True)
    answers = ", ".join(f"{side} `{_short(answer)}`" for side, answer in said)
    return f"- {verdict.label}, {verdict.word}: `{_short(verdict.sent)}`; {answers}"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=True)
    text = text.replace("`", "'").replace("\n", " ")
    return text if len(text) <= 200 else f"{text[:200]}…"
