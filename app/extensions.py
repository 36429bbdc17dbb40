"""Adds the calls of extensions to a gateway.

`EXTENSIONS=package.module:function,…` names the extensions.

Each function is called once, when the gateway is built, with the application, the gateway's
settings and its metrics registry. It may add routes (`app.http.routes.add` describes them as the
gateway's own), metrics, and settings (`read_settings` of a class of its own). It returns the tasks
that shall run beside the gateway, by name. It raises `Misconfigured` for what the operator has to
mend.

The gateway's own routes come first, so an extension can't take one of their paths. Nothing of an
extension is imported unless the setting names it.
"""

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Protocol

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from app.settings import GatewaySettings
from inference.errors import Misconfigured

Background = Mapping[str, Callable[[], Awaitable[None]]]
"""Tasks by name.

Each is started with the gateway, started again when it ends or crashes, and cancelled when the
gateway stops.
"""


class Install(Protocol):
    """What an entry of EXTENSIONS names."""

    def __call__(
        self, app: FastAPI, settings: GatewaySettings, metrics: CollectorRegistry
    ) -> Background: ...


def install(app: FastAPI, settings: GatewaySettings, metrics: CollectorRegistry) -> Background:
    """Calls the extensions in the order of the setting and returns the tasks of all.

    Raises `Misconfigured` for a wrong name.
    """
    installs = [(name, _found(name)) for name in settings.extensions]
    return {
        f"{task} of {name}": run
        for name, call in installs
        for task, run in call(app, settings, metrics).items()
    }


def _found(name: str) -> Install:
    module, _, function = name.partition(":")
    try:
        found: Install | None = getattr(import_module(module), function, None)
    except ImportError as error:
        raise Misconfigured(f"EXTENSIONS: {name} can't be imported: {error}") from error
    if not callable(found):
        raise Misconfigured(f"EXTENSIONS: {module} has no function {function}")
    return found
