"""What every policy sees, and what a policy is: a stable code and a pure function from ``Input`` to a finding.

A policy gives ``None`` where it does not apply, a *passed* finding as evidence where it holds, else a note, a warning or a
refusal. The text says what was expected, what came and what to do. A refusal's text is also told to the partner: it speaks of
the offered certificate and of our requirements, of nobody else and of nothing that only we know.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.community import CommunityRules
from counterseal.domain.resolve import Held
from counterseal.domain.usage import Side, Usage
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import Fingerprint
from counterseal.kernel.x509 import Certificate


class NoCertificate(CallerFault):
    """A policy about a certificate was asked where none could be read."""

    code = "domain.no-certificate"


class Revocation(StrEnum):
    """What CRL or OCSP said when it was last fetched, ahead of time and never in the request path."""

    UNKNOWN = "unknown"
    GOOD = "good"
    REVOKED = "revoked"
    STALE = "stale"
    """The last list is older than allowed (SCX-13: 15 days)."""
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """How the offer reached us."""

    sender: str
    """The name that the transport authenticated or claims: AS2-From, or SFIDORIG."""
    claimed: str | None
    """The name inside the message (CEM TradingPartnerInfo/Name); ``None``: there is none, as in SCX."""
    signer: Fingerprint | None
    """CEM: the certificate that verified the signature; ``None``: unsigned."""
    session_authenticated: bool
    """SCX: TLS, or secure authentication both ways; a password alone does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """Everything that the policies look at, gathered in one read."""

    certificate: Certificate | None
    """``None``: the part is missing or unreadable."""
    chain: tuple[Certificate, ...]
    """The issuers that came with it."""
    problem: str
    """What the protocol core found wrong with this certificate's part (cem.md rows 8 and 9): a sentence that the partner may
    read; empty: nothing."""
    usages: frozenset[Usage]
    """What it is offered for."""
    supported: frozenset[Usage]
    """What this gateway can use a partner's certificate for (cem.md row 34)."""
    channel: Channel
    scx_type: SCXType | None
    envelope: Envelope
    agreement: Agreement
    rules: CommunityRules
    assignments: tuple[Assignment, ...]
    """All of this agreement, both sides, every state."""
    held: Held
    """All that the community holds, both sides."""
    retired: frozenset[Fingerprint]
    """Certificates with a retired assignment anywhere in the community."""
    revoked: frozenset[Fingerprint]
    """Certificates with a revoked one."""
    trusted_roots: tuple[Certificate, ...]
    """Those that the community trusts for this partner."""
    listed_issuers: tuple[Certificate, ...]
    """SCX: the list of issuers; empty: there is none, and none is asked for."""
    named_old: frozenset[Fingerprint]
    """SCX: the certificates in use that the CLID in SFIDDESC names; empty: no CLID."""
    revocation: Revocation
    revocation_configured: bool
    respond_by: datetime | None
    now: datetime

    @property
    def offered(self) -> Certificate:
        """The certificate; raises ``NoCertificate`` where there is none. The policies behind ``certificate.readable`` run only
        when there is one."""
        if self.certificate is None:
            raise NoCertificate("this policy needs a readable certificate")
        return self.certificate

    @property
    def fingerprint(self) -> Fingerprint:
        return self.offered.fingerprint

    def theirs_live(self) -> tuple[Assignment, ...]:
        """The partner's assignments that are accepted today, newest first."""
        live = [a for a in self.assignments if a.side is Side.THEIRS and a.accepts]
        return tuple(sorted(live, key=lambda a: (a.created_at, a.id), reverse=True))

    @property
    def pinned(self) -> bool:
        """This very certificate is accepted in this agreement today."""
        return any(a.fingerprint == self.fingerprint for a in self.theirs_live())


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    code: str
    check: Callable[[Input], "Result | None"]

    def __call__(self, case: Input) -> Finding | None:
        result = self.check(case)
        if result is None:
            return None
        return Finding(
            code=self.code, severity=result.severity, subject=result.subject or _subject(case), text=result.text
        )


@dataclass(frozen=True, slots=True)
class Result:
    """A finding without its code, which the policy adds."""

    severity: Severity
    text: str
    subject: str = ""
    """Empty: the offered certificate."""


def _subject(case: Input) -> str:
    return case.certificate.fingerprint if case.certificate else case.envelope.sender


def passed(text: str) -> Result:
    return Result(Severity.PASSED, text)


def note(text: str) -> Result:
    return Result(Severity.NOTE, text)


def warning(text: str) -> Result:
    return Result(Severity.WARNING, text)


def refusal(text: str) -> Result:
    return Result(Severity.REFUSAL, text)


def day(instant: datetime) -> str:
    """As sentences show it: ``24 November 2026``."""
    return f"{instant.day} {instant:%B %Y}"
