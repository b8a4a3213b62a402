"""Our certificate over SCX: what leaves, what the partner's answer changes, whenever it comes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.community import CutoverRule
from counterseal.domain.document import DocumentState
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.trust_request import TrustRequestState
from counterseal.domain.usage import AssignmentState, Usage
from counterseal.engine import trust_requests
from counterseal.engine.views.sent import LineState
from counterseal.protocols.oftp2.commands import SFID, Receipt
from counterseal.protocols.oftp2.endresponse import build_eerp
from counterseal.protocols.oftp2.reasons import FileReason, NERPReason
from counterseal.protocols.scx.logical_id import logical_id, read_clid
from tests.engine.oftp2.certificate_partner import (
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
    assignments,
    change_rule,
    event_names,
    files,
    finding_codes,
    ours,
    shown,
    start,
)
from tests.engine.oftp2.pair import CODES, USAGES, Gateway, two_gateways
from tests.gateway import ADMINISTRATOR, clock_of


@pytest.fixture
def alpha(tmp_path: Path) -> Iterator[Gateway]:
    """Its agreement wants everything signed, compressed and encrypted, and signed receipts."""
    with two_gateways(tmp_path) as (gateway, _):
        yield gateway


@pytest.fixture
def bravo() -> CertificatePartner:
    return CertificatePartner()


# what leaves


@pytest.mark.parametrize("kind", list(SCXType))
def test_the_file_is_plain_der_whatever_the_agreement_wishes(
    alpha: Gateway, bravo: CertificatePartner, kind: SCXType
) -> None:
    """SCX-2, SCX-3, SCX-4: U, unsecured, unsigned receipt, one certificate and nothing else."""
    start(alpha, kind)
    bravo.call(alpha)
    ((sfid, content),) = bravo.files
    assert content == NEW.der
    assert (sfid.dsn, sfid.orig, sfid.dest) == (
        f"ODETTE_CERTIFICATE_{kind.value.upper()}",
        CODES["alpha"],
        CODES["bravo"],
    )
    assert (sfid.fmt, sfid.lrecl, sfid.sec, sfid.ciph, sfid.comp, sfid.env, sfid.sign) == (
        "U", 0, "00", "00", "0", "0", False,
    )  # fmt: skip


def test_the_description_names_the_certificate_that_is_replaced(alpha: Gateway, bravo: CertificatePartner) -> None:
    """SCX-19: physically, so that a partner finds it whatever the names of the new one are."""
    (before,) = {a.fingerprint for a in assignments(alpha)}
    start(alpha)
    bravo.call(alpha)
    clid = read_clid(bravo.files[0][0].desc)
    with alpha.ports.store.read() as reader:
        old = reader.find_certificate(alpha.agreement.community_id, before)
    assert old is not None
    assert clid == logical_id(old.certificate)


def test_finish_stages_before_anybody_is_told(alpha: Gateway) -> None:
    """SCX-35: the new key opens files and challenges from now on, the old one signs."""
    request = start(alpha)
    assert {usage: ours(alpha, usage) for usage in USAGES} == dict.fromkeys(USAGES, STAGED)
    exchange = exchange_of(alpha, request.id)
    assert (exchange.channel, exchange.scx_type, exchange.state) == (
        Channel.SCX,
        SCXType.DELIVER,
        ExchangeState.QUEUED,
    )


# what the answer changes


def test_an_eerp_accepts_and_the_partner_is_changed_over(alpha: Gateway, bravo: CertificatePartner) -> None:
    """SCX-6, SCX-34, SCX-35: signing changes; the old key goes on opening what was under way."""
    request = start(alpha)
    bravo.call(alpha)
    exchange = exchange_of(alpha, request.id)
    assert (exchange.state, exchange.answered_by) == (ExchangeState.ACCEPTED, "wire")
    assert exchange.sent_at is not None
    assert exchange.answer_message_id.startswith("ODETTE_CERTIFICATE_DELIVER ")
    assert {usage: ours(alpha, usage) for usage in USAGES} == dict.fromkeys(USAGES, CHANGED)
    assert "exchange.accepted" in event_names(alpha)
    assert files(alpha)[0].state is DocumentState.DELIVERED


def test_efpa_alone_is_no_verdict_and_the_eerp_may_come_days_later(alpha: Gateway, bravo: CertificatePartner) -> None:
    """SCX-6, SCX-34: in another session, also after a restart: nothing is kept in memory between them."""
    bravo.answer = waits
    request = start(alpha)
    bravo.call(alpha)
    assert exchange_of(alpha, request.id).state is ExchangeState.RECEIVED
    assert ours(alpha) == STAGED
    clock_of(alpha.ports).pass_time(MANY_DAYS)
    bravo.decide(accepts)
    bravo.call(alpha)
    assert exchange_of(alpha, request.id).state is ExchangeState.ACCEPTED
    assert ours(alpha) == CHANGED


@pytest.mark.parametrize("reason", [NERPReason.UNSPECIFIED, NERPReason.PROCESSING_FAILED, NERPReason.DUPLICATE_FILE])
def test_any_nerp_rejects_with_the_partners_words_and_changes_nothing(
    alpha: Gateway, bravo: CertificatePartner, reason: NERPReason
) -> None:
    """SCX-8, SCX-34: the old key stays, also after the respond-by date."""
    bravo.answer = rejects("Certificate cannot be assigned.", reason=reason)
    request = start(alpha, days=2)
    bravo.call(alpha)
    exchange = exchange_of(alpha, request.id)
    assert (exchange.state, exchange.reason) == (ExchangeState.REJECTED, "Certificate cannot be assigned.")
    clock_of(alpha.ports).pass_time(timedelta(days=3))
    work(alpha)
    assert ours(alpha) == STAGED
    assert files(alpha)[0].state is DocumentState.REJECTED


def test_an_eerp_after_a_nerp_counts_while_the_certificate_is_not_in_use(
    alpha: Gateway, bravo: CertificatePartner
) -> None:
    """A person at the partner's who rejected by mistake decides again."""
    bravo.answer = rejects("unknown")
    request = start(alpha)
    bravo.call(alpha)
    bravo.decide(accepts)
    bravo.call(alpha)
    assert exchange_of(alpha, request.id).state is ExchangeState.ACCEPTED
    assert ours(alpha) == CHANGED


