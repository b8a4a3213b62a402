"""Writing EnvelopedData (RFC 5652 section 6) and AuthEnvelopedData (RFC 5083)."""

from collections.abc import Callable, Iterator

from counterseal.protocols.cms.limits import Chunks
from counterseal.protocols.cms.plans import EncryptionPlan


def encrypt(
    content: Chunks, plan: EncryptionPlan, *, entropy: Callable[[int], bytes], size: int | None
) -> Iterator[bytes | bytearray | memoryview]:
    """A ContentInfo with the encrypted content, in chunks. ``entropy(n)`` gives n random octets (content key, IV, ephemeral
    keys). ``size`` as in ``sign_attached``."""
    raise NotImplementedError


def encrypted_size(size: int, plan: EncryptionPlan) -> int:
    """How many octets ``encrypt`` gives for content of ``size``."""
    raise NotImplementedError
