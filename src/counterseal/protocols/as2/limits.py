"""How deep, large and numerous the layers of a received message may be."""

from dataclasses import dataclass
from typing import Final

from counterseal.kernel.mime import DEFAULT_MIME_LIMITS, MIMELimits
from counterseal.protocols import cms


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds beside those of CMS and MIME."""

    cms: cms.Limits
    mime: MIMELimits
    max_layers: int
    """Signatures, encryptions and compressions around one another."""
    max_signature_bytes: int
    """Of a detached signature, which is held in memory."""
    max_receipt_bytes: int
    """Of a whole receipt, which is held in memory."""


DEFAULT_LIMITS: Final = Limits(
    cms=cms.DEFAULT_LIMITS,
    mime=DEFAULT_MIME_LIMITS,
    max_layers=6,
    max_signature_bytes=1024 * 1024,
    max_receipt_bytes=1024 * 1024,
)
"""Sign, compress, encrypt are three layers; triple wrapping (RFC 2634) with compression is five."""
