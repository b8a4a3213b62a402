r"""Multiparts split while they stream (RFC 2046 5.1.1), each part as the bytes that came.

A delimiter is a line of its own: ``--boundary``, or ``--boundary--`` for the last, then blanks, then CRLF or LF. The line
break in front of it belongs to it and not to the part. While scanning, only what might become a delimiter is held back:

    ... content | \r \n - - b o u n        the chunk ends here
                  ^ held                   everything before was handed out
"""

import re
from collections.abc import Iterator
from typing import Final

from counterseal.kernel.mime.errors import MalformedMIME, MIMELimitExceeded
from counterseal.kernel.mime.limits import Chunk, Chunks, MIMELimits

_MAX_BOUNDARY: Final = 256
"""RFC 2046 allows 70 characters; some products write more."""
_MAX_PADDING: Final = 256
"""Blanks behind a delimiter that are looked at before the line is taken for content."""
_LINE_END: Final = re.compile(rb"(--)?[ \t]*\r?")


def delimiter(boundary: str) -> bytes:
    """The line in front of a part, with the line break that belongs to it."""
    return b"\r\n--" + boundary.encode("ascii") + b"\r\n"


def close_delimiter(boundary: str) -> bytes:
    return b"\r\n--" + boundary.encode("ascii") + b"--\r\n"


def split(source: Chunks, boundary: str, *, limits: MIMELimits) -> Iterator[Iterator[Chunk]]:
    """The parts, each an iterator over its original bytes (headers included), to be read before the next is asked for; what
    is left unread is passed over. The source is read to its end, so that what stands behind it (a cipher's tag) is checked.

    Raises ``MalformedMIME`` (no delimiter at all, or none that closes: the body was cut off), ``MIMELimitExceeded``.
    """
    mark = boundary.encode("utf-8", "surrogateescape")
    if not 0 < len(mark) <= _MAX_BOUNDARY or b"\n" in mark or b"\r" in mark:
        raise MalformedMIME("a multipart without a usable boundary")
    scanner = _Scanner(iter(source), b"--" + mark)
    _pass_over(scanner.until_delimiter(), limits.max_preamble_bytes, "in front of the first boundary")
    count = 0
    while not scanner.closed:
        count += 1
        if count > limits.max_parts:
            raise MIMELimitExceeded(f"more than {limits.max_parts} parts in one multipart")
        part = scanner.until_delimiter()
        yield part
        for _ in part:
            pass
    _pass_over(scanner.rest(), limits.max_epilogue_bytes, "behind the last boundary")


def _pass_over(chunks: Iterator[Chunk], limit: int, where: str) -> None:
    seen = 0
    for chunk in chunks:
        seen += len(chunk)
        if seen > limit:
            raise MIMELimitExceeded(f"more than {limit} bytes {where} of a multipart")


class _Scanner:
    """The unread source, and whether the last delimiter closed the multipart."""

    def __init__(self, source: Iterator[Chunk], mark: bytes) -> None:
        self._source = source
        self._mark = mark
        self._buffer: bytes = b""
        self._ended = False
        self._line_start = True
        """The buffer begins where a line begins, and the line break before it is not the part's."""
        self.closed = False

    def until_delimiter(self) -> Iterator[Chunk]:
        while True:
            found = self._find()
            if isinstance(found, tuple):
                content_end, next_start, self.closed = found
                content, self._buffer = self._buffer[:content_end], self._buffer[next_start:]
                self._line_start = True
                if content:
                    yield content
                return
            if self._ended:
                raise MalformedMIME("a multipart is cut off: no boundary closes it")
            if found:
                content, self._buffer = self._buffer[:found], self._buffer[found:]
                self._line_start = False
                yield content
            self._fill()

    def rest(self) -> Iterator[Chunk]:
        if self._buffer:
            yield self._buffer
        yield from self._source

    def _fill(self) -> None:
        chunk = next(self._source, None)
        if chunk is None:
            self._ended = True
        elif self._buffer:
            self._buffer = b"".join((self._buffer, chunk))
        else:
            self._buffer = bytes(chunk)

    def _find(self) -> tuple[int, int, bool] | int:
        """A delimiter as (end of content, start of what follows, closing); else how many octets are surely content."""
        buffer, mark, at = self._buffer, self._mark, -1
        while (at := buffer.find(mark, at + 1)) >= 0:
            if not (buffer[at - 1] == 0x0A if at else self._line_start):
                continue
            after = at + len(mark)
            line_end = buffer.find(b"\n", after, after + _MAX_PADDING)
            tail = buffer[after : line_end if line_end >= 0 else after + _MAX_PADDING]
            match = _LINE_END.fullmatch(tail)
            if line_end >= 0:
                if match:
                    return self._line_break(at), line_end + 1, match[1] is not None
            elif match or tail == b"-":
                if len(tail) == _MAX_PADDING:
                    continue
                if not self._ended:
                    return self._line_break(at)
                if match:
                    # The end of the body closes too: "--boundary" without "--" is what RFC 6362's own example ends with.
                    return self._line_break(at), len(buffer), True
        return len(buffer) if self._ended else self._certain()

    def _line_break(self, at: int) -> int:
        """Where the line break in front of ``at`` begins."""
        if at and self._buffer[at - 1] == 0x0A:
            return at - 2 if at > 1 and self._buffer[at - 2] == 0x0D else at - 1
        return at

    def _certain(self) -> int:
        buffer, mark = self._buffer, self._mark
        if self._line_start and mark.startswith(buffer):
            return 0
        line_feed = buffer.rfind(b"\n", max(0, len(buffer) - len(mark)))
        if line_feed >= 0 and mark.startswith(buffer[line_feed + 1 :]):
            return self._line_break(line_feed + 1)
        return len(buffer) - 1 if buffer.endswith(b"\r") else len(buffer)
