"""`python -m app`: serves the gateway, or does what an operator asks with the dead letters.

`--help` imports neither the gateway nor what it needs.
"""

import argparse
import sys
from collections.abc import Sequence

from app.settings import GatewaySettings
from inference.command_line import Parser, settings_text

_DESCRIPTION = """\
The gateway of the inference service: takes predictions over HTTP, checks them and writes
them down, for workers to run (python -m worker --help).

  python -m app serve [--host H] [--port P]       serves until it is told to stop
  python -m app dead-letters list|show|replay|delete
                                                  what failed for good, without a gateway
"""

_SHOWN = (
    *("model_uris", "store_url", "broker_url", "mlflow_tracking_uri"),
    *("payload_url", "sync_slo_s", "extensions"),
)

_DEAD_LETTERS = """\
What the HTTP calls do, for those who have a shell and the store's address but no gateway.

    python -m app dead-letters list [--model M] [--error-type T] [--before B] [--limit N]
    python -m app dead-letters show ID
    python -m app dead-letters replay ID... | replay --all [--model M] [--error-type T] [--before B]
    python -m app dead-letters delete ID...

Settings are a gateway's (STORE_URL, KEY_PREFIX, MODEL_URIS, PAYLOAD_URL). Each answer is a line of
JSON. A replay's tickets are brought by the workers, within two of their heartbeats.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code.

    Of dead letters it is 1 for an id that is none. It is 2 for a senseless call.
    """
    options = _parser().parse_args(arguments)
    if options.command == "serve":
        return _serve(options)
    from app import dead_letter_command

    return dead_letter_command.run(options)


def _serve(options: argparse.Namespace) -> int:
    """Serves until a signal ends it, in one process: WEB_CONCURRENCY is for other servers."""
    import uvicorn

    uvicorn.run(
        "app.main:create_app",
        factory=True,
        http="app.http.protocol:BoundedHttpProtocol",
        host="" if options.host == "::" else options.host,  # asyncio's word for every address
        port=options.port,
        workers=1,
        access_log=False,
        timeout_graceful_shutdown=20,
    )
    return 0


def _parser() -> Parser:
    parser = Parser(prog="python -m app", description=_DESCRIPTION, epilog=_settings())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serving = commands.add_parser(
        "serve", help="serves the gateway", description="Serves the gateway.", epilog=_settings()
    )
    serving.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to serve on (127.0.0.1); :: is every address, those of IPv4 too",
    )
    serving.add_argument("--port", type=int, default=8000, help="the port to serve on (8000)")
    letters = commands.add_parser(
        "dead-letters", help="what failed for good", description=_DEAD_LETTERS
    )
    _add_dead_letters(letters)
    return parser


def _settings() -> str:
    return f"""\
Settings are environment variables. The most important, with their defaults:

{settings_text(GatewaySettings, _SHOWN)}

docs/settings.md has all of them, docs/models.md how to serve a model of your own, and
docs/calls.md the calls. scripts/run starts a gateway with all that it needs.
"""


def _add_dead_letters(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the newest first")
    replaying = actions.add_parser("replay", help="runs them once more")
    for each in (listing, replaying):
        each.add_argument("--model", default="")
        each.add_argument("--error-type", default="")
        each.add_argument("--before", default="")
    listing.add_argument("--limit", type=int, default=20)
    replaying.add_argument("--all", action="store_true", help="all that the filters choose")
    replaying.add_argument("ids", nargs="*", metavar="ID")
    for name, text in (("show", "one with its input and history"), ("delete", "drops them")):
        actions.add_parser(name, help=text).add_argument("ids", nargs="+", metavar="ID")


if __name__ == "__main__":
    sys.exit(main())
