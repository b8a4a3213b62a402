"""A partner's certificate file: taken whole, judged, offered to a person or decided by rule, answered with EERP or NERP."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7

from counterseal.domain.assignment import Assignment
from counterseal.domain.audit import AuditEvent
from counterseal.domain.channel import SCXType
from counterseal.domain.community import HandlingMode
from counterseal.domain.document import Direction, DocumentKind, DocumentState
from counterseal.domain.offer import OfferedState
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.domain.work import WorkKind
from counterseal.engine import offers
from counterseal.engine.oftp2 import deciding
from counterseal.engine.ports import Window
from counterseal.engine.translate import scx_inbound as translate
from counterseal.kernel.ids import Fingerprint, OutboxId
from counterseal.protocols.scx.logical_id import logical_id, write_clid
from tests import builders as b
from tests.engine.oftp2.certificate_sender import (
    NEXT,
    accept,
    alpha_and_bravo,
    answer,
    bring,
    change_agreement,
    offer_of,
    queue,
    receipts,
    reject,
    theirs,
)
from tests.engine.oftp2.certificate_story import start
from tests.engine.oftp2.pair import USAGES, Gateway, Session
from tests.gateway import ADMINISTRATOR

ACTIVE, RETIRING = AssignmentState.ACTIVE, AssignmentState.RETIRING


def received(alpha: Gateway) -> DocumentState:
    (document,) = (d for d in alpha.documents(Direction.IN) if d.kind is DocumentKind.SCX)
    return document.state


def assignments(alpha: Gateway) -> list[Assignment]:
    with alpha.ports.store.read() as reader:
        return reader.assignments(agreement_id=alpha.agreement.id)


def alpha_old(alpha: Gateway) -> Fingerprint:
    """Bravo's certificate in use at Alpha."""
    return next(a.fingerprint for a in assignments(alpha) if a.side is Side.THEIRS and a.usage is Usage.FILE_SIGN)


def audit(alpha: Gateway) -> list[AuditEvent]:
    alpha.ports.store.seal()
    with alpha.ports.store.read() as reader:
        return [e.event for e in reader.audit(window=Window(limit=100))]


def test_a_deliver_waits_for_a_person_and_its_receipt_is_held_over_sessions(tmp_path: Path) -> None:
    """SCX-6, SCX-7, SCX-36, SCX-26: EFPA at once; EERP only when a person has accepted and the certificate is assigned."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        sent = bring(alpha, bravo, NEXT.der)

        assert sent.state is DocumentState.SENT
        offer, offered = offer_of(alpha)
        assert (offered.state, offered.certificate) == (OfferedState.PENDING, NEXT.certificate)
        assert offered.usages == set(USAGES)
        assert not offered.verdict.refused
        assert theirs(alpha) == {"old": ACTIVE}
        Session(bravo, alpha).run()
        Session(alpha, bravo).run()
        assert receipts(bravo, sent) == []
        with pytest.raises(deciding.NoReceiptHeld, match="Received page"):
            deciding.release(alpha.ports, ADMINISTRATOR, offer.document_id)

        accept(alpha)

        assert theirs(alpha) == {"old": RETIRING, "next": ACTIVE}
        assert receipts(bravo, sent) == []
        Session(bravo, alpha).run()
        assert receipts(bravo, sent) == ["EERP"]
        assert bravo.document(sent).state is DocumentState.DELIVERED
        assert received(alpha) is DocumentState.DELIVERED
        Session(bravo, alpha).run()
        assert receipts(bravo, sent) == ["EERP"]


def test_a_persons_no_is_a_nerp_with_the_reason_and_nothing_is_trusted(tmp_path: Path) -> None:
    """SCX-6, SCX-8, SCX-36."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        sent = bring(alpha, bravo, NEXT.der)

        reject(alpha, "call us first")
        Session(alpha, bravo).run()

        assert receipts(bravo, sent) == ["NERP 99 unspecified: call us first"]
        assert bravo.document(sent).state is DocumentState.REJECTED
        assert received(alpha) is DocumentState.REFUSED
        assert theirs(alpha) == {"old": ACTIVE}
        with alpha.ports.store.read() as reader:
            assert reader.find_certificate(alpha.agreement.community_id, NEXT.certificate.fingerprint) is None


@pytest.mark.parametrize(
    "name", ["odette_certificate_deliver", "Odette_Certificate_DELIVER", " ODETTE_CERTIFICATE_DELIVER"]
)
def test_the_name_is_recognised_in_any_case_and_with_blanks_around(name: str) -> None:
    """SCX-1."""
    assert translate.type_of(name) is SCXType.DELIVER
    assert translate.type_of(name + "S") is None


