"""What one partner may ask of this process at a time and in a minute, as its agreement says."""

import math
from collections import Counter
from dataclasses import dataclass

from counterseal.domain.agreement import AS2Terms
from counterseal.kernel.ids import AgreementId


@dataclass(frozen=True, slots=True, kw_only=True)
class TooMuch:
    """Why a message is not taken now, and when to try again."""

    status: int
    text: str
    retry_after: int
    """Seconds."""


class Pace:
    """Belongs to one event loop. ``enter`` before a message, ``leave`` after it."""

    def __init__(self) -> None:
        self._under_way: Counter[AgreementId] = Counter()
        self._buckets: dict[AgreementId, tuple[float, float]] = {}
        """What is left of the minute's messages, and when that was true."""

    def enter(self, agreement_id: AgreementId, terms: AS2Terms, *, now: float) -> TooMuch | None:
        """``None``: go on. ``now`` in seconds of any steady clock."""
        if self._under_way[agreement_id] >= terms.max_parallel_in:
            text = (
                f"{terms.max_parallel_in} messages of yours are being taken at this moment. Send this one again later."
            )
            return TooMuch(status=503, text=text, retry_after=5)
        rate = terms.messages_per_minute
        if rate is not None:
            left, since = self._buckets.get(agreement_id, (float(rate), now))
            left = min(float(rate), left + (now - since) * rate / 60)
            if left < 1:
                self._buckets[agreement_id] = (left, now)
                text = f"More than the {rate} messages a minute that were agreed. Send this one again later."
                return TooMuch(status=429, text=text, retry_after=max(1, math.ceil((1 - left) * 60 / rate)))
            self._buckets[agreement_id] = (left - 1, now)
        self._under_way[agreement_id] += 1
        return None

    def leave(self, agreement_id: AgreementId) -> None:
        self._under_way[agreement_id] -= 1
        if self._under_way[agreement_id] <= 0:
            del self._under_way[agreement_id]
