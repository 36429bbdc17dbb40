"""Parses and checks the body of a prediction, and makes of it what a record needs.

It knows no HTTP and imports little, so that a process beside the gateway can do it too
(app/checking/check_process.py).

What no model can need is refused before it is parsed, by counting in the raw bytes: a list of empty
lists takes thirty times its bytes in memory. The count is a weight of what stands outside of
strings (`inference.models.input_weight`).
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import Any, Protocol

import orjson

from app.checking.body_fields import Model, wrong_fields
from inference.blobs.blob_names import input_of
from inference.field_errors import MOST_ERRORS, FieldError
from inference.models.input_weight import CONTAINER, MARK

FREE_WEIGHT = 10_000
"""What any body may have beyond a model's need: so an ordinary one's faults can be named."""
BYTES_PER_WEIGHT = 8
"""For a model without a bound a body may have MAX_BODY_BYTES / 8.

Without one is a model that takes a list of any length or a column of any type.
"""

_MOST_READ_TWICE = 65_536
_WEIGHTS = ((b",", MARK), (b":", MARK), (b"[", CONTAINER), (b"{", CONTAINER))
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


class Served(Protocol):
    """The models that a body may ask for.

    `models` are those that can be checked now, by the names of their pools.
    """

    @property
    def default(self) -> str: ...
    @property
    def names(self) -> list[str]: ...
    @property
    def models(self) -> Mapping[str, Model]: ...
    def pool_of(self, asked: Any) -> str: ...


Draw = Callable[[Any, str, int | None], str]
"""Returns the canary of a call, by the `model` of its body, that model's pool and its entity key;
'' for none.
"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a body may be, and ask for."""

    max_body_bytes: int
    max_depth: int
    max_time_to_start_s: float


class Refused(Exception):
    """A body is wrong: `errors` names its wrong fields, and is empty if it can't be read at all.

    `model` is '' until it is known.
    """

    def __init__(self, detail: str, errors: Iterable[FieldError] = (), model: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)
        self.model = model


class Unserved(Exception):
    """The body asks for a model of this gateway's that can't be served now; others can."""

    def __init__(self, pool: str, reason: str = "") -> None:
        super().__init__(pool)
        self.pool = pool
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Checked:
    """A body that passed all checks."""

    model: str
    entity_key: int | None
    """The request's `match_id`.

    It selects features from a feature table, and joins equal requests.
    """
    priority: int
    """0 to 9: each step is a head start in the queue."""
    time_to_start_s: float
    """It expires unless it has begun by then; 0: never."""
    join_digest: str
    """The same for requests that may share a prediction; '' without an entity key."""
    body_digest: str
    """The same for requests that may share an idempotency key; '' where none was given."""
    input: bytes
    """As a record holds it; b"" where the body itself is kept."""
    canary: str = ""
    """The pool that was drawn for this call (`app.canaries`), '' for that of `model`."""
    canary_takes_it: bool = False
    """Whether the canary's signature takes the body too."""
    canary_join_digest: str = ""
    """As `join_digest`, for the canary."""


def check(
    raw: bytes | bytearray,
    served: Served,
    bounds: Bounds,
    *,
    keyed: bool,
    whole: bool,
    draw: Draw | None = None,
) -> Checked:
    """Returns what a body asks for; raises `Refused` or `Unserved`.

    `keyed`: the request has an idempotency key. `whole`: the body itself is kept, so its input is
    not written out. `draw` says which canary the call goes to.

    The signature of the pool that was named decides what is refused, whatever canary is drawn: so
    the same body is never refused at some calls and taken at others.
    """
    body, unreadable = parsed(raw, bounds.max_depth)
    model = chosen_model(body, served)
    if errors := wrong_fields(body, model, bounds.max_time_to_start_s):
        raise Refused("", errors[:MOST_ERRORS], model.name)
    if unreadable:
        raise Refused(unreadable, model=model.name)
    features, params, entity_key = body.get("features"), body.get("params"), body.get("match_id")
    priority, to_start_s = body.get("priority") or 0, body.get("time_to_start_s") or 0
    about, wishes = (
        (model.name, entity_key, features),
        {"priority": priority, "to_start": to_start_s},
    )
    canary = draw(body.get("model"), model.name, entity_key) if draw else ""
    return Checked(
        model.name,
        entity_key,
        priority,
        to_start_s,
        digest(*about, params=params) if entity_key is not None else "",
        digest(*about, params=params, **wishes) if keyed else "",
        b"" if whole else orjson.dumps(input_of(features, entity_key, params)),
        canary,
        _takes(served.models.get(canary), body, bounds),
        digest(canary, *about[1:], params=params) if canary and entity_key is not None else "",
    )


