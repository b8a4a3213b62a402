"""Our certificate over SCX: what leaves, what the partner's answer changes, whenever it comes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from counterseal.domain.assignment import Assignment
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.community import CutoverRule
from counterseal.domain.document import Direction, Document, DocumentKind, DocumentState, MessageKind
from counterseal.domain.exchange import Exchange, ExchangeState
from counterseal.domain.trust_request import TrustRequest, TrustRequestState
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.engine import certificates, scx_outbound, trust_requests
from counterseal.engine.ports import Window
from counterseal.engine.views.sent import LineState, TrustRequestView, trust_request
from counterseal.kernel.ids import Fingerprint
from counterseal.protocols.oftp2.commands import SFID, Receipt
from counterseal.protocols.oftp2.endresponse import build_eerp
from counterseal.protocols.oftp2.reasons import FileReason, NERPReason
from counterseal.protocols.scx.logical_id import logical_id, read_clid
from tests import builders as b
from tests.configurations import key_file
from tests.engine.oftp2.certificate_partner import (
    Answer,
    CertificatePartner,
    accepts,
    exchange_of,
    rejects,
    waits,
    work,
)
from tests.engine.oftp2.pair import CODES, USAGES, Gateway, two_gateways
from tests.gateway import ADMINISTRATOR, clock_of

NEW = b.mint("Alpha", key=b.rsa_key(2), serial=4711)
USED = frozenset(USAGES)
MANY_DAYS = timedelta(days=9)


@pytest.fixture
def alpha(tmp_path: Path) -> Iterator[Gateway]:
    """Its agreement wants everything signed, compressed and encrypted, and signed receipts."""
    with two_gateways(tmp_path) as (gateway, _):
        yield gateway


@pytest.fixture
def bravo() -> CertificatePartner:
    return CertificatePartner()


def hold(gateway: Gateway, minted: b.Minted = NEW) -> Fingerprint:
    community = gateway.agreement.community_id
    held = certificates.import_key_file(
        gateway.ports, ADMINISTRATOR, community, content=key_file(minted, ""), password=None
    )
    return held.fingerprint


def start(
    gateway: Gateway,
    kind: SCXType = SCXType.DELIVER,
    *,
    usages: frozenset[Usage] = USED,
    minted: b.Minted = NEW,
    days: float = 14,
    worked: bool = True,
) -> TrustRequest:
    """Finish, an hour after the agreement was made, for a certificate that is held; the worker then makes the file."""
    clock_of(gateway.ports).pass_time(timedelta(hours=1))
    order = trust_requests.Start(
        community_id=gateway.agreement.community_id,
        source=trust_requests.StoredCertificate(fingerprint=hold(gateway, minted)),
        usages=usages,
        cem=(),
        scx=(gateway.agreement.id,),
        scx_type=kind,
        respond_by=gateway.ports.clock.now() + timedelta(days=days),
        time_zone="UTC",
        draft_id=None,
    )
    made = trust_requests.start(gateway.ports, ADMINISTRATOR, order)
    if worked:
        work(gateway)
    return made


def assignments(gateway: Gateway) -> list[Assignment]:
    with gateway.ports.store.read() as reader:
        return reader.assignments(agreement_id=gateway.agreement.id, side=Side.OURS)


def ours(gateway: Gateway, usage: Usage = Usage.FILE_SIGN) -> dict[str, AssignmentState]:
    """States of our certificates in this usage."""
    new = NEW.certificate.fingerprint
    return {"new" if a.fingerprint == new else "old": a.state for a in assignments(gateway) if a.usage is usage}


def files(gateway: Gateway) -> list[Document]:
    return [d for d in gateway.documents(Direction.OUT) if d.kind is DocumentKind.SCX][::-1]


def event_names(gateway: Gateway) -> list[str]:
    gateway.ports.store.seal()
    with gateway.ports.store.read() as reader:
        return [entry.event.event for entry in reader.audit(window=Window(limit=500))][::-1]


def finding_codes(gateway: Gateway) -> set[str]:
    """Of all receipts for our files."""
    sent = files(gateway)
    with gateway.ports.store.read() as reader:
        return {f.code for d in sent for m in reader.messages(d.id) for f in m.findings}


def signer_of(gateway: Gateway, document: Document) -> Fingerprint | None:
    """Of the file that was made of it last."""
    with gateway.ports.store.read() as reader:
        made = [m for m in reader.messages(document.id) if m.kind is MessageKind.OFTP2_FILE]
    return made[-1].signer


def change_rule(gateway: Gateway, rule: CutoverRule | None) -> None:
    agreement = gateway.agreement
    with gateway.ports.store.write() as writer:
        writer.put(replace(agreement, exchange=replace(agreement.exchange, cutover=rule)))


def shown(gateway: Gateway, request: TrustRequest) -> TrustRequestView:
    """As the Sent page shows it."""
    with gateway.ports.store.read() as reader:
        community = reader.community(gateway.agreement.community_id)
        return trust_request(reader, community, request.number, now=gateway.ports.clock.now())


def asked(gateway: Gateway) -> list[Exchange]:
    with gateway.ports.store.read() as reader:
        return scx_outbound.open_requests(reader, gateway.agreement.id)


def bring(gateway: Gateway, fingerprint: str) -> None:
    """A Deliver came in, as the receiving half tells it."""
    with gateway.ports.store.write() as writer:
        newest = scx_outbound.open_requests(writer, gateway.agreement.id)[0]
        scx_outbound.deliver_came(writer, newest, Fingerprint(fingerprint), gateway.ports.clock.now())


STAGED = {"old": AssignmentState.ACTIVE, "new": AssignmentState.STAGED}
CHANGED = {"old": AssignmentState.RETIRING, "new": AssignmentState.ACTIVE}


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
