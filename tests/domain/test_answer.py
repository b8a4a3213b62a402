"""CEM responses: rows 23 to 28 of cem.md section 6, and what is in no row."""

from dataclasses import replace
from typing import Any

import pytest

from counterseal.domain.answer import Answer, AnswerDecision, Asked, Response, decide_answers
from counterseal.domain.exchange import Accepted, ExchangeState, Rejected
from counterseal.kernel.finding import Severity
from counterseal.kernel.ids import AgreementId, Fingerprint
from tests.builders import an_exchange

ONE, TWO = Fingerprint("aa" * 32), Fingerprint("bb" * 32)
YES = Answer(named="one", certificate=ONE, accepted=True, reason="")
NO = Answer(named="one", certificate=ONE, accepted=False, reason="too weak")
YES_TWO = Answer(named="two", certificate=TWO, accepted=True, reason="")
STRANGER = Answer(named="else", certificate=None, accepted=True, reason="")


def asked(
    state: ExchangeState = ExchangeState.SENT, fingerprint: Fingerprint = ONE, *, in_use: bool = False, **changes: Any
) -> Asked:
    made = {"request_reference": "r1@alpha", "fingerprint": fingerprint, "state": state}
    return Asked(exchange=an_exchange(**(made | changes)), in_use=in_use)


def response(*answers: Answer, **changes: Any) -> Response:
    made = Response(
        agreement_id=AgreementId("a"), reference="r1@alpha", message_id="m9", authentic=True, answers=answers
    )
    return replace(made, **changes)


def decide(said: Response, *known: Asked, asked_elsewhere: bool = False) -> AnswerDecision:
    return decide_answers(said, known, asked_elsewhere=asked_elsewhere)


def codes(decision: AnswerDecision) -> list[str]:
    return [f.code for f in decision.findings]


def test_an_acceptance_reaches_its_exchange() -> None:
    one = asked()
    decision = decide(response(YES), one)
    assert [(e.exchange, e.event) for e in decision.events] == [(one.exchange, Accepted(message_id="m9"))]
    assert decision.findings == ()


def test_a_rejection_brings_its_reason_or_says_that_there_was_none() -> None:
    """CEM-46."""
    assert decide(response(NO), asked()).events[0].event == Rejected(reason="too weak", message_id="m9")
    silent = decide(response(replace(NO, reason=" ")), asked()).events[0].event
    assert silent == Rejected(reason="No reason was given.", message_id="m9")


def test_a_reason_with_an_acceptance_means_nothing() -> None:
    assert decide(response(replace(YES, reason="but")), asked()).events[0].event == Accepted(message_id="m9")


@pytest.mark.parametrize(
    "state", [ExchangeState.QUEUED, ExchangeState.SENT, ExchangeState.RECEIVED, ExchangeState.FAILED]
)
def test_an_early_a_late_and_an_unexpected_answer_count(state: ExchangeState) -> None:
    """CEM-50: also before the MDN, and after we had given up."""
    assert len(decide(response(YES), asked(state)).events) == 1


def test_merged_and_split_responses_say_the_same() -> None:
    """CEM-33."""
    one, two = asked(), asked(fingerprint=TWO)
    merged = decide(response(YES, YES_TWO), one, two)
    split = [decide(response(YES), one, two), decide(response(YES_TWO), one, two)]
    assert merged.events == split[0].events + split[1].events
    assert [e.exchange.fingerprint for e in merged.events] == [ONE, TWO]


def test_row_23_an_unknown_request_changes_nothing() -> None:
    """CEM-36."""
    decision = decide(response(YES, reference="nobody"), asked())
    assert (decision.events, codes(decision)) == ((), ["answer.unknown-request"])


def test_row_25_an_answer_by_the_wrong_partner_changes_nothing_and_alarms() -> None:
    """CEM-36: the requestId alone does not authorise."""
    decision = decide(response(YES), asked_elsewhere=True)
    assert (decision.events, codes(decision)) == ((), ["answer.wrong-partner"])
    assert decision.findings[0].severity is Severity.WARNING


