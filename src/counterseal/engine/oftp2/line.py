"""What the parts of one conversation share: the session, who is on it, what it has done so far."""

from dataclasses import dataclass, field
from datetime import datetime

from counterseal.domain.oftp_session import OFTPSession, SessionOutcome
from counterseal.domain.usage import Side, Usage
from counterseal.engine.oftp2.node import Node
from counterseal.engine.ports import Link, Ports
from counterseal.engine.relationship import Relationship
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import SessionId
from counterseal.kernel.x509 import Certificate
from counterseal.protocols.oftp2.events import Event
from counterseal.protocols.oftp2.session import Session


@dataclass(slots=True, kw_only=True)
class Tally:
    files_sent: int = 0
    files_received: int = 0
    receipts_sent: int = 0
    receipts_received: int = 0
    octets_sent: int = 0
    octets_received: int = 0


@dataclass(slots=True, kw_only=True)
class Line:
    """One end of one session."""

    ports: Ports
    session: Session
    we_called: bool
    session_id: SessionId
    started_at: datetime
    link: Link = field(default_factory=lambda: Link(remote=""))
    node: Node | None = None
    authenticated: bool = False
    tally: Tally = field(default_factory=Tally)
    findings: list[Finding] = field(default_factory=list)
    waiting: list[Event] = field(default_factory=list)
    """Events that verbs gave back, not dealt with yet."""

    def now(self) -> datetime:
        return self.ports.clock.now()

    @property
    def known(self) -> Node:
        """Only after the partner was identified."""
        assert self.node is not None
        return self.node

    def proves(self, found: Relationship) -> bool:
        """Whether more than a password says who is on the line: secure authentication, the TLS server that we called, or a TLS
        client certificate that is accepted for this agreement. TLS without one hides the password and proves nobody."""
        if self.authenticated or (self.we_called and self.link.tls):
            return True
        accepted = {held.fingerprint for held in found.acceptors(Side.THEIRS, Usage.TLS_CLIENT)}
        return any(Certificate.parse(der).fingerprint in accepted for der in self.link.peer_chain[:1])

    def say(self, told: list[Event]) -> None:
        """What a verb of the session told; it is dealt with after everything before it."""
        self.waiting += told

    def note(self, code: str, severity: Severity, subject: str, text: str) -> None:
        self.findings.append(Finding(code=code, severity=severity, subject=subject, text=text))

    def record(self) -> OFTPSession:
        """As it stands now, still open."""
        node = self.node
        return OFTPSession(
            id=self.session_id,
            community_id=node.primary.community.id if node else None,
            agreement_id=node.primary.agreement.id if node else None,
            we_called=self.we_called,
            remote=self.link.remote,
            partner_code=self._partner_code(),
            tls=self.link.tls,
            authenticated=self.authenticated,
            started_at=self.started_at,
            outcome=SessionOutcome.OPEN,
            files_sent=self.tally.files_sent,
            files_received=self.tally.files_received,
            receipts_sent=self.tally.receipts_sent,
            receipts_received=self.tally.receipts_received,
            octets_sent=self.tally.octets_sent,
            octets_received=self.tally.octets_received,
            findings=tuple(self.findings),
        )

    def _partner_code(self) -> str:
        if self.session.partner is not None:
            return self.session.partner.code
        return self.node.partner_code if self.node else ""
