"""What Finish in the wizard creates; its state is derived from the exchanges and stored nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from counterseal.domain.channel import SCXType
from counterseal.domain.exchange import ANSWERED, Exchange, ExchangeState
from counterseal.domain.usage import Usage
from counterseal.kernel.ids import CommunityId, Fingerprint, TrustRequestId


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRequest:
    id: TrustRequestId
    community_id: CommunityId
    number: int
    """Counts up in the community; what people call it by."""
    fingerprint: Fingerprint
    usages: frozenset[Usage]
    scx_type: SCXType | None = None
    respond_by: datetime
    time_zone: str
    """The IANA zone in which the person chose ``respond_by``."""
    created_by: str
    created_at: datetime
    withdrawn_at: datetime | None = None


class TrustRequestState(StrEnum):
    WITHDRAWN = "withdrawn"
    COMPLETE = "complete"
    REJECTED = "rejected"
    FAILED = "failed"
    OVERDUE = "overdue"
    PARTLY_ANSWERED = "partly answered"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Figures of the exchanges that were not withdrawn."""

    total: int
    told: int
    received: int
    accepted: int
    rejected: int
    failed: int
    waiting: int

    @property
    def answered(self) -> int:
        return self.accepted + self.rejected


def progress(exchanges: Sequence[Exchange]) -> Progress:
    counted = [e for e in exchanges if e.state is not ExchangeState.WITHDRAWN]
    by_state = {s: sum(1 for e in counted if e.state is s) for s in ExchangeState}
    return Progress(
        total=len(counted),
        told=sum(1 for e in counted if e.sent_at is not None or e.state in ANSWERED),
        received=sum(1 for e in counted if e.received_at is not None or e.state in ANSWERED),
        accepted=by_state[ExchangeState.ACCEPTED],
        rejected=by_state[ExchangeState.REJECTED],
        failed=by_state[ExchangeState.FAILED],
        waiting=by_state[ExchangeState.QUEUED] + by_state[ExchangeState.SENT] + by_state[ExchangeState.RECEIVED],
    )


def derive_state(request: TrustRequest, exchanges: Sequence[Exchange], now: datetime) -> TrustRequestState:
    """The first that holds (product.md section 2, the Sent page)."""
    figures = progress(exchanges)
    told_nobody = figures.told == 0 and not any(e.state is ExchangeState.QUEUED for e in exchanges)
    rules = (
        (request.withdrawn_at is not None or figures.total == 0, TrustRequestState.WITHDRAWN),
        (figures.accepted == figures.total, TrustRequestState.COMPLETE),
        (figures.answered == figures.total, TrustRequestState.REJECTED),
        (told_nobody, TrustRequestState.FAILED),
        (now > request.respond_by, TrustRequestState.OVERDUE),
        (figures.answered > 0, TrustRequestState.PARTLY_ANSWERED),
    )
    return next((state for holds, state in rules if holds), TrustRequestState.OPEN)
