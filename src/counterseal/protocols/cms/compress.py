"""CompressedData (RFC 3274), both directions: isal where it is installed, zlib elsewhere, one format."""

import zlib
from collections.abc import Iterator
from types import ModuleType
from typing import Final, Protocol

from counterseal.protocols.cms import algorithms, envelope, tlv
from counterseal.protocols.cms.errors import DecompressionFailed, LimitExceeded, UnsupportedAlgorithm
from counterseal.protocols.cms.limits import Chunk, Chunks, Limits
from counterseal.protocols.cms.reader import Reader
from counterseal.protocols.cms.segments import gathered, segmented

ZLIB_OID: Final = "1.2.840.113549.1.9.16.3.8"
HELD_BYTES: Final = 64 * 1024
"""A compressed result up to here is held and gets definite lengths."""
STEP_BYTES: Final = 128 * 1024


class Inflater(Protocol):
    eof: bool
    unconsumed_tail: bytes
    unused_data: bytes

    def decompress(self, data: Chunk, max_length: int = ..., /) -> bytes: ...


class Deflater(Protocol):
    def compress(self, data: Chunk, /) -> bytes: ...

    def flush(self) -> bytes: ...


try:
    from isal import isal_zlib
except ImportError:  # pragma: no cover - no wheel for this machine
    _codec: ModuleType = zlib
    _MAX_LEVEL = 9
else:
    _codec = isal_zlib
    _MAX_LEVEL = 3  # isal's scale ends where zlib's speed does not reach
_FAULTS: Final[tuple[type[Exception], ...]] = (zlib.error, _codec.error)


def compress(content: Chunks, *, level: int, size: None = None) -> Iterator[Chunk]:  # noqa: ARG001 - as the other writers
    """A ContentInfo with the zlib-compressed content. ``level`` is 1 (fast) to 9 (small). The compressed size is unknown
    beforehand, so anything but small results is BER indefinite."""
    parts = _deflated(content, _deflater(level))
    held = bytearray()
    for part in parts:
        held += part
        if len(held) > HELD_BYTES:
            break
    else:
        yield envelope.seal_envelope(
            envelope.COMPRESSED_DATA,
            tlv.sequence(
                _head(), tlv.sequence(tlv.oid(envelope.DATA), tlv.tlv(tlv.context(0), tlv.octet_string(bytes(held))))
            ),
        )
        return
    inner = b"\x30\x80" + tlv.oid(envelope.DATA) + b"\xa0\x80\x24\x80"
    yield envelope.indefinite_head(envelope.COMPRESSED_DATA) + _head() + inner
    yield from segmented(_chained(held, parts))
    yield tlv.END_OF_CONTENTS * 6


def decompress(source: Chunks, *, limits: Limits) -> Iterator[Chunk]:
    """The content of a CompressedData. Raises ``DecompressionFailed``, ``LimitExceeded`` (inflation), ``Malformed``; what
    was yielded before is not to be trusted until the iterator ends by itself."""
    reader = Reader(source, limits)
    envelope.open_envelope(reader, envelope.COMPRESSED_DATA)
    envelope.read_version(reader)
    oid, _ = algorithms.read_algorithm(tlv.parse(reader.whole(reader.expect(tlv.SEQUENCE))))
    if oid != ZLIB_OID:
        raise UnsupportedAlgorithm(f"compression algorithm {oid} is not read")
    reader.enter(reader.expect(tlv.SEQUENCE))
    envelope.read_oid(reader)
    content = envelope.open_explicit_octets(reader)
    if content is None:
        raise DecompressionFailed("the message holds no content")
    yield from _inflated(reader.content(content), limits)
    reader.end()
    reader.end()
    reader.end()
    envelope.close_envelope(reader)


def _deflater(level: int) -> Deflater:
    deflater: Deflater = _codec.compressobj(min(level, _MAX_LEVEL))
    return deflater


def _inflater() -> Inflater:
    inflater: Inflater = _codec.decompressobj()
    return inflater


def _head() -> bytes:
    """Version 0; the algorithm without parameters (RFC 3274 2)."""
    return tlv.integer(0) + algorithms.algorithm(ZLIB_OID)


def _deflated(content: Chunks, deflater: Deflater) -> Iterator[bytes]:
    for chunk in gathered(content):
        view = memoryview(chunk)
        for start in range(0, len(view), STEP_BYTES):
            if part := deflater.compress(view[start : start + STEP_BYTES]):
                yield part
    yield deflater.flush()


def _chained(held: bytearray, parts: Iterator[bytes]) -> Iterator[Chunk]:
    yield held
    yield from parts


def _inflated(parts: Chunks, limits: Limits) -> Iterator[Chunk]:
    inflater = _inflater()
    taken = given = surplus = 0
    for part in parts:
        pending: Chunk = part
        taken += len(part)
        while not inflater.eof:
            piece = _step(inflater, pending)
            given += len(piece)
            _check_inflation(given, taken, limits)
            if piece:
                yield piece
            pending = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            if not pending and len(piece) < STEP_BYTES:
                break
        if inflater.eof:
            surplus += len(pending)
            if surplus > limits.max_surplus_bytes:
                raise LimitExceeded("too many octets behind the end of the compressed content")
    if not inflater.eof:
        raise DecompressionFailed("the compressed content is cut off")


def _step(inflater: Inflater, data: Chunk) -> bytes:
    try:
        return inflater.decompress(data, STEP_BYTES)
    except _FAULTS as error:
        raise DecompressionFailed("the compressed content is damaged") from error


def _check_inflation(given: int, taken: int, limits: Limits) -> None:
    if limits.max_content_bytes is not None and given > limits.max_content_bytes:
        raise LimitExceeded(f"content of more than {limits.max_content_bytes} bytes")
    if given > limits.free_inflation_bytes and given > taken * limits.max_inflation_ratio:
        raise LimitExceeded(f"the content inflates to more than {limits.max_inflation_ratio} times its size")
