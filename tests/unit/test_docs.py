"""What the documents promise is there: the settings are today's, and each claim names a test that exists."""

import ast
import re
from pathlib import Path

from scripts.settings_table import README, written

ROOT = Path(__file__).resolve().parents[2]


def test_the_readmes_settings_are_those_of_the_code() -> None:
    text = README.read_text(encoding="utf-8")
    assert written(text) == text, "run: python -m scripts.settings_table"


def test_every_claim_names_a_test_that_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "claims.md").read_text(encoding="utf-8"))
    assert len(named) > 30
    missing = [f"{path}::{test}" for path, test in named if test not in functions_of(ROOT / path)]
    assert missing == []


def test_every_promise_has_a_test() -> None:
    rows = [line for line in (ROOT / "docs" / "claims.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert [
        row for row in rows if "::" not in row and not re.match(r"\| (promise|where) ", row) and "bench/RESULTS.md" not in row
    ] == []


def test_every_link_in_the_documents_leads_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    pages += [ROOT / folder / "README.md" for folder in ("k8s", "keda", "charts/inference")]
    pages += (ROOT / "examples").rglob("README.md")
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))]
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []


def functions_of(path: Path) -> set[str]:
    """The names of the functions of a file."""
    if not path.exists():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
