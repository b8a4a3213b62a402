"""Our change to a new certificate: for one partner when it accepted or a date comes, at a listener when all have."""

from datetime import datetime

from counterseal.domain import rollover
from counterseal.domain.audit import AuditEvent
from counterseal.domain.exchange import Exchange
from counterseal.domain.resolve import find
from counterseal.domain.rollover import Place
from counterseal.domain.trust_request import TrustRequest
from counterseal.domain.usage import Side, Usage
from counterseal.domain.work import Work, WorkKind
from counterseal.engine.listeners import LISTENERS
from counterseal.engine.ports import Ports, Writer
from counterseal.engine.relationship import carry_out_plan, gather, held_by
from counterseal.kernel.ids import ListenerId, OutboxId


def change_over(ports: Ports, writer: Writer, exchange: Exchange, now: datetime) -> None:
    """The partner accepted (``exchange`` says so): what that changes for it, now or when the certificate becomes valid."""
    around = gather(writer, exchange.agreement_id)
    request = writer.trust_request(exchange.trust_request_id)
    plan = rollover.decide_on_acceptance(
        exchange, around.agreement, request.usages, around.assignments, around.held, now
    )
    carry_out_plan(ports, writer, plan, around.assignments, now)
    if plan.again_at is not None:
        writer.enqueue(ask_again(ports, exchange, plan.again_at, now))
    change_listeners(ports, writer, request, now)


def change_listeners(ports: Ports, writer: Writer, request: TrustRequest, now: datetime) -> None:
    """Asks the rule of our listeners: they show one certificate to all partners, so they change when every exchange of the request
    that was not withdrawn is accepted, or at the date when none was rejected (product.md section 3, rule 3)."""
    if Usage.TLS_SERVER not in request.usages or request.withdrawn_at is not None:
        return
    exchanges = writer.exchanges(trust_request_ids=(request.id,))
    for listener_id in LISTENERS:
        present = tuple(writer.assignments(listener_id=listener_id))
        place = Place(community_id=request.community_id, listener_id=listener_id)
        held = held_by(writer, request.community_id, (a.fingerprint for a in present))
        if find(present, Side.OURS, Usage.TLS_SERVER, request.fingerprint) is None:
            continue
        plan = rollover.decide_listener_cutover(
            place, request.fingerprint, exchanges, request.respond_by, present, held, now
        )
        carry_out_plan(ports, writer, plan, present, now)
        if plan.steps:
            writer.record(_listener_event(request, listener_id, now))
        if plan.again_at is not None and plan.again_at > request.respond_by:
            # Not valid yet; the date itself has rows of its own, one for each exchange.
            writer.enqueue(ask_again(ports, exchanges[0], plan.again_at, now))


def _listener_event(request: TrustRequest, listener_id: ListenerId, now: datetime) -> AuditEvent:
    return AuditEvent(
        at=now,
        actor="system",
        event="listener.changed-over",
        subject=f"listener:{listener_id}",
        community_id=request.community_id,
        facts={"certificate": request.fingerprint, "number": str(request.number)},
    )


def ask_again(ports: Ports, exchange: Exchange, at: datetime, now: datetime) -> Work:
    """The row that asks the cut-over rules again at ``at``."""
    return Work(
        id=OutboxId(ports.entropy.new_id()),
        kind=WorkKind.RESPOND_BY,
        key=f"respond-by:{exchange.id}:{at.isoformat()}",
        lane="",
        subject=exchange.id,
        facts={},
        due=at,
        created_at=now,
    )
