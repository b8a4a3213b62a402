"""What an attempt or a receipt means for a document, and for the certificate exchange whose message it carries."""

from datetime import datetime

from counterseal.domain import document as documents_
from counterseal.domain import exchange as exchanges_
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
from counterseal.domain.exchange import ExchangeEvent, Failed, Received, Sent
from counterseal.engine.ports import Writer
from counterseal.kernel.conversation import allows


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
    means = _meaning(event)
    if exchange is None or means is None:
        return
    exchange = writer.exchange(exchange.id)
    if allows(exchanges_.TRANSITIONS, exchange.state, type(means)):
        writer.put(exchanges_.apply(exchange, means, now))


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
