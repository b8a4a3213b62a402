"""Every literal transition table: each pair of state and event is defined or refused, and what the tables promise holds."""

from datetime import timedelta
from itertools import product
from typing import Any, get_args

import pytest

from counterseal.domain import assignment, document, exchange, offer
from counterseal.domain.assignment import Activated, Restored, Retired, Superseded, Unstaged
from counterseal.domain.document import Direction, Document, DocumentState, HandedOver, SendingStarted
from counterseal.domain.exchange import Accepted, ExchangeState, Failed, Received, Rejected, Resent, Sent, Withdrawn
from counterseal.domain.offer import FirstApproval, OfferAccepted, OfferedState, OfferRejected
from counterseal.domain.usage import AssignmentState
from counterseal.kernel.conversation import InvalidTransition, allows
from counterseal.kernel.ids import Fingerprint
from tests.builders import NOW, a_document, an_assignment, an_exchange, an_offered_certificate

LATER = NOW + timedelta(hours=1)
WITH_REASON = {Rejected, Failed, document.Refused, document.GaveUp, document.AttemptFailed, document.ReceiptDiffers}
WITH_REASON |= {document.ReceiptNegative, document.ReceiptDoubtful}


def make(event_type: Any) -> Any:
    """An event of this type with plausible fields."""
    if event_type in WITH_REASON:
        return event_type(reason="because")
    if event_type is OfferRejected:
        return OfferRejected(by="user:mara", reason="because")
    if event_type in {OfferAccepted, FirstApproval, document.Cancelled}:
        return event_type(by="user:mara")
    if event_type is exchange.DeliverCame:
        return event_type(fingerprint=Fingerprint("ab" * 32))
    return event_type()


def out(state: Any) -> Document:
    return a_document(state=state, direction=Direction.OUT)


def inbound(state: Any) -> Document:
    return a_document(state=state, direction=Direction.IN)


MACHINES: dict[str, tuple[Any, Any, Any, Any, Any]] = {
    "assignment": (
        assignment.TRANSITIONS,
        AssignmentState,
        assignment.AssignmentEvent,
        lambda s: an_assignment(state=s),
        assignment.apply,
    ),
    "exchange": (
        exchange.TRANSITIONS,
        ExchangeState,
        exchange.ExchangeEvent,
        lambda s: an_exchange(state=s),
        exchange.apply,
    ),
    "offered": (
        offer.TRANSITIONS,
        OfferedState,
        offer.OfferedEvent,
        lambda s: an_offered_certificate(state=s),
        offer.apply,
    ),
    "document out": (document.OUT_TRANSITIONS, DocumentState, document.DocumentEvent, out, document.apply),
    "document in": (document.IN_TRANSITIONS, DocumentState, document.DocumentEvent, inbound, document.apply),
}
START = {
    "assignment": AssignmentState.STAGED,
    "exchange": ExchangeState.QUEUED,
    "offered": OfferedState.PENDING,
    "document out": DocumentState.QUEUED,
    "document in": DocumentState.RECEIVING,
}
PAIRS = [
    pytest.param(name, state, event, id=f"{name}: {state.value} {event.__name__}")
    for name, (_, states, events, _, _) in MACHINES.items()
    for state, event in product(states, get_args(events))
]


@pytest.mark.parametrize(("name", "state", "event_type"), PAIRS)
def test_each_pair_is_a_row_or_refused(name: str, state: Any, event_type: type) -> None:
    table, _, _, build, apply = MACHINES[name]
    thing = build(state)
    if (state, event_type) in table:
        after = apply(thing, make(event_type), LATER)
        assert after.state is table[state, event_type]
        assert after.id == thing.id
    else:
        with pytest.raises(InvalidTransition) as raised:
            apply(thing, make(event_type), LATER)
        assert state.value in raised.value.detail
    assert allows(table, state, event_type) == ((state, event_type) in table)


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_of_a_table_is_reached_from_the_first(name: str) -> None:
    table = MACHINES[name][0]
    reached, todo = set(), [START[name]]
    while todo:
        state = todo.pop()
        reached.add(state)
        todo += [to for (at, _), to in table.items() if at is state and to not in reached]
    assert reached == {s for (at, _), to in table.items() for s in (at, to)}


@pytest.mark.parametrize("name", MACHINES)
def test_every_event_of_a_table_exists_and_none_is_forgotten(name: str) -> None:
    table, _, events, _, _ = MACHINES[name]
    used = {event for _, event in table}
    if name.startswith("document"):
        both = {e for _, e in document.OUT_TRANSITIONS} | {e for _, e in document.IN_TRANSITIONS}
        assert both == set(get_args(document.DocumentEvent))
    else:
        assert used == set(get_args(events))


