"""The table that docs/models.md shows is what the command that it shows makes."""

import csv
import re

import pytest

from tests.models.conftest import REPOSITORY
from worker.batch import ROWS_FAILED, read_options, score


def test_the_table_of_the_page_is_scored_as_it_shows(
    registry: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (REPOSITORY / "docs" / "models.md").read_text(encoding="utf-8")
    _, _, section = page.partition("## A table at once")
    (table,) = re.findall(r"^printf '(.*)' > matches.csv$", section, re.MULTILINE)
    (command,) = re.findall(r"-m worker.batch (models:.*)$", section, re.MULTILINE)
    shown = section.split("```\n")[2].splitlines()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry)
    monkeypatch.chdir(tmp_path_factory.mktemp("pasted"))
    with open("matches.csv", "w") as file:
        file.write(table.replace("\\n", "\n"))
    assert score(read_options(command.split())) == ROWS_FAILED
    with open("scored.csv") as file:
        assert cells(file.read().splitlines()) == cells(shown)


def cells(lines: list[str]) -> list[list[object]]:
    """The cells, with scores that may differ in their last digits."""

    def cell(text: str) -> object:
        return pytest.approx(float(text), abs=1e-3) if re.fullmatch(r"0\.\d+", text) else text

    return [[cell(text) for text in row] for row in csv.reader(lines)]
