"""``HTTPPoster``: the port ``Poster`` on aiohttp's client.

Three clocks: ``connect_timeout`` until the connection stands, TLS included; then ``answer_timeout``, which starts anew whenever the other
side has taken a piece of the body and when the last one has left, until the head of the answer is there; and once more for the
rest of the answer. A slow upload of a large file may take hours; one that stands still may not.

Nothing is tried again in here. A kept connection that the other side closed in the very moment of its reuse is told as ``closed``:
only the engine knows what may be sent twice.
"""

import asyncio
import ssl
from collections import OrderedDict
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from aiohttp.connector import Connection
from yarl import URL

from counterseal.adapters.http.contexts import client_context
from counterseal.adapters.http.outgoing import Body, headers_of
from counterseal.engine.ports import PostAnswer, PostFailed, PostRequest, TLSIdentity
from counterseal.kernel.hosts import is_for

_SESSIONS: Final = 256
"""Trust settings whose connections are kept; the longest unused one goes first."""
_KEEP_ALIVE_SECONDS: Final = 4.0
"""Shorter than the idle limit of the servers we know (5 s and up), so that reuse seldom meets a closing connection."""
_MAX_HEADER_BYTES: Final = 32 * 1024
_AUTOMATIC: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    remote: str
    tls_peer: bytes


_reached: ContextVar[list[_Reached]] = ContextVar("reached")


@dataclass(frozen=True, slots=True)
class _Security:
    """Whom a session's connections trust, and who they are; requests with the same share connections."""

    trust: tuple[bytes, ...]
    identity: TLSIdentity | None


class _NotPinned(ssl.CertificateError):
    """The server's certificate chains to what is trusted, but is for another host, and is not pinned itself."""


class _Connector(aiohttp.TCPConnector):
    """Judges the server's name where trust is our own, and notes whom a request is connected to; the answer no longer knows
    when it has been read."""

    def __init__(self, security: _Security) -> None:
        key = security.identity.key if security.identity else None
        super().__init__(ssl=client_context(security.trust, key), limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS)
        self._trust = security.trust

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Connection:  # noqa: ASYNC109 aiohttp's signature
        connection = await super().connect(req, traces, timeout)
        transport = connection.transport
        secured = transport.get_extra_info("ssl_object") if transport else None
        own = (secured.getpeercert(binary_form=True) or b"") if secured is not None else b""
        if own and self._trust and own not in self._trust and not is_for(own, str(req.url.host)):
            connection.close()
            raise _NotPinned("the certificate is not for this host")
        _reached.get().append(_Reached(remote=_address(transport), tls_peer=own))
        return connection


