"""Who we are and whom we trade with: the community's page, a partner's, an agreement's."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from counterseal.domain.agreement import Agreement, AS2Terms, CEMCapability, OFTP2Terms, handling_mode
from counterseal.domain.assignment import Assignment
from counterseal.domain.community import Community, HandlingMode, Partner, Station
from counterseal.domain.document import Document, DocumentKind
from counterseal.domain.usage import AssignmentState, Protocol, Side, Usage
from counterseal.engine.ports import NotFound, Reader, Window
from counterseal.engine.views.certificates import CertificateRow, certificate_rows
from counterseal.engine.views.names import AgreementName, CertificateName, Names, gather
from counterseal.kernel.ids import AgreementId, Fingerprint

_ORDER = list(Usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRow:
    station: Station
    agreements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRow:
    partner: Partner
    identities: tuple[str, ...]
    protocols: tuple[Protocol, ...]
    cem: CEMCapability | None
    """The best that is known over its AS2 agreements; ``None``: it has none."""
    next_end: datetime | None
    """When the first of its certificates in use ends."""
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityView:
    community: Community
    certificates: tuple[CertificateRow, ...]
    """Ours, live or not yet used; those that end first on top."""
    stations: tuple[StationRow, ...]
    partners: tuple[PartnerRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRow:
    agreement: Agreement
    name: AgreementName
    last_seen_at: datetime | None
    gaps: tuple[str, ...]
    """What is missing before documents can flow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerView:
    partner: Partner
    row: PartnerRow
    agreements: tuple[AgreementRow, ...]
    certificates: tuple[CertificateRow, ...]
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignedCertificate:
    """One certificate in one state within one agreement, on one side."""

    certificate: CertificateName
    state: AssignmentState
    usages: tuple[Usage, ...]
    since: datetime
    first_seen_at: datetime | None
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementView:
    agreement: Agreement
    name: AgreementName
    mode: HandlingMode
    ours: tuple[AssignedCertificate, ...]
    theirs: tuple[AssignedCertificate, ...]
    gaps: tuple[str, ...]


def community(reader: Reader, found: Community) -> CommunityView:
    names = gather(reader, found)
    assignments = reader.assignments(community_id=found.id)
    rows = [r for r in certificate_rows(names, assignments) if r.held.side is Side.OURS]
    counted = Counter(a.station_id for a in names.agreements.values())
    ended = {AssignmentState.RETIRED, AssignmentState.REVOKED}
    return CommunityView(
        community=found,
        certificates=tuple(r for r in rows if r.live or not set(r.standing) & ended),
        stations=tuple(StationRow(station=s, agreements=counted[s.id]) for s in names.stations.values()),
        partners=tuple(_partner_rows(names, assignments)),
    )


def partner(reader: Reader, found_community: Community, slug: str) -> PartnerView:
    """One partner by its slug. Raises ``NotFound``."""
    found = reader.find_partner(found_community.id, slug)
    if found is None:
        raise NotFound(f"{found_community.name} has no partner {slug!r}")
    names = gather(reader, found_community)
    assignments = reader.assignments(community_id=found_community.id)
    by_agreement = _by_agreement(assignments)
    row = next(r for r in _partner_rows(names, assignments) if r.partner.id == found.id)
    agreements = names.agreements_of(found.id)
    return PartnerView(
        partner=found,
        row=row,
        agreements=tuple(
            AgreementRow(
                agreement=a,
                name=_name(names, a),
                last_seen_at=_last_seen(a, by_agreement[a.id]),
                gaps=gaps(a, by_agreement[a.id]),
            )
            for a in agreements
        ),
        certificates=tuple(r for r in certificate_rows(names, assignments) if r.held.partner_id == found.id),
        documents=tuple(_latest(reader, found_community, agreements)),
    )


def agreement(reader: Reader, found_community: Community, agreement_id: AgreementId) -> AgreementView:
    """One agreement of this community. Raises ``NotFound``."""
    found = reader.agreement(agreement_id)
    if found.community_id != found_community.id:
        raise NotFound(f"{found_community.name} has no agreement {agreement_id}")
    names = gather(reader, found_community)
    assignments = reader.assignments(agreement_id=found.id)
    return AgreementView(
        agreement=found,
        name=_name(names, found),
        mode=handling_mode(found, found_community.rules),
        ours=tuple(_assigned(names, assignments, Side.OURS)),
        theirs=tuple(_assigned(names, assignments, Side.THEIRS)),
        gaps=gaps(found, assignments),
    )


def gaps(found: Agreement, assignments: Iterable[Assignment]) -> tuple[str, ...]:
    """Which active certificates the agreement's terms need and do not have yet."""
    active = {(a.side, a.usage) for a in assignments if a.state is AssignmentState.ACTIVE}
    needs = _needed_for_as2(found.as2) if found.protocol is Protocol.AS2 else _needed_for_oftp2(found.oftp2)
    return tuple(text for needed, side, usage, text in needs if needed and (side, usage) not in active)


Needed = tuple[tuple[bool, Side, Usage, str], ...]


