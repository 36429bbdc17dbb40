"""Models of every kind of signature, as a registry would describe them, and a gateway that serves
them.

No registry and no worker is needed: a gateway whose registry is away serves what another gateway
kept of it in the store.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import redis

from app.model_version import ModelVersion
from inference.models.data_types import COLUMN_TYPES, TENSOR_TYPES
from inference.store.redis.commands.keys import Keys
from testkit.servers import Valkey, free_port
from testkit.stack import Stack

Spec = dict[str, Any]
DOUBLE: Spec = {"type": "double"}


def column(kind: str, name: str, required: bool = True, **more: Any) -> Spec:
    return {"type": kind, "name": name, "required": required} | more


def tensor(dtype: str, *shape: int, name: str = "") -> Spec:
    spec: Spec = {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": [-1, *shape]}}
    return spec | ({"name": name} if name else {})


def _property(kind: str, required: bool = True, **more: Any) -> Spec:
    return {"type": kind, "required": required} | more


def _array(items: Spec) -> Spec:
    return {"type": "array", "items": items}


def _map(values: Spec) -> Spec:
    return {"type": "map", "values": values}


def _param(name: str, kind: str, default: Any, shape: Any = None) -> Spec:
    return {"name": name, "type": kind, "default": default, "shape": shape}


ADDRESS = {"street": _property("string"), "number": _property("long", required=False)}
PERSON = {
    "name": _property("string"),
    "born": _property("datetime", required=False),
    "address": _property("object", properties=ADDRESS),
    "scores": _property("array", required=False, items=DOUBLE),
}
MESSAGE = {
    "role": _property("string"),
    "content": _property("string", required=False),
    "calls": _property(
        "array",
        required=False,
        items={"type": "object", "properties": {"id": _property("string")}},
    ),
}
PARAMS = [
    _param("horizon", "long", 1),
    _param("seed", "integer", None),
    _param("rate", "double", 0.5),
    _param("name", "string", "a"),
    _param("strict", "boolean", False),
    _param("quantiles", "double", [0.1, 0.9], [-1]),
    _param("words", "string", None, [-1]),
]

TYPES = [column(name, f"a_{name}") for name in COLUMN_TYPES]
NAMED_TENSORS = [tensor(dtype, 2, name=f"of_{dtype}") for dtype in TENSOR_TYPES]


def card(pool: str, inputs: list[Spec], outputs: list[Spec] | None, **more: Any) -> ModelVersion:
    """A version 1 of the model of that name."""
    return ModelVersion(
        uri=f"models:/{pool}@production", version="1", inputs=inputs, outputs=outputs, **more
    )


CARDS = {
    one.uri.removeprefix("models:/").partition("@")[0]: one
    for one in (
        card("columns", TYPES, TYPES, params=PARAMS),
        card(
            "optional",
            [column(name, f"a_{name}", required=False) for name in COLUMN_TYPES],
            [column("double", "mean"), column("long", "count", required=False)],
            example={"a_double": 2.5, "a_string": None},
        ),
        card(
            "arrays",
            [
                column("array", "row", items=DOUBLE),
                column("array", "days", required=False, items={"type": "datetime"}),
                column("array", "table", items=_array({"type": "long"})),
            ],
            [column("array", "each", items=DOUBLE), column("double", "all")],
            example={"row": "of another version"},
        ),
        card(
            "objects",
            [
                column("object", "person", properties=PERSON),
                column("array", "others", items={"type": "object", "properties": PERSON}),
            ],
            [column("object", "best", properties=ADDRESS), column("double", "score")],
        ),
        card(
            "maps",
            [
                column("map", "scores", values=DOUBLE),
                column("map", "texts", required=False, values=_array({"type": "string"})),
                column("map", "people", values={"type": "object", "properties": ADDRESS}),
            ],
            [column("map", "scores", values=DOUBLE)],
        ),
        card("anything", [column("any", "value")], None),
        card("unnamed", [DOUBLE] * 30, [{"type": "long"}]),
        card("mixed", [DOUBLE, {"type": "long"}, {"type": "string"}], [DOUBLE, {"type": "string"}]),
        card("tensor", [tensor("float32", 868)], [tensor("float32", 10)]),
        card("matrix", [tensor("uint8", 4, 4, 3)], [tensor("float32", 2, 2)]),
        card(
            "tensors", NAMED_TENSORS, [tensor("float32", 3, name="out"), tensor("int64", name="n")]
        ),
        card("texts", [{"type": "string"}], [{"type": "string"}], hinted=True),
        card("numbers", [{"type": "long"}], [{"type": "long"}], hinted=True),
        card("dicts", [_map({"type": "any"})], [_map(DOUBLE)], hinted=True),
        card(
            "messages",
            [{"type": "object", "properties": MESSAGE}],
            [{"type": "string"}],
            hinted=True,
        ),
        card(
            "odd-names",
            [column("double", name) for name in ("a b", "c.d", "class", "0", "$ref", "é", 'q"t')],
            [column("double", "a b"), column("string", "class")],
        ),
        card(
            "picture",
            [column("string", "image")],
            None,
            metadata={"image": {"column": "image"}, "labels": "labels.txt"},
        ),
        card(
            "matches",
            [column("double", "rating"), column("boolean", "at_home")],
            None,
            metadata={"feature_table": "matches.parquet", "outputs": ["home", "draw", "away"]},
        ),
    )
}
"""By the names of their pools."""


def _chat_cards() -> dict[str, ModelVersion]:
    """MLflow's own signatures, as its release 3.17.2 writes them: importing them takes seconds."""
    found = orjson.loads(Path(__file__).with_name("chat_signatures.json").read_bytes())
    return {pool: card(pool, one["inputs"], one["outputs"]) for pool, one in found.items()}


CARDS |= _chat_cards()


AT_ONCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
"""A registry that is away is asked once."""


def serve(folder: Path, valkey: Valkey, cards: Mapping[str, ModelVersion], **env: str) -> Stack:
    """Starts a gateway that serves the models."""
    with redis.Redis.from_url(valkey.url()) as store:
        for pool, one in cards.items():
            store.set(Keys("inference").prefix(pool) + ":card", one.kept())
    uris = ",".join(one.uri for one in cards.values())
    nobody = f"http://127.0.0.1:{free_port()}"
    stack = Stack(folder, valkey, nobody, next(iter(cards)), AT_ONCE | {"MODEL_URIS": uris} | env)
    stack.add_gateway()
    return stack


def page_of(stack: Stack) -> dict[str, Any]:
    """The OpenAPI page of its first gateway."""
    import httpx2

    found: dict[str, Any] = orjson.loads(
        httpx2.get(f"{stack.gateways[0].url}/openapi.json", verify=False).content
    )
    return found