def test_nothing_comes_back_from_retired_or_revoked() -> None:
    """Section 3, rule 7: never back to a revoked one; a retired one is no way back either."""
    ends = {
        to for (at, _), to in assignment.TRANSITIONS.items() if at in {AssignmentState.RETIRED, AssignmentState.REVOKED}
    }
    assert ends == {AssignmentState.REVOKED}


def test_only_an_activation_or_a_restoration_makes_active() -> None:
    making = {event for (_, event), to in assignment.TRANSITIONS.items() if to is AssignmentState.ACTIVE}
    assert making == {Activated, Restored}


def test_activation_is_dated_and_kept_after_the_change() -> None:
    active = assignment.apply(an_assignment(state=AssignmentState.STAGED), Activated(), NOW)
    assert active.activated_at == NOW
    for event in (Superseded(), Unstaged(), Retired()):
        left = assignment.apply(active, event, LATER)
        assert (left.activated_at, left.since) == (NOW, LATER)


def test_an_answer_may_overtake_the_receipt_and_our_own_bookkeeping() -> None:
    """CEM-50; cem.md section 6, race."""
    for state in (ExchangeState.QUEUED, ExchangeState.SENT):
        accepted = exchange.apply(an_exchange(state=state), Accepted(message_id="m1"), NOW)
        assert (accepted.state, accepted.answered_at, accepted.answer_message_id) == (ExchangeState.ACCEPTED, NOW, "m1")


def test_a_late_receipt_does_not_undo_an_answer() -> None:
    with pytest.raises(InvalidTransition):
        exchange.apply(an_exchange(state=ExchangeState.ACCEPTED), Received(), NOW)


def test_a_negative_receipt_drops_an_early_decision() -> None:
    """CEM-27; cem.md section 6, race: the contents were ignored."""
    early = exchange.apply(an_exchange(state=ExchangeState.SENT), Accepted(message_id="m1"), NOW)
    dropped = exchange.apply(early, Failed(reason="unexpected-processing-error"), LATER)
    assert (dropped.state, dropped.answered_at, dropped.answer_message_id) == (ExchangeState.FAILED, None, "")


def test_a_withdrawn_exchange_stays_withdrawn() -> None:
    assert not [event for (state, event) in exchange.TRANSITIONS if state is ExchangeState.WITHDRAWN]


def test_the_receipt_fills_in_when_it_was_sent() -> None:
    received = exchange.apply(an_exchange(), Received(), NOW)
    assert (received.sent_at, received.received_at) == (NOW, NOW)


def test_sending_again_forgets_the_reason_and_counts() -> None:
    rejected = exchange.apply(an_exchange(state=ExchangeState.SENT), Rejected(reason="too weak"), NOW)
    again = exchange.apply(rejected, Resent(), LATER)
    assert (again.state, again.reason, again.answered_at, again.reminders) == (ExchangeState.QUEUED, "", None, 1)
    assert exchange.apply(an_exchange(), Sent(), LATER).sent_at == LATER
    assert exchange.apply(an_exchange(), Withdrawn(), LATER).state is ExchangeState.WITHDRAWN


def test_an_offered_certificate_is_decided_once() -> None:
    decided = offer.apply(an_offered_certificate(), OfferAccepted(by="user:mara"), NOW)
    for event in (
        OfferAccepted(by="user:jonas"),
        OfferRejected(by="user:jonas", reason="no"),
        FirstApproval(by="user:jonas"),
    ):
        with pytest.raises(InvalidTransition):
            offer.apply(decided, event, LATER)


def test_a_first_approval_leaves_it_pending() -> None:
    first = offer.apply(an_offered_certificate(), FirstApproval(by="user:mara"), NOW)
    assert (first.state, first.first_approver, first.decided_at) == (OfferedState.PENDING, "user:mara", None)


def test_a_document_counts_its_tries_and_is_settled_when_nothing_is_awaited() -> None:
    sending = document.apply(out(DocumentState.QUEUED), SendingStarted(), NOW)
    assert (sending.tries, sending.settled_at) == (1, None)
    handed = document.apply(inbound(DocumentState.RECEIVED), HandedOver(), LATER)
    assert (handed.state, handed.settled_at) == (DocumentState.DELIVERED, LATER)
