"""The moves as commands for the store's scripts: what each one asks, and beside it how its reply is
read.
"""

from inference.store.redis.commands.command import Command, Script, script
from inference.store.redis.commands.gateway import GatewayCommands
from inference.store.redis.commands.worker import WorkerCommands

__all__ = ["Command", "Commands", "Script", "script"]


class Commands(GatewayCommands, WorkerCommands):
    """All commands of an installation."""
