"""``DeferredPoster``: the port ``Poster``, whose client is loaded with the first message.

aiohttp and what it needs take a quarter of a second to load: too much for a command that posts nothing, and for a start.
"""

import asyncio
from typing import TYPE_CHECKING

from counterseal.engine.ports import PostAnswer, PostRequest

if TYPE_CHECKING:
    from counterseal.adapters.http.poster import HTTPPoster


class DeferredPoster:
    """Belongs to one event loop. ``close`` ends its connections."""

    def __init__(self) -> None:
        self._poster: HTTPPoster | None = None

    async def post(self, request: PostRequest) -> PostAnswer:
        """As ``HTTPPoster.post``."""
        if self._poster is None:
            made = await asyncio.to_thread(_loaded)
            self._poster = self._poster or made
        return await self._poster.post(request)

    async def close(self) -> None:
        if self._poster is not None:
            await self._poster.close()


def _loaded() -> "HTTPPoster":
    from counterseal.adapters.http.poster import HTTPPoster

    return HTTPPoster()
