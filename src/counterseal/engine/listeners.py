"""Our TLS listeners: which certificate they present, whom they let shake hands."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from counterseal.domain import resolve, rollover
from counterseal.domain.assignment import Assignment
from counterseal.domain.audit import AuditEvent
from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.people import Actor, Permission
from counterseal.domain.rollover import Place, listener_slot
from counterseal.domain.usage import ACCEPTS, Protocol, Side, Usage
from counterseal.engine.certificates import NotAssignable
from counterseal.engine.ports import NotFound, Ports, Reader, TLSKey
from counterseal.engine.relationship import carry_out_plan, held_by, tls_key_of
from counterseal.kernel.ids import CommunityId, Fingerprint, ListenerId

AS2_LISTENER: Final = ListenerId("as2-tls")
OFTP2_LISTENER: Final = ListenerId("oftp2-tls")
LISTENERS: Final[Mapping[ListenerId, Protocol]] = {OFTP2_LISTENER: Protocol.OFTP2, AS2_LISTENER: Protocol.AS2}
"""One of each in a process; the name is what assignments refer to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerSecurity:
    """What the listener presents and trusts just now; ``version`` changes with anything of it."""

    version: str
    key: TLSKey | None
    anchors: tuple[bytes, ...]


def security(ports: Ports, listener_id: ListenerId) -> ListenerSecurity:
    """The active server certificate, and the union of all client certificates that any agreement over its protocol
    accepts (architecture.md section 2): whose it is, is judged when the names are known."""
    with ports.store.read() as reader:
        held = presented(reader, listener_id)
        anchors = _anchors(reader, LISTENERS[listener_id])
        sealed = reader.key(held.key_id).sealed if held is not None and held.key_id is not None else None
    key = tls_key_of(ports, sealed, held) if held is not None and sealed is not None else None
    version = hashlib.sha256(b"".join((held.certificate.der if held else b"", *anchors))).hexdigest()
    return ListenerSecurity(version=version, key=key, anchors=anchors)


def presented(reader: Reader, listener_id: ListenerId) -> HeldCertificate | None:
    """``None``: nothing is assigned."""
    assignments = reader.assignments(listener_id=listener_id)
    active = resolve.active(assignments, Side.OURS, Usage.TLS_SERVER)
    return reader.find_certificate(active.community_id, active.fingerprint) if active is not None else None


def showing_ours(
    reader: Reader, community_id: CommunityId, protocols: Collection[Protocol]
) -> dict[ListenerId, list[Assignment]]:
    """The listeners of these protocols that present a certificate of the community, with all their assignments."""
    found = {i: reader.assignments(listener_id=i) for i, protocol in LISTENERS.items() if protocol in protocols}
    active = {i: resolve.active(assignments, Side.OURS, Usage.TLS_SERVER) for i, assignments in found.items()}
    return {i: found[i] for i, one in active.items() if one is not None and one.community_id == community_id}


def _anchors(reader: Reader, protocol: Protocol) -> tuple[bytes, ...]:
    found = reader.assignments(side=Side.THEIRS, usage=Usage.TLS_CLIENT, states=ACCEPTS)
    over_it = {a.id for a in reader.agreements_over(protocol) if a.active} if found else set()
    ders = []
    for assignment in found:
        if assignment.agreement_id in over_it:
            held = reader.find_certificate(assignment.community_id, assignment.fingerprint)
            ders += [held.certificate.der] if held is not None else []
    return tuple(sorted(set(ders)))


def assign(
    ports: Ports,
    actor: Actor,
    community_id: CommunityId,
    fingerprint: Fingerprint,
    listener_id: ListenerId,
) -> list[Assignment]:
    """The listener presents this certificate from the next connection on; the earlier one is retiring. Raises ``NotFound``,
    ``NotAssignable``."""
    actor.require(Permission.CONFIGURE)
    if listener_id not in LISTENERS:
        raise NotFound(f"there is no listener {listener_id[:60]!r}; there is {', '.join(LISTENERS)}")
    now = ports.clock.now()
    with ports.store.write() as writer:
        held = writer.find_certificate(community_id, fingerprint)
        if held is None:
            raise NotFound(f"the community holds no certificate {fingerprint[:16]}")
        if held.key_id is None:
            raise NotAssignable("a listener presents a certificate whose private key is here")
        present = writer.assignments(listener_id=listener_id)
        known = held_by(writer, community_id, (*(a.fingerprint for a in present), fingerprint))
        place = Place(community_id=community_id, agreement_id=None, listener_id=listener_id)
        plan = rollover.plan_assign((listener_slot(place),), fingerprint, tuple(present), known, now)
        if plan.refused:
            raise NotAssignable(plan.findings[0].text)
        carry_out_plan(ports, writer, plan, present, now)
        writer.record(
            AuditEvent(
                at=now,
                actor=actor.name,
                event="listener.certificate-assigned",
                subject=f"listener:{listener_id}",
                community_id=community_id,
                facts={"certificate": fingerprint},
            )
        )
        return writer.assignments(listener_id=listener_id)
