"""The answer of `GET /models`, and an example of it."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

ServingState = Literal["served", "loading", "no_worker", "unserved"]


class ModelWorkers(TypedDict):
    """How many live workers a model has, by what they do and by the version that they hold.

    A worker that loads holds none.
    """

    loading: int
    idle: int
    busy: int
    draining: int
    versions: Annotated[
        dict[str, int], Field(description="How many hold which version, by its number.")
    ]


class CanaryItem(TypedDict):
    """What a canary takes of another pool's calls."""

    of: Annotated[str, Field(description="The pool whose calls it takes a share of.")]
    percent: Annotated[float, Field(description="The share, in percent.")]
    problem: Annotated[
        str,
        Field(
            description="Why the calls drawn for it go to the main pool now: `unserved`,"
            " `no_worker` or `paused`; empty if it takes them, or has no share."
        ),
    ]


class ModelItem(TypedDict):
    """A model of this gateway, served or not."""

    name: Annotated[
        str, Field(description="The pool's name, which a request gives as its `model`.")
    ]
    registered_name: Annotated[str, Field(description="The model's name in the registry.")]
    address: Annotated[str, Field(description="As in MODEL_URIS.")]
    default: Annotated[bool, Field(description="Whether requests that name no model are for it.")]
    state: Annotated[
        ServingState,
        Field(
            description="`served`: a worker holds the model and takes predictions. "
            "`loading`: predictions are taken and wait; no worker holds the model yet, and one is "
            "loading it. "
            "`no_worker`: predictions are taken and wait; no worker lives that holds or loads the "
            "model, and one that is draining does not count. "
            "`unserved`: predictions are answered 503, and `problem` says why."
        ),
    ]
    version: Annotated[
        str | None,
        Field(description="The version that requests are checked by; null where unserved."),
    ]
    aliases: Annotated[
        list[str], Field(description="That version's aliases in the registry, when last read.")
    ]
    workers: ModelWorkers
    canary: Annotated[
        CanaryItem | None, Field(description="For a canary: its share; null for other pools.")
    ]
    problem: Annotated[
        str,
        Field(
            description="Why the model, or the version that the registry names, can't be served, "
            "by this gateway and then by its workers; empty if nothing is wrong."
        ),
    ]


class ModelList(TypedDict):
    """All models of this gateway, in the order of MODEL_URIS."""

    models: list[ModelItem]


EXAMPLE: ModelList = {
    "models": [
        {
            "name": "churn",
            "registered_name": "churn",
            "address": "models:/churn@production",
            "default": True,
            "state": "served",
            "version": "4",
            "aliases": ["production"],
            "workers": {"loading": 1, "idle": 1, "busy": 2, "draining": 0, "versions": {"4": 3}},
            "canary": None,
            "problem": "",
        },
        {
            "name": "churn-canary",
            "registered_name": "churn",
            "address": "models:/churn@canary",
            "default": False,
            "state": "unserved",
            "version": None,
            "aliases": [],
            "workers": {"loading": 0, "idle": 0, "busy": 0, "draining": 0, "versions": {}},
            "canary": {"of": "churn", "percent": 10.0, "problem": "unserved"},
            "problem": "the registry at http://mlflow:5000 has no models:/churn@canary: register"
            " it, or set its alias, first",
        },
    ]
}