def test_row_24_without_a_reference_the_certificate_finds_the_only_open_request() -> None:
    decision = decide(response(YES, reference=None), asked(), asked(fingerprint=TWO))
    assert [e.exchange.fingerprint for e in decision.events] == [ONE]


def test_row_24_without_a_reference_two_fitting_requests_are_one_too_many() -> None:
    decision = decide(response(YES, reference=None), asked(), asked(request_reference="r2@alpha"))
    assert (decision.events, codes(decision)) == ((), ["answer.no-reference"])


def test_row_24_a_withdrawn_request_does_not_stand_in_the_way() -> None:
    withdrawn = asked(ExchangeState.WITHDRAWN, request_reference="r0@alpha")
    assert len(decide(response(YES, reference=None), asked(), withdrawn).events) == 1


def test_row_26_a_certificate_that_was_not_asked_about_is_ignored_and_the_rest_counts() -> None:
    decision = decide(response(STRANGER, YES), asked())
    assert [e.exchange.fingerprint for e in decision.events] == [ONE]
    assert codes(decision) == ["answer.not-asked"]


def test_row_26_a_certificate_of_another_request_is_not_reached_through_this_one() -> None:
    decision = decide(response(YES_TWO), asked(), asked(fingerprint=TWO, request_reference="r2@alpha"))
    assert (decision.events, codes(decision)) == ((), ["answer.not-asked"])


@pytest.mark.parametrize("second", [YES, NO])
def test_row_27_two_answers_for_one_certificate_discard_the_whole_response(second: Answer) -> None:
    """CEM-34: also what else stands in it."""
    decision = decide(response(YES, YES_TWO, second), asked(), asked(fingerprint=TWO))
    assert (decision.events, codes(decision)) == ((), ["answer.given-twice"])


@pytest.mark.parametrize(
    ("state", "answer", "event"),
    [(ExchangeState.ACCEPTED, NO, Rejected), (ExchangeState.REJECTED, YES, Accepted)],
)
def test_row_28_the_later_answer_counts_until_the_certificate_is_in_use(
    state: ExchangeState, answer: Answer, event: type
) -> None:
    """CEM-35."""
    decision = decide(response(answer), asked(state))
    assert [type(e.event) for e in decision.events] == [event]
    assert codes(decision) == ["answer.changed"]


def test_row_28_once_in_use_an_acceptance_stays() -> None:
    decision = decide(response(NO), asked(ExchangeState.ACCEPTED, in_use=True))
    assert (decision.events, codes(decision)) == ((), ["answer.after-use"])


def test_a_late_first_rejection_of_what_is_in_use_is_recorded_and_switches_nothing() -> None:
    """After the date the new one may be in use with a silent partner that says no then (rule 3)."""
    decision = decide(response(NO), asked(ExchangeState.SENT, in_use=True))
    assert [type(e.event) for e in decision.events] == [Rejected]
    assert codes(decision) == ["answer.rejected-in-use"]


def test_a_late_first_acceptance_of_what_is_in_use_is_recorded() -> None:
    decision = decide(response(YES), asked(ExchangeState.SENT, in_use=True))
    assert ([type(e.event) for e in decision.events], codes(decision)) == ([Accepted], [])


@pytest.mark.parametrize(("state", "answer"), [(ExchangeState.ACCEPTED, YES), (ExchangeState.REJECTED, NO)])
@pytest.mark.parametrize("in_use", [False, True])
def test_the_same_answer_again_changes_nothing(state: ExchangeState, answer: Answer, *, in_use: bool) -> None:
    """CEM-35."""
    decision = decide(response(answer), asked(state, in_use=in_use))
    assert (decision.events, codes(decision)) == ((), ["answer.repeated"])
    assert decision.findings[0].severity is Severity.PASSED


def test_an_answer_to_a_withdrawn_request_is_noted_only() -> None:
    decision = decide(response(YES), asked(ExchangeState.WITHDRAWN))
    assert (decision.events, codes(decision)) == ((), ["answer.withdrawn"])


def test_an_unsigned_response_changes_nothing_and_waits_for_a_person() -> None:
    """product.md section 9, unsigned CEM: never automatic."""
    decision = decide(response(YES, authentic=False), asked())
    assert (decision.events, codes(decision)) == ((), ["answer.unauthentic"])