def test_a_nerp_after_the_eerp_switches_nothing_back_and_is_a_finding(
    alpha: Gateway, bravo: CertificatePartner
) -> None:
    request = start(alpha)
    bravo.call(alpha)
    bravo.decide(rejects("changed our mind"))
    bravo.call(alpha)
    assert exchange_of(alpha, request.id).state is ExchangeState.ACCEPTED
    assert ours(alpha) == CHANGED
    assert "answer.after-use" in finding_codes(alpha)


def test_a_badly_signed_eerp_is_no_verdict(alpha: Gateway, bravo: CertificatePartner) -> None:
    """It may be signed although nobody asked (oftp2-scx.md C 11); what is signed must hold."""

    def signed_by_nobody(sfid: SFID) -> Receipt:
        return replace(build_eerp(sfid), hsh=b"\0" * 32, sig=b"no signature")

    bravo.answer = signed_by_nobody
    request = start(alpha)
    bravo.call(alpha)
    assert exchange_of(alpha, request.id).state is ExchangeState.RECEIVED
    assert ours(alpha) == STAGED
    assert files(alpha)[0].state is DocumentState.DELIVERED_DIFFERENT


def test_a_partner_whose_filter_refuses_the_name_is_not_asked_again(alpha: Gateway, bravo: CertificatePartner) -> None:
    """oftp2-scx.md C 1: SFNA 01 with "try again" would be refused for ever."""
    bravo.refuses = FileReason.INVALID_FILENAME
    request = start(alpha)
    bravo.call(alpha)
    exchange = exchange_of(alpha, request.id)
    assert exchange.state is ExchangeState.FAILED
    assert "ask it to allow that name" in exchange.reason
    assert ours(alpha) == STAGED


def test_a_refusal_that_can_pass_is_tried_again(alpha: Gateway, bravo: CertificatePartner) -> None:
    bravo.refuses = FileReason.UNSPECIFIED
    request = start(alpha)
    bravo.call(alpha)
    assert exchange_of(alpha, request.id).state is ExchangeState.QUEUED
    bravo.refuses = None
    bravo.call(alpha)
    assert exchange_of(alpha, request.id).state is ExchangeState.ACCEPTED


# the date, and the rule of the agreement


@pytest.mark.parametrize(
    ("rule", "at_date"),
    [(None, STAGED), (CutoverRule.ON_ACCEPTANCE, STAGED), (CutoverRule.ON_ACCEPTANCE_OR_DATE, CHANGED)],
)
def test_a_silent_partner_is_overdue_at_the_date(
    alpha: Gateway, bravo: CertificatePartner, rule: CutoverRule | None, at_date: dict[str, AssignmentState]
) -> None:
    """SCX-34: without a rule of its own the date changes nothing over SCX (product.md section 3, rule 3)."""
    bravo.answer = waits
    change_rule(alpha, rule)
    request = start(alpha, days=2)
    bravo.call(alpha)
    assert shown(alpha, request).state is TrustRequestState.OPEN
    clock_of(alpha.ports).pass_time(timedelta(days=2, hours=1))
    work(alpha)
    view = shown(alpha, request)
    assert (view.state, [line.state for line in view.lines]) == (TrustRequestState.OVERDUE, [LineState.OVERDUE])
    assert ours(alpha) == at_date


def test_with_the_manual_rule_a_person_switches(alpha: Gateway, bravo: CertificatePartner) -> None:
    change_rule(alpha, CutoverRule.MANUAL)
    request = start(alpha)
    bravo.call(alpha)
    assert (ours(alpha), ours(alpha, Usage.FILE_ENCRYPT)) == (STAGED, CHANGED)
    trust_requests.switch_now(alpha.ports, ADMINISTRATOR, exchange_of(alpha, request.id).id)
    assert ours(alpha) == CHANGED
