"""Certificates outside the wizard: made, imported, added by hand, put to use by a person."""

from dataclasses import dataclass

from counterseal.domain import rollover
from counterseal.domain.assignment import Assignment
from counterseal.domain.audit import AuditEvent
from counterseal.domain.certificate import HeldCertificate, Origin, SealedKey
from counterseal.domain.people import Actor, Permission
from counterseal.domain.rollover import our_slots, their_slots
from counterseal.domain.usage import Side, Usage
from counterseal.engine.ports import CertificateForm, Conflict, KeyFile, NewKey, NotFound, Ports, Writer
from counterseal.engine.relationship import carry_out_plan, gather
from counterseal.engine.translate.certificates import MAX_FILE_BYTES, UnreadableCertificate, read_certificates
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import AgreementId, CommunityId, Fingerprint, KeyId, PartnerId
from counterseal.kernel.x509 import Certificate, order_chain


class NotAssignable(CallerFault):
    """The certificate cannot be put to this use; the sentence says why."""

    code = "certificates.not-assignable"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySpec:
    """Which key to make."""

    kind: str
    """``rsa`` or ``ec``."""
    bits: int = 0
    curve: str = ""


def generate(
    ports: Ports,
    actor: Actor,
    community_id: CommunityId,
    *,
    form: CertificateForm,
    key: KeySpec,
    label: str = "",
) -> HeldCertificate:
    """A self-signed certificate with a new key. It is held, and assigned to nothing."""
    actor.require(Permission.CERTIFICATES)
    new = ports.vault.generate(kind=key.kind, bits=key.bits, curve=key.curve)
    made = Certificate.parse(ports.vault.self_signed(new.sealed, form))
    with ports.store.write() as writer:
        writer.community(community_id)
        return store_own(ports, writer, actor, community_id, new, made, (), origin=Origin.GENERATED, label=label)


def import_key_file(
    ports: Ports, actor: Actor, community_id: CommunityId, *, content: bytes, password: str | None, label: str = ""
) -> HeldCertificate:
    """PKCS#12 or PEM with its private key. Raises ``WrongPassword``, ``UnreadableKeyFile``."""
    actor.require(Permission.CERTIFICATES)
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableCertificate(f"the file has {len(content)} bytes; a key file has at most {MAX_FILE_BYTES}")
    found: KeyFile = ports.vault.read_key_file(content, password=password)
    leaf = Certificate.parse(found.certificate_der)
    chain = order_chain(leaf, [Certificate.parse(der) for der in found.chain_der])
    with ports.store.write() as writer:
        writer.community(community_id)
        return store_own(
            ports, writer, actor, community_id, found.key, leaf, chain, origin=Origin.IMPORTED, label=label
        )


def store_own(
    ports: Ports,
    writer: Writer,
    actor: Actor,
    community_id: CommunityId,
    key: NewKey,
    leaf: Certificate,
    chain: tuple[Certificate, ...],
    *,
    origin: Origin,
    label: str,
) -> HeldCertificate:
    """Stores a certificate of ours with its key. Raises ``Conflict`` when the community holds it already."""
    if writer.find_certificate(community_id, leaf.fingerprint) is not None:
        raise Conflict(f"the certificate {leaf.common_name} ({leaf.fingerprint[:16]}) is here already")
    now = ports.clock.now()
    sealed = SealedKey(
        id=KeyId(ports.entropy.new_id()),
        community_id=community_id,
        sealed=key.sealed,
        kind=key.kind,
        spki=key.spki,
        created_at=now,
    )
    held = HeldCertificate(
        community_id=community_id,
        certificate=leaf,
        side=Side.OURS,
        key_id=sealed.id,
        label=label or leaf.common_name,
        chain=chain,
        origin=origin,
        added_by=actor.name,
        added_at=now,
    )
    writer.put(sealed, held)
    writer.record(added_event(ports, actor, held))
    return held


def added_event(ports: Ports, actor: Actor, held: HeldCertificate) -> AuditEvent:
    return AuditEvent(
        at=ports.clock.now(),
        actor=actor.name,
        event="certificate.added",
        subject=f"certificate:{held.fingerprint}",
        community_id=held.community_id,
        facts={"side": held.side.value, "origin": held.origin.value, "subject": held.certificate.subject[:500]},
    )


def add_partner_certificate(
    ports: Ports, actor: Actor, partner_id: PartnerId, *, content: bytes, origin: Origin = Origin.IMPORTED
) -> HeldCertificate:
    """A partner's certificate by hand. Held is not trusted: ``assign`` gives it a use."""
    actor.require(Permission.CERTIFICATES)
    leaf, chain = read_certificates(content)
    with ports.store.write() as writer:
        partner = writer.partner(partner_id)
        known = writer.find_certificate(partner.community_id, leaf.fingerprint)
        if known is not None:
            if known.side is Side.OURS:
                raise Conflict(f"{leaf.common_name} is one of our own certificates; a partner has its own")
            return known
        held = HeldCertificate(
            community_id=partner.community_id,
            certificate=leaf,
            side=Side.THEIRS,
            partner_id=partner.id,
            label=leaf.common_name,
            chain=chain,
            origin=origin,
            added_by=actor.name,
            added_at=ports.clock.now(),
        )
        writer.put(held)
        writer.record(added_event(ports, actor, held))
    return held


def assign(
    ports: Ports,
    actor: Actor,
    agreement_id: AgreementId,
    *,
    side: Side,
    usages: frozenset[Usage],
    fingerprint: Fingerprint,
) -> list[Assignment]:
    """Puts a certificate to use at once: active, the earlier ones still accepted. The agreement's assignments afterwards.
    Raises ``NotAssignable``, ``NotFound``."""
    actor.require(Permission.CERTIFICATES)
    now = ports.clock.now()
    with ports.store.write() as writer:
        around = gather(writer, agreement_id)
        held = writer.find_certificate(around.community.id, fingerprint)
        if held is None:
            raise NotFound(f"{around.community.name} holds no certificate {fingerprint[:16]}")
        if held.side is not side:
            raise NotAssignable(f"the certificate is {held.side.value}, not {side.value}")
        slots = our_slots(around.agreement, usages) if side is Side.OURS else their_slots(around.agreement, usages)
        if not slots:
            raise NotAssignable(f"{around.agreement.protocol.value} uses none of {', '.join(sorted(usages))}")
        everything = {**around.held, fingerprint: held}
        plan = rollover.plan_assign(slots, fingerprint, around.assignments, everything, now)
        if plan.refused:
            raise NotAssignable(plan.findings[0].text)
        carry_out_plan(ports, writer, plan, around.assignments, now)
        writer.record(
            AuditEvent(
                at=now,
                actor=actor.name,
                event="certificate.assigned",
                subject=f"agreement:{agreement_id}",
                community_id=around.community.id,
                facts={"certificate": fingerprint, "side": side.value, "usages": ", ".join(sorted(usages))},
            )
        )
        return writer.assignments(agreement_id=agreement_id)
