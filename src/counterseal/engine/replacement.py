"""A person takes back what an accepted SCX Replace did: the certificate that it ended is the current one again."""

from counterseal.domain import rollover
from counterseal.domain.audit import AuditEvent
from counterseal.domain.channel import SCXType
from counterseal.domain.offer import Offer, OfferedCertificate, OfferedState
from counterseal.domain.people import Actor, Permission
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.engine.ports import Ports, Reader
from counterseal.engine.relationship import Relationship, carry_out_plan, gather
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import Fingerprint, OfferId


class NothingToUndo(CallerFault):
    """The request is no accepted Replace, or what it ended cannot come back; the sentence says why."""

    code = "offers.nothing-to-undo"


def undoable(reader: Reader, offer: Offer, offered: OfferedCertificate) -> frozenset[Usage]:
    """The usages that ``undo`` would give back; empty: nothing."""
    if offer.scx_type is not SCXType.REPLACE or offered.state is not OfferedState.ACCEPTED:
        return frozenset()
    return _ended(gather(reader, offer.agreement_id), offered)


def _ended(around: Relationship, offered: OfferedCertificate) -> frozenset[Usage]:
    theirs = [a for a in around.assignments if a.side is Side.THEIRS and a.fingerprint in offered.replaces]
    spoiled = {a.fingerprint for a in theirs if a.state is AssignmentState.REVOKED}
    live = {(a.fingerprint, a.usage) for a in theirs if a.accepts}
    return frozenset(
        a.usage
        for a in theirs
        if a.state is AssignmentState.RETIRED
        and a.usage in offered.usages
        and a.fingerprint not in spoiled
        and (a.fingerprint, a.usage) not in live
    )


def undo(ports: Ports, actor: Actor, offer_id: OfferId) -> OfferedCertificate:
    """The replaced certificate is active again, in the usages that the Replace had ended; the new one goes on being accepted, because
    the partner may use it already. Nobody is told. Raises ``NothingToUndo``."""
    actor.require(Permission.CERTIFICATES)
    now = ports.clock.now()
    with ports.store.write() as writer:
        offer = writer.offer(offer_id)
        offered = writer.offered((offer.id,))[0]
        usages = undoable(writer, offer, offered)
        if not usages:
            raise NothingToUndo(
                "there is nothing to take back: no certificate is out of service because of this request"
            )
        around = gather(writer, offer.agreement_id)
        old = Fingerprint(offered.replaces[0])
        slots = rollover.their_slots(around.agreement, usages)
        plan = rollover.plan_assign(slots, old, around.assignments, around.held, now)
        if plan.refused:
            raise NothingToUndo(f"the replaced certificate cannot come back: {plan.findings[0].text}")
        carry_out_plan(ports, writer, plan, around.assignments, now)
        writer.record(
            AuditEvent(
                at=now,
                actor=actor.name,
                event="offer.replace-undone",
                subject=f"offer:{offer.id}",
                community_id=offer.community_id,
                facts={
                    "certificate": offered.certificate.fingerprint if offered.certificate else "",
                    "restored": old,
                    "usages": ", ".join(sorted(usages)),
                },
            )
        )
    ports.wake()
    return offered
