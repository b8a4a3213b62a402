"""One OFTP2 connection as the sessions page shows it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from counterseal.kernel.finding import Finding
from counterseal.kernel.ids import AgreementId, CommunityId, SessionId


class SessionOutcome(StrEnum):
    OPEN = "open"
    CLEAN = "clean"
    """Ended by ESID 00 in turn."""
    BROKEN = "broken"
    """By an ESID with another reason, or without one."""
    REFUSED = "refused"
    """It never came to files: identity, password, TLS or authentication."""
    UNREACHABLE = "unreachable"
    """Our call was not answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OFTPSession:
    """From SSID to the end. ``agreement_id`` is the first agreement of the pair of nodes; ``None`` for a stranger."""

    id: SessionId
    community_id: CommunityId | None
    agreement_id: AgreementId | None
    we_called: bool
    remote: str
    partner_code: str
    """SSIDCODE."""
    tls: str
    """Version and cipher; empty: plain."""
    authenticated: bool
    """Both sides proved their keys (SECD, AUCH, AURP)."""
    started_at: datetime
    ended_at: datetime | None = None
    outcome: SessionOutcome = SessionOutcome.OPEN
    reason: str = ""
    """ESIDREAS as it was; empty when none was exchanged."""
    detail: str = ""
    files_sent: int = 0
    files_received: int = 0
    receipts_sent: int = 0
    receipts_received: int = 0
    octets_sent: int = 0
    octets_received: int = 0
    findings: tuple[Finding, ...] = ()
