"""The public listener: takes AS2 messages off the wire, and answers with what the engine says.

The head is judged before a byte of the body is read. A small body stays in memory, a larger one goes to the payload store as it
arrives; nobody ever holds a large one. Blocking work runs in threads. A refusal waits a little for the rest of the body, because
who is still writing would only see a reset connection, and then the connection is closed.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import replace
from typing import Any, Final

from counterseal.adapters.http.body import Body, Cut, drain
from counterseal.adapters.http.pace import Pace, TooMuch
from counterseal.engine.as2 import admitting, receiving
from counterseal.engine.as2.answering import Answer, plain
from counterseal.engine.as2.incoming import Incoming, Known
from counterseal.engine.ports import BlobTooLarge, Link, Ports
from counterseal.kernel.errors import EnvironmentFault

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Log = Callable[..., None]

CLOSE: Final = ("Connection", "close")


class PublicListener:
    """An ASGI application. Belongs to one event loop."""

    def __init__(self, ports: Ports, *, max_bytes: int, log: Log) -> None:
        self._ports = ports
        self._max_bytes = max_bytes
        self._log = log
        self._pace = Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope, receive)
        except Cut as cut:
            answer = _closing(plain(408 if cut.slow else 400, cut.text))
        except EnvironmentFault as fault:
            self._log("as2.not-received", code=fault.code, detail=fault.detail)
            answer = _closing(plain(503, "The message could not be stored just now. Send it again later."))
        except Exception as error:  # noqa: BLE001 a defect of ours must not tell the sender about itself
            self._log("as2.defect", error=f"{type(error).__name__}: {error}")
            answer = _closing(plain(500, "Something went wrong on this side. Send it again later."))
        await _send(send, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        named = {name for name, _ in scope["headers"]}
        if b"transfer-encoding" in named and b"content-length" in named:
            return _closing(plain(400, "A message has a length or is chunked, not both (RFC 9112 6.1)."))
        asks = scope["method"] in {"GET", "HEAD"}
        if scope["path"] in {"/health", "/health/live"} and asks:
            return await _refused(plain(200, "ok"), scope, receive)
        if scope["method"] != "POST":
            return await _refused(_hello() if asks else _not_allowed(), scope, receive)
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        link = scope.get("state", {}).get("link") or Link(remote="")
        known = await asyncio.to_thread(admitting.admit, self._ports, headers, link)
        if not isinstance(known, Known):
            return await _refused(known, scope, receive)
        terms = known.party.around.agreement.as2
        most = min(self._max_bytes, terms.maximum_message_bytes or self._max_bytes)
        announced = next((value for name, value in headers if name == "content-length"), "")
        if announced.isdigit() and int(announced) > most:
            return await _refused(_too_large(most), scope, receive)
        with self._paced(known) as refused:
            if refused is not None:
                return await _refused(_later(refused), scope, receive)
            return await self._take(known, receive, most, link)

    @contextlib.contextmanager
    def _paced(self, known: Known) -> Iterator[TooMuch | None]:
        agreement = known.party.around.agreement
        refused = self._pace.enter(agreement.id, agreement.as2, now=asyncio.get_running_loop().time())
        if refused is not None:
            self._log("as2.paced", partner=known.party.around.partner.slug, status=str(refused.status))
            yield refused
            return
        try:
            yield None
        finally:
            self._pace.leave(agreement.id)

    async def _take(self, known: Known, receive: Receive, most: int, link: Link) -> Answer:
        started_at = self._ports.clock.now()
        body = Body(self._ports, receive, max_bytes=most)
        try:
            await body.take()
        except BlobTooLarge:
            await drain(receive)  # who is still writing would only see a reset connection
            return _closing(_too_large(most))
        incoming = Incoming(
            known=known,
            body=body.chunks,
            wire=body.blob,
            size=body.size,
            remote=link.remote,
            started_at=started_at,
        )
        return await asyncio.to_thread(receiving.receive, self._ports, incoming)


def _hello() -> Answer:
    return plain(200, "This is an AS2 address. Partners send their messages here by POST.")


def _not_allowed() -> Answer:
    answer = plain(405, "This is an AS2 address: it takes POST.")
    return replace(answer, headers=(*answer.headers, ("Allow", "GET, HEAD, POST")))  # RFC 9110 15.5.6


def _too_large(most: int) -> Answer:
    return plain(413, f"The message is larger than the {most} bytes that are taken here.")


def _later(refused: TooMuch) -> Answer:
    answer = plain(refused.status, refused.text)
    return replace(answer, headers=(*answer.headers, ("Retry-After", str(refused.retry_after))))


def _closing(answer: Answer) -> Answer:
    return replace(answer, headers=(*answer.headers, CLOSE))


async def _refused(answer: Answer, scope: Scope, receive: Receive) -> Answer:
    """Whoever waits for our 100 is told at once; whoever writes already is listened to for a while."""
    expects = any(name == b"expect" for name, _ in scope["headers"])
    whole = False if expects else await drain(receive)
    return answer if whole else _closing(answer)


async def _send(send: Send, answer: Answer) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if answer.status != 204:  # RFC 9110 8.6
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
