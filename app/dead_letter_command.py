"""Carries out `python -m app dead-letters …`: what the HTTP calls do, without a gateway."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from app.dead_letters import DeadLetterBox, Filter
from app.http.dead_letters import place_of, row, text_of, whole
from app.large_payloads import large_payloads
from app.settings import GatewaySettings
from inference.errors import Misconfigured, PayloadUnavailable, StoreUnavailable
from inference.records import DeadLetter
from inference.settings import read_settings
from inference.store.factory import gateway_store


def run(options: argparse.Namespace) -> int:
    """Returns the exit code: 1 for an id that is no dead letter, 2 for a senseless call."""
    try:
        return asyncio.run(_run(options, read_settings(GatewaySettings)))
    except (Misconfigured, StoreUnavailable, PayloadUnavailable, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


async def _run(options: argparse.Namespace, settings: GatewaySettings) -> int:
    store = gateway_store(settings)
    payloads = large_payloads(settings, settings.payload_sweep_s)
    box = DeadLetterBox(store, payloads, settings.model_names, lambda _model, _tickets: None)
    try:
        if options.action == "list":
            return await _list(box, options)
        if options.action == "replay" and options.all:
            _say({"replayed": await box.replay_all(_filter(options))})
            return 0
        acts: dict[str, Callable[[str], Awaitable[Any]]] = {
            "show": _showing(box),
            "replay": _replaying(box),
            "delete": box.delete,
        }
        return await _each(acts[options.action], options)
    finally:
        await store.close()
        payloads.close()


async def _list(box: DeadLetterBox, options: argparse.Namespace) -> int:
    page = await box.page(_filter(options), options.limit)
    for item in page.items:
        _say(row(item))
    if page.next:
        print(f"more: --before {text_of(page.next)}", file=sys.stderr)
    return 0


def _showing(box: DeadLetterBox) -> Callable[[str], Awaitable[DeadLetter | None]]:
    async def show(task_id: str) -> DeadLetter | None:
        letter = await box.one(task_id)
        return await box.shown(letter) if letter else None

    return show


def _replaying(box: DeadLetterBox) -> Callable[[str], Awaitable[int]]:
    async def replay(task_id: str) -> int:
        letter = await box.one(task_id)
        return await box.replay(letter) if letter else 0

    return replay


async def _each(act: Callable[[str], Awaitable[Any]], options: argparse.Namespace) -> int:
    code = 0
    for task_id in options.ids:
        done = await act(task_id)
        if not done:
            print(f"error: {task_id} is no dead letter", file=sys.stderr)
            code = 1
        else:
            _say(
                whole(done)
                if options.action == "show"
                else {"task_id": task_id, "done": options.action}
            )
    if not options.ids:
        raise ValueError("name the dead letters to replay, or say --all")
    return code


def _filter(options: argparse.Namespace) -> Filter:
    place = place_of(options.before) if options.before else None
    if options.before and place is None:
        raise ValueError(
            "--before must be what an earlier page ended with,"
            " or a moment such as 2026-11-22T03:00:00Z"
        )
    return Filter(options.model, options.error_type, place)


def _say(answer: object) -> None:
    print(orjson.dumps(answer).decode())
