"""Builds the commands of the store's scripts.

Each command holds its request, and beside it the function that reads the reply.
"""

from inference.store.redis.commands.command import Command, Script, script
from inference.store.redis.commands.gateway import GatewayCommands
from inference.store.redis.commands.worker import WorkerCommands

__all__ = ["Command", "Commands", "Script", "script"]


class Commands(GatewayCommands, WorkerCommands):
    """All commands of an installation."""
