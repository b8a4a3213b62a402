"""One agreement with everything around it, gathered in one read: what every send, receipt and decision starts from."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from counterseal.domain import resolve
from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.audit import AuditEvent
from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.community import Community, Partner, Station
from counterseal.domain.rollover import Plan, carry_out, mark_seen
from counterseal.domain.usage import Side, Usage
from counterseal.engine.ports import Ports, Reader, TLSIdentity, TLSKey, Writer
from counterseal.kernel.ids import AgreementId, CommunityId, Fingerprint
from counterseal.kernel.keys import Decrypter, Signer
from counterseal.kernel.x509 import Certificate

SEEN_AGAIN_AFTER: Final = timedelta(minutes=1)
"""How exact "last seen" is: a busy relationship need not write it with every message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    community: Community
    station: Station
    partner: Partner
    agreement: Agreement
    assignments: tuple[Assignment, ...]
    """Of this agreement, both sides, every state."""
    held: dict[Fingerprint, HeldCertificate]
    """The certificates of these assignments."""

    def producer(self, side: Side, usage: Usage) -> HeldCertificate | None:
        found = resolve.producer(self.assignments, side, usage)
        return self.held.get(found) if found else None

    def acceptors(self, side: Side, usage: Usage) -> tuple[HeldCertificate, ...]:
        fingerprints = resolve.acceptors(self.assignments, side, usage)
        return tuple(self.held[f] for f in fingerprints if f in self.held)


def gather(reader: Reader, agreement_id: AgreementId) -> Relationship:
    """Raises ``NotFound``. Inside a writer the agreement's row is locked until commit."""
    return around(reader, reader.agreement(agreement_id))


def around(reader: Reader, agreement: Agreement) -> Relationship:
    assignments = tuple(reader.assignments(agreement_id=agreement.id))
    return Relationship(
        community=reader.community(agreement.community_id),
        station=reader.station(agreement.station_id),
        partner=reader.partner(agreement.partner_id),
        agreement=agreement,
        assignments=assignments,
        held=held_by(reader, agreement.community_id, (a.fingerprint for a in assignments)),
    )


def held_by(
    reader: Reader, community_id: CommunityId, fingerprints: Iterable[Fingerprint]
) -> dict[Fingerprint, HeldCertificate]:
    """Those of ``fingerprints`` that the community holds."""
    found = (reader.find_certificate(community_id, f) for f in dict.fromkeys(fingerprints))
    return {held.fingerprint: held for held in found if held is not None}


def signer_of(ports: Ports, reader: Reader, held: HeldCertificate | None) -> Signer | None:
    """``None`` when there is no certificate, or its key is not here."""
    if held is None or held.key_id is None:
        return None
    return ports.vault.signer(reader.key(held.key_id).sealed, certificate_der=held.certificate.der)


def decrypters_of(ports: Ports, reader: Reader, certificates: Iterable[HeldCertificate]) -> tuple[Decrypter, ...]:
    return tuple(
        ports.vault.decrypter(reader.key(held.key_id).sealed, certificate_der=held.certificate.der)
        for held in certificates
        if held.key_id is not None
    )


def tls_key_of(ports: Ports, sealed: bytes, held: HeldCertificate) -> TLSKey:
    """Key and certificates of one of ours, for OpenSSL; never on a disk."""
    chain = tuple(c.der for c in held.chain)
    return lambda: ports.vault.tls_key_file(sealed, certificate_der=held.certificate.der, chain_der=chain)


def tls_identity_of(ports: Ports, reader: Reader, found: Relationship) -> TLSIdentity | None:
    """Our client certificate for this partner; ``None``: we show none."""
    held = found.producer(Side.OURS, Usage.TLS_CLIENT)
    if held is None or held.key_id is None:
        return None
    return TLSIdentity(fingerprint=held.fingerprint, key=tls_key_of(ports, reader.key(held.key_id).sealed, held))


def certificates_of(held: Collection[HeldCertificate]) -> tuple[Certificate, ...]:
    return tuple(h.certificate for h in held)


def carry_out_plan(ports: Ports, writer: Writer, plan: Plan, assignments: Iterable[Assignment], now: datetime) -> None:
    """Stores what the plan changes. A refused plan has no steps and changes nothing."""
    if plan.steps:
        writer.put(*carry_out(plan.steps, tuple(assignments), now=now, new_id=ports.entropy.new_id))


def note_seen(writer: Writer, assignments: Iterable[Assignment | None], now: datetime) -> None:
    """Records that traffic used these certificates; at most once a minute for each, and the first time in the audit trail."""
    for assignment in assignments:
        if assignment is None:
            continue
        if assignment.first_seen_at is None:
            writer.record(_first_used(assignment, now))
        if assignment.last_seen_at is None or now - assignment.last_seen_at >= SEEN_AGAIN_AFTER:
            writer.put(mark_seen(assignment, now))


def _first_used(assignment: Assignment, now: datetime) -> AuditEvent:
    place = f"agreement:{assignment.agreement_id}" if assignment.agreement_id else f"listener:{assignment.listener_id}"
    return AuditEvent(
        at=now,
        actor="system",
        event="certificate.first-used",
        subject=place,
        community_id=assignment.community_id,
        facts={
            "certificate": assignment.fingerprint,
            "side": assignment.side.value,
            "usage": assignment.usage.value,
            "state": assignment.state.value,
        },
    )
