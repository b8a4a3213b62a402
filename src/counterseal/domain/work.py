"""A row of the outbox: one thing to be done, now or at its due time, exactly once in effect."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from counterseal.kernel.ids import OutboxId


class WorkKind(StrEnum):
    """What the worker knows how to perform."""

    SEND_DOCUMENT = "send-document"
    SEND_RECEIPT = "send-receipt"
    RECEIPT_TIMEOUT = "receipt-timeout"
    HAND_OVER = "hand-over"
    SEND_TRUST_REQUEST = "send-trust-request"
    ANSWER_OFFER = "answer-offer"
    RESPOND_BY = "respond-by"
    DECIDE_LATER = "decide-later"
    """An offered certificate whose validity begins later (cem.md row 15)."""
    SWEEP = "sweep"
    """Payloads that no row names, rows that are done."""
    SECURE_FILE = "secure-file"
    """An OFTP2 document becomes the file that sessions will send."""
    CALL_PARTNER = "call-partner"
    DELIVER_ALERT = "deliver-alert"
    RETIRE = "retire"
    """What ends by expiry or silence in one community."""


class WorkState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One outbox row. Claimed by setting ``owner`` and ``lease_until``; whoever lost the lease cannot record."""

    id: OutboxId
    kind: WorkKind
    key: str
    """Idempotency key: a second row with the same key is not stored."""
    lane: str
    """Rows of one lane are started in order of ``due`` then ``created_at`` and at most ``lane_limit`` at a time; empty: no
    limit. An agreement's id, for instance."""
    lane_limit: int = 1
    subject: str
    """Id of the thing it is about."""
    facts: Mapping[str, str]
    state: WorkState = WorkState.WAITING
    due: datetime
    owner: str = ""
    lease_until: datetime | None = None
    tries: int = 0
    created_at: datetime
