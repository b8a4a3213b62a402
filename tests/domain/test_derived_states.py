"""States that are derived and stored nowhere: trust requests, offers, overdue exchanges (product.md sections 2 and 9)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from counterseal.domain.exchange import Exchange, ExchangeState, overdue
from counterseal.domain.offer import OfferedState, OfferState
from counterseal.domain.offer import derive_state as derive_offer_state
from counterseal.domain.trust_request import TrustRequestState, derive_state, progress
from tests.builders import NOW, a_trust_request, an_exchange, an_offer, an_offered_certificate

BEFORE, AFTER = NOW + timedelta(days=13), NOW + timedelta(days=15)
Q, S, R, A, N, F, W = (
    ExchangeState.QUEUED,
    ExchangeState.SENT,
    ExchangeState.RECEIVED,
    ExchangeState.ACCEPTED,
    ExchangeState.REJECTED,
    ExchangeState.FAILED,
    ExchangeState.WITHDRAWN,
)
TOLD = {S, R}


def exchanges(states: Sequence[Any]) -> list[Exchange]:
    return [an_exchange(state=s, sent_at=NOW if s in TOLD else None) for s in states]


@pytest.mark.parametrize(
    ("states", "now", "expected"),
    [
        ([Q], BEFORE, TrustRequestState.OPEN),
        ([S, R], BEFORE, TrustRequestState.OPEN),
        ([A, S], BEFORE, TrustRequestState.PARTLY_ANSWERED),
        ([N, S], BEFORE, TrustRequestState.PARTLY_ANSWERED),
        ([A, S], AFTER, TrustRequestState.OVERDUE),
        ([S], AFTER, TrustRequestState.OVERDUE),
        ([A, A], AFTER, TrustRequestState.COMPLETE),
        ([A, A], BEFORE, TrustRequestState.COMPLETE),
        ([A, N], AFTER, TrustRequestState.REJECTED),
        ([N, N], BEFORE, TrustRequestState.REJECTED),
        ([F, F], BEFORE, TrustRequestState.FAILED),
        ([F, F], AFTER, TrustRequestState.FAILED),
        ([F, Q], BEFORE, TrustRequestState.OPEN),
        ([F, S], AFTER, TrustRequestState.OVERDUE),
        ([A, F], BEFORE, TrustRequestState.PARTLY_ANSWERED),
        ([A, W], BEFORE, TrustRequestState.COMPLETE),
        ([N, W], BEFORE, TrustRequestState.REJECTED),
        ([W, W], BEFORE, TrustRequestState.WITHDRAWN),
        ([], BEFORE, TrustRequestState.WITHDRAWN),
    ],
)
def test_a_trust_request_is_in_the_first_state_that_holds(states: Sequence[Any], now: datetime, expected: Any) -> None:
    assert derive_state(a_trust_request(), exchanges(states), now) is expected


def test_a_withdrawn_request_is_withdrawn_whatever_was_answered() -> None:
    assert derive_state(a_trust_request(withdrawn_at=NOW), exchanges([A, A]), BEFORE) is TrustRequestState.WITHDRAWN


def test_a_request_is_not_overdue_at_its_very_date() -> None:
    request = a_trust_request(respond_by=NOW)
    assert derive_state(request, exchanges([S]), NOW) is TrustRequestState.OPEN
    assert derive_state(request, exchanges([S]), NOW + timedelta(microseconds=1)) is TrustRequestState.OVERDUE


def test_withdrawn_exchanges_do_not_count() -> None:
    figures = progress(exchanges([A, N, F, Q, S, W, W]))
    assert (figures.total, figures.answered, figures.accepted, figures.rejected) == (5, 2, 1, 1)
    assert (figures.failed, figures.waiting, figures.told, figures.received) == (1, 2, 3, 2)


@pytest.mark.parametrize(
    ("state", "late"), [(Q, True), (S, True), (R, True), (F, True), (A, False), (N, False), (W, False)]
)
def test_an_exchange_is_overdue_while_an_answer_is_missing(state: Any, late: bool) -> None:
    one = an_exchange(state=state)
    assert overdue(one, NOW, NOW + timedelta(seconds=1)) is late
    assert not overdue(one, NOW, NOW)
    assert not overdue(one, None, AFTER)


P, Y, X = OfferedState.PENDING, OfferedState.ACCEPTED, OfferedState.REJECTED


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([P], OfferState.PENDING),
        ([P, Y], OfferState.PENDING),
        ([P, X], OfferState.PENDING),
        ([Y, Y], OfferState.ACCEPTED),
        ([X, X], OfferState.REJECTED),
        ([Y, X], OfferState.PARTLY),
    ],
)
def test_an_offer_is_what_its_certificates_are(states: Sequence[Any], expected: Any) -> None:
    assert derive_offer_state(an_offer(), [an_offered_certificate(state=s) for s in states]) is expected


def test_an_offer_whose_message_was_not_valid_is_refused() -> None:
    assert derive_offer_state(an_offer(refused="malformed XML"), []) is OfferState.REFUSED