def _address(transport: Any) -> str:
    peer = transport.get_extra_info("peername") if transport else None
    if not peer:
        return ""
    host, port = peer[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class HTTPPoster:
    """Belongs to one event loop. ``close`` ends its connections."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[_Security, aiohttp.ClientSession] = OrderedDict()
        self._retired: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        sessions = list(self._sessions.values())
        self._sessions.clear()
        await asyncio.gather(*(session.close() for session in sessions), *self._retired)

    def _session(self, security: _Security) -> aiohttp.ClientSession:
        session = self._sessions.get(security)
        if session is None:
            session = self._sessions[security] = _new_session(security)
            if len(self._sessions) > _SESSIONS:
                _, oldest = self._sessions.popitem(last=False)
                self._retire(oldest)
        self._sessions.move_to_end(security)
        return session

    def _retire(self, session: aiohttp.ClientSession) -> None:
        task = asyncio.get_running_loop().create_task(_close_later(session))
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    async def post(self, request: PostRequest) -> PostAnswer:
        """Also raises what ``body`` raises, ``InvalidHeader`` and ``WrongBodySize``."""
        headers = headers_of(request)
        try:
            url = _url(request.url)
            session = self._session(_Security(request.trust, request.identity))
        except (ValueError, ssl.SSLError) as error:
            raise PostFailed(f"the address or the certificates cannot be used: {error}", kind="malformed") from error
        body = Body(request)
        try:
            await body.open()
            return await self._attempt(session, url, headers, request, body)
        finally:
            await body.close()

    @staticmethod
    async def _attempt(
        session: aiohttp.ClientSession, url: URL, headers: Any, request: PostRequest, body: Body
    ) -> PostAnswer:
        reached: list[_Reached] = []
        _reached.set(reached)
        try:
            return await _exchange(session, url, headers, request, body, reached)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if body.fault is not None:
                raise body.fault from error
            raise failure(error) from error


def _new_session(security: _Security) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=_Connector(security),
        trust_env=False,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=_AUTOMATIC,
        max_line_size=_MAX_HEADER_BYTES,
        max_field_size=_MAX_HEADER_BYTES,
    )


async def _close_later(session: aiohttp.ClientSession) -> None:
    """Gives requests that still use it their time; its turn only comes when 256 others have been used since."""
    await asyncio.sleep(600)
    await session.close()


def _url(text: str) -> URL:
    """The address as it was agreed, without normalising its octets."""
    url = URL(text, encoded=text.isascii())
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError(f"{text!r} is no http or https address")
    if url.user is not None:
        raise ValueError("user and password do not belong into the address")
    return url


async def _exchange(
    session: aiohttp.ClientSession, url: URL, headers: Any, request: PostRequest, body: Body, reached: list[_Reached]
) -> PostAnswer:
    connect = request.connect_timeout.total_seconds()
    async with asyncio.timeout(None) as deadline:

        def moved(*, extra: float = 0.0) -> None:
            patience = request.answer_timeout.total_seconds()
            deadline.reschedule(asyncio.get_running_loop().time() + patience + extra)

        moved(extra=connect)
        whole = body.whole
        async with session.post(
            url,
            headers=headers,
            data=whole if whole is not None else body.stream(moved),
            chunked=True if request.chunked else None,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=connect),
        ) as answer:
            moved()
            content = await _content(answer, request.max_answer_bytes)
            return PostAnswer(
                status=answer.status,
                headers=tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in answer.raw_headers),
                body=content,
                remote=reached[-1].remote if reached else "",
                tls_peer=reached[-1].tls_peer if reached else b"",
            )


async def _content(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in answer.content.iter_any():
        size += len(chunk)
        if size > limit:
            answer.close()
            raise PostFailed(f"the answer is larger than {limit} octets", kind="malformed")
        parts.append(chunk)
    return b"".join(parts)


def failure(error: Exception) -> PostFailed:
    """Our fault for the client library's; the sentence is ours, so that nothing of the machine gets out."""
    for cause in _causes(error):
        for kinds, kind, sentence in _FAILURES:
            if isinstance(cause, kinds):
                return PostFailed(sentence, kind=kind)
    return PostFailed("the exchange with the other side broke off", kind="closed")


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what caused it, the operating system's or OpenSSL's own first where there is one."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        inner = getattr(current, "os_error", None)
        if isinstance(inner, OSError) and inner not in found:
            found.insert(0, inner)
        current = current.__cause__
    return sorted(found, key=lambda e: 0 if isinstance(e, ssl.SSLError) else 1)


_FAILURES: Final[tuple[tuple[tuple[type[BaseException], ...], str, str], ...]] = (
    (
        (ssl.SSLError, ssl.CertificateError),
        "tls",
        "the TLS connection was not made: certificate, name or version do not fit",
    ),
    ((aiohttp.ClientConnectorDNSError,), "unreachable", "the host name is not known"),
    ((TimeoutError,), "timeout", "the other side did not answer in time"),
    ((ConnectionRefusedError,), "refused", "nobody listens at this address"),
    (
        (ConnectionResetError, BrokenPipeError, ConnectionAbortedError),
        "closed",
        "the connection was closed without an answer",
    ),
    ((aiohttp.ServerDisconnectedError,), "closed", "the connection was closed without an answer"),
    ((aiohttp.ClientPayloadError,), "closed", "the connection was closed in the middle of the answer"),
    ((aiohttp.ClientResponseError, aiohttp.InvalidURL, ValueError), "malformed", "the answer is not HTTP"),
    ((aiohttp.ClientConnectorError,), "unreachable", "the host cannot be reached"),
    ((aiohttp.ClientOSError,), "closed", "the connection broke off without an answer"),
    ((OSError,), "unreachable", "the host cannot be reached"),
)
