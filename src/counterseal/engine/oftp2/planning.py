"""When a partner is called: a row of the outbox for each pair of nodes, never two for the same reason."""

from datetime import datetime, timedelta
from typing import Final

from counterseal.domain.agreement import Agreement
from counterseal.domain.usage import Protocol
from counterseal.domain.work import Work, WorkKind
from counterseal.engine.oftp2.node import our_code_of
from counterseal.engine.ports import Ports, Writer
from counterseal.kernel.ids import OutboxId

RECEIPTS_WAIT: Final = timedelta(seconds=5)
"""How long receipts that the session could not carry wait for the partner's next call before we make one."""
POLL: Final = "poll"
POSITIONS_KEPT: Final = timedelta(days=7)


def plan_call(ports: Ports, writer: Writer, agreement: Agreement, *, why: str, due: datetime) -> bool:
    """Plans a call unless one is planned that serves; whether we may call this partner at all.

    A call that waits for its next try serves: a partner that is down is not called more often because more is queued.
    """
    if not (agreement.active and agreement.oftp2.may_call):
        return False
    for row in writer.work(kinds={WorkKind.CALL_PARTNER}, subject=agreement.id):
        planned = row.facts.get("why")
        if not row.owner and (row.due <= due or (planned != POLL and why != "person")):
            return True
    writer.enqueue(call_row(ports, writer, agreement, why=why, due=due, key=ports.entropy.new_id()))
    return True


def call_row(ports: Ports, writer: Writer, agreement: Agreement, *, why: str, due: datetime, key: str) -> Work:
    station = writer.station(agreement.station_id)
    return Work(
        id=OutboxId(ports.entropy.new_id()),
        kind=WorkKind.CALL_PARTNER,
        key=f"call-partner:{agreement.id}:{key}",
        lane=f"oftp2:{our_code_of(agreement, station)}>{agreement.oftp2.ssid_code}",
        lane_limit=agreement.oftp2.parallel_sessions,
        subject=agreement.id,
        facts={"why": why},
        due=due,
        created_at=ports.clock.now(),
    )


def plan_polls(ports: Ports) -> None:
    """Every polled partner is called once in each of its periods; repeated calls of this change nothing.

    The periods of different agreements begin at different moments, so that not all partners are called at once.
    """
    now = ports.clock.now()
    with ports.store.read() as reader:
        polled = [
            agreement
            for agreement in reader.agreements_over(Protocol.OFTP2)
            if agreement.active and agreement.oftp2.may_call and agreement.oftp2.poll_every
        ]
    for agreement in polled:
        seconds = int((agreement.oftp2.poll_every or timedelta(days=1)).total_seconds())
        offset = int(agreement.id[-8:], 16) % seconds if _hexadecimal(agreement.id) else 0
        period = (int(now.timestamp()) + offset) // seconds
        with ports.store.write() as writer:
            writer.enqueue(call_row(ports, writer, agreement, why=POLL, due=now, key=f"{POLL}:{period}"))


def sweep_positions(ports: Ports) -> int:
    """What broke off and was not taken up for a week is given up, with the octets that were kept for it; how many."""
    with ports.store.write() as writer:
        old = writer.restart_positions(before=ports.clock.now() - POSITIONS_KEPT)
        writer.remove(*old)
    for position in old:
        if position.blob is not None:
            ports.blobs.delete(position.blob)
    return len(old)


def _hexadecimal(text: str) -> bool:
    return len(text) >= 8 and all(c in "0123456789abcdef" for c in text[-8:])
