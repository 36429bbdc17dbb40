"""Says what in a torch archive (`.pt2`) is more than a graph and its weights.

`torch.export.load` trusts an archive. MLflow refuses one with pickles in it, and that is not
enough. Tried with torch 2.13: a size's expression goes through `eval` and a guard through `exec`.
A tree's description imports modules, and names become Python source. So all text of the graph is
compared with what torch itself writes.

The file's directory is checked first. torch finds it by another rule than Python's zipfile, so an
archive can be made that shows one list of records to MLflow's check and another to torch.
"""

import ast
import json
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

_TARGETS = re.compile(
    r"_operator\.(eq|ne|le|ge|lt|gt|neg|pos|abs|mul|add|sub|floordiv|mod|pow|truediv|and_|or_|not_"
    r"|lshift|rshift|getitem)"
    r"|torch\.ops\.higher_order\.(cond|while_loop|scan|map_impl|associative_scan"
    r"|wrap_with_set_grad_enabled|wrap_with_autocast)"
    # these two read and write a file of any name
    r"|torch\.ops\.(aten|prims|torchvision)\.(?!(from_file|save)\.)"
    r"([A-Za-z]\w*|_[A-Za-z]\w*|__(and|or|xor|lshift|rshift)__)\.[A-Za-z]\w*"
    r"|math\.[a-z]\w*|torch\._?sym_[a-z]+"
)
"""The functions that a node may call."""

_SYMPY = re.compile(
    "Symbol|Integer|Rational|Float|Add|Mul|Pow|Max|Min|Abs|And|Or|Not|Equality|Unequality"
    "|GreaterThan|LessThan|StrictGreaterThan|StrictLessThan|Piecewise|ExprCondPair"
    "|FloorDiv|ModularIndexing|Where|PythonMod|Mod|CleanDiv|CeilToInt|FloorToInt|CeilDiv|LShift"
    "|RShift|PowByNatural|FloatPow|FloatTrueDiv|IntTrueDiv|IsNonOverlappingAndDenseIndicator"
    "|TruncToFloat|TruncToInt|RoundToInt|RoundDecimal|ToFloat|Identity|BitwiseFn_bitwise_and"
    "|BitwiseFn_bitwise_or|BitwiseFn_bitwise_xor|OpaqueUnaryFn_sqrt"
)
_GUARDS = re.compile(_SYMPY.pattern + "|float|int|abs|cast_symbool_to_symint_guardless")
_PARTS = re.compile(
    "size|stride|storage_offset|isnan|inf|sqrt|trunc|floor|ceil"
    "|sym_float|sym_int|sym_max|sym_min|sym_not|sym_sqrt|sym_ite"
)
"""What a guard may ask of a tensor, of math and of torch."""

