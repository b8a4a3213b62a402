"""How much of a MIME structure may be held or nested before it is refused."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

Chunk: TypeAlias = bytes | bytearray | memoryview
"""A yielded chunk is valid only until the next one is asked for."""
Chunks: TypeAlias = Iterable[Chunk]


@dataclass(frozen=True, slots=True, kw_only=True)
class MIMELimits:
    """Bounds on everything in a MIME structure but the content, which streams."""

    max_header_bytes: int
    """Of one header block, blank line included."""
    max_headers: int
    max_parts: int
    """Of one multipart."""
    max_depth: int
    """Multiparts within multiparts; counted by the caller that descends."""
    max_preamble_bytes: int
    max_epilogue_bytes: int


DEFAULT_MIME_LIMITS: Final = MIMELimits(
    max_header_bytes=64 * 1024,
    max_headers=200,
    max_parts=1000,
    max_depth=8,
    max_preamble_bytes=64 * 1024,
    max_epilogue_bytes=64 * 1024,
)
"""h11 takes 64 KiB of HTTP headers too; a CEM request has one part per certificate, an RFC 6362 message one per attachment."""
