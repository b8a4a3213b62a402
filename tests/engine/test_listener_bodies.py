"""The public listener reads a body as it comes, for as long as it comes."""

import asyncio
from typing import Any

import pytest

from counterseal.adapters.http import body
from counterseal.adapters.http.listener import PublicListener
from tests.engine.world import ORDERS, World


async def post(world: World, *, piece: int, pause: float) -> tuple[int, int]:
    """Status, and how many pieces were asked for. The body is a message that never ends."""
    wire = world.bravo.document(ORDERS)
    asked, said = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": b"x" * piece, "more_body": asked < 20}

    async def send(message: Any) -> None:
        said.append(message)

    application = PublicListener(world.alpha.ports, max_bytes=10**6, log=lambda *_, **__: None)
    headers = [(name.lower().encode(), value.encode()) for name, value in wire.headers]
    await application({"type": "http", "path": "/as2", "method": "POST", "headers": headers}, receive, send)
    return said[0]["status"], asked


def test_a_body_that_comes_drop_by_drop_is_cut_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "GRACE_SECONDS", 0.05)

    status, asked = asyncio.run(post(world, piece=1, pause=0.02))

    assert status == 408
    assert asked < 10
    assert asyncio.run(post(world, piece=100, pause=0.02)) == (200, 20)  # slow, and fast enough
