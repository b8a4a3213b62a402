"""Received certificate exchange requests: the list, and one with old and new side by side."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from counterseal.domain.agreement import handling_mode
from counterseal.domain.assignment import Assignment
from counterseal.domain.channel import Channel
from counterseal.domain.community import Community, HandlingMode
from counterseal.domain.offer import Offer, OfferedCertificate, OfferedState, OfferState, derive_state
from counterseal.domain.usage import AssignmentState, Side
from counterseal.engine.ports import Reader
from counterseal.engine.views.comparison import ComparedField, compare
from counterseal.engine.views.names import AgreementName, CertificateName, Names, gather, matches
from counterseal.engine.views.paging import Page, everything, page_of
from counterseal.kernel.clock import zone
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import Fingerprint, OfferId
from counterseal.kernel.x509 import Certificate


class ReceivedState(StrEnum):
    """An offer's state as people meet it: what is pending waits for a decision, or for a second person's."""

    NEEDS_DECISION = "needs a decision"
    NEEDS_SECOND = "needs a second person"
    ACCEPTED = "accepted"
    PARTLY = "partly accepted"
    REJECTED = "rejected"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRow:
    offer: Offer
    state: ReceivedState
    partner_name: str
    partner_identity: str
    channel: str
    certificates: int
    why: str
    """The sentence that explains the state best: the worst finding, the reason, who was first."""
    decided_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedList:
    page: Page[ReceivedRow]
    counts: Mapping[ReceivedState, int]
    total: int
    search: str
    state: ReceivedState | None
    channel: Channel | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedView:
    """One offered certificate beside the one in use that it would follow."""

    offered: OfferedCertificate
    title: str
    current: CertificateName | None
    current_certificate: Certificate | None
    comparison: tuple[ComparedField, ...]
    notable: tuple[Finding, ...]
    """Refusals, warnings and notes, in this order."""
    passed: tuple[Finding, ...]

    @property
    def pending(self) -> bool:
        return self.offered.state is OfferedState.PENDING

    @property
    def can_be_accepted(self) -> bool:
        return self.offered.certificate is not None and not self.offered.verdict.refused

    @property
    def differing(self) -> int:
        return sum(1 for f in self.comparison if f.differs)

    def findings(self, severity: Severity) -> tuple[Finding, ...]:
        return tuple(f for f in self.offered.findings if f.severity is severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferView:
    offer: Offer
    state: ReceivedState
    partner_name: str
    agreement: AgreementName | None
    channel: str
    mode: HandlingMode
    two_people: bool
    certificates: tuple[OfferedView, ...]
    in_use: tuple[Assignment, ...]
    """What this partner's agreement uses of theirs today."""

    @property
    def pending(self) -> tuple[OfferedView, ...]:
        return tuple(c for c in self.certificates if c.pending)


def received_list(
    reader: Reader,
    community: Community,
    *,
    state: ReceivedState | None = None,
    channel: Channel | None = None,
    search: str = "",
    page: int = 1,
) -> ReceivedList:
    """Those that need somebody first, then newest first."""
    rows = received_rows(reader, gather(reader, community))
    shown = [
        (row, texts)
        for row, texts in rows
        if (state is None or row.state is state)
        and (channel is None or row.offer.channel is channel)
        and matches(search, *texts)
    ]
    shown.sort(key=lambda item: item[0].state not in WAITS)
    return ReceivedList(
        page=page_of([row for row, _ in shown], page),
        counts=Counter(row.state for row, _ in rows),
        total=len(rows),
        search=search,
        state=state,
        channel=channel,
    )


def received_rows(reader: Reader, names: Names) -> list[tuple[ReceivedRow, tuple[str, ...]]]:
    """Every request as a row, each with the texts that a search looks through; newest first."""
    offers = list(everything(lambda window: reader.offers(names.community.id, window=window)))
    return [_row(names, offer, certificates) for offer, certificates in with_certificates(reader, offers)]


def offer(reader: Reader, offer_id: OfferId) -> OfferView:
    """One received request. Raises ``NotFound``."""
    found = reader.offer(offer_id)
    community = reader.community(found.community_id)
    names = gather(reader, community)
    certificates = reader.offered([found.id])
    theirs = reader.assignments(agreement_id=found.agreement_id, side=Side.THEIRS)
    agreement = names.agreements[found.agreement_id]
    in_use = tuple(a for a in theirs if a.accepts)
    return OfferView(
        offer=found,
        state=received_state(found, certificates),
        partner_name=names.partner_name(found.partner_id),
        agreement=names.agreement(found.agreement_id),
        channel=channel_text(found),
        mode=handling_mode(agreement, community.rules),
        two_people=community.rules.two_people,
        certificates=tuple(_offered(names, c, in_use) for c in certificates),
        in_use=in_use,
    )


