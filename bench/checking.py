"""What checking a body's features costs by each checker.

`python -m bench.checking [--write]`; jsonschema-rs comes with the tests.

Each gets what orjson parsed: a row of match-outcome's columns, and pictures as tensors [3, 224,
224]. Time is the thread's CPU time, the median of rounds; memory is what a process of its own has
more at the most (VmHWM). The last rows are whole bodies of the size that the event loop parses
itself (`app.checking.body_checks.MOST_BYTES_HERE`), with parsing, digests and the record's input.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Annotated, Any, ClassVar

import msgspec
import orjson

from app.checking.body_checks import MOST_BYTES_HERE
from app.checking.request_check import FREE_WEIGHT, Bounds, Refused, check
from bench.payloads import forget_the_peak, memory
from bench.results import ROWS, put, section
from examples.football.features import FEATURES
from inference.models.input_schema import compile_inputs, compile_params

Check = Callable[[Any], object]
TENSOR = [
    {
        "name": "image",
        "type": "tensor",
        "tensor-spec": {"dtype": "float32", "shape": [-1, 3, 224, 224]},
    }
]
COLUMNS = [{"name": name, "type": "double"} for name in FEATURES]
LARGEST, DOUBLE = 3.4028234663852886e38, 1.7976931348623157e308
ROUNDS = 15


def picture(number: Callable[[], float]) -> dict[str, Any]:
    """A tensor as JSON lists."""
    value: Any = [[[number() for _ in range(224)] for _ in range(224)] for _ in range(3)]
    return {"image": value}


CHANCE = random.Random(1)
INPUTS: dict[str, Callable[[], dict[str, Any]]] = {
    "a row of match-outcome": lambda: {name: round(CHANCE.uniform(0, 20), 4) for name in FEATURES},
    "a tensor of floats": lambda: picture(lambda: round(CHANCE.random(), 8)),
    "a tensor of 0 to 255": lambda: picture(lambda: CHANCE.randrange(256)),
}


def exact(is_row: bool) -> Check:
    """The exact checks alone, which name what is wrong."""
    return compile_inputs(COLUMNS if is_row else TENSOR).exact_errors


def service(is_row: bool) -> Check:
    """What the gateway does."""
    return compile_inputs(COLUMNS if is_row else TENSOR).errors


def by_msgspec(is_row: bool) -> Check:
    """Its types with bounds, as `inference.models.quick_check` makes them."""
    if is_row:
        finite = Annotated[float, msgspec.Meta(ge=-DOUBLE, le=DOUBLE)]
        row = msgspec.defstruct(
            "Row", [(name, finite) for name in FEATURES], forbid_unknown_fields=True
        )
        return lambda given: msgspec.convert(given, row)
    wanted: Any = Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
    for length in (224, 224, 3):
        wanted = Annotated[
            list.__class_getitem__(wanted), msgspec.Meta(min_length=length, max_length=length)
        ]
    part = msgspec.defstruct("Part", [("image", wanted)], forbid_unknown_fields=True)
    return lambda given: msgspec.convert(given, part)


def by_pydantic(is_row: bool) -> Check:
    """Its core, strict, as a typed dict."""
    from pydantic_core import SchemaValidator, core_schema

    finite = core_schema.float_schema(strict=True, allow_inf_nan=False)
    fields: dict[str, Any] = dict.fromkeys(FEATURES, finite)
    if not is_row:
        kind: Any = core_schema.float_schema(
            strict=True, allow_inf_nan=False, ge=-LARGEST, le=LARGEST
        )
        for length in (224, 224, 3):
            kind = core_schema.list_schema(kind, min_length=length, max_length=length, strict=True)
        fields = {"image": kind}
    wanted = {name: core_schema.typed_dict_field(kind) for name, kind in fields.items()}
    return SchemaValidator(
        core_schema.typed_dict_schema(wanted, extra_behavior="forbid", strict=True)
    ).validate_python


def by_jsonschema(is_row: bool) -> Check:
    """jsonschema-rs with the JSON schema and a float's bounds.

    It takes 1.0 for an integer, so it could not decide alone.
    """
    from jsonschema_rs import Draft202012Validator

    schema: Any = {"type": "number", "minimum": -LARGEST, "maximum": LARGEST}
    if is_row:
        schema = compile_inputs(COLUMNS).json_schema
    else:
        for length in (224, 224, 3):
            schema = {"type": "array", "items": schema, "minItems": length, "maxItems": length}
        schema = {
            "type": "object",
            "properties": {"image": schema},
            "required": ["image"],
            "additionalProperties": False,
        }
    return Draft202012Validator(schema).is_valid


CHECKERS: dict[str, Callable[[bool], Check]] = {
    "the exact checks": exact,
    "pydantic-core, strict": by_pydantic,
    "jsonschema-rs": by_jsonschema,
    "msgspec": by_msgspec,
    "the service": service,
}


def bodies_here() -> dict[str, bytes]:
    """The costliest bodies that the event loop judges itself.

    They are as large and as dense as one may be there.
    """
    size, most = MOST_BYTES_HERE - 100, FREE_WEIGHT - 20
    longs = [CHANCE.randrange(10**4, 10**5) for _ in range(min(size // 6, most))]
    rows = [[CHANCE.randrange(10)] for _ in range(most // 5)]
    floats = [CHANCE.random() for _ in range(size // 21)]
    parts = {
        "text": b'"' + b"\\n" * (size // 2) + b'"',
        "list": orjson.dumps(longs),
        "nested": orjson.dumps(rows),
    }
    return {
        "a text of escapes": _body("text", parts["text"]),
        "a list of integers": _body("list", parts["list"]),
        "... the last of them wrong": _body("list", parts["list"][:-1] + b",null]"),
        "lists of one number": _body("nested", parts["nested"]),
        "... the last of them wrong ": _body("nested", parts["nested"][:-1] + b",[null]]"),
        "floats and a NaN": _body("list", orjson.dumps(floats)[:-1] + b",NaN]"),
    }


def _body(column: str, value: bytes) -> bytes:
    return b'{"match_id":1,"features":{"%s":%s}}' % (column.encode(), value)


class _Served:
    """A gateway's view of one model, whose columns may be long."""

    name = default = "open"
    names: ClassVar = ["open"]
    has_feature_table = True
    features = compile_inputs(
        [
            {"name": "text", "type": "string", "required": False},
            {"name": "list", "type": "array", "required": False, "items": {"type": "double"}},
            {
                "name": "nested",
                "type": "array",
                "required": False,
                "items": {"type": "array", "items": {"type": "double"}},
            },
        ]
    )
    params = compile_params([])

    @property
    def models(self) -> "dict[str, _Served]":
        return {self.name: self}

    def pool_of(self, _asked: Any) -> str:
        return self.name


