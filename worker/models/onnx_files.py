"""Says whether an ONNX graph keeps to its model's folder.

A graph may have its tensors in other files, which it names, and ONNX Runtime reads them. Before
1.24 it read any file of the machine so, and later releases closed ways around that. So each such
name is looked at here. The file is protobuf (onnx.proto of ONNX); only the messages that lead to a
tensor are walked, and the library that parses the rest need not be there.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 10: "tensor", 6: "graph", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
"""Of each message the fields that lead to a tensor's `external_data`, with their messages."""

Field = tuple[int, int, int]
"""A field's number, and where its bytes begin and end."""


def strange_file(graph: Path) -> str:
    """Tells what of a graph's tensors lies elsewhere than beside it, '' if nothing does."""
    if graph.suffix != ".onnx":
        return "is not called .onnx"
    try:
        with (
            graph.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            for name in _locations(content):
                if "/" in name or not (graph.parent / name).is_file():
                    return f"names the file {name!r:.100}, which is not beside it"
    except (OSError, IndexError, ValueError):
        return "can't be read as ONNX"
    return ""


def _locations(content: mmap.mmap) -> Iterator[str]:
    """Yields the names of the files that tensors are in; raises `ValueError` for no protobuf."""
    found = [("model", 0, len(content))]
    while found:
        message, begin, end = found.pop()
        if message == "entry":
            said = {
                number: content[start:stop] for number, start, stop in _fields(content, begin, end)
            }
            if said.get(1) == b"location":
                yield said.get(2, b"").decode()
            continue
        for number, start, stop in _fields(content, begin, end):
            if inner := _MESSAGES[message].get(number):
                found.append((inner, start, stop))


def _fields(content: mmap.mmap, place: int, end: int) -> Iterator[Field]:
    while place < end:
        tag, place = _varint(content, place)
        stop = place
        match tag & 7:
            case 0:
                _, stop = _varint(content, place)
            case 1:
                stop += 8
            case 2:
                size, place = _varint(content, place)
                stop = place + size
                if stop <= end:
                    yield tag >> 3, place, stop
            case 5:
                stop += 4
            case _:
                raise ValueError("a group, which ONNX has none of")
        place = stop
    if place != end:
        raise ValueError("a field is longer than its message")


def _varint(content: mmap.mmap, place: int) -> tuple[int, int]:
    """Returns a number and the place behind it."""
    value = shift = 0
    while True:
        byte = content[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