WAITS = frozenset({ReceivedState.NEEDS_DECISION, ReceivedState.NEEDS_SECOND})
_SETTLED = {
    OfferState.ACCEPTED: ReceivedState.ACCEPTED,
    OfferState.REJECTED: ReceivedState.REJECTED,
    OfferState.PARTLY: ReceivedState.PARTLY,
    OfferState.REFUSED: ReceivedState.REFUSED,
}


def received_state(offer: Offer, certificates: Sequence[OfferedCertificate]) -> ReceivedState:
    derived = derive_state(offer, certificates)
    if derived is not OfferState.PENDING:
        return _SETTLED[derived]
    waiting = [c for c in certificates if c.state is OfferedState.PENDING]
    return ReceivedState.NEEDS_SECOND if any(c.first_approver for c in waiting) else ReceivedState.NEEDS_DECISION


def channel_text(offer: Offer) -> str:
    if offer.channel is Channel.SCX:
        return f"SCX {offer.scx_type.value.capitalize()}" if offer.scx_type else "SCX"
    return "CEM" if offer.channel is Channel.CEM else offer.channel.value


def with_certificates(reader: Reader, offers: Sequence[Offer]) -> list[tuple[Offer, tuple[OfferedCertificate, ...]]]:
    """Each offer with what it offers, in one query."""
    grouped: dict[OfferId, list[OfferedCertificate]] = defaultdict(list)
    for certificate in reader.offered([o.id for o in offers]) if offers else ():
        grouped[certificate.offer_id].append(certificate)
    return [(o, tuple(grouped[o.id])) for o in offers]


def _row(names: Names, offer: Offer, certificates: Sequence[OfferedCertificate]) -> tuple[ReceivedRow, tuple[str, ...]]:
    agreement = names.agreements.get(offer.agreement_id)
    state = received_state(offer, certificates)
    row = ReceivedRow(
        offer=offer,
        state=state,
        partner_name=names.partner_name(offer.partner_id),
        partner_identity=agreement.partner_identity if agreement else "",
        channel=channel_text(offer),
        certificates=len(certificates),
        why=_why(offer, state, certificates),
        decided_by=next((c.decided_by for c in certificates if c.decided_by), ""),
    )
    fingerprints = [c.certificate.fingerprint for c in certificates if c.certificate]
    return row, (row.partner_name, row.partner_identity, *fingerprints)


def _why(offer: Offer, state: ReceivedState, certificates: Sequence[OfferedCertificate]) -> str:
    if offer.refused:
        return offer.refused
    if state is ReceivedState.NEEDS_SECOND:
        first = next(c.first_approver for c in certificates if c.first_approver)
        return f"{first.removeprefix('user:')} has accepted"
    reason = next((c.reason for c in certificates if c.reason), "")
    findings = [f for c in certificates for f in c.findings]
    worst = next(
        (f.text for s in (Severity.REFUSAL, Severity.WARNING) for f in findings if f.severity is s),
        "",
    )
    passed = sum(1 for f in findings if f.severity is Severity.PASSED)
    return reason or worst or (f"{passed} checks passed, nothing else found" if findings else "")


def _offered(names: Names, offered: OfferedCertificate, in_use: Sequence[Assignment]) -> OfferedView:
    certificate = offered.certificate
    before = _before(offered, in_use)
    held = names.certificates.get(before) if before else None
    current = held.certificate if held else None
    order = (Severity.REFUSAL, Severity.WARNING, Severity.NOTE)
    return OfferedView(
        offered=offered,
        title=certificate.common_name if certificate else f"serial number {offered.serial_text}",
        current=names.certificate(before) if before else None,
        current_certificate=current,
        comparison=tuple(compare(current, certificate, zone=zone(names.community.time_zone))),
        notable=tuple(f for s in order for f in offered.findings if f.severity is s),
        passed=tuple(f for f in offered.findings if f.severity is Severity.PASSED),
    )


def _before(offered: OfferedCertificate, in_use: Sequence[Assignment]) -> Fingerprint | None:
    """What it renews by its own account, else what is active today for one of the usages asked."""
    own = offered.certificate.fingerprint if offered.certificate else ""
    if offered.replaces:
        return Fingerprint(offered.replaces[0])
    states = (AssignmentState.ACTIVE, AssignmentState.RETIRING)
    fitting = [a for s in states for a in in_use if a.state is s and a.usage in offered.usages and a.fingerprint != own]
    return fitting[0].fingerprint if fitting else None
