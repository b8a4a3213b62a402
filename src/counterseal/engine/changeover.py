"""Our change to a new certificate for one partner: when it accepted, and when a date comes."""

from datetime import datetime

from counterseal.domain import rollover
from counterseal.domain.exchange import Exchange
from counterseal.domain.work import Work, WorkKind
from counterseal.engine.ports import Ports, Writer
from counterseal.engine.relationship import carry_out_plan, gather
from counterseal.kernel.ids import OutboxId


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
