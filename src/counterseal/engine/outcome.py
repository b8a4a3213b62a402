"""What an attempt or a receipt means for a document, and for the certificate exchange whose message it carries."""

from datetime import datetime

from counterseal.domain import document as documents_
from counterseal.domain import exchange as exchanges_
from counterseal.domain import rollover
from counterseal.domain.document import (
    IN_TRANSITIONS,
    OUT_TRANSITIONS,
    Direction,
    Document,
    DocumentEvent,
    DocumentKind,
    GaveUp,
    LeftUs,
    ReceiptDiffers,
    ReceiptNegative,
    ReceiptPositive,
)
from counterseal.domain.exchange import BY_WIRE, Exchange, ExchangeEvent, ExchangeState, Failed, Received, Sent
from counterseal.engine.ports import Writer
from counterseal.engine.relationship import gather
from counterseal.kernel.conversation import allows
from counterseal.kernel.errors import CallerFault


def settle(writer: Writer, document: Document, event: DocumentEvent, now: datetime) -> Document:
    """Applies and stores the event, and tells the exchange that the document belongs to. An event that the document's state no
    longer allows (it was heard before, or a person cancelled) changes nothing."""
    table = OUT_TRANSITIONS if document.direction is Direction.OUT else IN_TRANSITIONS
    if not allows(table, document.state, type(event)):
        return document
    changed = documents_.apply(document, event, now)
    writer.put(changed)
    if document.kind in {DocumentKind.CEM_REQUEST, DocumentKind.SCX}:
        _tell_exchange(writer, changed, event, now)
    return changed


def _tell_exchange(writer: Writer, document: Document, event: DocumentEvent, now: datetime) -> None:
    exchange = writer.find_exchange_by_document(document.id)
    means = _meaning(event) if document.kind is DocumentKind.CEM_REQUEST else _meaning_for_scx(event)
    if exchange is None or means is None:
        return
    exchange = writer.exchange(exchange.id)
    if not allows(exchanges_.TRANSITIONS, exchange.state, type(means)):
        return
    if exchange.state is ExchangeState.ACCEPTED:
        if not isinstance(event, ReceiptNegative) or exchange.answered_by != BY_WIRE:
            return  # that our own message was given up, or what a person heard, is no word of the partner's
        _take_back(writer, exchange, now)
    writer.put(exchanges_.apply(exchange, means, now))


def _take_back(writer: Writer, exchange: Exchange, now: datetime) -> None:
    """A negative receipt drops a decision that came before it (cem.md section 6, race): back to the certificate before."""
    request = writer.trust_request(exchange.trust_request_id)
    found = gather(writer, exchange.agreement_id)
    slots = rollover.our_slots(found.agreement, request.usages)
    plan = rollover.switch_back(slots, exchange.fingerprint, found.assignments, found.held, now)
    if plan.steps:
        writer.put(*rollover.carry_out(plan.steps, found.assignments, now=now, new_id=_nothing_new))


def _nothing_new() -> str:
    raise CallerFault("switching back makes no new assignment")


def _meaning(event: DocumentEvent) -> ExchangeEvent | None:
    """What the transport's news says about the exchange; a positive receipt is no answer (cem.md section 1, line 3)."""
    match event:
        case LeftUs():
            return Sent()
        case ReceiptPositive() | ReceiptDiffers():
            return Received()
        case ReceiptNegative(reason=reason) | GaveUp(reason=reason):
            return Failed(reason=reason)
        case _:
            return None


def _meaning_for_scx(event: DocumentEvent) -> ExchangeEvent | None:
    """EFPA says that the file came; the receipt is the verdict itself, and ``scx_outbound.hear`` takes it (SCX-6)."""
    match event:
        case LeftUs():
            return Received()
        case GaveUp(reason=reason):
            return Failed(reason=reason)
        case _:
            return None
