"""Our Replace and Request over SCX, and what a person does with a certificate file: again, withdrawn, answered by phone."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from counterseal.domain.channel import SCXType
from counterseal.domain.community import CutoverRule
from counterseal.domain.document import DocumentState
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.usage import AssignmentState, Usage
from counterseal.engine import scx_outbound, trust_requests
from counterseal.kernel.ids import Fingerprint
from counterseal.protocols.oftp2.reasons import FileReason
from tests.engine.oftp2.certificate_partner import (
    Answer,
    CertificatePartner,
    accepts,
    exchange_of,
    rejects,
    waits,
    work,
)
from tests.engine.oftp2.certificate_story import (
    CHANGED,
    MANY_DAYS,
    NEW,
    STAGED,
    asked,
    assignments,
    bring,
    change_rule,
    event_names,
    files,
    finding_codes,
    ours,
    signer_of,
    start,
)
from tests.engine.oftp2.pair import USAGES, Gateway, two_gateways
from tests.gateway import ADMINISTRATOR, clock_of


@pytest.fixture
def alpha(tmp_path: Path) -> Iterator[Gateway]:
    """Its agreement wants everything signed, compressed and encrypted, and signed receipts."""
    with two_gateways(tmp_path) as (gateway, _):
        yield gateway


@pytest.fixture
def bravo() -> CertificatePartner:
    return CertificatePartner()


# Replace


@pytest.mark.parametrize("rule", [None, CutoverRule.MANUAL])
def test_a_replace_ends_our_use_of_the_old_key_toward_that_partner(
    alpha: Gateway, bravo: CertificatePartner, rule: CutoverRule | None
) -> None:
    """SCX-27, SCX-34: on EERP, whatever the rule says; the certificate stays held, its signatures can be checked."""
    change_rule(alpha, rule)
    (old,) = {a.fingerprint for a in assignments(alpha)}
    start(alpha, SCXType.REPLACE)
    assert ours(alpha) == STAGED
    bravo.call(alpha)
    replaced = {"old": AssignmentState.RETIRED, "new": AssignmentState.ACTIVE}
    assert {usage: ours(alpha, usage) for usage in USAGES} == dict.fromkeys(USAGES, replaced)
    with alpha.ports.store.read() as reader:
        assert reader.find_certificate(alpha.agreement.community_id, old) is not None


def test_a_replace_of_some_usages_leaves_the_others(alpha: Gateway, bravo: CertificatePartner) -> None:
    """SCX-28."""
    start(alpha, SCXType.REPLACE, usages=frozenset({Usage.FILE_SIGN, Usage.RECEIPT_SIGN}))
    bravo.call(alpha)
    assert ours(alpha)["old"] is AssignmentState.RETIRED
    assert ours(alpha, Usage.FILE_ENCRYPT) == {"old": AssignmentState.ACTIVE}


@pytest.mark.parametrize("answer", [rejects("no"), waits])
def test_a_replace_that_is_not_accepted_changes_nothing(
    alpha: Gateway, bravo: CertificatePartner, answer: Answer
) -> None:
    """SCX-34."""
    bravo.answer = answer
    start(alpha, SCXType.REPLACE, days=1)
    bravo.call(alpha)
    clock_of(alpha.ports).pass_time(MANY_DAYS)
    work(alpha)
    assert {usage: ours(alpha, usage) for usage in USAGES} == dict.fromkeys(USAGES, STAGED)


@pytest.mark.parametrize(("kind", "anew"), [(SCXType.REPLACE, True), (SCXType.DELIVER, False)])
def test_a_file_that_waits_is_signed_anew_only_after_a_replace(
    alpha: Gateway, bravo: CertificatePartner, kind: SCXType, *, anew: bool
) -> None:
    """SCX-26, SCX-27: after a Deliver the partner still verifies the old one, and the same octets are sent again."""
    bravo.answer = waits
    start(alpha, kind)
    bravo.call(alpha)
    document = alpha.send(b"an order")
    before = signer_of(alpha, document)
    bravo.refuses = FileReason.UNSPECIFIED
    bravo.decide(accepts)
    bravo.call(alpha)
    assert alpha.document(document).state is DocumentState.QUEUED
    bravo.refuses = None
    bravo.call(alpha)
    work(alpha)
    bravo.call(alpha)
    assert alpha.document(document).state is DocumentState.SENT
    assert [sfid.dsn for sfid, _ in bravo.files][1:] == ["ORDERS"]
    assert before != NEW.certificate.fingerprint
    assert signer_of(alpha, document) == (NEW.certificate.fingerprint if anew else before)


# Request


def test_a_request_is_accepted_like_a_deliver_and_delivers_are_tied_to_it(
    alpha: Gateway, bravo: CertificatePartner
) -> None:
    """SCX-29, our side: the certificate is judged by itself, and Delivers come in any order (oftp2-scx.md C 18)."""
    bravo.answer = waits
    request = start(alpha, SCXType.REQUEST)
    assert asked(alpha) == []
    bravo.call(alpha)
    assert [e.trust_request_id for e in asked(alpha)] == [request.id]
    for fingerprint in ("ab" * 32, "cd" * 32, "ab" * 32):
        bring(alpha, fingerprint)
    exchange = exchange_of(alpha, request.id)
    assert (exchange.state, exchange.delivered) == (ExchangeState.RECEIVED, ("ab" * 32, "cd" * 32))
    bravo.decide(accepts)
    bravo.call(alpha)
    bring(alpha, "ef" * 32)
    exchange = exchange_of(alpha, request.id)
    assert (exchange.state, len(exchange.delivered or ())) == (ExchangeState.ACCEPTED, 3)
    assert ours(alpha) == CHANGED
    assert event_names(alpha).count("exchange.deliver-came") == 3


def test_a_rejected_request_still_brings_delivers(alpha: Gateway, bravo: CertificatePartner) -> None:
    """SCX-30, our side."""
    bravo.answer = rejects("not this one")
    request = start(alpha, SCXType.REQUEST)
    bravo.call(alpha)
    bring(alpha, "ab" * 32)
    exchange = exchange_of(alpha, request.id)
    assert (exchange.state, exchange.delivered) == (ExchangeState.REJECTED, ("ab" * 32,))
    assert ours(alpha) == STAGED


@pytest.mark.parametrize(("answer", "tied"), [(accepts, None), (waits, ("ab" * 32,))])
def test_after_answer_and_date_a_deliver_is_one_that_nobody_asked_for(
    alpha: Gateway, bravo: CertificatePartner, answer: Answer, tied: tuple[str, ...] | None
) -> None:
    """A partner that is late with everything is still answering."""
    bravo.answer = answer
    request = start(alpha, SCXType.REQUEST, days=2)
    bravo.call(alpha)
    clock_of(alpha.ports).pass_time(timedelta(days=3))
    bring(alpha, "ab" * 32)
    assert exchange_of(alpha, request.id).delivered == tied


def test_a_withdrawn_request_takes_no_delivers(alpha: Gateway, bravo: CertificatePartner) -> None:
    bravo.answer = waits
    request = start(alpha, SCXType.REQUEST)
    bravo.call(alpha)
    exchange = exchange_of(alpha, request.id)
    trust_requests.withdraw_exchange(alpha.ports, ADMINISTRATOR, exchange.id)
    assert asked(alpha) == []
    with alpha.ports.store.write() as writer:
        scx_outbound.deliver_came(writer, exchange, Fingerprint("ab" * 32), alpha.ports.clock.now())
    assert exchange_of(alpha, request.id).delivered is None


# sending again, withdrawing


def test_a_reminder_is_a_file_of_its_own_and_either_answer_counts(alpha: Gateway, bravo: CertificatePartner) -> None:
    """A partner that has the first file would answer a repetition with SFNA 13 and tell nobody."""
    bravo.answer = waits
    request = start(alpha)
    bravo.call(alpha)
    exchange = exchange_of(alpha, request.id)
    trust_requests.remind(alpha.ports, ADMINISTRATOR, [exchange.id])
    work(alpha)
    bravo.call(alpha)
    first, second = (sfid for sfid, _ in bravo.files)
    assert (first.date, first.time) != (second.date, second.time)
    bravo.decide(accepts, file=0)
    bravo.call(alpha)
    exchange = exchange_of(alpha, request.id)
    assert (exchange.state, exchange.reminders) == (ExchangeState.ACCEPTED, 1)
    assert exchange.answer_message_id.split()[1:3] == [first.date, first.time]
    bravo.decide(accepts, file=1)
    bravo.call(alpha)
    assert exchange_of(alpha, request.id) == exchange


def test_after_a_rejection_it_is_sent_again_and_can_be_accepted(alpha: Gateway, bravo: CertificatePartner) -> None:
    bravo.answer = rejects("CA not installed here")
    request = start(alpha)
    bravo.call(alpha)
    trust_requests.resend(alpha.ports, ADMINISTRATOR, [exchange_of(alpha, request.id).id])
    work(alpha)
    bravo.answer = accepts
    bravo.call(alpha)
    assert exchange_of(alpha, request.id).state is ExchangeState.ACCEPTED
    assert [d.state for d in files(alpha)] == [DocumentState.REJECTED, DocumentState.DELIVERED]


@pytest.mark.parametrize("made", [False, True])
def test_what_is_withdrawn_before_it_left_never_leaves(
    alpha: Gateway, bravo: CertificatePartner, *, made: bool
) -> None:
    request = start(alpha, worked=made)
    trust_requests.withdraw(alpha.ports, ADMINISTRATOR, request.id)
    work(alpha)
    bravo.call(alpha)
    assert bravo.files == []
    assert exchange_of(alpha, request.id).state is ExchangeState.WITHDRAWN


@pytest.mark.parametrize("answer", [accepts, rejects("no")])
def test_an_answer_to_what_was_withdrawn_is_noted_and_changes_nothing(
    alpha: Gateway, bravo: CertificatePartner, answer: Answer
) -> None:
    bravo.answer = waits
    request = start(alpha)
    bravo.call(alpha)
    trust_requests.withdraw(alpha.ports, ADMINISTRATOR, request.id)
    bravo.decide(answer)
    bravo.call(alpha)
    assert exchange_of(alpha, request.id).state is ExchangeState.WITHDRAWN
    assert ours(alpha) == STAGED
    assert "answer.withdrawn" in finding_codes(alpha)


def test_an_answer_by_phone_counts_like_one_by_wire(alpha: Gateway, bravo: CertificatePartner) -> None:
    bravo.answer = waits
    request = start(alpha)
    bravo.call(alpha)
    exchange = exchange_of(alpha, request.id)
    trust_requests.record_answer(alpha.ports, ADMINISTRATOR, exchange.id, accepted=True, reason="")
    assert ours(alpha) == CHANGED
    bravo.decide(rejects("no"))
    bravo.call(alpha)
    assert exchange_of(alpha, request.id).state is ExchangeState.ACCEPTED
