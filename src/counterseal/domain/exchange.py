"""One certificate conversation with one partner over one channel, when we are the one who offers."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from counterseal.domain.channel import Channel, SCXType
from counterseal.kernel.conversation import Table, next_state
from counterseal.kernel.ids import (
    AgreementId,
    CommunityId,
    DocumentId,
    ExchangeId,
    Fingerprint,
    PartnerId,
    TrustRequestId,
)


class ExchangeState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    RECEIVED = "received"
    """The transport receipt came: understood, not yet decided."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    id: ExchangeId
    community_id: CommunityId
    trust_request_id: TrustRequestId
    agreement_id: AgreementId
    partner_id: PartnerId
    channel: Channel
    scx_type: SCXType | None = None
    fingerprint: Fingerprint
    state: ExchangeState
    request_reference: str
    """CEM requestId. Unguessable, made by us, unique. SCX files carry no reference: their receipts name the file."""
    document_id: DocumentId | None = None
    """The document that carries the latest message of this exchange."""
    queued_at: datetime
    sent_at: datetime | None = None
    received_at: datetime | None = None
    answered_at: datetime | None = None
    reason: str = ""
    """Why it was rejected or failed, in the other side's words where there are some."""
    answered_by: str = ""
    """``wire``, or the user who recorded an answer that came by phone."""
    answer_message_id: str = ""
    reminders: int = 0
    delivered: tuple[Fingerprint, ...] | None = None
    """SCX Request: the partner's certificates that came as Delivers for it, in order; ``None``: none yet."""


BY_WIRE: Final = "wire"


@dataclass(frozen=True, slots=True)
class Sent:
    """The message left; no receipt yet."""


@dataclass(frozen=True, slots=True)
class Received:
    """A positive transport receipt (MDN, EFPA) came."""


@dataclass(frozen=True, slots=True)
class Accepted:
    by: str = BY_WIRE
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    reason: str
    by: str = BY_WIRE
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be delivered, or the partner's transport refused it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Resent:
    """A person or the reminder queued it again."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A person ended it."""


@dataclass(frozen=True, slots=True)
class DeliverCame:
    """SCX: a Deliver came that answers our Request. It says nothing about the certificate that we sent."""

    fingerprint: Fingerprint


ExchangeEvent = Sent | Received | Accepted | Rejected | Failed | Resent | Withdrawn | DeliverCame

_S = ExchangeState
TRANSITIONS: Final[Table[ExchangeState]] = {
    (_S.QUEUED, Sent): _S.SENT,
    (_S.QUEUED, Received): _S.RECEIVED,
    (_S.QUEUED, Accepted): _S.ACCEPTED,  # the answer may overtake our own bookkeeping (cem.md section 6, race)
    (_S.QUEUED, Rejected): _S.REJECTED,
    (_S.QUEUED, Failed): _S.FAILED,
    (_S.QUEUED, Withdrawn): _S.WITHDRAWN,
    (_S.SENT, Sent): _S.SENT,
    (_S.SENT, Received): _S.RECEIVED,
    (_S.SENT, Accepted): _S.ACCEPTED,  # CEM-50: before the MDN
    (_S.SENT, Rejected): _S.REJECTED,
    (_S.SENT, Failed): _S.FAILED,
    (_S.SENT, Resent): _S.QUEUED,
    (_S.SENT, Withdrawn): _S.WITHDRAWN,
    (_S.RECEIVED, Accepted): _S.ACCEPTED,
    (_S.RECEIVED, Rejected): _S.REJECTED,
    (_S.RECEIVED, Resent): _S.QUEUED,
    (_S.RECEIVED, Withdrawn): _S.WITHDRAWN,
    (_S.FAILED, Accepted): _S.ACCEPTED,  # it had arrived after all
    (_S.FAILED, Rejected): _S.REJECTED,
    (_S.FAILED, Resent): _S.QUEUED,
    (_S.FAILED, Withdrawn): _S.WITHDRAWN,
    (_S.REJECTED, Accepted): _S.ACCEPTED,  # cem.md row 28: the latest wins until the certificate is in use
    (_S.REJECTED, Resent): _S.QUEUED,
    (_S.REJECTED, Withdrawn): _S.WITHDRAWN,
    (_S.ACCEPTED, Rejected): _S.REJECTED,  # row 28; engine forbids it once the certificate went into use
    (_S.ACCEPTED, Failed): _S.FAILED,  # cem.md section 6, race: a negative MDN drops an early decision
    (_S.ACCEPTED, Withdrawn): _S.WITHDRAWN,
    # Delivers come in any order, also before the receipt for the Request (oftp2-scx.md C 18); none answers what never left.
    (_S.QUEUED, DeliverCame): _S.QUEUED,  # sent before, and queued again
    (_S.SENT, DeliverCame): _S.SENT,
    (_S.RECEIVED, DeliverCame): _S.RECEIVED,
    (_S.ACCEPTED, DeliverCame): _S.ACCEPTED,
    (_S.REJECTED, DeliverCame): _S.REJECTED,
    (_S.FAILED, DeliverCame): _S.FAILED,
}

ANSWERED: Final = frozenset({_S.ACCEPTED, _S.REJECTED})
WAITING: Final = frozenset({_S.QUEUED, _S.SENT, _S.RECEIVED})


def apply(exchange: Exchange, event: ExchangeEvent, now: datetime) -> Exchange:
    """The exchange after ``event``. Raises ``InvalidTransition``."""
    state = next_state(TRANSITIONS, exchange.state, event)
    match event:
        case Sent():
            return replace(exchange, state=state, sent_at=now)
        case Received():
            return replace(exchange, state=state, received_at=now, sent_at=exchange.sent_at or now)
        case Accepted(by=by, message_id=message_id):
            return replace(
                exchange, state=state, answered_at=now, reason="", answered_by=by, answer_message_id=message_id
            )
        case Rejected(reason=reason, by=by, message_id=message_id):
            return replace(
                exchange, state=state, answered_at=now, reason=reason, answered_by=by, answer_message_id=message_id
            )
        case Failed(reason=reason):
            return replace(exchange, state=state, reason=reason, answered_at=None, answered_by="", answer_message_id="")
        case Resent():
            return replace(
                exchange, state=state, queued_at=now, reason="", answered_at=None, reminders=exchange.reminders + 1
            )
        case Withdrawn():
            return replace(exchange, state=state)
        case DeliverCame(fingerprint=fingerprint):
            return replace(exchange, state=state, delivered=(*(exchange.delivered or ()), fingerprint))


def overdue(exchange: Exchange, respond_by: datetime | None, now: datetime) -> bool:
    """Derived, never stored: the date passed and no answer is there."""
    return respond_by is not None and now > respond_by and exchange.state in WAITING | {_S.FAILED}
