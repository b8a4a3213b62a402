"""Flat records of what goes to and fro: trust requests, received requests, documents, the audit trail (see records.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from counterseal.domain.audit import SealedEntry
from counterseal.domain.community import Community
from counterseal.domain.document import Document, Message, Transfer
from counterseal.domain.exchange import Exchange, overdue
from counterseal.domain.offer import Offer, OfferedCertificate
from counterseal.domain.offer import derive_state as offer_state
from counterseal.domain.trust_request import TrustRequest, derive_state, progress
from counterseal.engine.ports import NotFound, Reader
from counterseal.engine.views.records import FindingRecord, finding
from counterseal.kernel.ids import DocumentId, OfferId, TrustRequestId


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRecord:
    id: str
    partner: str
    """Slug."""
    agreement: str
    channel: str
    scx_type: str
    state: str
    overdue: bool
    sent_at: datetime | None
    received_at: datetime | None
    answered_at: datetime | None
    answered_by: str
    reason: str
    reminders: int
    document: str
    delivered: list[str]
    """SCX Request: fingerprints of the partner's certificates that came for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRequestRecord:
    id: str
    number: int
    community: str
    certificate: str
    """Fingerprint."""
    usages: list[str]
    scx_type: str
    state: str
    respond_by: datetime
    time_zone: str
    partners: int
    answered: int
    accepted: int
    rejected: int
    failed: int
    created_by: str
    created_at: datetime
    withdrawn_at: datetime | None
    exchanges: list[ExchangeRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedRecord:
    id: str
    state: str
    usages: list[str]
    certificate: str
    """Fingerprint; empty where the part was missing or unreadable."""
    subject: str
    issuer: str
    serial: str
    not_after: datetime | None
    replaces: list[str]
    findings: list[FindingRecord]
    reason: str
    first_approver: str
    decided_by: str
    decided_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRecord:
    id: str
    community: str
    partner: str
    agreement: str
    channel: str
    scx_type: str
    state: str
    signed: bool
    received_at: datetime
    respond_by: datetime | None
    refused: str
    document: str
    certificates: list[OfferedRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRecord:
    id: str
    community: str
    agreement: str
    direction: str
    kind: str
    state: str
    file_name: str
    content_type: str
    size: int
    digest: str
    """SHA-256, hexadecimal."""
    subject: str
    tries: int
    reason: str
    findings: list[FindingRecord]
    created_by: str
    created_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRecord:
    id: str
    direction: str
    kind: str
    wire_id: str
    refers_to: str
    mic: str
    disposition: str
    layers: list[str]
    signer: str
    """Fingerprint."""
    recipient: str
    """Fingerprint."""
    wire_size: int
    findings: list[FindingRecord]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRecord:
    started_at: datetime
    ended_at: datetime
    outcome: str
    status: str
    detail: str
    remote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentStory:
    """A document with everything that happened to it."""

    document: DocumentRecord
    messages: list[MessageRecord]
    transfers: list[TransferRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    sequence: int
    at: datetime
    actor: str
    event: str
    subject: str
    community: str
    facts: dict[str, str]
    previous: str
    hash: str


# which one is meant


def trust_request_named(reader: Reader, community: Community, name: str) -> TrustRequest:
    """By number or id. Raises ``NotFound``."""
    _require_short(name)
    number = int(name) if name.isascii() and name.isdigit() and len(name) < 10 else None  # ids are longer
    found = reader.find_trust_request(community.id, number) if number is not None else None
    if found is None and number is None:
        found = reader.trust_request(TrustRequestId(name))
    if found is None or found.community_id != community.id:
        raise NotFound(f"{community.name} has no trust request {name[:80]!r}")
    return found


def exchange_named(reader: Reader, community: Community, request: TrustRequest, name: str) -> Exchange:
    """An exchange of the request by its id, or by the slug of its partner where that names only one. Raises ``NotFound``."""
    there = reader.exchanges(trust_request_ids=[request.id])
    slugs = {p.id: p.slug for p in reader.partners(community.id)}
    found = [e for e in there if e.id == name] or [e for e in there if slugs.get(e.partner_id) == name]
    if len(found) > 1:
        raise NotFound(f"{name[:80]!r} names {len(found)} exchanges: use the id of one")
    if not found:
        raise NotFound(f"trust request {request.number} has no exchange {name[:80]!r}")
    return found[0]


def offer_of(reader: Reader, community: Community, name: str) -> Offer:
    """By id. Raises ``NotFound``."""
    _require_short(name)
    found = reader.offer(OfferId(name))
    if found.community_id != community.id:
        raise NotFound(f"{community.name} has no received request {name[:80]!r}")
    return found


def document_named(reader: Reader, name: str) -> Document:
    """By id. Raises ``NotFound``."""
    _require_short(name)
    return reader.document(DocumentId(name))


def _require_short(name: str) -> None:
    """No id is as long as this; one that is would only be repeated in an error."""
    if len(name) > 80:
        raise NotFound(f"nothing has an id of {len(name)} characters")


# records


def _exchange(found: Exchange, request: TrustRequest, slugs: dict[str, str], now: datetime) -> ExchangeRecord:
    return ExchangeRecord(
        id=found.id,
        partner=slugs.get(found.partner_id, ""),
        agreement=found.agreement_id,
        channel=found.channel.value,
        scx_type=found.scx_type.value if found.scx_type else "",
        state=found.state.value,
        overdue=overdue(found, request.respond_by, now),
        sent_at=found.sent_at,
        received_at=found.received_at,
        answered_at=found.answered_at,
        answered_by=found.answered_by,
        reason=found.reason,
        reminders=found.reminders,
        document=found.document_id or "",
        delivered=list(found.delivered or ()),
    )


def trust_requests(
    reader: Reader, of: Community, found: Sequence[TrustRequest], now: datetime
) -> list[TrustRequestRecord]:
    """In the given order, each with its exchanges."""
    slugs: dict[str, str] = {p.id: p.slug for p in reader.partners(of.id)}
    exchanges = reader.exchanges(trust_request_ids=[r.id for r in found]) if found else []
    records = []
    for request in found:
        own = [e for e in exchanges if e.trust_request_id == request.id]
        figures = progress(own)
        record = TrustRequestRecord(
            id=request.id,
            number=request.number,
            community=of.slug,
            certificate=request.fingerprint,
            usages=sorted(u.value for u in request.usages),
            scx_type=request.scx_type.value if request.scx_type else "",
            state=derive_state(request, own, now).value,
            respond_by=request.respond_by,
            time_zone=request.time_zone,
            partners=figures.total,
            answered=figures.answered,
            accepted=figures.accepted,
            rejected=figures.rejected,
            failed=figures.failed,
            created_by=request.created_by,
            created_at=request.created_at,
            withdrawn_at=request.withdrawn_at,
            exchanges=[_exchange(e, request, slugs, now) for e in own],
        )
        records.append(record)
    return records


def _offered(found: OfferedCertificate) -> OfferedRecord:
    held = found.certificate
    return OfferedRecord(
        id=found.id,
        state=found.state.value,
        usages=sorted(u.value for u in found.usages),
        certificate=held.fingerprint if held else "",
        subject=held.subject if held else "",
        issuer=held.issuer if held else found.issuer_name,
        serial=f"{held.serial:x}" if held else found.serial_text,
        not_after=held.not_after if held else None,
        replaces=list(found.replaces),
        findings=[finding(f) for f in found.findings],
        reason=found.reason,
        first_approver=found.first_approver,
        decided_by=found.decided_by,
        decided_at=found.decided_at,
    )


def offers(reader: Reader, of: Community, found: Sequence[Offer]) -> list[OfferRecord]:
    """In the given order, each with its certificates."""
    slugs = {p.id: p.slug for p in reader.partners(of.id)}
    offered = reader.offered([o.id for o in found]) if found else []
    records = []
    for offer in found:
        own = [o for o in offered if o.offer_id == offer.id]
        record = OfferRecord(
            id=offer.id,
            community=of.slug,
            partner=slugs.get(offer.partner_id, ""),
            agreement=offer.agreement_id,
            channel=offer.channel.value,
            scx_type=offer.scx_type.value if offer.scx_type else "",
            state=offer_state(offer, own).value,
            signed=offer.signed,
            received_at=offer.received_at,
            respond_by=offer.respond_by,
            refused=offer.refused,
            document=offer.document_id,
            certificates=[_offered(o) for o in own],
        )
        records.append(record)
    return records


def document(found: Document, communities: dict[str, str]) -> DocumentRecord:
    """``communities`` are slugs by id."""
    return DocumentRecord(
        id=found.id,
        community=communities.get(found.community_id, ""),
        agreement=found.agreement_id or "",
        direction=found.direction.value,
        kind=found.kind.value,
        state=found.state.value,
        file_name=found.file_name,
        content_type=found.content_type,
        size=found.size,
        digest=found.digest,
        subject=found.subject,
        tries=found.tries,
        reason=found.reason,
        findings=[finding(f) for f in found.findings],
        created_by=found.created_by,
        created_at=found.created_at,
        settled_at=found.settled_at,
    )


def communities_by_id(reader: Reader) -> dict[str, str]:
    """Slugs."""
    return {c.id: c.slug for c in reader.communities()}


def document_story(reader: Reader, document_id: DocumentId) -> DocumentStory:
    """Raises ``NotFound``."""
    found = reader.document(document_id)
    return DocumentStory(
        document=document(found, communities_by_id(reader)),
        messages=[_message(m) for m in reader.messages(found.id)],
        transfers=[_transfer(t) for t in reader.transfers(found.id)],
    )


def _message(found: Message) -> MessageRecord:
    return MessageRecord(
        id=found.id,
        direction=found.direction.value,
        kind=found.kind.value,
        wire_id=found.wire_id,
        refers_to=found.refers_to,
        mic=found.mic,
        disposition=found.disposition,
        layers=list(found.layers),
        signer=found.signer or "",
        recipient=found.recipient or "",
        wire_size=found.wire_size,
        findings=[finding(f) for f in found.findings],
        at=found.at,
    )


def _transfer(found: Transfer) -> TransferRecord:
    return TransferRecord(
        started_at=found.started_at,
        ended_at=found.ended_at,
        outcome=found.outcome.value,
        status=found.status,
        detail=found.detail,
        remote=found.remote,
    )


def audit(found: SealedEntry) -> AuditRecord:
    event = found.event
    return AuditRecord(
        sequence=found.sequence,
        at=event.at,
        actor=event.actor,
        event=event.event,
        subject=event.subject,
        community=event.community_id or "",
        facts=dict(event.facts),
        previous=found.previous,
        hash=found.hash,
    )
