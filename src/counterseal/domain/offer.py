"""A certificate exchange request received from a partner, and our decision on each certificate in it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.usage import Usage
from counterseal.kernel.conversation import Table, next_state
from counterseal.kernel.finding import Finding, Verdict
from counterseal.kernel.ids import AgreementId, CommunityId, DocumentId, OfferedCertificateId, OfferId, PartnerId
from counterseal.kernel.x509 import Certificate


class OfferedState(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class OfferState(StrEnum):
    """Derived from the certificates, but for ``refused``: the message itself was not valid."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PARTLY = "partly accepted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Their request."""

    id: OfferId
    community_id: CommunityId
    agreement_id: AgreementId
    partner_id: PartnerId
    channel: Channel
    scx_type: SCXType | None = None
    document_id: DocumentId
    """The document that brought it."""
    request_reference: str | None
    """CEM requestId, echoed verbatim; ``None``: theirs had none."""
    respond_by: datetime | None
    response_url: str
    originated_at: datetime | None
    signed: bool
    """Signed by a certificate accepted today; an unsigned one is never handled automatically."""
    received_at: datetime
    refused: str = ""
    """Why the whole message was not valid; empty: it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedCertificate:
    """One certificate in their request, with everything that its answer needs."""

    id: OfferedCertificateId
    offer_id: OfferId
    certificate: Certificate | None
    """``None``: the part was missing or unreadable; such a one can only be rejected."""
    chain: tuple[Certificate, ...] = ()
    usages: frozenset[Usage]
    issuer_name: str
    """CertificateIdentifier as it came, echoed verbatim in the response (cem.md 4.2)."""
    serial_text: str
    state: OfferedState
    findings: tuple[Finding, ...]
    replaces: tuple[str, ...] = ()
    """Fingerprints of the certificates in use that it renews."""
    reason: str = ""
    first_approver: str = ""
    """Where two people must agree: who was first."""
    decided_by: str = ""
    """A user, or ``policy``."""
    decided_at: datetime | None = None

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.findings)


@dataclass(frozen=True, slots=True)
class OfferAccepted:
    by: str


@dataclass(frozen=True, slots=True)
class OfferRejected:
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class FirstApproval:
    by: str


OfferedEvent = OfferAccepted | OfferRejected | FirstApproval

_S = OfferedState
TRANSITIONS: Final[Table[OfferedState]] = {
    (_S.PENDING, OfferAccepted): _S.ACCEPTED,
    (_S.PENDING, OfferRejected): _S.REJECTED,
    (_S.PENDING, FirstApproval): _S.PENDING,
}


def apply(offered: OfferedCertificate, event: OfferedEvent, now: datetime) -> OfferedCertificate:
    """The offered certificate after a decision. Raises ``InvalidTransition``: a decision is taken once."""
    state = next_state(TRANSITIONS, offered.state, event)
    match event:
        case OfferAccepted(by=by):
            return replace(offered, state=state, decided_by=by, decided_at=now)
        case OfferRejected(by=by, reason=reason):
            return replace(offered, state=state, decided_by=by, decided_at=now, reason=reason)
        case FirstApproval(by=by):
            return replace(offered, state=state, first_approver=by)


def derive_state(offer: Offer, certificates: Sequence[OfferedCertificate]) -> OfferState:
    if offer.refused:
        return OfferState.REFUSED
    states = {c.state for c in certificates}
    if OfferedState.PENDING in states:
        return OfferState.PENDING
    if states == {OfferedState.ACCEPTED}:
        return OfferState.ACCEPTED
    return OfferState.PARTLY if OfferedState.ACCEPTED in states else OfferState.REJECTED