def _takes(model: Model | None, body: dict[str, Any], bounds: Bounds) -> bool:
    return model is not None and not wrong_fields(body, model, bounds.max_time_to_start_s)


def digest(*parts: object, **more: object) -> str:
    """Returns a digest of the parts.

    Empty ones in `more` are left out, so that digests stored before they existed still match.
    """
    present = {name: part for name, part in more.items() if part}
    parts = (*parts, present) if present else parts
    return blake2b(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def parsed(raw: bytes | bytearray, max_depth: int) -> tuple[Any, str]:
    """Returns what a body says, and what is wrong when only a lenient reader could read it.

    Such a reader takes NaN and infinities. Raises `Refused`.
    """
    try:
        body, problem = orjson.loads(raw), ""
    except orjson.JSONDecodeError as error:
        body, problem = _read_leniently(raw, error, max_depth)
    if raw.count(b"[") + raw.count(b"{") > max_depth and _deeper(body, max_depth):
        raise _too_deep(max_depth)
    return body, problem


def _too_deep(max_depth: int) -> Refused:
    return Refused("", [FieldError("body", f"must not be nested deeper than {max_depth}")])


def _read_leniently(
    raw: bytes | bytearray, error: orjson.JSONDecodeError, max_depth: int
) -> tuple[Any, str]:
    """Reads NaN and infinities, which are no JSON, so that the answer can name their field.

    Half a surrogate pair would be read as well, and is in no answer: what has one is not read.
    """
    if "depth limit" in error.msg:
        raise _too_deep(max_depth) from error
    problem = f"The body is not JSON: {error.msg} at byte {error.pos}"
    if len(raw) > _MOST_READ_TWICE:
        raise Refused(problem) from error
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise Refused(problem) from error
    return body, problem


def _deeper(body: Any, most: int) -> bool:
    """Says whether containers are nested deeper than `most`, level after level."""
    level = [body]
    for _ in range(most + 1):
        level = [
            part
            for whole in level
            for part in _parts(whole)
            if type(part) is list or type(part) is dict
        ]
        if not level:
            return False
    return True


def _parts(whole: Any) -> Collection[Any]:
    return whole.values() if type(whole) is dict else whole if type(whole) is list else ()


def chosen_model(body: Any, served: Served) -> Model:
    """Returns the model that a body asks for; raises `Refused` or `Unserved`."""
    if type(body) is not dict:
        raise Refused("", [FieldError("body", "must be an object")])
    pool = served.pool_of(served.default if body.get("model") is None else body["model"])
    if not pool:
        raise Refused(
            "",
            [FieldError("model", f"must be one of the models served: {', '.join(served.names)}")],
        )
    if pool not in served.models:
        raise Unserved(pool)
    return served.models[pool]


def refuse_weight(
    raw: bytes, models: Iterable[Model], unserved: Sequence[str], bounds: Bounds
) -> None:
    """Raises `Refused` for a body that is heavier than any of the models can need.

    Where a pool is unserved its model may need that much, so this is `Unserved`: a caller may send
    the body again later.
    """
    most = FREE_WEIGHT + max(
        (most_weight(model, bounds.max_body_bytes) for model in models), default=0
    )
    if rough_weight(raw) > most and _is_heavier(raw, most):
        if unserved:
            raise Unserved(unserved[0])
        message = "has more lists, objects and values than any model takes that is served here"
        raise Refused("", [FieldError("body", message)])


def most_weight(model: Model, max_body_bytes: int) -> int:
    """Returns what the heaviest of a model's inputs weighs.

    What its signature leaves open is bounded by the size of a body.
    """
    weights = (model.features.weight, model.params.weight)
    is_open = any(one.open for one in weights)
    return sum(one.bounded for one in weights) + (
        max_body_bytes // BYTES_PER_WEIGHT if is_open else 0
    )


def rough_weight(raw: bytes | bytearray, start: int = 0, end: int | None = None) -> int:
    """Returns the weight of a part of a body, that of what stands in its strings included."""
    return sum(weight * raw.count(mark, start, end) for mark, weight in _WEIGHTS)


def _is_heavier(raw: bytes, most: int) -> bool:
    """Says whether what stands outside of strings weighs more than `most`.

    It looks at thousands of strings at a time.
    """
    strings, at, weight = _STRING.finditer(raw), 0, 0
    while ends := [string.span() for string in islice(strings, 10_000)]:
        starts = [at, *(end for _, end in ends[:-1])]
        weight += rough_weight(
            b"".join([raw[end:start] for end, (start, _) in zip(starts, ends, strict=True)])
        )
        at = ends[-1][1]
        if weight > most:
            return True
    return weight + rough_weight(raw, at) > most
