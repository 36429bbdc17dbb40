"""Everything that the documents promise is there.

The settings are today's, each claim names a test, and each file named exists.
"""

import ast
import json
import re
from pathlib import Path

import pytest

from scripts import metrics_table, settings_table

ROOT = Path(__file__).resolve().parents[2]
MAX_COLUMNS, MAX_WORDS = 120, 30
PACKAGES = ("inference", "app", "worker", "examples")
FOLDERS = (*PACKAGES, "testkit", "tests", "bench", "scripts", "charts", "k8s", "keda", "docs")
PAGES = [
    *(ROOT / folder / "README.md" for folder in ("", "k8s", "keda")),
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
MEASURED = (
    "device.md",
    "kill-matrix.md",
    "kill-matrix-rabbitmq.md",
    "soak.md",
    "planted-bugs.md",
    "models-conformance.md",
)
"""Pages that programs write, and so their wording is the program's."""

ENDS = r"(?<=[.!?])\)?(?: \((?:measured|source|docs|inferred)[^)]*\))? (?=[A-Z`*\[])"
"""Where a sentence ends; a fact is followed by how it is known."""


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_settings_page_has_those_of_the_code() -> None:
    text = settings_table.PAGE.read_text(encoding="utf-8")
    assert settings_table.written(text) == text, "run: python -m scripts.settings_table"


def test_the_metrics_page_has_those_of_the_code() -> None:
    text = metrics_table.PAGE.read_text(encoding="utf-8")
    assert metrics_table.written(text) == text, "run: python -m scripts.metrics_table"


def test_every_claim_names_a_test_that_exists() -> None:
    tests = re.findall(
        r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    )
    assert len(tests) > 30
    missing = [f"{path}::{test}" for path, test in tests if test not in functions_of(ROOT / path)]
    assert missing == []


def test_every_promise_has_a_test() -> None:
    promises = promises_of((ROOT / "docs" / "claims.md").read_text(encoding="utf-8"))
    assert len(promises) > 120
    assert [
        promise for promise in promises if "::" not in promise and "bench/RESULTS.md" not in promise
    ] == []


def test_every_link_in_the_documents_leads_somewhere() -> None:
    pages = [*PAGES, ROOT / "charts/inference/README.md", *(ROOT / "examples").rglob("README.md")]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    ]
    assert [
        f"{named(page)}: {link}" for page, link in links if not (page.parent / link).exists()
    ] == []


def test_every_file_of_the_map_exists() -> None:
    paths = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`", the_map())
    assert len(set(paths)) > 150
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_file_of_the_packages_is_on_the_map() -> None:
    files = [
        file
        for package in PACKAGES
        for kind in ("py", "lua")
        for file in (ROOT / package).rglob(f"*.{kind}")
    ]
    assert len(files) > 100
    assert [
        named(file)
        for file in files
        if file.name != "__init__.py" and f"`{named(file)}`" not in the_map()
    ] == []


def test_the_generators_of_clients_that_are_named_are_those_that_are_tested() -> None:
    folder, calls = ROOT / "tests" / "clients", (ROOT / "docs" / "calls.md").read_text("utf-8")
    packages = json.loads((folder / "package.json").read_text("utf-8"))["dependencies"]
    pinned = {f"{name}@{version}" for name, version in packages.items()}
    named = set(re.findall(r"(?<= )[@a-z][a-z/-]+@[0-9.]+", calls))
    assert named
    assert named <= pinned
    (python,) = re.findall(r"openapi-python-client==[0-9.]+", calls)
    assert python in (folder / "requirements.txt").read_text("utf-8").split()


def test_the_map_answers_25_questions() -> None:
    assert len(re.findall(r"^\| \S.*\?", the_map(), re.MULTILINE)) == 25


def test_every_name_on_the_path_of_a_prediction_is_in_its_file() -> None:
    steps = re.findall(r"`(\w[\w.]*)` in\s+`([\w/.]+\.py)`", the_map())
    assert len(steps) > 15
    found = [(name, file, part) for name, file in steps for part in name.split(".")]
    assert [
        one
        for one in found
        if not re.search(rf"(def|class) {one[2]}\b", (ROOT / one[1]).read_text(encoding="utf-8"))
    ] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in MEASURED], ids=named)
def test_a_page_is_easy_to_read(page: Path) -> None:
    """No wide line and no long sentence. A table's row and code stand on one line, however long."""
    text = page.read_text(encoding="utf-8")
    lines = [line for line in without_code(text).splitlines() if not line.startswith("|")]
    assert [line for line in lines if len(line) > MAX_COLUMNS and " " in line.strip(" -")] == []
    assert [sentence for sentence in sentences_of(text) if len(sentence.split()) > MAX_WORDS] == []


def test_every_event_that_a_page_quotes_is_logged() -> None:
    sources = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in (*PACKAGES, "scripts")
        for path in (ROOT / folder).rglob("*.py")
    )
    pages = [ROOT / "docs" / f"{name}.md" for name in ("operations", "procedures", "tracing")]
    quoted = {
        (page.name, event)
        for page in pages
        for event in re.findall(r'"([a-z_]+\.[a-z_]+)"', without_code(page.read_text("utf-8")))
    }
    assert len(quoted) > 20
    assert [each for each in sorted(quoted) if f'"{each[1]}"' not in sources] == []


def the_map() -> str:
    return (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def sentences_of(text: str) -> list[str]:
    """The sentences of a page's paragraphs, list items and cells, without links' addresses."""
    plain = re.sub(r"\]\([^)]*\)", "]", without_code(text))
    plain = re.sub(r"^ *(?:[-*#|]|\d+\.) ?", "\n\n", plain, flags=re.MULTILINE).replace(
        " | ", "\n\n"
    )
    blocks = [" ".join(block.split()) for block in re.split(r"\n\s*\n", plain)]
    return [sentence for block in blocks for sentence in re.split(ENDS, block)]


def promises_of(text: str) -> list[str]:
    """The entries of the lists under the headings, each with the lines under it."""
    return re.split(r"^(?=- )", text.partition("\n## ")[2], flags=re.MULTILINE)[1:]


def functions_of(path: Path) -> set[str]:
    """The names of the functions of a file."""
    if not path.exists():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
