"""The README's console blocks: each call with the output that it shows."""

import json
import re
import subprocess
from typing import Any

from testkit.stack import ROOT

CALL = re.compile(r"^\$ (?P<command>curl .*)\n(?P<output>.*)$", re.MULTILINE)
TASK_ID = re.compile(r"match-outcome-[0-9a-f]{32}")


def calls() -> list[tuple[str, Any]]:
    """Every curl line of the README and the answer under it, in order."""
    blocks = re.findall(
        r"```console\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    return [
        (call["command"], json.loads(call["output"]))
        for block in blocks
        for call in CALL.finditer(block)
    ]


def own_model(page: str, name: str) -> tuple[str, list[str]]:
    """A page's program that registers a model, and the shell's lines that belong to it.

    `name` is the model's.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```(python|sh)\n(.*?)```", text, re.DOTALL)
    (program,) = [
        block
        for kind, block in blocks
        if kind == "python" and f'registered_model_name="{name}"' in block
    ]
    (lines,) = [block for kind, block in blocks if kind == "sh" and f"register_{name}.py" in block]
    return program, lines.replace("\\\n", "").splitlines()


class Shell:
    """Pastes the calls one after the other.

    The ids that the README shows stand for those that were really answered.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._really: dict[str, str] = {}

    def paste(self, command: str, shown: Any) -> Any:
        """Runs a line against the run of the test and returns the answer.

        It asks for a new prediction: another test may have had the same match predicted, and what
        has ended is not submitted again.
        """
        command = command.replace("http://127.0.0.1:8000", self._url).replace(
            " -d ", " -H 'cache-control: no-cache' -d "
        )
        for task_id in TASK_ID.findall(command):
            command = command.replace(task_id, self._really[task_id])
        done = subprocess.run(
            command, shell=True, capture_output=True, text=True, check=True, timeout=90
        )
        answer = json.loads(done.stdout)
        if "task_id" in shown:
            self._really[shown["task_id"]] = answer["task_id"]
        return answer


def shape(value: Any) -> Any:
    """Returns the part of an answer that a reader relies on: names and kinds of values.

    Words and whole numbers stay as they are where they mean something.
    """
    if isinstance(value, dict):
        return {
            name: value[name]
            if name in ("status", "title", "type", "errors", "match_id")
            else shape(value[name])
            for name in value
        }
    return type(value).__name__
