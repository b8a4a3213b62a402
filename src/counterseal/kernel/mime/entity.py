"""One entity read from a stream: its header block, then its body as chunks."""

from collections.abc import Iterator
from dataclasses import dataclass

from counterseal.kernel.mime.errors import MalformedMIME, MIMELimitExceeded
from counterseal.kernel.mime.headers import Headers
from counterseal.kernel.mime.limits import Chunk, Chunks, MIMELimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """What stands in front of the first blank line, and what follows it."""

    headers: Headers
    header_bytes: bytes
    """The block as it came, blank line included; empty where there was none."""
    body: Iterator[Chunk]
    """To be read once."""


def open_entity(source: Chunks, *, limits: MIMELimits) -> Entity:
    """Reads up to the blank line. A source without header block (it is empty, or begins with the blank line) has no headers.

    Raises ``MalformedMIME`` where no blank line comes, ``MIMELimitExceeded``.
    """
    chunks = iter(source)
    block = bytearray()
    while True:
        end = _block_end(block)
        if end is not None:
            break
        if len(block) > limits.max_header_bytes:
            raise MIMELimitExceeded(f"a header block of more than {limits.max_header_bytes} bytes")
        chunk = next(chunks, None)
        if chunk is None:
            if block:
                raise MalformedMIME("a header block without a blank line behind it")
            end = 0
            break
        block += chunk
    header_bytes = bytes(block[:end])
    return Entity(
        headers=Headers.parse(header_bytes, limits=limits),
        header_bytes=header_bytes,
        body=_rest(bytes(block[end:]), chunks),
    )


def _block_end(block: bytearray) -> int | None:
    """Where the body begins; ``None`` while no blank line is there."""
    if block.startswith(b"\r\n"):
        return 2
    if block.startswith(b"\n"):
        return 1
    ends = [at + len(mark) for mark in (b"\n\r\n", b"\n\n") if (at := block.find(mark)) >= 0]
    return min(ends, default=None)


def _rest(first: bytes, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    if first:
        yield first
    yield from chunks
