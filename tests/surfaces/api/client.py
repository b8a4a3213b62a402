"""A caller of the API without a port: requests go straight into the application, mounted as the private listener does it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from counterseal.domain.people import Permission
from counterseal.engine import tokens
from counterseal.engine.ports import Ports
from counterseal.surfaces.api import create_api
from tests.gateway import ADMINISTRATOR

PREFIX = "/api/v1"


class Caller:
    def __init__(self, ports: Ports, **limits: int) -> None:
        self.ports = ports
        self.api = create_api(ports, **limits)
        self._mounted = Starlette(routes=[Mount(PREFIX, self.api)])

    def token(self, *scopes: Permission) -> str:
        name = f"token-{self.ports.entropy.new_id()}"
        _, secret = tokens.create_token(self.ports, ADMINISTRATOR, name=name, scopes=frozenset(scopes), expires_at=None)
        return secret

    def __call__(
        self, method: str, path: str, *, token: str | None, headers: Mapping[Any, Any] | None = None, **more: Any
    ) -> httpx.Response:
        """``path`` below ``/api/v1``; ``token=None`` sends none."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        return asyncio.run(self._send(method, PREFIX + path, sent, more))

    async def _send(self, method: str, path: str, headers: dict[Any, Any], more: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._mounted, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://private") as client:
            return await client.request(method, path, headers=headers, **more)


async def chunked(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """A body whose length is not announced."""
    for chunk in chunks:
        yield chunk
