"""Tells at once what a gateway waits for at its start, and waits for the store."""

import structlog

from app.background.readiness import Readiness
from app.settings import GatewaySettings
from inference.errors import Temporary
from inference.retry import retry_until_async

log = structlog.get_logger()
_PAUSE_S = 0.25
"""Between two questions to a store that does not answer yet."""


async def wait_for_store(readiness: Readiness, settings: GatewaySettings) -> None:
    """Asks the store until it answers.

    Raises `Temporary` when START_TIMEOUT_S is over, and `Misconfigured`. Nothing listens till then,
    so the log alone can tell.
    """
    within_s = settings.start_timeout_s
    log.info(
        "gateway.starting",
        models=settings.pools,
        store_within_s=within_s,
        wait_for_model_s=settings.wait_for_model_s,
    )
    await retry_until_async(
        readiness.check,
        Temporary,
        timeout_s=within_s,
        pause_s=_PAUSE_S,
        on_first_error=lambda error: log.warning(
            "store.awaited", reason=str(error), within_s=within_s
        ),
    )