_SYNTAX = (
    *(ast.Expression, ast.Constant, ast.Name, ast.Call, ast.keyword, ast.BinOp, ast.UnaryOp),
    *(ast.BoolOp, ast.Compare, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
)
_GUARD_SYNTAX = (*_SYNTAX, ast.Subscript, ast.Attribute)
_PLAIN = re.compile(r"[\w .:/+$-]*")
"""Text that is no Python by itself: it calls nothing."""
_EXPRESSION = re.compile(r"[\w .\[\]'()<>=!,+*/%-]*")
_LONGEST_EXPRESSION = 10_000
_TREES = (None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict")
_NOTES = ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "from_node")
"""What a node's metadata tells people; torch makes nothing of it."""


def code_in_archive(path: Path) -> str:
    """Names the first thing in an archive that could run as code, '' if there is none.

    Pickles among its records are MLflow's to find.
    """
    try:
        with ZipFile(path) as archive:
            names = [name.casefold() for name in archive.namelist()]
            if len(set(names)) != len(names) or not _one_directory(path, archive):
                return f"{path.name}, whose list of contents can be read in two ways"
            for info in archive.infolist():
                if info.filename.casefold().endswith(".json") or "models/" in info.filename:
                    found = next(_odd(json.loads(archive.read(info)), ()), "")
                    if found:
                        return f"{path.name}, where {found}"
    except (OSError, BadZipFile, ValueError, RecursionError, struct.error, SyntaxError) as error:
        return f"{path.name}, which can't be read: {type(error).__name__}"
    return ""


def _one_directory(path: Path, archive: ZipFile) -> bool:
    """Whether the directory that zipfile read is the one that the end of the file points at."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 22 - 20))
        tail = file.read()
        end, start = size - 22, struct.unpack_from("<I", tail, len(tail) - 22 + 16)[0]
        if tail[-22:-18] != b"PK\5\6":
            return False  # a comment behind it, which torch never writes
        if tail[:4] == b"PK\6\7":
            end = struct.unpack_from("<Q", tail, 8)[0]
            file.seek(end)
            record = file.read(56)
            if record[:4] != b"PK\6\6":
                return False
            size_of, start = struct.unpack_from("<QQ", record, 40)
        else:
            size_of = struct.unpack_from("<I", tail, len(tail) - 22 + 12)[0]
    return bool(archive.start_dir == start and start + size_of == end)


def _odd(value: Any, place: tuple[str, ...]) -> Iterator[str]:
    """Yields what no archive of torch's own making says."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            if not _PLAIN.fullmatch(key):
                yield f"a name is {key!r:.100}"
            yield from _odd(part, (*place, key))
    elif isinstance(value, list):
        for part in value:
            yield from _odd(part, place)
    elif isinstance(value, str) and not _is_usual(value, place):
        yield f"{place[-1] if place else 'its text'} is {value!r:.200}"


def _is_usual(text: str, place: tuple[str, ...]) -> bool:
    match place[-1] if place else "":
        case "target" | "as_operator":
            return _TARGETS.fullmatch(text) is not None
        case "expr_str":
            return _is_expression(text, _SYNTAX, _SYMPY)
        case "guards_code":
            return _is_expression(text, _GUARD_SYNTAX, _GUARDS)
        case "in_spec" | "out_spec" | "treespec" as which if text:
            return _is_tree(json.loads(text), free_names=which == "out_spec")
        case key:
            constant = key in ("as_string", "as_strings") and "nodes" in place
            note = key in _NOTES and "metadata" in place
            return constant or note or _PLAIN.fullmatch(text) is not None


def _is_expression(text: str, syntax: tuple[type, ...], calls: re.Pattern[str]) -> bool:
    """Whether it computes with numbers and symbols alone."""
    if len(text) > _LONGEST_EXPRESSION or not _EXPRESSION.fullmatch(text):
        return False
    nodes = list(ast.walk(ast.parse(text.strip(), mode="eval")))
    return all(isinstance(node, syntax) and _is_harmless(node, calls) for node in nodes)


def _is_harmless(node: ast.AST, calls: re.Pattern[str]) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return calls.fullmatch(name) is not None
        case ast.Call(func=called):
            return isinstance(called, ast.Attribute)  # which is judged as one
        case ast.Attribute(attr=name):
            return _PARTS.fullmatch(name) is not None
        case ast.Constant(value=str(said)):
            return _PLAIN.fullmatch(said) is not None
        case ast.Constant(value=said):
            return not isinstance(said, bytes)
        case _:
            return not isinstance(node, ast.Name) or "__" not in node.id


def _is_tree(spec: Any, free_names: bool) -> bool:
    """Whether it is a tree of the plain containers, which needs no module to be imported.

    The names of inputs become Python source, and may not be free.
    """
    match spec:
        case [int(), tree]:
            return _is_tree(tree, free_names)
        case {"type": kind, "context": context, "children_spec": list(parts)}:
            names = json.loads(context) if isinstance(context, str) else context
            return (
                kind in _TREES
                and isinstance(names or [], list)
                and all(_is_name(name, free_names) for name in names or [])
                and all(_is_tree(part, free_names) for part in parts)
            )
    return False


def _is_name(name: Any, free: bool) -> bool:
    return isinstance(name, int) or (
        isinstance(name, str) and (free or _PLAIN.fullmatch(name) is not None)
    )
