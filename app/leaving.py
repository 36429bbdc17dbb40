"""How a gateway that was told to end parts from its callers.

A caller keeps its connection for the next request. If the gateway closes it at the moment in which
that request is sent, the caller gets a reset and no answer, and does not know whether the request
was taken. So the gateway goes on for a moment: each request is still answered, with `Connection:
close`, and what is waited for may still come. Only then are idle connections closed.
"""

import asyncio
from collections.abc import Collection

LINGER_S = 5.0
"""How long it goes on while connections are open. The image gives uvicorn 15 s after that."""

_LOOK_S = 0.05


class Leaving:
    """Whether the gateway was told to end; connections look at it."""

    told = False

    async def linger(self, connections: Collection[object]) -> None:
        """Returns when no connection is open, or after `LINGER_S`."""
        self.told = True
        loop = asyncio.get_running_loop()
        end = loop.time() + LINGER_S
        await asyncio.sleep(_LOOK_S)  # what was being accepted
        # uvicorn's set of connections tells nobody when it is empty.
        while connections and loop.time() < end:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
