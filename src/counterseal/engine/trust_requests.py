"""Trust requests of ours: Finish, what a person does with them afterwards, and what the worker does by itself.

start      certificate, key, staged assignments, trust request, exchanges, outbox rows: one transaction, or nothing
tell       the worker makes the CEM request or SCX file of one exchange and queues it as a document
at_date    the respond-by date of one exchange has come
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from counterseal.domain import document as documents_
from counterseal.domain import exchange as exchanges_
from counterseal.domain import rollover
from counterseal.domain.agreement import CEMCapability
from counterseal.domain.audit import AuditEvent
from counterseal.domain.certificate import HeldCertificate, Origin, SealedKey
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.document import Cancelled, Direction, Document, DocumentKind, DocumentState
from counterseal.domain.exchange import (
    ANSWERED,
    Accepted,
    Exchange,
    ExchangeEvent,
    ExchangeState,
    Rejected,
    Resent,
    Withdrawn,
)
from counterseal.domain.people import Actor, Permission
from counterseal.domain.rollover import Plan
from counterseal.domain.trust_request import TrustRequest
from counterseal.domain.usage import Side, Usage
from counterseal.domain.wizard import FieldError, Finish, FinishOrder, Told, plan_finish
from counterseal.domain.work import Work, WorkKind
from counterseal.engine import changeover, documents, listeners, scx_outbound
from counterseal.engine.certificates import added_event
from counterseal.engine.field_errors import FieldErrors
from counterseal.engine.ports import NewKey, NotFound, Ports, Writer
from counterseal.engine.relationship import Relationship, carry_out_plan, gather
from counterseal.engine.translate import cem as translate
from counterseal.kernel.clock import utc
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import (
    AgreementId,
    CommunityId,
    DocumentId,
    DraftId,
    ExchangeId,
    Fingerprint,
    KeyId,
    OutboxId,
    TrustRequestId,
)
from counterseal.kernel.x509 import Certificate, order_chain

MAX_REASON: Final = 2000
A_MOMENT: Final = timedelta(seconds=1)


class NotPossible(CallerFault):
    """The action does not fit the state; the sentence says why."""

    code = "trust-requests.not-possible"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCertificate:
    """One of ours that is held already."""

    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCertificate:
    """One that Finish stores, with its key."""

    key: NewKey
    certificate_der: bytes
    chain_der: tuple[bytes, ...]
    origin: Origin
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What the person decided."""

    community_id: CommunityId
    source: StoredCertificate | NewCertificate
    usages: frozenset[Usage]
    cem: tuple[AgreementId, ...]
    scx: tuple[AgreementId, ...]
    scx_type: SCXType | None
    respond_by: datetime
    time_zone: str
    draft_id: DraftId | None
    """Wiped in the same transaction."""


def start(ports: Ports, actor: Actor, order: Start) -> TrustRequest:
    """Finish. Raises ``FieldErrors``, after which nothing was stored and nothing is sent."""
    finish = _finish(ports, actor, order, send=True)
    ports.wake()
    if finish.trust_request is None:
        raise NotPossible("no partner was told")
    return finish.trust_request


def store_only(ports: Ports, actor: Actor, order: Start) -> HeldCertificate:
    """Finish without telling anybody: key and certificate are stored. Raises ``FieldErrors``."""
    return _finish(ports, actor, order, send=False).certificate


