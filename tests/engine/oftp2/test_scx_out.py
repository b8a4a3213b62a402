"""Our certificate over SCX: what leaves, what the partner's answer changes, whenever it comes."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from counterseal.domain.assignment import Assignment
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.document import Direction, Document, DocumentKind, DocumentState
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.trust_request import TrustRequest
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.engine import certificates, trust_requests
from counterseal.engine.ports import Window
from counterseal.kernel.ids import Fingerprint
from counterseal.protocols.oftp2.reasons import NERPReason
from counterseal.protocols.scx.logical_id import logical_id, read_clid
from tests import builders as b
from tests.configurations import key_file
from tests.engine.oftp2.certificate_partner import (
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
