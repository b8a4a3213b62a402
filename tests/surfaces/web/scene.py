"""One community in the middle of its work: every state of every thing at least once, told as a story that people could meet."""

from dataclasses import dataclass, replace
from datetime import timedelta

from counterseal.domain.agreement import Agreement, CEMCapability, Seen
from counterseal.domain.assignment import Assignment
from counterseal.domain.certificate import HeldCertificate, Origin
from counterseal.domain.community import Community, Partner, Station
from counterseal.domain.document import (
    Direction,
    Document,
    DocumentKind,
    DocumentState,
    Message,
    MessageKind,
    TransferOutcome,
)
from counterseal.domain.exchange import Exchange, ExchangeState
from counterseal.domain.offer import Offer, OfferedCertificate, OfferedState
from counterseal.domain.trust_request import TrustRequest
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.engine.ports import Entity, Ports
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import BlobId, Fingerprint
from tests import builders
from tests.builders import NOW, Minted, mint, mint_ca, rsa_key
from tests.surfaces.web.gateway import put

PAYLOAD = b"UNB+UNOC:3+ALPHA:14+BRAVO:14+261125:1200+1'"
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NAMES = (
    "Bravo Fasteners",
    "Cobalt Retail Group",
    "Delphin Coatings SA",
    "Foxglove Stores",
    "Hansen Marine A/S",
    "Ostler Freight BV",
    "Pinnacle Steel",
    "Quarz & Söhne Präzisionsteile GmbH",
)
STATES = (
    ExchangeState.ACCEPTED,
    ExchangeState.REJECTED,
    ExchangeState.ACCEPTED,
    ExchangeState.RECEIVED,
    ExchangeState.ACCEPTED,
    ExchangeState.FAILED,
    ExchangeState.QUEUED,
    ExchangeState.SENT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    community: Community
    station: Station
    partners: tuple[Partner, ...]
    agreements: tuple[Agreement, ...]
    old: Minted
    new: Minted
    request: TrustRequest
    exchanges: tuple[Exchange, ...]
    offers: tuple[Offer, ...]
    offered: tuple[OfferedCertificate, ...]
    documents: tuple[Document, ...]

    @property
    def base(self) -> str:
        return f"/c/{self.community.slug}"


def fill(
    ports: Ports, *, partner_names: tuple[str, ...] = NAMES, reason: str = "RSA 2048 is below our minimum of 3072"
) -> Scene:
    """Puts everything into the store and says what it put."""
    community = builders.a_community(slug="alpha", name="Alpha Arrows")
    station = builders.a_station(
        community_id=community.id, identity="ALPHA-ARROWS", name="main plant", url="https://as2.alpha.example/as2"
    )
    old = mint("ALPHA-ARROWS", key=rsa_key(0), starts_in=-700 * DAY, expires_in=11 * DAY)
    new = mint("ALPHA-ARROWS", key=rsa_key(2), expires_in=730 * DAY)
    partners, agreements, entities = _partners(community, station, partner_names, old, new)
    request = builders.a_trust_request(
        community_id=community.id,
        number=138,
        fingerprint=new.certificate.fingerprint,
        respond_by=NOW + 3 * DAY,
        created_at=NOW - 14 * DAY,
    )
    exchanges = _exchanges(community, request, agreements, reason)
    offers, offered, brought, theirs = _offers(community, agreements)
    documents, traffic = _documents(community, agreements, old, theirs, _payload(ports))
    put(
        ports,
        community,
        station,
        *entities,
        *_ours(community, old, new),
        request,
        *exchanges,
        *_other_requests(community, new, agreements),
        *offers,
        *offered,
        *documents,
        *brought,
        *_carriers(offers, entities),
        *traffic,
    )
    return Scene(
        community=community,
        station=station,
        partners=partners,
        agreements=agreements,
        old=old,
        new=new,
        request=request,
        exchanges=exchanges,
        offers=offers,
        offered=offered,
        documents=documents,
    )


def _ours(community: Community, old: Minted, new: Minted) -> tuple[HeldCertificate, ...]:
    return tuple(
        builders.a_held_certificate(
            community_id=community.id, certificate=m.certificate, side=Side.OURS, origin=Origin.GENERATED
        )
        for m in (old, new)
    )


def _partners(
    community: Community, station: Station, names: tuple[str, ...], old: Minted, new: Minted
) -> tuple[tuple[Partner, ...], tuple[Agreement, ...], list[Entity]]:
    capabilities = [*CEMCapability]
    partners, agreements, entities = [], [], []
    for number, name in enumerate(names):
        partner = builders.a_partner(community_id=community.id, slug=f"partner-{number}", name=name)
        agreement = builders.an_agreement(
            community_id=community.id,
            station_id=station.id,
            partner_id=partner.id,
            partner_identity=f"PARTNER-{number}" if number != 5 else "OSTLER FREIGHT",
            cem_capability=capabilities[number % len(capabilities)],
            seen=Seen(as2_version="1.2", product="other:1.0", features=("CEM",), at=NOW - HOUR),
        )
        theirs = mint(name[:60], key=rsa_key(1), expires_in=(3 + 12 * number) * DAY)
        entities += [
            partner,
            agreement,
            builders.a_held_certificate(
                community_id=community.id, certificate=theirs.certificate, partner_id=partner.id
            ),
            *_assignments(community, agreement, theirs.certificate.fingerprint, Side.THEIRS, AssignmentState.ACTIVE),
        ]
        changed = number in {0, 2, 4}
        states = (
            (AssignmentState.RETIRING, AssignmentState.ACTIVE)
            if changed
            else (AssignmentState.ACTIVE, AssignmentState.STAGED)
        )
        entities += _assignments(community, agreement, old.certificate.fingerprint, Side.OURS, states[0], seen=True)
        entities += _assignments(
            community, agreement, new.certificate.fingerprint, Side.OURS, states[1], seen=number in {0, 4}
        )
        partners.append(partner)
        agreements.append(agreement)
    return tuple(partners), tuple(agreements), entities


def _assignments(
    community: Community,
    agreement: Agreement,
    fingerprint: Fingerprint,
    side: Side,
    state: AssignmentState,
    *,
    seen: bool = False,
) -> list[Entity]:
    return [
        builders.an_assignment(
            community_id=community.id,
            agreement_id=agreement.id,
            fingerprint=fingerprint,
            side=side,
            usage=usage,
            state=state,
            activated_at=NOW - 12 * DAY if state is AssignmentState.ACTIVE else None,
            first_seen_at=NOW - 12 * DAY if seen else None,
            last_seen_at=NOW - HOUR if seen else None,
        )
        for usage in (Usage.SIGN, Usage.ENCRYPT)
    ]


def _exchanges(
    community: Community, request: TrustRequest, agreements: tuple[Agreement, ...], reason: str
) -> tuple[Exchange, ...]:
    made = []
    for number, agreement in enumerate(agreements):
        state = STATES[number % len(STATES)]
        sent = state is not ExchangeState.QUEUED
        answered = state in {ExchangeState.ACCEPTED, ExchangeState.REJECTED}
        reasons = {ExchangeState.REJECTED: reason, ExchangeState.FAILED: "connection refused, 14 attempts"}
        made.append(
            builders.an_exchange(
                community_id=community.id,
                trust_request_id=request.id,
                agreement_id=agreement.id,
                partner_id=agreement.partner_id,
                fingerprint=request.fingerprint,
                state=state,
                queued_at=request.created_at,
                sent_at=request.created_at + timedelta(seconds=4) if sent else None,
                received_at=request.created_at + timedelta(seconds=9)
                if answered or state is ExchangeState.RECEIVED
                else None,
                answered_at=request.created_at + (number + 1) * 18 * HOUR if answered else None,
                answered_by=("user:administrator" if number == 4 else "wire") if answered else "",
                reason=reasons.get(state, ""),
                reminders=1 if state is ExchangeState.RECEIVED else 0,
            )
        )
    return tuple(made)


def _other_requests(community: Community, new: Minted, agreements: tuple[Agreement, ...]) -> list[Entity]:
    """One more request in each derived state that the first does not show."""
    cases = (
        (139, ExchangeState.SENT, NOW + 9 * DAY, None),
        (135, ExchangeState.SENT, NOW - 2 * DAY, None),
        (131, ExchangeState.ACCEPTED, NOW - 20 * DAY, None),
        (129, ExchangeState.REJECTED, NOW - 30 * DAY, None),
        (124, ExchangeState.FAILED, NOW - 40 * DAY, None),
        (120, ExchangeState.WITHDRAWN, NOW - 50 * DAY, NOW - 60 * DAY),
    )
    made: list[Entity] = []
    for number, state, respond_by, withdrawn_at in cases:
        request = builders.a_trust_request(
            community_id=community.id,
            number=number,
            fingerprint=new.certificate.fingerprint,
            respond_by=respond_by,
            created_at=respond_by - 14 * DAY,
            withdrawn_at=withdrawn_at,
        )
        sent = None if state is ExchangeState.FAILED else request.created_at
        made.append(request)
        made.append(
            builders.an_exchange(
                community_id=community.id,
                trust_request_id=request.id,
                agreement_id=agreements[0].id,
                partner_id=agreements[0].partner_id,
                fingerprint=request.fingerprint,
                state=state,
                sent_at=sent,
                queued_at=request.created_at,
                answered_at=request.created_at + DAY
                if state in {ExchangeState.ACCEPTED, ExchangeState.REJECTED}
                else None,
                answered_by="wire",
            )
        )
    return made


def _offers(
    community: Community, agreements: tuple[Agreement, ...]
) -> tuple[tuple[Offer, ...], tuple[OfferedCertificate, ...], list[Document], Minted]:
    authority = mint_ca("Kestrel Issuing CA 4")
    theirs = mint("hansen-sign", key=rsa_key(4), issuer=authority, expires_in=700 * DAY)
    second = mint("hansen-crypt", key=rsa_key(5), expires_in=700 * DAY)
    findings = (
        Finding(
            code="renewal.issuer",
            severity=Severity.WARNING,
            subject="issuer",
            text="the issuer changed: ask by another way whether this was meant",
        ),
        Finding(
            code="key.strength", severity=Severity.PASSED, subject="key", text="RSA 2048 meets the minimum of 2048"
        ),
        Finding(code="validity.now", severity=Severity.PASSED, subject="validity", text="valid now"),
        Finding(code="validity.long", severity=Severity.NOTE, subject="validity", text="valid for 23 months"),
    )
    refused = (
        Finding(
            code="usage.key-encipherment",
            severity=Severity.REFUSAL,
            subject="key usage",
            text="its key usage forbids encryption",
        ),
    )
    offers: list[Offer] = []
    offered: list[OfferedCertificate] = []
    documents: list[Document] = []

    def add(number: int, *certificates: OfferedCertificate, **changes: object) -> None:
        agreement = agreements[number % len(agreements)]
        document = builders.a_document(
            community_id=community.id,
            agreement_id=agreement.id,
            direction=Direction.IN,
            kind=DocumentKind.CEM_REQUEST,
            state=DocumentState.DELIVERED,
            file_name="",
            created_at=NOW - (number + 1) * HOUR,
        )
        documents.append(replace(document, payload=None))
        offer = builders.an_offer(
            document_id=document.id,
            community_id=community.id,
            agreement_id=agreement.id,
            partner_id=agreement.partner_id,
            received_at=NOW - (number + 1) * HOUR,
            **changes,
        )
        offers.append(offer)
        offered.extend(replace(c, offer_id=offer.id) for c in certificates)

    def one(**changes: object) -> OfferedCertificate:
        made: dict[str, object] = {
            "certificate": theirs.certificate,
            "findings": findings,
            "chain": (authority.certificate,),
        }
        return builders.an_offered_certificate(**(made | changes))

    add(0, one())
    add(
        4,
        one(usages=frozenset({Usage.SIGN})),
        one(certificate=second.certificate, usages=frozenset({Usage.ENCRYPT}), findings=refused),
    )
    add(2, one(first_approver="user:mara"))
    add(1, one(state=OfferedState.ACCEPTED, decided_by="policy", decided_at=NOW - HOUR))
    add(
        3,
        one(
            state=OfferedState.REJECTED,
            decided_by="user:administrator",
            decided_at=NOW - HOUR,
            reason="Key used before",
        ),
    )
    add(
        5,
        one(state=OfferedState.ACCEPTED, decided_by="user:administrator", decided_at=NOW),
        one(state=OfferedState.REJECTED, decided_by="user:administrator", decided_at=NOW, reason="no"),
    )
    add(
        6,
        one(certificate=None, state=OfferedState.REJECTED, decided_by="policy", decided_at=NOW),
        refused="the XML names no certificate",
        signed=False,
    )
    return tuple(offers), tuple(offered), documents, theirs


def _carriers(offers: tuple[Offer, ...], entities: list[Entity]) -> list[Entity]:
    """The messages that brought the signed requests, signed by what the partner uses today."""
    signers = {
        a.agreement_id: a.fingerprint
        for a in entities
        if isinstance(a, Assignment) and a.side is Side.THEIRS and a.usage is Usage.SIGN
    }
    return [
        builders.a_message(
            community_id=offer.community_id,
            agreement_id=offer.agreement_id,
            document_id=offer.document_id,
            direction=Direction.IN,
            signer=signers[offer.agreement_id],
        )
        for offer in offers
        if offer.signed
    ]


def _payload(ports: Ports) -> BlobId:
    writer = ports.blobs.create(max_bytes=None)
    writer.write(PAYLOAD)
    return writer.commit()


def _documents(
    community: Community, agreements: tuple[Agreement, ...], old: Minted, theirs: Minted, payload: BlobId
) -> tuple[tuple[Document, ...], list[Entity]]:
    out = {
        DocumentState.QUEUED,
        DocumentState.SENDING,
        DocumentState.SENT,
        DocumentState.DELIVERED,
        DocumentState.DELIVERED_DIFFERENT,
        DocumentState.UNCERTAIN,
        DocumentState.REJECTED,
        DocumentState.FAILED,
        DocumentState.CANCELLED,
    }
    documents: list[Document] = []
    traffic: list[Entity] = []
    for number, state in enumerate((*DocumentState, DocumentState.QUEUED)):
        direction = Direction.OUT if state in out else Direction.IN
        at = NOW - number * HOUR - timedelta(minutes=3)
        settled = state in {
            DocumentState.DELIVERED,
            DocumentState.FAILED,
            DocumentState.REFUSED,
            DocumentState.REJECTED,
        }
        document = builders.a_document(
            community_id=community.id,
            agreement_id=agreements[number % len(agreements)].id,
            direction=direction,
            state=state,
            payload=payload,
            size=len(PAYLOAD),
            file_name=f"ORDERS_45000981{number:02d}.edi",
            created_at=at,
            tries=3 if number == len(DocumentState) else 0,
            settled_at=at + timedelta(seconds=40) if settled else None,
            reason="connection refused, 14 attempts" if state is DocumentState.FAILED else "",
        )
        documents.append(document)
        traffic += _messages(document, at, old, theirs)
    return tuple(documents), traffic


def _messages(document: Document, at: object, old: Minted, theirs: Minted) -> list[Entity]:
    mic = "q7Jx0kWc2mV9sYbTn4uEo1RzLh8fGd5iPaQeXw3vKtM=, sha-256"
    moment = document.created_at
    ours_out = document.direction is Direction.OUT
    message: Message = builders.a_message(
        community_id=document.community_id,
        document_id=document.id,
        agreement_id=document.agreement_id,
        direction=document.direction,
        at=moment + timedelta(milliseconds=44),
        mic=mic,
        signer=(old if ours_out else theirs).certificate.fingerprint,
        recipient=(theirs if ours_out else old).certificate.fingerprint,
        layers=("encrypted with AES-256-CBC", "signed with SHA-256"),
        wire_size=45_123,
    )
    receipt = builders.a_message(
        community_id=document.community_id,
        document_id=document.id,
        agreement_id=document.agreement_id,
        direction=Direction.IN if ours_out else Direction.OUT,
        kind=MessageKind.MDN,
        refers_to=message.wire_id,
        at=moment + timedelta(seconds=38),
        mic=mic if document.state is not DocumentState.DELIVERED_DIFFERENT else "other=, sha-256",
        signer=(theirs if ours_out else old).certificate.fingerprint,
        disposition="automatic-action/MDN-sent-automatically; processed",
    )
    attempts = [
        builders.a_transfer(
            message_id=message.id,
            document_id=document.id,
            started_at=moment + timedelta(milliseconds=80),
            ended_at=moment + timedelta(milliseconds=480),
            outcome=TransferOutcome.FAILED,
            status="connection closed",
            detail="TLS was up for 0.4 s, no HTTP answer.",
        ),
        builders.a_transfer(
            message_id=message.id,
            document_id=document.id,
            started_at=moment + timedelta(seconds=10),
            ended_at=moment + timedelta(seconds=11),
            detail="44.1 kB taken.",
        ),
    ]
    waits = document.state in {DocumentState.QUEUED, DocumentState.SENDING, DocumentState.SENT, DocumentState.RECEIVING}
    return [message, *(attempts if ours_out else []), *([] if waits else [receipt])]
