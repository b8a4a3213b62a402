"""How much of a CEM message is read before it is refused."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on everything that the sender of a CEM message controls; all of it is held in memory."""

    max_package_bytes: int
    """Of the whole multipart, checked before anything is read."""
    max_xml_bytes: int
    """Checked before parsing."""
    max_xml_depth: int
    """Levels of elements."""
    max_parts: int
    """Of one multipart, each level counted by itself."""
    max_trust_items: int
    """TrustRequests or TrustResponses."""
    max_certificates: int
    """In one certificate part."""


USUAL_LIMITS: Final = Limits(
    max_package_bytes=8 * 1024 * 1024,
    max_xml_bytes=2 * 1024 * 1024,
    max_xml_depth=32,
    max_parts=1100,
    max_trust_items=1000,
    max_certificates=16,
)
"""A community that changes a thousand certificates at once fits; a document needs 7 levels, wildcards included some more."""
