"""How a simulated partner behaves: one value, changed while it runs."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class ReceiptDial(StrEnum):
    """What comes back for a message."""

    GOOD = "good"
    UNSIGNED = "unsigned"
    WRONG_MIC = "wrong mic"
    NO_MIC = "no mic"
    ENVELOPE_MIC = "envelope mic"
    """The digest of the encrypted body (as2-peers P-28)."""
    WARNING = "warning"
    AUTHENTICATION_FAILED = "authentication failed"
    DECRYPTION_FAILED = "decryption failed"
    PROCESSING_ERROR = "processing error"
    """``unexpected-processing-error``, as some products answer a repeated Message-ID (as2-peers P-13)."""
    SILENT = "silent"
    """HTTP 200 without a receipt (as2-peers P-29)."""
    BUSY = "busy"
    """HTTP 503."""
    SERVER_ERROR = "server error"
    """HTTP 500, as some products answer a name that they do not know (as2-peers P-25)."""
    UNKNOWN_SENDER = "unknown sender"
    """HTTP 403."""


class CEMDial(StrEnum):
    """What comes back for a certificate exchange request."""

    ACCEPT = "accept"
    REJECT = "reject"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dials:
    receipt: ReceiptDial = ReceiptDial.GOOD
    cem: CEMDial = CEMDial.ACCEPT
    reason: str = "keyUsage does not permit digitalSignature"
    """For a rejection."""
    late: timedelta = timedelta()
    """How long a CEM response or an asynchronous receipt lets others wait."""
    slow: timedelta = timedelta()
    """How long every HTTP answer takes."""
    duplicate: bool = False
    """Posts every message of its own twice, octet for octet."""
    replay: bool = False
    """Posts its previous message again before every new one."""
    announces_cem: bool = True
    early: bool = False
    """The CEM response leaves before the receipt of the request (cem.md section 6, race)."""
