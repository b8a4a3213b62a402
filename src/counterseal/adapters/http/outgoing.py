"""What a post request looks like before it leaves: headers checked, the body drawn from its iterator in a thread."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

from multidict import CIMultiDict

from counterseal.engine.ports import PostRequest
from counterseal.kernel.errors import CallerFault

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""RFC 9110 5.5: no control characters, above all no line ends; octets above 0x7f stand as Latin-1."""
_OURS: Final = {"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer"}
_AT_ONCE: Final = 256 * 1024


class InvalidHeader(CallerFault):
    """A header that would break the message open, or that the poster sets itself."""

    code = "http.invalid-header"


class WrongBodySize(CallerFault):
    """The body did not have as many octets as announced."""

    code = "http.wrong-body-size"


def headers_of(request: PostRequest) -> CIMultiDict[str]:
    """The headers in their order and spelling, with the octets that their Latin-1 text stands for."""
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in request.headers:
        if not _TOKEN.fullmatch(name):
            raise InvalidHeader(f"{name[:60]!r} is no header name")
        if name.lower() in _OURS:
            raise InvalidHeader(f"the header {name} is set by the sender itself")
        if not _VALUE.fullmatch(value):
            raise InvalidHeader(f"the value of {name} holds a line end, a control character or text beyond Latin-1")
        headers.add(name, _as_utf8(name, value.strip(" \t")))
    if request.basic is not None:
        headers.popall("Authorization", None)
        headers.add("Authorization", _basic(*request.basic))
    if not request.chunked:
        headers.add("Content-Length", str(request.size))
    return headers


def _basic(user: str, password: str) -> str:
    """RFC 7617, in UTF-8."""
    if ":" in user:
        raise InvalidHeader("the user name for basic authentication holds a colon (RFC 7617 section 2)")
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def _as_utf8(name: str, value: str) -> str:
    """aiohttp writes UTF-8; so that the octets stay, Latin-1 text must stand for valid UTF-8."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidHeader(f"the value of {name} is neither ASCII nor UTF-8") from None


class Body:
    """One attempt's body. Its iterator is only touched in threads, one call at a time."""

    def __init__(self, request: PostRequest) -> None:
        self._request = request
        self._iterator: Iterator[bytes] | None = None
        self._drawn = 0
        self._ended = False
        self._first = b""
        self.fault: BaseException | None = None
        """What broke while the body was drawn; the client library only says that the connection was closed."""

    async def open(self) -> None:
        """Draws the beginning before there is a connection: an unreadable payload costs nobody a connection."""
        self._first = await asyncio.to_thread(self._draw)

    @property
    def whole(self) -> bytes | None:
        """All of it where it is small; ``None``: it is to be streamed."""
        return self._first if self._ended else None

    async def stream(self, moved: Callable[[], None]) -> AsyncIterator[bytes]:
        """``moved`` is called whenever the transport has taken what came before."""
        try:
            chunk = self._first
            self._first = b""
            while chunk:
                yield chunk
                moved()
                chunk = b"" if self._ended else await asyncio.to_thread(self._draw)
        except Exception as error:
            self.fault = error
            raise

    def _draw(self) -> bytes:
        """Up to 256 KiB: one hop into a thread for many small chunks."""
        if self._iterator is None:
            self._iterator = self._request.body()
        parts: list[bytes] = []
        size = 0
        while size < _AT_ONCE:
            part = next(self._iterator, None)
            if part is None:
                self._ended = True
                break
            parts.append(part)
            size += len(part)
        self._drawn += size
        if self._drawn > self._request.size or (self._ended and self._drawn != self._request.size):
            raise WrongBodySize(f"the body has {self._drawn} octets or more, {self._request.size} were announced")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def close(self) -> None:
        close = getattr(self._iterator, "close", None)
        if close is not None and not self._ended:
            await asyncio.to_thread(close)
