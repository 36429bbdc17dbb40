"""A gateway's extension that looks scored matches up.

It is `EXTENSIONS=examples.football.gateway:install`.
"""

from importlib.util import find_spec

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from app.extensions import Background
from app.settings import GatewaySettings
from examples.football.gateway.metrics import LookupMetrics
from examples.football.gateway.routes import MatchCalls, add_matches
from examples.football.gateway.scored_matches import Matches
from examples.football.gateway.settings import LookupSettings
from inference.errors import Misconfigured
from inference.settings import read_settings


def install(app: FastAPI, _settings: GatewaySettings, metrics: CollectorRegistry) -> Background:
    """Adds GET /predict/{match_id} and /predict/matches/.

    Arrow is imported when there is a file to read, and not before.
    """
    if find_spec("pyarrow") is None:
        raise Misconfigured(
            "the look-ups of examples.football need pyarrow:"
            " install the extra football of this project"
        )
    settings = read_settings(LookupSettings)
    matches = Matches(settings.batch_output_url, settings.batch_refresh_s, LookupMetrics(metrics))
    add_matches(app, MatchCalls(matches))
    return {"matches": matches.keep_fresh}
