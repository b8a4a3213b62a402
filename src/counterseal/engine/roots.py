"""The certification authorities that a community trusts: added, listed, taken out again."""

from dataclasses import replace

from counterseal.domain.audit import AuditEvent
from counterseal.domain.people import Actor, Permission
from counterseal.domain.root_role import RootRole
from counterseal.domain.trusted_root import TrustedRoot
from counterseal.engine.ports import Conflict, NotFound, Ports, Reader, Writer
from counterseal.engine.translate.certificates import read_authorities
from counterseal.kernel.crl import RevocationList
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import CommunityId, PartnerId, TrustedRootId
from counterseal.kernel.x509 import Certificate


class RootRefused(CallerFault):
    """The certificate cannot vouch for others; the sentence says why."""

    code = "roots.refused"


def add(
    ports: Ports,
    actor: Actor,
    community_id: CommunityId,
    *,
    content: bytes,
    role: RootRole,
    partner_id: PartnerId | None,
) -> list[TrustedRoot]:
    """Trusts every CA certificate in a file (DER, PEM, certs-only), from the next decision on. Raises ``RootRefused``,
    ``UnreadableCertificate``, ``NotFound``, and ``Conflict`` when all of them are there already."""
    actor.require(Permission.CERTIFICATES)
    found = read_authorities(content)
    now = ports.clock.now()
    for certificate in found:
        if not certificate.is_ca:
            raise RootRefused(f"{certificate.common_name} is no CA certificate, so it vouches for no other")
        if now > certificate.not_after:
            raise RootRefused(f"{certificate.common_name} ended on {certificate.not_after:%d %B %Y}")
    with ports.store.write() as writer:
        if partner_id is not None and writer.partner(partner_id).community_id != community_id:
            raise NotFound(f"the community has no partner {partner_id}")
        added = [
            _added(ports, writer, actor, community_id, certificate, role, partner_id)
            for certificate in found
            if not _known(writer, community_id, certificate, role, partner_id)
        ]
        if not added:
            raise Conflict(f"{found[0].common_name} is trusted already")
    return added


def _known(
    reader: Reader,
    community_id: CommunityId,
    certificate: Certificate,
    role: RootRole,
    partner_id: PartnerId | None,
) -> bool:
    there = reader.trusted_roots(community_id)
    return any((t.certificate, t.role, t.partner_id) == (certificate, role, partner_id) for t in there)


def _added(
    ports: Ports,
    writer: Writer,
    actor: Actor,
    community_id: CommunityId,
    certificate: Certificate,
    role: RootRole,
    partner_id: PartnerId | None,
) -> TrustedRoot:
    root = TrustedRoot(
        id=TrustedRootId(ports.entropy.new_id()),
        community_id=community_id,
        certificate=certificate,
        role=role,
        partner_id=partner_id,
        added_by=actor.name,
        added_at=ports.clock.now(),
    )
    writer.put(root)
    writer.record(_event(ports, actor, root, "root.added"))
    return root


def remove(ports: Ports, actor: Actor, community_id: CommunityId, root_id: TrustedRootId) -> TrustedRoot:
    """Nothing that is decided from now on rests on it; what was accepted stays in use. Raises ``NotFound``."""
    actor.require(Permission.CERTIFICATES)
    with ports.store.write() as writer:
        root = next((t for t in writer.trusted_roots(community_id) if t.id == root_id), None)
        if root is None:
            raise NotFound(f"the community trusts no CA with the id {root_id[:60]!r}")
        writer.remove(root)
        writer.record(_event(ports, actor, root, "root.removed"))
    return root


def add_revocation_list(ports: Ports, actor: Actor, community_id: CommunityId, *, content: bytes) -> list[TrustedRoot]:
    """Decisions from now on look at this list; the trusted CAs whose it is. An older one than is here changes nothing. Raises
    ``UnreadableList``, ``RootRefused`` where no trusted CA made it."""
    actor.require(Permission.CERTIFICATES)
    brought = RevocationList.parse(content)
    if brought.issued_at > ports.clock.now():
        raise RootRefused(f"the list is of {brought.issued_at:%d %B %Y %H:%M} UTC, which has not come yet")
    with ports.store.write() as writer:
        makers = [t for t in writer.trusted_roots(community_id) if brought.issued_by(t.certificate)]
        if not makers:
            raise RootRefused("no CA that is trusted here has made this list; add the CA first")
        newer = [
            replace(t, revocation_list=brought)
            for t in makers
            if t.revocation_list is None or t.revocation_list.issued_at < brought.issued_at
        ]
        if not newer:
            raise Conflict("the list that is here is as new or newer")
        for root in newer:
            writer.put(root)
            writer.record(_event(ports, actor, root, "root.revocations-added"))
    return newer


def _event(ports: Ports, actor: Actor, root: TrustedRoot, event: str) -> AuditEvent:
    return AuditEvent(
        at=ports.clock.now(),
        actor=actor.name,
        event=event,
        subject=f"certificate:{root.fingerprint}",
        community_id=root.community_id,
        facts={
            "role": root.role.value,
            "partner": root.partner_id or "",
            "subject": root.certificate.subject[:500],
            "revocations": root.revocation_list.issued_at.isoformat() if root.revocation_list else "",
        },
    )
