"""A partner's certificate file that was taken: it becomes an offer like one of CEM, decided by policy or by a person.

file --> content --> what it matches and is for --> findings --> accepted | rejected | pending
                                                                     EERP      NERP      nothing yet: the receipt is held back

The wire is not known here: who calls turns the outcome into the receipt of the file.
"""

from dataclasses import dataclass
from datetime import datetime

from counterseal.domain.audit import AuditEvent
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.document import Document
from counterseal.domain.offer import Offer, OfferAccepted, OfferedCertificate, OfferedState, OfferRejected
from counterseal.domain.policies.matching import Match, match_scx
from counterseal.domain.trust import Envelope
from counterseal.engine import offer_input, offers, scx_outbound
from counterseal.engine.ports import Ports, Writer
from counterseal.engine.relationship import Relationship
from counterseal.engine.translate import scx_inbound as translate
from counterseal.engine.translate.scx_inbound import Content
from counterseal.kernel.ids import Fingerprint, OfferedCertificateId, OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the file."""

    offer: Offer
    offered: OfferedCertificate

    @property
    def pending(self) -> bool:
        return self.offered.state is OfferedState.PENDING

    @property
    def rejection(self) -> str:
        """What the NERP says; empty: there is none."""
        return translate.reason_text(self.offered.reason) if self.offered.state is OfferedState.REJECTED else ""


def receive(
    ports: Ports,
    writer: Writer,
    around: Relationship,
    document: Document,
    content: Content,
    *,
    kind: SCXType,
    authenticated: bool,
    now: datetime,
) -> Outcome:
    """Records the offer, in the transaction that records the file (SCX-7). ``authenticated``: the session proved more than a
    password."""
    offer = Offer(
        id=OfferId(ports.entropy.new_id()),
        community_id=around.community.id,
        agreement_id=around.agreement.id,
        partner_id=around.partner.id,
        channel=Channel.SCX,
        scx_type=kind,
        document_id=document.id,
        request_reference=None,
        respond_by=None,
        response_url="",
        originated_at=None,
        signed=authenticated,
        received_at=now,
    )
    writer.put(offer)
    named = offer_input.named_old(writer, around, offer)
    match = _match(around, content, named)
    offered = _offered(ports, offer, content, match)
    envelope = Envelope(
        sender=around.agreement.partner_identity, claimed=None, signer=None, session_authenticated=authenticated
    )
    case = offer_input.input_for(writer, around, offer, offered, envelope=envelope, problem=content.problem, now=now)
    decided = offers.decide_by_policy(ports, writer, around, offer, offered, case)
    writer.record(_received(around, offer, decided, match, document, named))
    _record_decision(writer, offer, decided, now)
    _tie(writer, around, offer, decided, now)
    return Outcome(offer=offer, offered=decided)


def _match(around: Relationship, content: Content, named: frozenset[Fingerprint]) -> Match:
    if content.leaf is None:
        return Match(usages=frozenset(), matched=None)
    return match_scx(content.leaf, around.assignments, around.held, named_old=named)


def _offered(ports: Ports, offer: Offer, content: Content, match: Match) -> OfferedCertificate:
    return OfferedCertificate(
        id=OfferedCertificateId(ports.entropy.new_id()),
        offer_id=offer.id,
        certificate=content.leaf,
        chain=content.chain,
        usages=match.usages,
        issuer_name=content.leaf.issuer if content.leaf is not None else "",
        serial_text=str(content.leaf.serial) if content.leaf is not None else "",
        state=OfferedState.PENDING,
        findings=(),
    )


def _received(
    around: Relationship,
    offer: Offer,
    offered: OfferedCertificate,
    match: Match,
    document: Document,
    named: frozenset[Fingerprint],
) -> AuditEvent:
    """With the way in which it was matched (SCX-37)."""
    path = "none"
    if match.matched is not None:
        path = "SFIDDESC" if match.matched in named else "itself"
    return AuditEvent(
        at=offer.received_at,
        actor=f"partner:{around.partner.slug}",
        event="offer.received",
        subject=f"offer:{offer.id}",
        community_id=offer.community_id,
        facts={
            "channel": offer.channel.value,
            "type": (offer.scx_type or SCXType.DELIVER).value,
            "certificates": offered.certificate.fingerprint if offered.certificate else "",
            "matches": match.matched or "",
            "matched-by": path,
            "authenticated": "yes" if offer.signed else "no",
            "document": document.id,
        },
    )


def _record_decision(writer: Writer, offer: Offer, offered: OfferedCertificate, now: datetime) -> None:
    if offered.state is OfferedState.ACCEPTED:
        accepted = OfferAccepted(by=offered.decided_by)
        writer.record(offers.decision_event(offered.decided_by, offer, offered, accepted, now))
    elif offered.state is OfferedState.REJECTED:
        rejected = OfferRejected(by=offered.decided_by, reason=offered.reason)
        writer.record(offers.decision_event(offered.decided_by, offer, offered, rejected, now))


def _tie(writer: Writer, around: Relationship, offer: Offer, offered: OfferedCertificate, now: datetime) -> None:
    """A Deliver may be the answer to a Request of ours; it carries no reference, so it belongs to the newest open one."""
    if offer.scx_type is not SCXType.DELIVER or offered.certificate is None:
        return
    asked = scx_outbound.open_requests(writer, around.agreement.id)
    if asked:
        scx_outbound.deliver_came(writer, asked[0], offered.certificate.fingerprint, now)
