"""Documents from a partner: admitted, recorded, answered once, handed over once; everything else refused with its word."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from counterseal.domain.document import Direction, DocumentState
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.domain.work import WorkKind
from counterseal.engine.as2.answering import Answer
from counterseal.kernel.finding import Severity
from counterseal.protocols import as2
from counterseal_sim import Wire
from tests.builders import mint, rsa_key
from tests.engine.world import ORDERS, World, a_party, in_use


def receipt_of(world: World, answer: Answer) -> as2.OpenedReceipt:
    """As the partner reads it: verified with our certificate where it is signed."""
    head = as2.MessageHead.parse(answer.headers)
    assert as2.is_receipt(head, answer.body)
    return as2.open_receipt(head, answer.body, signers=world.bravo.gateway.verifies_with, limits=as2.DEFAULT_LIMITS)


def disposition_of(world: World, answer: Answer) -> str:
    return receipt_of(world, answer).disposition.format().partition("; ")[2]


@pytest.mark.parametrize("compress", [True, False])
def test_a_document_is_durable_answered_and_handed_over(world: World, *, compress: bool) -> None:
    """CEM-2: compressed messages are readable."""
    answer = world.give(wire := world.bravo.document(ORDERS, compress=compress))

    (document,) = world.alpha.documents(Direction.IN)
    assert document.state is DocumentState.RECEIVED  # before the backend has it
    receipt = receipt_of(world, answer)
    assert receipt.signed
    assert receipt.disposition.clean
    assert receipt.original_message_id == wire.message_id
    assert receipt.mic is not None
    assert receipt.mic.octets == wire.mics[receipt.mic.digest]
    assert "cem" in receipt.head.features  # CEM-1

    world.work()

    assert world.alpha.document(document.id).state is DocumentState.DELIVERED
    assert world.alpha.backend.delivered == [(document.id, ORDERS)]
    assert world.alpha.work() == []


def test_the_same_message_again_gets_the_stored_receipt_and_changes_nothing(world: World) -> None:
    """RFC 4130, BIS-11: the stored receipt, octet for octet; CEM row 22."""
    wire = world.bravo.document(ORDERS)
    first = world.give(wire)
    world.work()

    again = []
    for _ in range(3):
        world.pass_time(timedelta(seconds=30))
        again.append(world.give(wire.with_header("Date", "Wed, 25 Nov 2026 13:00:00 +0000")))
    world.work()

    assert [a.body for a in again] == [first.body] * 3
    (document,) = world.alpha.documents(Direction.IN)
    assert len(world.alpha.backend.delivered) == 1
    assert len(world.alpha.receipts(document.id)) == 1
    assert len(world.alpha.transfers(document.id)) == 4


def test_the_same_message_id_with_other_content_is_refused_and_the_first_stays(world: World) -> None:
    """P-26: OpenAS2 repeats a Message-ID for another document where file names repeat."""
    wire = world.bravo.document(ORDERS)
    world.give(wire)

    answer = world.give(world.bravo.document(ORDERS + b"other", message_id=wire.message_id))
    world.work()

    assert disposition_of(world, answer) == "processed/error: unexpected-processing-error"
    first, second = world.alpha.documents(Direction.IN)
    assert (first.state, second.state) == (DocumentState.DELIVERED, DocumentState.REFUSED)
    assert [f.code for f in second.findings] == ["admission.id-reused"]
    assert world.alpha.backend.delivered == [(first.id, ORDERS)]


def test_a_refused_message_may_come_again_with_its_id_once_the_cause_is_mended(world: World) -> None:
    bad = world.bravo.document(ORDERS, encrypts_to=mint("Stranger", key=rsa_key(4)).certificate)
    world.give(bad)

    answer = world.give(world.bravo.document(ORDERS, message_id=bad.message_id))
    world.work()

    assert disposition_of(world, answer) == "processed"
    assert [d.state for d in world.alpha.documents(Direction.IN)] == [DocumentState.REFUSED, DocumentState.DELIVERED]


# what is refused (product.md section 8)


def _tampered(world: World) -> Wire:
    wire = world.bravo.document(ORDERS, encrypt=False)
    assert b"4711" in wire.body
    return wire.with_body(wire.body.replace(b"4711", b"4712"))


REFUSED: dict[str, tuple[Callable[[World], Wire], str, str]] = {
    "unsigned": (
        lambda w: w.bravo.document(ORDERS, sign=False),
        "insufficient-message-security",
        "admission.unsigned",
    ),
    "unencrypted": (
        lambda w: w.bravo.document(ORDERS, encrypt=False),
        "insufficient-message-security",
        "admission.unencrypted",
    ),
    "tampered": (_tampered, "integrity-check-failed", "cms.signature-invalid"),
    "signed by a stranger": (
        lambda w: w.bravo.document(ORDERS, signed_by=a_party("BRAVO", mint("Bravo Bows", key=rsa_key(5)))),
        "authentication-failed",
        "cms.signer-unknown",
    ),
    "encrypted to a foreign key": (
        lambda w: w.bravo.document(ORDERS, encrypts_to=mint("Stranger", key=rsa_key(4)).certificate),
        "decryption-failed",
        "cms.decryption-failed",
    ),
    "broken ciphertext": (
        lambda w: (m := w.bravo.document(ORDERS)).with_body(m.body[:-40] + bytes(40)),
        "decryption-failed",
        "cms.decryption-failed",
    ),
    "garbage": (
        lambda w: w.bravo.document(ORDERS).with_body(b"this is no CMS"),
        "unexpected-processing-error",
        "as2.malformed",
    ),
    "no Message-ID": (
        lambda w: w.bravo.document(ORDERS).with_header("Message-ID", None),
        "unexpected-processing-error",
        "as2.invalid-message-id",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused(world: World, case: str) -> None:
    make, extension, code = REFUSED[case]
    before = in_use(world)

    answer = world.give(make(world))
    world.work()

    assert answer.status == 200
    receipt = receipt_of(world, answer)
    assert receipt.signed
    assert disposition_of(world, answer) == f"processed/error: {extension}"
    (document,) = world.alpha.documents()
    assert document.state is DocumentState.REFUSED
    (refusal,) = [f for f in document.findings if f.severity is Severity.REFUSAL]
    assert (refusal.code, bool(refusal.text)) == (code, True)
    assert "document.refused" in world.alpha.event_names()
    assert world.alpha.backend.delivered == []
    assert world.alpha.work() == []
    assert in_use(world) == before  # nothing is trusted


def test_every_decryption_failure_reads_the_same_from_outside(world: World) -> None:
    causes = ["encrypted to a foreign key", "broken ciphertext"]

    receipts = [receipt_of(world, world.give(REFUSED[c][0](world))) for c in causes]

    assert len({(r.text, r.details, r.disposition) for r in receipts}) == 1


def test_without_a_wish_for_a_receipt_a_refusal_is_an_http_status(world: World) -> None:
    answer = world.give(world.bravo.document(ORDERS, sign=False, wants_receipt=False))

    assert answer.status == 400
    assert b"signed" in answer.body
    assert [d.state for d in world.alpha.documents()] == [DocumentState.REFUSED]


def test_without_a_wish_for_a_receipt_a_message_is_taken_with_a_short_answer(world: World) -> None:
    """P-1: never empty."""
    answer = world.give(world.bravo.document(ORDERS, wants_receipt=False))

    assert (answer.status, bool(answer.body)) == (200, True)
    assert world.alpha.receipts(world.alpha.documents()[0].id) == []


# names


@pytest.mark.parametrize(
    ("header", "value"),
    [("AS2-From", "NOBODY"), ("AS2-To", "NOBODY"), ("AS2-From", '"B R A V O"'), ("AS2-From", "bravo")],
)
def test_unknown_names_get_a_receipt_that_says_so_and_nothing_is_stored(world: World, header: str, value: str) -> None:
    """BIS-13."""
    answer = world.give(world.bravo.document(ORDERS).with_header(header, value))

    receipt = receipt_of(world, answer)
    assert not receipt.signed
    assert receipt.disposition.format().endswith("processed/error: authentication-failed")
    assert "No agreement is known" in receipt.text
    assert world.alpha.documents() == []
    assert world.alpha.event_names()[-1] == "as2.refused-unknown"
    assert world.alpha.ports.blobs.kept == {}  # type: ignore[attr-defined]


@pytest.mark.parametrize("wants", ["nothing", "asynchronous"])
def test_an_unknown_sender_without_a_synchronous_receipt_gets_403_and_no_post_ever(world: World, wants: str) -> None:
    url = "http://victim.example/" if wants == "asynchronous" else None
    wire = world.bravo.document(ORDERS, receipt_url=url, wants_receipt=wants != "nothing")

    answer = world.give(wire.with_header("AS2-From", "NOBODY"))
    world.work()

    assert answer.status == 403
    assert world.wire.posted == []


@pytest.mark.parametrize("what", ["agreement", "station"])
def test_a_switched_off_relationship_is_an_unknown_one(world: World, what: str) -> None:
    with world.alpha.ports.store.write() as writer:
        if what == "agreement":
            writer.put(replace(writer.agreement(world.alpha.agreement_id), active=False))
        else:
            (station,) = writer.stations(world.alpha.community.id)
            writer.put(replace(station, enabled=False))

    receipt = receipt_of(world, world.give(world.bravo.document(ORDERS)))

    assert not receipt.disposition.positive
    assert world.alpha.documents() == []


@pytest.mark.parametrize("missing", ["AS2-From", "AS2-To"])
def test_a_request_without_names_is_no_as2_message(world: World, missing: str) -> None:
    answer = world.give(world.bravo.document(ORDERS).with_header(missing, None))

    assert answer.status == 400
    assert world.alpha.documents() == []


# old and new certificates


def test_what_is_encrypted_to_the_former_certificate_is_still_read_and_noted(world: World) -> None:
    """CEM-38: decrypts with old and new from the moment of Finish."""
    new = mint("Alpha 2027", key=rsa_key(2))
    world.dial(cem="silent")
    world.alpha.start(world.alpha.hold(new))

    for certificate in (new.certificate, world.alpha.own.certificate):
        answer = world.give(world.bravo.document(ORDERS, encrypts_to=certificate))
        assert disposition_of(world, answer) == "processed"

    states = world.alpha.assignments(Side.OURS, Usage.ENCRYPT)
    assert states[new.certificate.fingerprint] is AssignmentState.STAGED
    seen = {a.fingerprint for a in world.alpha.all_assignments() if a.usage is Usage.ENCRYPT and a.last_seen_at}
    assert seen == {new.certificate.fingerprint, world.alpha.own.certificate.fingerprint}


def test_an_expired_certificate_still_works_and_is_reported(world: World) -> None:
    """CEM-48: kept for old messages."""
    world.clock.pass_time(timedelta(days=400))

    world.give(world.bravo.document(ORDERS))

    (document,) = world.alpha.documents()
    assert document.state is DocumentState.RECEIVED
    assert {f.code for f in document.findings} == {"certificate.used-expired"}


def test_a_retired_certificate_verifies_nothing_any_more(world: World) -> None:
    for one in world.alpha.all_assignments():
        if (one.side, one.usage) == (Side.THEIRS, Usage.SIGN):
            world.alpha.put(replace(one, state=AssignmentState.RETIRED))

    answer = world.give(world.bravo.document(ORDERS))

    assert disposition_of(world, answer) == "processed/error: authentication-failed"


# the backend


def test_a_document_waits_for_a_backend_that_is_down_and_is_handed_over_once(world: World) -> None:
    world.alpha.backend.down = True
    answer = world.give(world.bravo.document(ORDERS))
    world.work()
    assert disposition_of(world, answer) == "processed"
    (document,) = world.alpha.documents()
    assert document.state is DocumentState.RECEIVED
    assert [r.kind for r in world.alpha.work()] == [WorkKind.HAND_OVER]
    assert [name for name, _ in world.alpha.failures] == ["worker.row-failed"]

    world.alpha.backend.down = False
    world.pass_time(timedelta(seconds=1))

    assert world.alpha.backend.delivered == [(document.id, ORDERS)]
    assert world.alpha.document(document.id).state is DocumentState.DELIVERED


# what the partner says of itself


def test_capability_is_announced_by_a_header_and_shown(world: World) -> None:
    """CEM-3 and the wizard's list of partners."""
    world.dial(announces_cem=False)
    world.give(world.bravo.document(ORDERS))
    assert world.alpha.agreement.cem_capability.value == "unknown"
    assert world.alpha.agreement.seen.features == ("multiple-attachments",)

    world.dial(announces_cem=True)
    world.give(world.bravo.document(ORDERS).with_header("EDIINT-Features", "x-y , cem"))

    assert world.alpha.agreement.cem_capability.value == "announced"
    assert world.alpha.agreement.seen.as2_version == "1.2"


def test_an_unsigned_agreement_takes_an_unsigned_document_with_a_note(world: World) -> None:
    world.alpha.change_terms(require_signed=False, require_encrypted=False)

    answer = world.give(world.bravo.document(ORDERS, sign=False, encrypt=False))

    assert disposition_of(world, answer) == "processed"
    (document,) = world.alpha.documents()
    assert [f.code for f in document.findings] == ["admission.unsigned"]


def test_a_lost_disk_leaves_nothing_and_no_receipt(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """product.md section 8: the receipt is not sent before the message is durable."""
    from counterseal.engine.ports import BlobUnavailable

    def full(*, max_bytes: int | None) -> object:
        raise BlobUnavailable("the disk is full")

    monkeypatch.setattr(world.alpha.ports.blobs, "create", full)
    with pytest.raises(BlobUnavailable):
        world.give(world.bravo.document(ORDERS))

    assert world.alpha.documents() == []
    assert world.alpha.work() == []
