"""What users add is refused where it can't work, with a sentence that says what to do."""

import re
from functools import cache

import pytest

from scripts.charts.tools import CHART
from tests.chart.refused_extensions import CASES
from tests.chart.rendering import Refused, render

GUARDS = ("_guards_pods.tpl", "_guards_gateways.tpl", "_accounts.tpl")


@cache
def said(number: int) -> str:
    """What Helm says to a case, in one line."""
    with pytest.raises(Refused) as refused:
        render(CASES[number][0])
    return " ".join(str(refused.value).split())


@pytest.mark.parametrize("number", range(len(CASES)), ids=[sentence for _, sentence in CASES])
def test_what_can_not_be_added(number: int) -> None:
    assert CASES[number][1] in said(number)


def test_each_of_these_sentences_has_a_case() -> None:
    guards = "".join((CHART / "templates" / name).read_text(encoding="utf-8") for name in GUARDS)
    sentences = re.findall(r'fail \(?(?:printf )?"([^"]*)"', guards)
    assert len(sentences) == guards.count("fail ")
    answers = [said(number) for number in range(len(CASES))]
    for sentence in sentences:
        pattern = ".+".join(re.escape(part) for part in sentence.split("%s"))
        assert any(re.search(pattern, answer) for answer in answers), sentence
