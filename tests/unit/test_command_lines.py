"""Tests what the programs answer to `--help` and to arguments that they don't know."""

import subprocess
import sys

import pytest

from testkit.stack import ROOT

FOREIGN = ("torch", "mlflow", "pandas", "numpy", "celery", "fastapi", "uvicorn", "starlette")
LISTING = f"""
import runpy, sys
try:
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
finally:
    print("imported:", [m for m in {FOREIGN} if m in sys.modules])
"""
IMPORTS_NOTHING = "imported: []\n"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a module in an environment where it could start nothing, and lists its imports."""
    command = [sys.executable, "-c", LISTING, *arguments]
    env = {"STORE_URL": "redis://127.0.0.1:1", "LEASE_S": "no number"}
    return subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize(
    ("program", "settings"),
    [
        ("app", ["MODEL_URIS=models:/match-outcome@production", "SYNC_SLO_S=30"]),
        ("worker", ["MODEL_URI=models:/match-outcome@production", "MAX_BATCH_SIZE=8"]),
    ],
)
def test_help_says_what_the_program_is_and_how_it_is_set_and_starts_nothing(
    program: str, flag: str, settings: list[str]
) -> None:
    done = run(program, flag)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: python -m {program} [-h]")
    assert done.stdout.endswith(IMPORTS_NOTHING)
    for words in (*settings, "docs/settings.md", "docs/models.md", "MLFLOW_TRACKING_URI="):
        assert words in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


@pytest.mark.parametrize(
    "arguments",
    [
        ("worker", "start"),
        ("worker", "--port", "1"),
        ("app",),
        ("app", "start"),
        ("app", "serve", "--port", "http"),
        ("app", "serve", "now"),
        ("app", "dead-letters", "lst"),
        ("worker.batch", "models:/churn@production", "in.parquet"),
        ("worker.batch", "m", "in.csv", "out.csv", "--rows-per-batch", "0"),
        ("worker.batch", "m", "in.csv", "out.csv", "--params", "[1]"),
    ],
)
def test_an_argument_that_is_not_known_is_one_sentence(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, IMPORTS_NOTHING)
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("error: ")
    assert f"python -m {arguments[0]}" in sentence


def test_the_command_that_scores_a_table_explains_itself_and_its_exit_codes() -> None:
    done = run("worker.batch", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(IMPORTS_NOTHING)
    for words in ("--rows-per-batch N", "Exit codes: 0", "docs/models.md", "MLFLOW_TRACKING_URI="):
        assert words in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "python -m worker.batch" in run("worker", "--help").stdout


def test_each_command_of_the_gateway_explains_itself() -> None:
    for command, words in (("serve", "--port"), ("dead-letters", "replay --all")):
        done = run("app", command, "--help")
        assert done.returncode == 0
        assert words in done.stdout