def _finish(ports: Ports, actor: Actor, order: Start, *, send: bool) -> Finish:
    actor.require(Permission.CERTIFICATES)
    now = ports.clock.now()
    with ports.store.write() as writer:
        community = writer.community(order.community_id)
        certificate, key = _certificate(ports, writer, actor, order, now)
        told = tuple(
            Told(agreement=writer.agreement(agreement_id), channel=channel)
            for channel, picked in ((Channel.CEM, order.cem), (Channel.SCX, order.scx))
            for agreement_id in picked
        )
        strangers = [t for t in told if t.agreement.community_id != community.id]
        if strangers:
            raise NotFound(f"{community.name} has no agreement {strangers[0].agreement.id}")
        showing = listeners.showing_ours(writer, community.id, {t.agreement.protocol for t in told})
        planned = plan_finish(
            FinishOrder(
                certificate=certificate,
                usages=order.usages,
                send=send,
                told=told,
                scx_type=order.scx_type,
                respond_by=utc(order.respond_by) if send else None,
                time_zone=order.time_zone,
                prepare=(),
                listeners=tuple(showing),
                assignments=[
                    *(a for t in told for a in writer.assignments(agreement_id=t.agreement.id, side=Side.OURS)),
                    *(a for some in showing.values() for a in some),
                ],
                held=writer.certificates(community.id),
                rules=community.rules,
                number=writer.next_trust_request_number(community.id),
                by=actor.name,
                now=now,
            ),
            new_id=ports.entropy.new_id,
            reference=_references(ports),
        )
        if not isinstance(planned, Finish):
            raise FieldErrors(planned)
        _store(ports, writer, actor, planned, key, order, now)
    return planned


def _references(ports: Ports) -> Callable[[Channel], str]:
    """Unguessable, ASCII, without markup characters (cem.md section 11)."""
    return lambda channel: f"{channel.value}-{ports.entropy.octets(12).hex()}@{ports.host_name}"


def _certificate(
    ports: Ports, writer: Writer, actor: Actor, order: Start, now: datetime
) -> tuple[HeldCertificate, SealedKey | None]:
    source = order.source
    if isinstance(source, StoredCertificate):
        held = writer.find_certificate(order.community_id, source.fingerprint)
        if held is None:
            raise NotFound(f"no certificate {source.fingerprint[:16]} is held here")
        return held, None
    leaf = Certificate.parse(source.certificate_der)
    if writer.find_certificate(order.community_id, leaf.fingerprint) is not None:
        raise FieldErrors(
            (FieldError("file", f"{leaf.common_name} is here already. Take it from the list of certificates."),)
        )
    key = SealedKey(
        id=KeyId(ports.entropy.new_id()),
        community_id=order.community_id,
        sealed=source.key.sealed,
        kind=source.key.kind,
        spki=source.key.spki,
        created_at=now,
    )
    held = HeldCertificate(
        community_id=order.community_id,
        certificate=leaf,
        side=Side.OURS,
        key_id=key.id,
        label=source.label or leaf.common_name,
        chain=order_chain(leaf, [Certificate.parse(der) for der in source.chain_der]),
        origin=source.origin,
        added_by=actor.name,
        added_at=now,
    )
    return held, key


def _store(
    ports: Ports, writer: Writer, actor: Actor, finish: Finish, key: SealedKey | None, order: Start, now: datetime
) -> None:
    if key is not None:
        writer.put(key, finish.certificate)
        writer.record(added_event(ports, actor, finish.certificate))
    writer.put(*finish.assignments)
    if finish.trust_request is not None:
        request = finish.trust_request
        writer.put(request, *finish.exchanges)
        for exchange in finish.exchanges:
            writer.enqueue(
                _telling(ports, exchange, now), changeover.ask_again(ports, exchange, request.respond_by, now)
            )
        writer.record(_event(actor.name, "trust-request.started", request, now, exchanges=len(finish.exchanges)))
    if order.draft_id is not None:
        writer.remove(writer.draft(order.draft_id))


def _telling(ports: Ports, exchange: Exchange, now: datetime) -> Work:
    return Work(
        id=OutboxId(ports.entropy.new_id()),
        kind=WorkKind.SEND_TRUST_REQUEST,
        key=f"send-trust-request:{exchange.id}:{ports.entropy.new_id()}",
        lane=f"exchange:{exchange.agreement_id}",
        lane_limit=1,
        subject=exchange.id,
        facts={},
        due=now,
        created_at=now,
    )


def _event(by: str, name: str, request: TrustRequest, now: datetime, **facts: object) -> AuditEvent:
    return AuditEvent(
        at=now,
        actor=by,
        event=name,
        subject=f"trust-request:{request.id}",
        community_id=request.community_id,
        facts={
            "number": str(request.number),
            "certificate": request.fingerprint,
            "usages": ", ".join(sorted(request.usages)),
            "respond-by": request.respond_by.isoformat(),
            **{name: str(value) for name, value in facts.items()},
        },
    )


