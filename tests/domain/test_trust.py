"""From findings to a decision: the four modes, warnings, people (product.md section 2, the Received page)."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from counterseal.domain.channel import Channel
from counterseal.domain.community import HandlingMode
from counterseal.domain.offer import FirstApproval, OfferAccepted, OfferedState, OfferRejected
from counterseal.domain.policies import Input
from counterseal.domain.trust import (
    SWITCHED_OFF,
    Accept,
    NotPossible,
    Reject,
    Wait,
    WaitsFor,
    decide_acceptance,
    decide_handling,
    decide_rejection,
    evaluate,
    reason_for_partner,
)
from counterseal.domain.usage import Usage
from counterseal.kernel.finding import Finding, Severity, Verdict
from tests.builders import NOW, a_certificate, an_offered_certificate, rsa_key
from tests.domain.policy_cases import (
    CURRENT,
    INTERMEDIATE,
    ISSUED,
    NEWCOMER,
    RENEWAL,
    a_case,
    an_scx_case,
    theirs,
)

OFF, MANUAL, RENEWALS, AUTOMATIC = HandlingMode
NEW_SUBJECT = replace(ISSUED, subject="CN=New,O=Test")
EXPIRED = a_certificate("Bravo Bows", key=rsa_key(2), expires_in=timedelta(hours=-1))
LATER = a_certificate("Bravo Bows", key=rsa_key(2), starts_in=timedelta(days=3), expires_in=timedelta(days=400))

CASES: dict[str, Input] = {
    "renewal": a_case(),
    "trusted chain, new subject": a_case(certificate=NEW_SUBJECT, chain=(INTERMEDIATE.certificate,)),
    "newcomer, self-signed": a_case(certificate=NEWCOMER),
    "expired": a_case(certificate=EXPIRED),
    "unsigned renewal": a_case(envelope=replace(a_case().envelope, signer=None)),
    "begins later": a_case(certificate=LATER),
    "in use already": a_case(certificate=CURRENT),
    "in use already, unsigned": a_case(certificate=CURRENT, envelope=replace(a_case().envelope, signer=None)),
    "unreadable": a_case(certificate=None),
    "scx renewal": an_scx_case(),
    "scx, password only": an_scx_case(envelope=replace(an_scx_case().envelope, session_authenticated=False)),
    "scx newcomer": an_scx_case(certificate=NEWCOMER),
    "portal": a_case(channel=Channel.PORTAL),
}
# case, then what happens in: off, manual, renewals, automatic
EXPECTED = """
    renewal                     no  person  yes       yes
    trusted chain, new subject  no  person  person    yes
    newcomer, self-signed       no  person  person    person
    expired                     no  person  no        no
    unsigned renewal            no  person  person    person
    begins later                no  person  validity  validity
    in use already              no  yes     yes       yes
    in use already, unsigned    no  person  person    person
    unreadable                  no  no      no        no
    scx renewal                 no  person  yes       yes
    scx, password only          no  person  person    person
    scx newcomer                no  person  no        no
    portal                      no  person  person    person
