"""A business payload, or a certificate message, on its way out or in; the protocol units that carry it; what was received for it."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from counterseal.domain.virtual_file import VirtualFile
from counterseal.kernel.conversation import Table, next_state
from counterseal.kernel.finding import Finding
from counterseal.kernel.ids import (
    AgreementId,
    BlobId,
    CommunityId,
    DocumentId,
    ExchangeId,
    Fingerprint,
    MessageRowId,
    SessionId,
)


class Direction(StrEnum):
    OUT = "out"
    IN = "in"


class DocumentKind(StrEnum):
    BUSINESS = "business"
    CEM_REQUEST = "cem-request"
    CEM_RESPONSE = "cem-response"
    SCX = "scx"


class DocumentState(StrEnum):
    """product.md section 9."""

    # out
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    """It left; its receipt is awaited."""
    DELIVERED = "delivered"
    """Out: the positive receipt came and its MIC is right. In: the backend has it."""
    DELIVERED_DIFFERENT = "delivered with a difference"
    UNCERTAIN = "uncertain"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    # in
    RECEIVING = "receiving"
    RECEIVED = "received"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    id: DocumentId
    community_id: CommunityId
    agreement_id: AgreementId | None
    """``None``: an inbound one from a party that is not known."""
    direction: Direction
    kind: DocumentKind
    state: DocumentState
    file_name: str
    content_type: str
    size: int
    """Payload octets."""
    digest: str
    """SHA-256 of the payload, hexadecimal; empty when it could not be read."""
    payload: BlobId | None
    attachments: tuple[BlobId, ...] = ()
    """Further parts in order (RFC 6362)."""
    subject: str = ""
    address: str = ""
    """Out: where it goes instead of the agreement's address (a CEM ResponseURL); empty: the agreement's."""
    virtual_file: VirtualFile | None = None
    """OFTP2: its name and format there; ``None``: it goes over AS2."""
    exchange_id: ExchangeId | None = None
    """SCX, out: the exchange whose certificate it carries. Its receipt is the verdict, also when a later file was sent since."""
    created_by: str
    created_at: datetime
    settled_at: datetime | None = None
    tries: int = 0
    reason: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class SendingStarted:
    pass


@dataclass(frozen=True, slots=True)
class LeftUs:
    """Taken by the other side's transport; the receipt is awaited."""


@dataclass(frozen=True, slots=True)
class ReceiptPositive:
    pass


@dataclass(frozen=True, slots=True)
class ReceiptDiffers:
    """A positive receipt with another MIC, or without the asked-for proof."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReceiptNegative:
    reason: str


@dataclass(frozen=True, slots=True)
class ReceiptDoubtful:
    """An error on a retry is no proof that the first attempt failed (as2-peers P-13)."""

    reason: str


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """This attempt failed; another follows by schedule."""

    reason: str


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The schedule is exhausted, or trying again cannot help."""

    reason: str