# --- the worker's part ---------------------------------------------------------------------------------------------------


def tell(ports: Ports, row: Work) -> None:
    """Performs a ``send-trust-request`` row. A CEM request is signed with the certificate in use today, because the new one is
    only staged (CEM-9); an SCX file is never signed."""
    now = ports.clock.now()
    with ports.store.read() as reader:
        exchange = reader.exchange(ExchangeId(row.subject))
        request = reader.trust_request(exchange.trust_request_id)
        around = gather(reader, exchange.agreement_id)
        certificate = reader.find_certificate(exchange.community_id, exchange.fingerprint)
    if exchange.state is not ExchangeState.QUEUED or certificate is None:
        with ports.store.write() as writer:
            writer.complete(row)
        return
    make = scx_outbound.document_of if exchange.channel is Channel.SCX else _cem_document
    document = make(ports, around, exchange, request, certificate, now)
    with ports.store.write() as writer:
        exchange = writer.exchange(exchange.id)
        writer.complete(row)
        if exchange.state is ExchangeState.QUEUED:
            documents.queue(ports, writer, document, around.agreement)
            writer.put(replace(exchange, document_id=document.id))
    ports.wake()


def _cem_document(
    ports: Ports,
    around: Relationship,
    exchange: Exchange,
    request: TrustRequest,
    certificate: HeldCertificate,
    now: datetime,
) -> Document:
    packed = translate.build_request(
        request_id=exchange.request_reference,
        as2_from=around.station.identity,
        certificate=certificate.certificate,
        chain=certificate.chain,
        usages=request.usages,
        respond_by=request.respond_by,
        time_zone=request.time_zone,
        response_url=around.station.url,
        host=ports.host_name,
        token=ports.entropy.new_id(),
        now=now,
    )
    payload, size, digest = documents.store_payload(ports, (packed.body,))
    return Document(
        id=DocumentId(ports.entropy.new_id()),
        community_id=exchange.community_id,
        agreement_id=exchange.agreement_id,
        direction=Direction.OUT,
        kind=DocumentKind.CEM_REQUEST,
        state=DocumentState.QUEUED,
        file_name="",
        content_type=packed.content_type,
        size=size,
        digest=digest,
        payload=payload,
        subject="Certificate exchange request",
        created_by=request.created_by,
        created_at=now,
    )


def at_date(ports: Ports, row: Work) -> None:
    """Performs a ``respond-by`` row: asks the cut-over rules of one exchange again, and notes a partner that stays silent."""
    now = ports.clock.now()
    with ports.store.write() as writer:
        exchange = writer.exchange(ExchangeId(row.subject))
        request = writer.trust_request(exchange.trust_request_id)
        around = gather(writer, exchange.agreement_id)
        writer.complete(row)
        if request.withdrawn_at is not None:
            return
        plan = rollover.decide_at_date(
            exchange, around.agreement, request.usages, request.respond_by, around.assignments, around.held, now
        )
        if plan.steps:
            carry_out_plan(ports, writer, plan, around.assignments, now)
            writer.record(_event("system", "exchange.changed-over", request, now, exchange=exchange.id))
        changeover.change_listeners(ports, writer, request, now)
        if plan.again_at is not None:
            # The date itself still belongs to the partner: a row that is due at it comes once more, a moment later.
            again_at = max(plan.again_at, now + A_MOMENT)
            writer.enqueue(changeover.ask_again(ports, exchange, again_at, now))
        agreement = around.agreement
        silent = exchanges_.overdue(exchange, request.respond_by, now) and exchange.state is ExchangeState.RECEIVED
        if silent and agreement.cem_capability is CEMCapability.ANNOUNCED:
            writer.put(replace(agreement, cem_capability=CEMCapability.SILENT))


# --- what a person does --------------------------------------------------------------------------------------------------


def remind(ports: Ports, actor: Actor, exchange_ids: Sequence[ExchangeId]) -> list[Exchange]:
    """The request goes out again to partners that have it and did not answer."""
    return _again(ports, actor, exchange_ids, "exchange.reminded", {ExchangeState.SENT, ExchangeState.RECEIVED})