"""
ROWS = [line.rsplit(maxsplit=4) for line in EXPECTED.strip().splitlines()]
TABLE = {(name.strip(), mode): word for name, *words in ROWS for mode, word in zip(HandlingMode, words, strict=True)}


def word(decision: Accept | Reject | Wait) -> str:
    match decision:
        case Accept():
            return "yes"
        case Reject():
            return "no"
        case Wait(waits_for=waits_for):
            return waits_for.value


@pytest.mark.parametrize(("name", "mode"), list(product(CASES, HandlingMode)))
def test_handling_follows_mode_and_findings(name: str, mode: HandlingMode) -> None:
    """Rows 2, 11, 14, 15, 19; CEM-29, CEM-43, CEM-47, SCX-9, SCX-23, SCX-33."""
    case = CASES[name]
    decision = decide_handling(mode, evaluate(case), readable=case.certificate is not None)
    assert word(decision) == TABLE[name, mode]
    if isinstance(decision, Reject):
        assert decision.reason
    if isinstance(decision, Wait) and decision.waits_for is WaitsFor.VALIDITY:
        assert decision.until == LATER.not_before


def test_off_says_that_it_is_off_and_nothing_of_the_certificate() -> None:
    decision = decide_handling(OFF, evaluate(CASES["expired"]), readable=True)
    assert decision == Reject(reason=SWITCHED_OFF)


def test_every_mode_sees_the_same_findings() -> None:
    """The checks run in every mode, before anything is stored as trusted: evaluation does not know the mode."""
    evaluation = evaluate(a_case())
    assert len(evaluation.verdict.findings) >= 15
    assert not evaluation.verdict.needs_person


def test_an_evaluation_names_what_is_renewed_newest_first() -> None:
    newer = a_certificate("Bravo Bows", key=rsa_key(3))
    rows = (
        theirs(CURRENT, Usage.SIGN),
        theirs(newer, Usage.SIGN, created_at=NOW + timedelta(hours=1)),
        theirs(CURRENT, Usage.ENCRYPT),
    )
    held = a_case().held
    evaluation = evaluate(
        a_case(
            assignments=rows, held={**held, newer.fingerprint: replace(held[CURRENT.fingerprint], certificate=newer)}
        )
    )
    assert evaluation.renews == (newer.fingerprint, CURRENT.fingerprint)
    assert evaluation.renewal


def test_a_renewal_in_part_is_no_renewal() -> None:
    evaluation = evaluate(a_case(assignments=(theirs(CURRENT, Usage.SIGN),)))
    assert evaluation.renews == (CURRENT.fingerprint,)
    assert not evaluation.renewal


def test_without_a_readable_certificate_only_the_envelope_is_looked_at() -> None:
    for case in (a_case(certificate=None), a_case(problem="It is not the one that is named.")):
        codes = {f.code for f in evaluate(case).verdict.findings}
        assert codes == {"envelope.signed", "envelope.names", "usage.supported", "certificate.readable"}


def test_a_certificate_that_is_not_the_named_one_is_never_accepted() -> None:
    """Row 9; CEM-51."""
    evaluation = evaluate(a_case(problem="The certificate is not the one that is named."))
    for mode in (RENEWALS, AUTOMATIC):
        assert isinstance(decide_handling(mode, evaluation, readable=True), Reject)
    assert isinstance(decide_handling(MANUAL, evaluation, readable=True), Wait)


# people

CLEAN = Verdict()
REFUSED = Verdict(
    (Finding(code="certificate.expired", severity=Severity.REFUSAL, subject="x", text="It ended. Send another."),)
)
PENDING = an_offered_certificate(certificate=RENEWAL)


def accept(
    offered: object = PENDING, verdict: Verdict = CLEAN, *, by: str = "user:mara", two_people: bool = False
) -> object:
    return decide_acceptance(offered, verdict, by=by, two_people=two_people, now=NOW)  # type: ignore[arg-type]


def test_one_person_accepts_where_one_is_enough() -> None:
    assert accept() == OfferAccepted(by="user:mara")


def test_with_two_people_the_first_yes_only_stands() -> None:
    assert accept(two_people=True) == FirstApproval(by="user:mara")
    first = replace(PENDING, first_approver="user:mara")
    assert accept(first, by="user:jonas", two_people=True) == OfferAccepted(by="user:jonas")
    again = accept(first, two_people=True)
    assert isinstance(again, NotPossible)
    assert again.code == "offer.same-person"


def test_a_refusal_is_accepted_by_nobody() -> None:
    """Neither by one nor by the second of two: the verdict is asked anew each time."""
    for offered in (PENDING, replace(PENDING, first_approver="user:jonas")):
        refused = accept(offered, REFUSED, two_people=True)
        assert isinstance(refused, NotPossible)
        assert refused.code == "offer.refused"


def test_a_warning_can_be_accepted_by_a_person() -> None:
    warned = Verdict((Finding(code="x.y", severity=Severity.WARNING, subject="x", text="Look."),))
    assert accept(verdict=warned) == OfferAccepted(by="user:mara")


@pytest.mark.parametrize(
    ("offered", "code"),
    [
        (replace(PENDING, state=OfferedState.ACCEPTED, decided_by="policy"), "offer.decided"),
        (replace(PENDING, state=OfferedState.REJECTED, decided_by="user:jonas"), "offer.decided"),
        (replace(PENDING, certificate=None), "offer.unreadable"),
        (replace(PENDING, certificate=EXPIRED), "offer.expired"),
    ],
)
def test_what_cannot_be_accepted_says_why(offered: object, code: str) -> None:
    decision = accept(offered)
    assert isinstance(decision, NotPossible)
    assert decision.code == code


def test_one_no_is_enough_and_needs_a_reason() -> None:
    first = replace(PENDING, first_approver="user:jonas")
    assert decide_rejection(first, by="user:mara", reason=" too short ") == OfferRejected(
        by="user:mara", reason="too short"
    )
    empty = decide_rejection(first, by="user:mara", reason="  ")
    assert isinstance(empty, NotPossible)
    assert empty.code == "offer.no-reason"
    late = decide_rejection(replace(PENDING, state=OfferedState.REJECTED), by="user:mara", reason="no")
    assert isinstance(late, NotPossible)


def test_the_reason_fits_its_channel() -> None:
    """SCX-8: at most 999 octets of UTF-8, never half a character."""
    long = Verdict((Finding(code="x.y", severity=Severity.REFUSAL, subject="x", text="ü" * 3000),))
    assert reason_for_partner(long, channel=Channel.SCX) == "ü" * 499
    assert len(reason_for_partner(long, channel=Channel.CEM)) == 2000
    assert reason_for_partner(REFUSED, channel=Channel.SCX) == "It ended. Send another."
