"""A call to a partner: one session for everything that waits for its node, repeated by the agreement's schedule.

claimed row -> prepare   is there a reason to call, is there room (product.md section 5: no parallel dialling beyond the agreement)
            -> dial      the session itself: ``conversation``
            -> record    done; or again by schedule; after its last try what waits has failed and is shown
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from counterseal.domain.audit import AuditEvent
from counterseal.domain.document import DocumentState, GaveUp
from counterseal.domain.oftp_session import OFTPSession, SessionOutcome
from counterseal.domain.people import Actor, Permission
from counterseal.domain.usage import Protocol, Side, Usage
from counterseal.domain.work import Work
from counterseal.engine.documents import NotSendable
from counterseal.engine.oftp2.conversation import Conversation
from counterseal.engine.oftp2.node import Node, node_of
from counterseal.engine.oftp2.planning import plan_call
from counterseal.engine.outcome import settle
from counterseal.engine.ports import CallFailed, CallRequest, Ports, Reader, Writer
from counterseal.engine.relationship import tls_identity_of
from counterseal.kernel.ids import AgreementId

BUSY_WAIT: Final = timedelta(seconds=2)
"""A session with this node is under way; it carries what waits. Then we look again."""
CONNECT_WITHIN: Final = timedelta(seconds=30)
WHY_ANYWAY: Final = frozenset({"person", "poll"})
SHOWN_AT_MOST: Final = 500
LOOKED_AT: Final = 20
BROKEN_TEXT: Final = "no session was made"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    node: Node
    request: CallRequest
    conversation: Conversation


async def perform(ports: Ports, row: Work) -> None:
    """Performs a ``call-partner`` row. Raises ``LeaseLost``."""
    planned = await asyncio.to_thread(prepare, ports, row)
    if planned is None:
        return
    started = ports.clock.now()
    failure: CallFailed | None = None
    try:
        await ports.dialer.call(planned.request, planned.conversation)
    except CallFailed as fault:
        failure = fault
    await asyncio.to_thread(record, ports, row, planned, started, failure)


def prepare(ports: Ports, row: Work) -> Planned | None:
    """``None``: there is no call to make now, and the row is settled or waits."""
    now = ports.clock.now()
    with ports.store.read() as reader:
        node = node_of(ports, reader, AgreementId(row.subject))
        wanted = row.facts.get("why") in WHY_ANYWAY or waits(reader, node)
        identity = tls_identity_of(ports, reader, node.primary)
    allowed = node.primary.agreement.active and node.terms.may_call and node.primary.station.enabled
    if not allowed or not wanted:
        with ports.store.write() as writer:
            writer.complete(row)
        return None
    if ports.live.count(node.our_code, node.partner_code) >= node.terms.parallel_sessions:
        with ports.store.write() as writer:
            writer.reschedule(row, due=now + BUSY_WAIT, tries=row.tries)
        return None
    request = CallRequest(
        host=node.terms.host,
        port=node.terms.port,
        tls=node.terms.tls,
        connect_timeout=CONNECT_WITHIN,
        trust=tuple(h.certificate.der for h in node.primary.acceptors(Side.THEIRS, Usage.TLS_SERVER)),
        identity=identity.key if identity else None,
    )
    return Planned(node=node, request=request, conversation=Conversation.calling(ports, node))


def waits(reader: Reader, node: Node) -> bool:
    """Whether a session has something to carry."""
    return bool(
        reader.waiting_documents(node.agreement_ids, limit=1)
        or reader.owed_receipts(node.agreement_ids, held=False, limit=1)
    )


def record(ports: Ports, row: Work, planned: Planned, started: datetime, failure: CallFailed | None) -> None:
    """What the call came to, for the row and for what still waits."""
    now = ports.clock.now()
    ending = planned.conversation.ending
    node = planned.node
    clean = failure is None and ending is not None and ending.clean
    reason = failure.detail if failure is not None else (ending.text if ending is not None else BROKEN_TEXT)
    with ports.store.write() as writer:
        if failure is not None:
            writer.put(_unanswered(planned, started, now, failure))
        left = waits(writer, node)
        if clean and left and _untried(writer, planned):
            # It came while the session was ending: no reason to wait as if something had failed.
            writer.reschedule(row, due=now + BUSY_WAIT, tries=0)
            return
        if clean and not left:
            writer.complete(row)
            return
        if not left and row.facts.get("why") == "poll":
            writer.complete(row)  # the next period is the next try
            return
        retries = node.terms.retries
        tries = 0 if planned.conversation.advanced else row.tries
        if tries < len(retries):
            writer.reschedule(row, due=now + retries[tries], tries=tries + 1)
            return
        _give_up(writer, node, f"The partner was called {tries + 1} times. {reason}", now)
        writer.complete(row)


def _untried(reader: Reader, planned: Planned) -> bool:
    """Whether files wait that could go now and were not offered in this session."""
    waiting = reader.waiting_documents(planned.node.agreement_ids, limit=len(planned.conversation.tried) + LOOKED_AT)
    new = [d for d in waiting if d.id not in planned.conversation.tried]
    return any(m.wire is not None for d in new[:LOOKED_AT] for m in reader.messages(d.id))


def _unanswered(planned: Planned, started: datetime, now: datetime, failure: CallFailed) -> OFTPSession:
    primary, terms = planned.node.primary, planned.node.terms
    return OFTPSession(
        id=planned.conversation.session_id,
        community_id=primary.community.id,
        agreement_id=primary.agreement.id,
        we_called=True,
        remote=f"{terms.host}:{terms.port}",
        partner_code=planned.node.partner_code,
        tls="",
        authenticated=False,
        started_at=started,
        ended_at=now,
        outcome=SessionOutcome.UNREACHABLE,
        reason=failure.kind,
        detail=failure.detail,
    )


def _give_up(writer: Writer, node: Node, reason: str, now: datetime) -> None:
    for document in writer.waiting_documents(node.agreement_ids, limit=SHOWN_AT_MOST):
        if document.state in {DocumentState.QUEUED, DocumentState.SENDING}:
            settle(writer, document, GaveUp(reason), now)


def call_now(ports: Ports, actor: Actor, agreement_id: AgreementId) -> None:
    """A person wants a session. Raises ``NotSendable`` where this partner is never called."""
    actor.require(Permission.DOCUMENTS)
    with ports.store.write() as writer:
        agreement = writer.agreement(agreement_id)
        if agreement.protocol is not Protocol.OFTP2:
            raise NotSendable("only OFTP2 partners are called; documents over AS2 leave by themselves")
        now = ports.clock.now()
        if not plan_call(ports, writer, agreement, why="person", due=now):
            raise NotSendable("this partner is not called by us: the agreement is off, or says that it calls")
        writer.record(
            AuditEvent(
                at=now,
                actor=actor.name,
                event="partner.called",
                subject=f"agreement:{agreement_id}",
                community_id=agreement.community_id,
                facts={},
            )
        )
    ports.wake()


def close_cut_off(ports: Ports) -> int:
    """At the start of a process: sessions that ended with the one before; how many."""
    now = ports.clock.now()
    with ports.store.write() as writer:
        cut = writer.open_oftp_sessions()
        writer.put(*(_cut_off(session, now) for session in cut))
    return len(cut)


def _cut_off(session: OFTPSession, now: datetime) -> OFTPSession:
    detail = "This side stopped in the middle of the session."
    return replace(session, ended_at=now, outcome=SessionOutcome.BROKEN, detail=detail)