def resend(ports: Ports, actor: Actor, exchange_ids: Sequence[ExchangeId]) -> list[Exchange]:
    """The request goes out again, also after a failure or a rejection."""
    states = {ExchangeState.SENT, ExchangeState.RECEIVED, ExchangeState.FAILED, ExchangeState.REJECTED}
    return _again(ports, actor, exchange_ids, "exchange.resent", states)


def _again(
    ports: Ports, actor: Actor, exchange_ids: Sequence[ExchangeId], event: str, states: set[ExchangeState]
) -> list[Exchange]:
    def change(writer: Writer, exchange: Exchange, now: datetime) -> ExchangeEvent:
        if exchange.state not in states:
            raise NotPossible(f"the exchange is {exchange.state.value}; it cannot be sent again like this")
        writer.enqueue(_telling(ports, exchange, now))
        return Resent()

    changed = [_change(ports, actor, exchange_id, event, change) for exchange_id in exchange_ids]
    ports.wake()
    return changed


def withdraw_exchange(ports: Ports, actor: Actor, exchange_id: ExchangeId) -> Exchange:
    """This partner is not asked any more; an answer that still comes is noted and changes nothing."""

    def change(writer: Writer, exchange: Exchange, now: datetime) -> ExchangeEvent:
        _stop_telling(writer, exchange, now)
        return Withdrawn()

    return _change(ports, actor, exchange_id, "exchange.withdrawn", change)


def _stop_telling(writer: Writer, exchange: Exchange, now: datetime) -> None:
    """What was not said yet is not said any more; what is on the wire at this moment cannot be stopped."""
    writer.cancel_work(kind=WorkKind.SEND_TRUST_REQUEST, subject=exchange.id)
    if exchange.document_id is None:
        return
    document = writer.document(exchange.document_id)
    if document.state in {DocumentState.QUEUED, DocumentState.SENT}:
        writer.put(documents_.apply(document, Cancelled(by="system"), now))
        writer.cancel_work(kind=WorkKind.SEND_DOCUMENT, subject=document.id)
        writer.cancel_work(kind=WorkKind.SECURE_FILE, subject=document.id)
        writer.cancel_work(kind=WorkKind.RECEIPT_TIMEOUT, subject=document.id)


def withdraw(ports: Ports, actor: Actor, trust_request_id: TrustRequestId) -> TrustRequest:
    """The whole request ends. What changed over stays as it is."""
    actor.require(Permission.CERTIFICATES)
    now = ports.clock.now()
    with ports.store.write() as writer:
        request = writer.trust_request(trust_request_id)
        if request.withdrawn_at is not None:
            raise NotPossible(f"request {request.number} was withdrawn already")
        request = replace(request, withdrawn_at=now)
        writer.put(request)
        for exchange in writer.exchanges(trust_request_ids=(request.id,)):
            if exchange.state not in {*ANSWERED, ExchangeState.WITHDRAWN}:
                _stop_telling(writer, exchange, now)
                writer.put(exchanges_.apply(exchange, Withdrawn(), now))
        writer.record(_event(actor.name, "trust-request.withdrawn", request, now))
    return request


def change_respond_by(
    ports: Ports, actor: Actor, trust_request_id: TrustRequestId, *, respond_by: datetime, time_zone: str
) -> TrustRequest:
    """Another date for everybody who has not answered. Raises ``NotPossible`` for one in the past."""
    actor.require(Permission.CERTIFICATES)
    now = ports.clock.now()
    with ports.store.write() as writer:
        request = writer.trust_request(trust_request_id)
        if utc(respond_by) <= now:
            raise NotPossible("the respond-by date is in the past; take a later day")
        request = replace(request, respond_by=utc(respond_by), time_zone=time_zone)
        writer.put(request)
        for exchange in writer.exchanges(trust_request_ids=(request.id,)):
            if exchange.state in {*ANSWERED, ExchangeState.WITHDRAWN}:
                continue  # an accepted one may still wait for its certificate's validity
            writer.cancel_work(kind=WorkKind.RESPOND_BY, subject=exchange.id)
            writer.enqueue(changeover.ask_again(ports, exchange, request.respond_by, now))
        writer.record(_event(actor.name, "trust-request.date-changed", request, now))
    return request


