"""Small tools over chunk iterators: looking ahead, tapping, reading to the end within a limit."""

import re
from collections.abc import Iterator

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.mime import Chunk, Chunks, Headers, MIMELimits
from counterseal.protocols.as2.errors import TooComplex
from counterseal.protocols.as2.mic import Digests

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


def peek(chunks: Chunks, count: int) -> tuple[bytes, Iterator[Chunk]]:
    """The first ``count`` octets (fewer at the end), however the stream is cut, and the whole stream again."""
    source = iter(chunks)
    seen = bytearray()
    while len(seen) < count:
        chunk = next(source, None)
        if chunk is None:
            break
        seen += chunk
    return bytes(seen[:count]), _chained(bytes(seen), source)


def _chained(first: bytes, rest: Iterator[Chunk]) -> Iterator[Chunk]:
    if first:
        yield first
    yield from rest


def tapped(chunks: Chunks, digests: Digests) -> Iterator[Chunk]:
    """``chunks``, digested as they pass."""
    for chunk in chunks:
        digests.update(chunk)
        yield chunk


class _Unclosable:
    def __init__(self, source: Iterator[Chunk]) -> None:
        self._source = source

    def __iter__(self) -> Iterator[Chunk]:
        return self

    def __next__(self) -> Chunk:
        return next(self._source)


def unclosable(chunks: Chunks) -> Iterator[Chunk]:
    """``chunks``, to be read on after a reader above has given up: a generator that is dropped closes the one that it reads
    from, unless that has no ``close``."""
    return _Unclosable(iter(chunks))


def exhaust(chunks: Iterator[Chunk]) -> None:
    """Reads on to the end, so that whatever is checked there is checked, and every tap has seen everything."""
    for _ in chunks:
        pass


def gather(chunks: Chunks, limit: int, what: str) -> bytes:
    """All octets. Raises ``TooComplex`` beyond ``limit``."""
    gathered = bytearray()
    for chunk in chunks:
        gathered += chunk
        if len(gathered) > limit:
            raise TooComplex(f"{what} of more than {limit} bytes")
    return bytes(gathered)


def starts_with_header(chunks: Chunks, *, limits: MIMELimits) -> tuple[bool, Iterator[Chunk]]:
    """Whether a header block stands in front: one with a Content- header, or an empty one. And the whole stream again."""
    source = iter(chunks)
    seen = bytearray()
    while len(seen) <= limits.max_header_bytes and not _BLANK_LINE.search(seen):
        chunk = next(source, None)
        if chunk is None:
            break
        seen += chunk
    whole = _chained(bytes(seen), source)
    if seen.startswith((b"\r\n", b"\n")):
        return True, whole
    end = _BLANK_LINE.search(seen)
    if end is None:
        return False, whole
    try:
        headers = Headers.parse(bytes(seen[: end.end()]), limits=limits)
    except PeerFault:
        return False, whole
    return any(name.lower().startswith("content-") for name, _ in headers), whole
