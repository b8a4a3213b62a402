"""How much of a certificate file is read before it is refused."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on everything that the sender of a certificate file controls."""

    max_payload_bytes: int
    """Of the file, and of content unwrapped from it."""
    max_certificates: int
    max_zip_entries: int
    max_inflated_bytes: int
    """Of all zip entries together."""


USUAL_LIMITS: Final = Limits(
    max_payload_bytes=256 * 1024, max_certificates=16, max_zip_entries=16, max_inflated_bytes=512 * 1024
)
"""One certificate has 1 to 4 KiB; a chain of sixteen in PEM and DER stays far below."""
