"""A model version as its `MLmodel` file describes it, and whether requests for it can be checked.

Gateway and worker judge a version here, by the same code and in the same words: what a gateway
can't check no worker loads.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import yaml

from inference.errors import Misconfigured
from inference.models.bounded_yaml import load_bounded
from inference.models.input_schema import PartSchema, features_schema, params_schema
from inference.models.signature import (
    Column,
    InputForm,
    Param,
    Tensor,
    form_of,
    read_inputs,
    read_params,
)
from inference.outbound.address_policy import Network

FLAVORS = frozenset({"pytorch", "python_function"})
"""What a worker can load."""

_ODD = (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError, yaml.YAMLError)
"""What reading a file of an unknown form may raise."""


@dataclass(frozen=True, slots=True)
class Description:
    """Holds the contents of an `MLmodel` file.

    `inputs`, `outputs` and `params` are the signature's. `example` is the example's file. `hinted`:
    the signature was made from a type hint.
    """

    flavors: frozenset[str]
    inputs: Any
    outputs: Any
    params: Any
    metadata: dict[str, Any]
    example: str
    hinted: bool = False


def read_description(mlmodel: bytes) -> Description:
    """Reads an `MLmodel` file.

    Raises `Misconfigured` for one that can't be read or whose flavors no worker loads.
    """
    try:
        said = load_bounded(mlmodel)
        signature, metadata = said.get("signature") or {}, said.get("metadata") or {}
        parts = {
            part: json.loads(signature.get(part) or "null")
            for part in ("inputs", "outputs", "params")
        }
        example = (said.get("saved_input_example_info") or {}).get("artifact_path") or ""
        found = Description(
            frozenset(said.get("flavors") or ()),
            **parts,
            metadata=dict(metadata),
            example=example,
            hinted=said.get("is_signature_from_type_hint") is True,
        )
        # The store and /predict/model/info have it as JSON.
        orjson.dumps([parts, found.metadata], default=str)
    except _ODD as error:
        raise Misconfigured(f"its MLmodel file can't be read: {_words(error)}") from error
    if not found.flavors & FLAVORS:
        raise Misconfigured(
            f"it has none of the flavors that workers load: {', '.join(sorted(FLAVORS))}"
        )
    return found


@dataclass(frozen=True, slots=True)
class ModelSignature:
    """Lists the inputs of a version, which are columns or tensors, and its parameters.

    `image` names the column that is an image, '' if none is. `form` says what `features` is.
    """

    inputs: tuple[Column | Tensor, ...]
    params: tuple[Param, ...]
    image: str
    form: InputForm = InputForm.NAMED


def read_signature(
    inputs: Any, params: Any, metadata: Any, *, hinted: bool = False
) -> ModelSignature:
    """Reads the parts of a `Description`.

    Raises `Misconfigured` for a signature that can't be checked.
    """
    try:
        image = (metadata.get("image") or {}).get("column", "")
        found = read_inputs(inputs, hinted)
        return ModelSignature(found, read_params(params), image, form_of(inputs))
    except _ODD as error:
        raise Misconfigured(
            f"its signature or its metadata can't be read: {_words(error)}"
        ) from error


@dataclass(frozen=True, slots=True)
class Checkers:
    """The checkers of the two parts of a request."""

    features: PartSchema
    params: PartSchema


def compile_checkers(signature: ModelSignature, fetch_allowed: Sequence[Network] = ()) -> Checkers:
    """Returns the checkers of requests.

    Raises `Misconfigured` for a default that JSON has no words for.
    """
    features = features_schema(signature.inputs, signature.image, fetch_allowed, signature.form)
    return Checkers(features, params_schema(signature.params))


@contextmanager
def judging(name: str, version: str) -> Iterator[None]:
    """Names the version in front of the reason why it can't be served."""
    try:
        yield
    except Misconfigured as error:
        raise Misconfigured(f"models:/{name}/{version} can't be served: {error}") from error


def _words(error: BaseException) -> str:
    """The error in one line."""
    return " ".join(f"{type(error).__name__} {error}".split())[:200]
