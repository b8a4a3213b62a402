"""Cutting a stream into the segments of an octet string of indefinite length."""

from collections.abc import Iterator
from typing import Final

from counterseal.protocols.cms import tlv
from counterseal.protocols.cms.limits import Chunk, Chunks

SEGMENT_BYTES: Final = 64 * 1024


def gathered(parts: Chunks) -> Iterator[Chunk]:
    """The same octets, short parts joined: none shorter than half a segment but the last, none copied that is longer."""
    buffer = memoryview(bytearray(SEGMENT_BYTES))
    filled = 0
    for part in parts:
        size = len(part)
        long = size >= SEGMENT_BYTES // 2
        if filled and (long or filled + size > SEGMENT_BYTES):
            yield buffer[:filled]
            filled = 0
        if long:
            yield part
        else:
            buffer[filled : filled + size] = part
            filled += size
    if filled:
        yield buffer[:filled]


def segmented(parts: Chunks) -> Iterator[Chunk]:
    """Each part as an OCTET STRING of its own. The end-of-contents mark is the caller's."""
    for part in gathered(parts):
        yield tlv.header(tlv.OCTET_STRING, len(part))
        yield part
