"""Tests that a torch archive is taken as torch writes it, and refused with code in its graph.

MLflow's own check looks for pickles alone: it takes the archives here that run code.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import torch
from torch.export import Dim, export

from worker.models.pt2_archive import code_in_archive

COMMAND = "__import__('os').system('touch it-ran')"
Edit = Callable[[dict[str, Any]], object]


class Net(torch.nn.Module):
    """Has what makes torch write expressions, guards, branches and constants."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.words = torch.nn.Linear(4, 3), torch.nn.Embedding(10, 4)

    def forward(self, x: torch.Tensor, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        scores = torch.einsum("btd,bd->bt", self.words(ids), x)
        with torch.no_grad():
            half = torch.div(x[: x.shape[0] // 2], 2, rounding_mode="floor")
        picked = torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))
        count = x.nonzero().shape[0]
        return {"scores (%)": scores, "half": half, "picked": picked + count}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "model.pt2"
    shapes = {"x": {0: Dim.AUTO}, "ids": {0: Dim.AUTO, 1: Dim.AUTO}}
    example = (torch.rand(4, 4), torch.randint(0, 10, (4, 5)))
    torch.export.save(export(Net(), example, dynamic_shapes=shapes), path)
    return path


def edited(archive: Path, to: Path, edit: Edit) -> Path:
    """A copy of an archive whose graph was changed."""
    with ZipFile(archive) as source, ZipFile(to, "w") as copy:
        for info in source.infolist():
            content = source.read(info)
            if info.filename.endswith("models/model.json"):
                graph = json.loads(content)
                edit(graph)
                content = json.dumps(graph).encode()
            copy.writestr(info.filename, content)
    return to


def unchanged(graph: dict[str, Any]) -> None:
    """Leaves it as it is."""


def everywhere(key: str, said: str) -> Edit:
    """Sets a key wherever it has text."""

    def edit(value: Any) -> None:
        parts = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict) and isinstance(value.get(key), str):
            value[key] = said
        for part in parts if isinstance(value, dict | list) else ():
            if isinstance(part, dict | list):
                edit(part)

    return edit


def first_node(**said: Any) -> Edit:
    return lambda graph: graph["graph_module"]["graph"]["nodes"][0].update(said)


def tree(kind: str, context: Any) -> str:
    return json.dumps([1, {"type": kind, "context": json.dumps(context), "children_spec": []}])


def test_what_torch_writes_is_taken(archive: Path, tmp_path: Path) -> None:
    assert code_in_archive(archive) == ""
    assert code_in_archive(edited(archive, tmp_path / "same.pt2", unchanged)) == ""


@pytest.mark.parametrize(
    ("key", "edit"),
    [
        ("guards_code", lambda graph: graph.update(guards_code=[COMMAND])),
        ("guards_code", lambda graph: graph.update(guards_code=["torch.hub.load(1)"])),
        ("guards_code", lambda graph: graph.update(guards_code=["1 #"])),
        ("expr_str", everywhere("expr_str", COMMAND)),
        ("expr_str", everywhere("expr_str", "lambdify(x, y)")),
        ("target", first_node(target="torch.serialization.os.system")),
        ("target", first_node(target="_operator.methodcaller")),
        ("target", first_node(target="torch.ops.aten.from_file.default")),
        ("target", first_node(target="torch.ops.higher_order.call_torchbind")),
        ("as_operator", first_node(inputs=[{"arg": {"as_operator": "torch.hub.load"}}])),
        ("name", everywhere("name", f"x={COMMAND}")),
        ("out_spec", everywhere("out_spec", tree("builtins.dict", [{"__enum__": True}]))),
        ("out_spec", everywhere("out_spec", tree("collections.defaultdict", []))),
        ("in_spec", everywhere("in_spec", tree("builtins.dict", [COMMAND]))),
        ("a name is", lambda graph: graph.update({COMMAND: 1})),
        ("as_string", lambda graph: graph.update(as_string=COMMAND)),
    ],
)
def test_code_in_the_graph_is_found(key: str, edit: Edit, archive: Path, tmp_path: Path) -> None:
    said = code_in_archive(edited(archive, tmp_path / "model.pt2", edit))
    assert said.startswith(f"model.pt2, where {key}")


def test_an_archive_with_two_lists_of_its_contents_is_refused(
    archive: Path, tmp_path: Path
) -> None:
    behind = tmp_path / "behind.pt2"
    behind.write_bytes(b"other records" + archive.read_bytes())
    commented = edited(archive, tmp_path / "commented.pt2", unchanged)
    with ZipFile(commented, "a") as copy:
        copy.comment = b"PK"
    with ZipFile(edited(archive, tmp_path / "twice.pt2", unchanged), "a") as copy:
        copy.writestr("MODELS/model.json", "{}")
        copy.writestr("models/MODEL.json", "{}")
    for path in (behind, commented, tmp_path / "twice.pt2"):
        assert code_in_archive(path).endswith("whose list of contents can be read in two ways")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.pt2").write_text("text")
    assert "can't be read" in code_in_archive(tmp_path / "text.pt2")
    assert "can't be read" in code_in_archive(tmp_path / "nothing.pt2")
