"""CompressedData (RFC 3274), both directions."""

from collections.abc import Iterator

from counterseal.protocols.cms.limits import Chunks, Limits


def compress(content: Chunks, *, level: int, size: None = None) -> Iterator[bytes | bytearray | memoryview]:
    """A ContentInfo with the zlib-compressed content. ``level`` is 1 (fast) to 9 (small). The compressed size is unknown
    beforehand, so anything but small results is BER indefinite."""
    raise NotImplementedError


def decompress(source: Chunks, *, limits: Limits) -> Iterator[bytes | bytearray | memoryview]:
    """The content of a CompressedData. Raises ``DecompressionFailed``, ``LimitExceeded`` (inflation), ``Malformed``; what
    was yielded before is not to be trusted until the iterator ends by itself."""
    raise NotImplementedError