def record_answer(ports: Ports, actor: Actor, exchange_id: ExchangeId, *, accepted: bool, reason: str) -> Exchange:
    """An answer that came by phone or mail."""
    if not accepted and not reason.strip():
        raise NotPossible("write down the reason that the partner gave")
    event: ExchangeEvent = (
        Accepted(by=actor.name) if accepted else Rejected(reason=reason.strip()[:MAX_REASON], by=actor.name)
    )

    def change(writer: Writer, exchange: Exchange, _now: datetime) -> ExchangeEvent:
        around = gather(writer, exchange.agreement_id)
        in_use = rollover.in_use_since(around.assignments, exchange.fingerprint) is not None
        if in_use and exchange.state is ExchangeState.ACCEPTED:
            raise NotPossible("the certificate is in use with this partner; switch back first")
        return event

    changed = _change(ports, actor, exchange_id, f"exchange.{'accepted' if accepted else 'rejected'}", change)
    ports.wake()
    return changed


def _change(
    ports: Ports,
    actor: Actor,
    exchange_id: ExchangeId,
    event: str,
    change: Callable[[Writer, Exchange, datetime], ExchangeEvent],
) -> Exchange:
    actor.require(Permission.CERTIFICATES)
    now = ports.clock.now()
    with ports.store.write() as writer:
        exchange = writer.exchange(exchange_id)
        changed = exchanges_.apply(exchange, change(writer, exchange, now), now)
        writer.put(changed)
        if changed.state is ExchangeState.ACCEPTED:
            changeover.change_over(ports, writer, changed, now)
        elif changed.state is ExchangeState.WITHDRAWN:
            changeover.change_listeners(ports, writer, writer.trust_request(exchange.trust_request_id), now)
        writer.record(
            AuditEvent(
                at=now,
                actor=actor.name,
                event=event,
                subject=f"exchange:{exchange.id}",
                community_id=exchange.community_id,
                facts={"certificate": exchange.fingerprint, "state": changed.state.value, "reason": changed.reason},
            )
        )
    return changed


def switch_now(ports: Ports, actor: Actor, exchange_id: ExchangeId) -> None:
    """A person changes over for this partner without waiting. Raises ``NotPossible``."""

    def plan(around: Relationship, exchange: Exchange, request: TrustRequest, now: datetime) -> Plan:
        slots = rollover.our_slots(around.agreement, request.usages)
        return rollover.switch_now(slots, exchange.fingerprint, around.assignments, around.held, now)

    _by_hand(ports, actor, exchange_id, "exchange.switched-now", plan)


def switch_back(ports: Ports, actor: Actor, exchange_id: ExchangeId) -> None:
    """A person puts this partner back on the certificate before. Raises ``NotPossible``."""

    def plan(around: Relationship, exchange: Exchange, request: TrustRequest, now: datetime) -> Plan:
        slots = rollover.our_slots(around.agreement, request.usages)
        return rollover.switch_back(slots, exchange.fingerprint, around.assignments, around.held, now)

    _by_hand(ports, actor, exchange_id, "exchange.switched-back", plan)


def _by_hand(
    ports: Ports,
    actor: Actor,
    exchange_id: ExchangeId,
    event: str,
    plan_for: Callable[[Relationship, Exchange, TrustRequest, datetime], Plan],
) -> None:
    actor.require(Permission.CERTIFICATES)
    now = ports.clock.now()
    with ports.store.write() as writer:
        exchange = writer.exchange(exchange_id)
        request = writer.trust_request(exchange.trust_request_id)
        around = gather(writer, exchange.agreement_id)
        plan = plan_for(around, exchange, request, now)
        if plan.refused:
            raise NotPossible(plan.findings[0].text)
        carry_out_plan(ports, writer, plan, around.assignments, now)
        writer.record(_event(actor.name, event, request, now, exchange=exchange.id, partner=around.partner.slug))