@dataclass(frozen=True, slots=True)
class Requeued:
    """A person, or self-healing, sends it again."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    by: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """Inbound: complete, opened and durable."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Inbound: it was answered with an error."""

    reason: str


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Inbound: the backend has it."""


DocumentEvent = (
    SendingStarted
    | LeftUs
    | ReceiptPositive
    | ReceiptDiffers
    | ReceiptNegative
    | ReceiptDoubtful
    | AttemptFailed
    | GaveUp
    | Requeued
    | Cancelled
    | Arrived
    | Refused
    | HandedOver
)

_S = DocumentState
OUT_TRANSITIONS: Final[Table[DocumentState]] = {
    (_S.QUEUED, SendingStarted): _S.SENDING,
    (_S.QUEUED, Cancelled): _S.CANCELLED,
    (_S.QUEUED, GaveUp): _S.FAILED,
    (_S.SENDING, SendingStarted): _S.SENDING,  # a crash between two beats: the same bytes leave again
    (_S.SENDING, LeftUs): _S.SENT,
    (_S.SENDING, ReceiptPositive): _S.DELIVERED,
    (_S.SENDING, ReceiptDiffers): _S.DELIVERED_DIFFERENT,
    (_S.SENDING, ReceiptNegative): _S.REJECTED,
    (_S.SENDING, ReceiptDoubtful): _S.UNCERTAIN,
    (_S.SENDING, AttemptFailed): _S.QUEUED,
    (_S.SENDING, GaveUp): _S.FAILED,
    (_S.QUEUED, ReceiptPositive): _S.DELIVERED,  # the receipt of an attempt that we took for failed
    (_S.QUEUED, ReceiptDiffers): _S.DELIVERED_DIFFERENT,
    (_S.QUEUED, ReceiptNegative): _S.REJECTED,
    (_S.SENT, ReceiptPositive): _S.DELIVERED,
    (_S.SENT, ReceiptDiffers): _S.DELIVERED_DIFFERENT,
    (_S.SENT, ReceiptNegative): _S.REJECTED,
    (_S.SENT, ReceiptDoubtful): _S.UNCERTAIN,
    (_S.SENT, AttemptFailed): _S.QUEUED,
    (_S.SENT, GaveUp): _S.FAILED,
    (_S.SENT, Requeued): _S.QUEUED,
    (_S.SENT, Cancelled): _S.CANCELLED,
    (_S.UNCERTAIN, ReceiptPositive): _S.DELIVERED,
    (_S.UNCERTAIN, ReceiptDiffers): _S.DELIVERED_DIFFERENT,
    (_S.UNCERTAIN, ReceiptNegative): _S.REJECTED,
    (_S.UNCERTAIN, Requeued): _S.QUEUED,
    (_S.UNCERTAIN, Cancelled): _S.CANCELLED,
    (_S.FAILED, ReceiptPositive): _S.DELIVERED,  # a late receipt
    (_S.FAILED, ReceiptDiffers): _S.DELIVERED_DIFFERENT,
    (_S.FAILED, ReceiptNegative): _S.REJECTED,
    (_S.FAILED, Requeued): _S.QUEUED,
    (_S.FAILED, Cancelled): _S.CANCELLED,
    (_S.REJECTED, Requeued): _S.QUEUED,
    (_S.REJECTED, ReceiptPositive): _S.DELIVERED,
    (_S.REJECTED, Cancelled): _S.CANCELLED,
    (_S.DELIVERED_DIFFERENT, Requeued): _S.QUEUED,
    (_S.DELIVERED_DIFFERENT, ReceiptPositive): _S.DELIVERED,
}

IN_TRANSITIONS: Final[Table[DocumentState]] = {
    (_S.RECEIVING, Arrived): _S.RECEIVED,
    (_S.RECEIVING, Refused): _S.REFUSED,
    (_S.RECEIVED, HandedOver): _S.DELIVERED,
    (_S.RECEIVED, Refused): _S.REFUSED,
}

WAITS: Final = frozenset({_S.QUEUED, _S.SENDING, _S.SENT, _S.RECEIVING, _S.RECEIVED})
TROUBLE: Final = frozenset({_S.FAILED, _S.REJECTED, _S.UNCERTAIN, _S.DELIVERED_DIFFERENT})


def apply(document: Document, event: DocumentEvent, now: datetime) -> Document:
    """The document after ``event``. Raises ``InvalidTransition``."""
    table = OUT_TRANSITIONS if document.direction is Direction.OUT else IN_TRANSITIONS
    state = next_state(table, document.state, event)
    reason = getattr(event, "reason", "")
    tries = document.tries + 1 if isinstance(event, SendingStarted) else document.tries
    settled = None if state in WAITS else now
    return replace(document, state=state, reason=reason, tries=tries, settled_at=settled)


class MessageKind(StrEnum):
    """Protocol units. A document has one message per sending (a resend repeats it), receipts are messages too."""

    AS2 = "as2"
    MDN = "mdn"
    OFTP2_FILE = "oftp2-file"
    EERP = "eerp"
    NERP = "nerp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One protocol unit as it was on the wire, stored before it is sent, durable before it is acknowledged."""

    id: MessageRowId
    community_id: CommunityId
    document_id: DocumentId | None
    agreement_id: AgreementId | None
    direction: Direction
    kind: MessageKind
    wire_id: str
    """AS2 Message-ID without brackets; OFTP2 dataset name, date and time, originator."""
    refers_to: str = ""
    """Receipts: the ``wire_id`` they are for."""
    headers: tuple[tuple[str, str], ...] = ()
    wire: BlobId | None = None
    """The bytes as sent or received; may be gone after settling (retention)."""
    wire_size: int = 0
    body: bytes = b""
    """Receipts: the octets behind the headers. They are small, so they are durable in the same transaction as their row."""
    content_digest: str = ""
    """SHA-256 of the opened content: with names and Message-ID it tells a duplicate (product.md section 9)."""
    mic: str = ""
    """``base64, algorithm``: ours (computed) for messages, theirs (claimed) for receipts."""
    signer: Fingerprint | None = None
    """The certificate that signed it."""
    recipient: Fingerprint | None = None
    """The certificate it was encrypted to."""
    disposition: str = ""
    """Receipts: as it stood on the wire."""
    receipt_url: str = ""
    """In: where an asynchronous receipt is to go. Out: where ours was asked for."""
    layers: tuple[str, ...] = ()
    """Outermost first, in words of section 4: encrypted, signed, compressed, with algorithms."""
    findings: tuple[Finding, ...] = ()
    at: datetime


class TransferOutcome(StrEnum):
    OK = "ok"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One attempt to move bytes."""

    message_id: MessageRowId
    document_id: DocumentId | None
    started_at: datetime
    ended_at: datetime
    outcome: TransferOutcome
    status: str
    """HTTP status, or the OFTP2 end reason, or the kind of connection failure."""
    detail: str
    """One sentence."""
    remote: str
    """Address of the other side."""
    session_id: SessionId | None = None
    """The OFTP2 session that it was part of."""