def test_certificate_files_go_around_what_was_agreed_for_business_files(tmp_path: Path) -> None:
    """SCX-1, SCX-3: names, signature and encryption are agreed for business files only."""
    with alpha_and_bravo(tmp_path, dataset_names=("ORDERS*",), require_signed=True, require_encrypted=True) as pair:
        alpha, bravo = pair
        sent = bring(alpha, bravo, NEXT.der, name="odette_certificate_deliver")

        assert sent.state is DocumentState.SENT
        assert offer_of(alpha)[0].scx_type is SCXType.DELIVER


def test_a_file_that_was_signed_all_the_same_is_unwrapped_and_its_signature_proves_nothing(tmp_path: Path) -> None:
    """C.14: signed with the very certificate that it brings, or with any other."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        bring(alpha, bravo, NEXT.der, sign=True)
        assert offer_of(alpha)[1].certificate == NEXT.certificate


def test_the_decision_survives_a_restart_between_it_and_the_receipt(tmp_path: Path) -> None:
    """SCX-36: the decision stands in the outbox; performed twice it makes one receipt."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        sent = bring(alpha, bravo, NEXT.der)
        offers.accept(alpha.ports, ADMINISTRATOR, offer_of(alpha)[0].id, offered_ids=None)
        with alpha.ports.store.read() as reader:
            (row,) = reader.work(kinds={WorkKind.ANSWER_OFFER})
        answer(alpha)
        with alpha.ports.store.write() as writer:
            writer.enqueue(replace(row, id=OutboxId("again"), key="again"))
        answer(alpha)

        Session(bravo, alpha).run()

        assert receipts(bravo, sent) == ["EERP"]


def test_off_is_a_nerp_that_says_so(tmp_path: Path) -> None:
    """SCX-9."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        change_agreement(alpha, mode=HandlingMode.OFF)
        sent = bring(alpha, bravo, NEXT.der)

        Session(bravo, alpha).run()

        (receipt,) = receipts(bravo, sent)
        assert receipt.startswith(
            "NERP 99 unspecified: Certificate exchange over this connection is switched off here."
        )
        assert theirs(alpha) == {"old": ACTIVE}


@pytest.mark.parametrize("mode", [HandlingMode.RENEWALS, HandlingMode.AUTOMATIC])
def test_a_renewal_is_accepted_by_rule_with_its_eerp_in_the_same_session(tmp_path: Path, mode: HandlingMode) -> None:
    """SCX-15, SCX-16, SCX-26, SCX-37."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        change_agreement(alpha, mode=mode)
        old = alpha_old(alpha)

        sent = bring(alpha, bravo, NEXT.der)

        assert receipts(bravo, sent) == ["EERP"]
        assert theirs(alpha) == {"old": RETIRING, "next": ACTIVE}
        assert offer_of(alpha)[1].decided_by == "policy"
        events = {e.event: e.facts for e in audit(alpha)}
        assert events["offer.received"]["matches"] == old
        assert events["offer.received"]["matched-by"] == "itself"
        assert events["offer.accepted"]["replaces"] == old


def test_a_session_that_proved_a_password_alone_stops_automatic_handling(tmp_path: Path) -> None:
    """oftp2-scx.md 6.8: TLS without a client certificate hides the password and proves nobody."""
    with alpha_and_bravo(tmp_path, secure_authentication=False) as (alpha, bravo):
        change_agreement(alpha, mode=HandlingMode.AUTOMATIC)

        sent = bring(alpha, bravo, NEXT.der)

        assert receipts(bravo, sent) == []
        offer, offered = offer_of(alpha)
        assert not offer.signed
        assert offered.state is OfferedState.PENDING


def test_the_server_that_we_called_proves_itself_by_its_certificate(tmp_path: Path) -> None:
    with alpha_and_bravo(tmp_path, secure_authentication=False) as (alpha, bravo):
        change_agreement(alpha, mode=HandlingMode.AUTOMATIC)
        sent = queue(bravo, NEXT.der)

        Session(alpha, bravo).run()

        assert offer_of(alpha)[0].signed
        assert receipts(bravo, sent) == ["EERP"]