def _needed_for_as2(terms: AS2Terms) -> Needed:
    return (
        (terms.sign, Side.OURS, Usage.SIGN, "no certificate of ours to sign with"),
        (terms.require_encrypted, Side.OURS, Usage.ENCRYPT, "no certificate of ours for them to encrypt to"),
        (terms.require_signed, Side.THEIRS, Usage.SIGN, "no certificate of theirs to verify with"),
        (terms.encrypt, Side.THEIRS, Usage.ENCRYPT, "no certificate of theirs to encrypt with"),
    )


def _needed_for_oftp2(terms: OFTP2Terms) -> Needed:
    receipts = terms.receipt_signed and terms.require_signed_receipt
    proofs = terms.secure_authentication
    return (
        (terms.sign, Side.OURS, Usage.FILE_SIGN, "no certificate of ours to sign files with"),
        (terms.require_encrypted, Side.OURS, Usage.FILE_ENCRYPT, "no certificate of ours for them to encrypt to"),
        (terms.require_signed, Side.THEIRS, Usage.FILE_SIGN, "no certificate of theirs to verify files with"),
        (terms.encrypt, Side.THEIRS, Usage.FILE_ENCRYPT, "no certificate of theirs to encrypt with"),
        (receipts, Side.THEIRS, Usage.RECEIPT_SIGN, "no certificate of theirs to verify receipts with"),
        (proofs, Side.OURS, Usage.SESSION_AUTH, "no certificate of ours for secure authentication"),
        (proofs, Side.THEIRS, Usage.SESSION_AUTH, "no certificate of theirs for secure authentication"),
    )


def _name(names: Names, found: Agreement) -> AgreementName:
    name = names.agreement(found.id)
    if name is None:
        raise NotFound(f"there is no agreement {found.id}")
    return name


def _by_agreement(assignments: Iterable[Assignment]) -> Mapping[AgreementId, list[Assignment]]:
    grouped: dict[AgreementId, list[Assignment]] = defaultdict(list)
    for assignment in assignments:
        if assignment.agreement_id:
            grouped[assignment.agreement_id].append(assignment)
    return grouped


def _last_seen(found: Agreement, assignments: Iterable[Assignment]) -> datetime | None:
    instants = [a.last_seen_at for a in assignments if a.side is Side.THEIRS and a.last_seen_at]
    return max([*instants, *([found.seen.at] if found.seen.at else [])], default=None)


_KNOWN_BEST = (
    CEMCapability.PROVED,
    CEMCapability.ANNOUNCED,
    CEMCapability.SILENT,
    CEMCapability.UNKNOWN,
    CEMCapability.OFF,
)


def _partner_rows(names: Names, assignments: Sequence[Assignment]) -> Iterable[PartnerRow]:
    by_agreement = _by_agreement(assignments)
    for found in names.partners.values():
        agreements = names.agreements_of(found.id)
        theirs = {
            a.fingerprint
            for g in agreements
            for a in by_agreement[g.id]
            if a.side is Side.THEIRS and a.state is AssignmentState.ACTIVE
        }
        ends = [names.certificates[f].certificate.not_after for f in theirs if f in names.certificates]
        seen = [s for g in agreements if (s := _last_seen(g, by_agreement[g.id]))]
        known = {cem_capability(g) for g in agreements if g.protocol is Protocol.AS2}
        yield PartnerRow(
            partner=found,
            identities=tuple(dict.fromkeys(g.partner_identity for g in agreements)),
            protocols=tuple(p for p in Protocol if any(g.protocol is p for g in agreements)),
            cem=next((c for c in _KNOWN_BEST if c in known), None),
            next_end=min(ends, default=None),
            last_seen_at=max(seen, default=None),
        )


def cem_capability(found: Agreement) -> CEMCapability:
    """What is known of it; *off* where the agreement switches certificate exchange off."""
    return found.cem_capability if found.exchange.enabled else CEMCapability.OFF


def _assigned(names: Names, assignments: Iterable[Assignment], side: Side) -> Iterable[AssignedCertificate]:
    grouped: dict[tuple[Fingerprint, AssignmentState], list[Assignment]] = defaultdict(list)
    for found in assignments:
        if found.side is side:
            grouped[found.fingerprint, found.state].append(found)
    order = [
        AssignmentState.ACTIVE,
        AssignmentState.STAGED,
        AssignmentState.RETIRING,
        AssignmentState.RETIRED,
        AssignmentState.REVOKED,
    ]
    for (fingerprint, state), group in sorted(grouped.items(), key=lambda item: order.index(item[0][1])):
        yield AssignedCertificate(
            certificate=names.certificate(fingerprint),
            state=state,
            usages=tuple(u for u in _ORDER if any(a.usage is u for a in group)),
            since=min(a.since for a in group),
            first_seen_at=min((a.first_seen_at for a in group if a.first_seen_at), default=None),
            last_seen_at=max((a.last_seen_at for a in group if a.last_seen_at), default=None),
        )


def _latest(reader: Reader, found: Community, agreements: Iterable[Agreement]) -> Iterable[Document]:
    documents = [
        d
        for a in agreements
        for d in reader.documents(
            community_id=found.id, window=Window(limit=5), agreement_id=a.id, kinds=(DocumentKind.BUSINESS,)
        )
    ]
    return sorted(documents, key=lambda d: d.created_at, reverse=True)[:5]
