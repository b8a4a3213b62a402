"""Writing SignedData (RFC 5652 section 5)."""

from collections.abc import Iterator

from counterseal.protocols.cms.limits import Chunks
from counterseal.protocols.cms.plans import SigningPlan


def sign_detached(content_digest: bytes, plan: SigningPlan) -> bytes:
    """A DER ContentInfo with a SignedData without content; ``content_digest`` is the plan's digest over the content."""
    raise NotImplementedError


def sign_attached(content: Chunks, plan: SigningPlan, *, size: int | None) -> Iterator[bytes | bytearray | memoryview]:
    """A ContentInfo with a SignedData around the content, in chunks.

    ``size`` is the exact length of the content: definite lengths (DER); ``None``: BER indefinite. Raises ``CallerFault``
    where the content turns out to have another length. An EC signature's length is not known beforehand: above 64 KiB
    of content its outer levels are indefinite all the same.
    """
    raise NotImplementedError


def signed_size(size: int, plan: SigningPlan) -> int | None:
    """How many octets ``sign_attached`` gives for content of ``size``; ``None`` where that cannot be said beforehand (EC)."""
    raise NotImplementedError
