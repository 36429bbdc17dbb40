"""Parses and checks a gateway's large bodies in a process beside it.

Its command is `python -m app.checking.check_process`.

Parsing holds Python's lock from the first byte to the last, 0.3 s for 16 MiB of numbers, so a
thread would not help. The process reads bodies from its standard input, one after the other, and
ends with it. A message is two lines of JSON and the body. An answer is a line of JSON and the input
that a record is to hold.
"""

import gc
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from ipaddress import ip_network
from typing import Any, BinaryIO

import orjson

from app.canaries import Canary, CanaryShares
from app.checking.request_check import Bounds, Checked, Refused, Unserved, check, refuse_weight
from app.pool_names import PoolNames
from inference.models.input_schema import PartSchema, compile_inputs, compile_params
from inference.outbound.address_policy import Network


@dataclass(frozen=True, slots=True)
class Signature:
    """A model served, as it is told to the process.

    `image` is the column that is one. `hinted`: the signature was made from a type hint.
    """

    name: str
    inputs: Any
    params: Any
    image: str
    has_feature_table: bool
    hinted: bool = False


@dataclass(frozen=True, slots=True)
class _Compiled:
    name: str
    features: PartSchema
    params: PartSchema
    has_feature_table: bool


class _Served:
    """The models told last, and the pools whose models can't be served now."""

    def __init__(self, told: bytes) -> None:
        self.told = told
        given = orjson.loads(told)
        allowed: list[Network] = [ip_network(network) for network in given["allowed"]]
        signatures = [Signature(**signature) for signature in given["models"]]
        self.models = {signature.name: _compiled(signature, allowed) for signature in signatures}
        self.unserved = [name for name in given["pools"] if name not in self.models]
        self.default = given["default"]
        names = PoolNames(given["pools"])
        self.names, self.pool_of, self._is_address = names.all, names.pool_of, names.is_address
        self._shares = CanaryShares(Canary(**canary) for canary in given["canaries"])

    def canary_for(self, asked: Any, pool: str, entity_key: int | None, key: str) -> str:
        """As `app.served_models.Registry`."""
        return "" if self._is_address(asked) else self._shares.drawn(pool, entity_key, key)


def _compiled(told: Signature, allowed: list[Network]) -> _Compiled:
    features = compile_inputs(told.inputs, told.image, allowed, hinted=told.hinted)
    return _Compiled(told.name, features, compile_params(told.params), told.has_feature_table)


def models_line(
    default: str,
    pools: Mapping[str, str],
    signatures: Iterable[Signature],
    allowed: Iterable[Network],
    canaries: Iterable[Canary] = (),
) -> bytes:
    """Returns the first line of a message.

    `pools` has the address of each pool's model. `signatures` are those of the models served.
    """
    told = {
        "default": default,
        "pools": pools,
        "models": [asdict(signature) for signature in signatures],
        "allowed": [str(network) for network in allowed],
        "canaries": [asdict(canary) for canary in canaries],
    }
    return orjson.dumps(told) + b"\n"


def request_line(size: int, bounds: Bounds, *, keyed: bool, whole: bool, key: str = "") -> bytes:
    """Returns the second line; the body has `size` bytes, and a canary is drawn by the key."""
    told = {"bytes": size, "bounds": asdict(bounds), "keyed": keyed, "whole": whole, "key": key}
    return orjson.dumps(told) + b"\n"


def serve(messages: BinaryIO, answers: BinaryIO) -> None:
    """Answers until the messages end."""
    served = None
    while told := messages.readline():
        if served is None or served.told != told:
            served = _Served(told)
        request = orjson.loads(messages.readline())
        answer, given = _answered(messages.read(request["bytes"]), served, request)
        answers.write(orjson.dumps(answer | {"bytes": len(given)}) + b"\n")
        answers.write(given)
        answers.flush()


def _answered(raw: bytes, served: _Served, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    bounds = Bounds(**request["bounds"])
    try:
        refuse_weight(raw, served.models.values(), served.unserved, bounds)
        checked = asdict(_checked(raw, served, bounds, request))
    except Refused as refused:
        errors = [asdict(error) for error in refused.errors]
        return {
            "refused": {"detail": refused.detail, "errors": errors, "model": refused.model}
        }, b""
    except Unserved as unserved:
        return {"unserved": unserved.pool}, b""
    given: bytes = checked.pop("input")
    return {"checked": checked}, given


def _checked(raw: bytes, served: _Served, bounds: Bounds, request: dict[str, Any]) -> Checked:
    draw = partial(served.canary_for, key=request["key"])
    return check(raw, served, bounds, keyed=request["keyed"], whole=request["whole"], draw=draw)


def main() -> None:
    """Serves on the standard streams.

    The collector would look at a million lists again and again, and they hold no circles.
    """
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