def judged_here(raw: bytes) -> float:
    """Returns milliseconds of the event loop's."""
    times, bounds = [], Bounds(16 * 2**20, 32, 60.0)
    for _ in range(ROUNDS):
        began = time.thread_time()
        with suppress(Refused):
            check(raw, _Served(), bounds, keyed=True, whole=False)
        times.append((time.thread_time() - began) * 1000)
    return median(times)


def measured(checker: str, given: str) -> tuple[float, float]:
    """Returns milliseconds a check, and MiB more at the most."""
    is_row, value = given == "a row of match-outcome", orjson.loads(sys.stdin.buffer.read())
    judge, times = CHECKERS[checker](is_row), list[float]()
    rested, times_each = forget_the_peak(os.getpid()), 1000 if is_row else 1
    judge(value)
    more = memory(os.getpid(), "VmHWM") - rested
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(times_each):
            judge(value)
        times.append((time.thread_time() - began) * 1000 / times_each)
    return median(times), more


def rows_of_checkers() -> ROWS:
    """Measures each checker on each input in a process of its own."""
    rows: ROWS = []
    for given, make in INPUTS.items():
        # From a pipe, so that making it leaves no memory that the check could use.
        raw = orjson.dumps(make())
        for checker in CHECKERS:
            command = [sys.executable, "-m", "bench.checking", "--one", checker, given]
            said = subprocess.run(
                command,
                cwd=Path(__file__).parents[1],
                check=True,
                stdout=subprocess.PIPE,
                input=raw,
            ).stdout
            milliseconds, more = map(float, said.split())
            figure = (
                f"{1000 * milliseconds:.1f} µs" if milliseconds < 0.5 else f"{milliseconds:.1f} ms"
            )
            rows.append((f"{given}: {checker}", figure, f"{more:.1f} MiB more"))
            print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
    return rows


def rows_of_bodies() -> ROWS:
    """Measures whole bodies in this process."""
    rows: ROWS = []
    for name, raw in bodies_here().items():
        rows.append(
            (
                f"on the event loop: {name.strip()}",
                f"{judged_here(raw):.1f} ms",
                f"a body of {len(raw)} bytes",
            )
        )
        print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
    return rows


def main() -> None:
    """Measures all and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.checking", description=__doc__)
    parser.add_argument(
        "--one", nargs=2, metavar=("CHECKER", "INPUT"), help="measure this alone, in this process"
    )
    parser.add_argument(
        "--write", action="store_true", help="write the section of bench/RESULTS.md"
    )
    options = parser.parse_args()
    if options.one:
        print(*measured(*options.one))
        return
    rows = [*rows_of_checkers(), *rows_of_bodies()]
    about = (
        "CPU time of one check of what orjson parsed; the last rows are whole bodies,"
        " as large as the event loop judges itself."
    )
    text = section(
        "## Checking a body's features", about, rows, ("input: checker", "time", "memory")
    )
    print(text)
    if options.write:
        put(text)


if __name__ == "__main__":
    main()
