"""How much of a message may be held, nested or inflated before it is refused."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

Chunk: TypeAlias = bytes | bytearray | memoryview
"""A yielded chunk is valid only until the next one is asked for: buffers are re-used."""
Chunks: TypeAlias = Iterable[Chunk]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on everything that the sender of a message controls. Content streams and is bounded by
    ``max_content_bytes`` alone; everything else is held in memory while it is read."""

    max_depth: int
    """Levels of constructed elements, those of segmented octet strings included."""
    max_element_bytes: int
    """Of one element outside the content: a certificate, a SignerInfo, a RecipientInfo."""
    max_structure_bytes: int
    """Of all elements outside the content together, CRLs and attributes that are passed over included."""
    max_certificates: int
    max_signers: int
    max_recipients: int
    max_content_bytes: int | None
    """``None``: content of any size streams through."""
    max_inflation_ratio: int
    """Octets that decompression may give for each octet it takes, once ``free_inflation_bytes`` are used up."""
    free_inflation_bytes: int
    max_surplus_bytes: int
    """Octets behind the end of a structure that are ignored (oftp2-scx.md C.27: a trailer written twice)."""
    max_ccm_bytes: int
    """AES-CCM has to be decrypted in one piece, so its content is held in memory."""


DEFAULT_LIMITS: Final = Limits(
    max_depth=32,
    max_element_bytes=256 * 1024,
    max_structure_bytes=4 * 1024 * 1024,
    max_certificates=100,
    max_signers=16,
    max_recipients=100,
    max_content_bytes=None,
    max_inflation_ratio=250,
    free_inflation_bytes=8 * 1024 * 1024,
    max_surplus_bytes=64 * 1024,
    max_ccm_bytes=64 * 1024 * 1024,
)
"""Deeper and larger than any message of the vectors, small enough that a hostile one costs a few megabytes. zlib cannot
give more than 1,032 octets for one; repetitive EDI stays under 100."""