def test_the_same_certificate_again_is_an_eerp_and_changes_nothing(tmp_path: Path) -> None:
    """SCX-33, also in manual mode."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        change_agreement(alpha, mode=HandlingMode.AUTOMATIC)
        bring(alpha, bravo, NEXT.der)
        change_agreement(alpha, mode=HandlingMode.MANUAL)
        before = assignments(alpha)

        again = bring(alpha, bravo, NEXT.der)

        assert receipts(bravo, again) == ["EERP"]
        assert assignments(alpha) == before


ROOT = b.mint_ca("A Root")


def _pem(*minted: b.Minted) -> bytes:
    return b"".join(m.certificate.load().public_bytes(Encoding.PEM) for m in minted)


def _key() -> bytes:
    return NEXT.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


HOSTILE: dict[str, tuple[bytes, str]] = {
    "garbage": (b"hello, world", "not a certificate"),
    "nothing": (b"", "empty"),
    "five megabytes": (bytes(5 * 1024 * 1024), "5242880 octets"),
    "two certificates": (_pem(b.mint("One"), b.mint("Two")), "2 certificates"),
    "a private key": (_key() + _pem(NEXT), "private key"),
    "a CA certificate": (b.mint_ca("Some CA", issuer=ROOT).der, "CA certificate"),
    "an expired one": (
        b.mint("Bravo", key=b.rsa_key(3), starts_in=timedelta(days=-9), expires_in=timedelta(days=-1)).der,
        "ended on",
    ),
    "one of tomorrow": (
        b.mint("Bravo", key=b.rsa_key(3), starts_in=timedelta(days=1)).der,
        "valid only from",
    ),
    "a foreign issuer": (b.mint("Bravo", key=b.rsa_key(3), issuer=ROOT).der, "matches no certificate of yours"),
    "self-signed that renews nothing": (b.mint("Somebody Else", key=b.rsa_key(3)).der, "self-signed and matches no"),
    "one of our own keys": (b.mint("Alpha", key=b.rsa_key(0)).der, "receiving side"),
}


@pytest.mark.parametrize("content", HOSTILE)
def test_what_cannot_be_taken_is_a_nerp_with_a_reason_and_trusts_nothing(tmp_path: Path, content: str) -> None:
    """SCX-4, SCX-5, SCX-8, SCX-11, SCX-12, SCX-15, SCX-23: the file is taken (EFPA), the verdict is NERP."""
    octets, words = HOSTILE[content]
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        change_agreement(alpha, mode=HandlingMode.AUTOMATIC)
        before = assignments(alpha)

        sent = bring(alpha, bravo, octets)

        (receipt,) = receipts(bravo, sent)
        assert receipt.startswith("NERP 99 ")
        assert words in receipt
        assert bravo.document(sent).state is DocumentState.REJECTED
        assert received(alpha) is DocumentState.REFUSED
        assert assignments(alpha) == before
        assert offer_of(alpha)[1].state is OfferedState.REJECTED


@pytest.mark.parametrize("form", ["pem", "certs-only"])
def test_other_forms_of_one_certificate_are_read(tmp_path: Path, form: str) -> None:
    """SCX-5."""
    certs_only = pkcs7.serialize_certificates([NEXT.certificate.load()], Encoding.DER)
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        bring(alpha, bravo, _pem(NEXT) if form == "pem" else certs_only)
        assert offer_of(alpha)[1].certificate == NEXT.certificate
        (document,) = alpha.documents(Direction.IN)
        assert [f.code for f in document.findings] == ["scx.unusual-form"]


def test_a_clid_assigns_a_certificate_with_another_subject(tmp_path: Path) -> None:
    """SCX-18, SCX-20: CA13 of the Odette tests; its audit entry says how it was matched (SCX-37)."""
    other = b.mint("Bravo Bows Limited", key=b.rsa_key(3))
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        old = alpha_old(alpha)
        with alpha.ports.store.read() as reader:
            held = reader.find_certificate(alpha.agreement.community_id, Fingerprint(old))
        assert held is not None
        clid = write_clid(logical_id(held.certificate)) or ""

        bring(alpha, bravo, other.der, description=clid)

        offered = offer_of(alpha)[1]
        assert offered.replaces == (old,)
        assert offered.usages == set(USAGES)
        accept(alpha)
        assert offer_of(alpha)[1].state is OfferedState.ACCEPTED
        received_event = next(e for e in audit(alpha) if e.event == "offer.received")
        assert received_event.facts["matched-by"] == "SFIDDESC"


def test_a_deliver_while_a_request_of_ours_is_open_is_tied_to_it(tmp_path: Path) -> None:
    """SCX-32: and it starts nothing by itself."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        start(alpha, SCXType.REQUEST)
        Session(alpha, bravo).run()
        files_before = len(alpha.documents(Direction.OUT))

        bring(alpha, bravo, NEXT.der)

        with alpha.ports.store.read() as reader:
            (exchange,) = reader.exchanges(agreement_id=alpha.agreement.id)
        assert exchange.delivered == (NEXT.certificate.fingerprint,)
        assert len(alpha.documents(Direction.OUT)) == files_before
