"""The moves as commands for the store's scripts: what each one asks, and beside it how its reply is read."""

from app.contract.redis_store.commands.command import Command, Script, script
from app.contract.redis_store.commands.gateway import GatewayCommands
from app.contract.redis_store.commands.worker import WorkerCommands

__all__ = ["Command", "Commands", "Script", "script"]


class Commands(GatewayCommands, WorkerCommands):
    """All commands of an installation."""
