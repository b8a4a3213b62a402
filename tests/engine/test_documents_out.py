"""Business documents on their way to a partner: attempts, receipts, schedule, and what a person does."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from counterseal.domain import document as documents_
from counterseal.domain.agreement import Cipher, ReceiptMode
from counterseal.domain.document import Cancelled, Direction, DocumentState, Message
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.domain.work import WorkKind
from counterseal.engine import documents
from counterseal.engine.as2 import building
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.finding import Severity
from counterseal.kernel.ids import BlobId, DocumentId
from counterseal_sim import ReceiptDial
from tests.builders import mint, rsa_key
from tests.engine.world import BRAVO_URL, ORDERS, RETRIES, Pair, World, a_party
from tests.gateway import ADMINISTRATOR, MemoryBlobs


def test_a_document_arrives_whole_and_its_signed_receipt_proves_it(pair: Pair) -> None:
    """CEM-1, CEM-2: EDIINT-Features with CEM and AS2-Version 1.2 on documents and receipts."""
    sent = pair.alpha.send()

    pair.work()

    assert pair.alpha.document(sent.id).state is DocumentState.DELIVERED
    assert [content for _, content in pair.bravo.backend.delivered] == [ORDERS]
    (received,) = pair.bravo.documents(Direction.IN)
    assert (received.state, received.file_name, received.digest) == (
        DocumentState.DELIVERED,
        "orders.edi",
        pair.alpha.document(sent.id).digest,
    )
    (receipt,) = pair.alpha.receipts(sent.id)
    assert receipt.signer == pair.bravo.own.certificate.fingerprint
    assert receipt.disposition == "automatic-action/MDN-sent-automatically; processed"
    (posted,) = pair.wire.posted
    assert posted.answer is not None
    for headers in (posted.headers, {n.lower(): v for n, v in posted.answer.headers}):
        assert "CEM" in headers["ediint-features"]
        assert headers["as2-version"] == "1.2"
    assert pair.alpha.work() == pair.bravo.work() == []
    assert [e for e in pair.alpha.event_names() if e.startswith("document.")] == ["document.queued"]


def test_the_certificates_that_were_used_are_marked_as_seen_on_both_sides(pair: Pair) -> None:
    pair.alpha.send()

    pair.work()

    assert {(a.side, a.usage) for a in pair.bravo.all_assignments() if a.last_seen_at} == {
        (Side.THEIRS, Usage.SIGN),
        (Side.OURS, Usage.ENCRYPT),
    }
    assert {(a.side, a.usage) for a in pair.alpha.all_assignments() if a.last_seen_at} == {
        (Side.THEIRS, Usage.SIGN),  # signed the receipt
        (Side.OURS, Usage.SIGN),  # which says that they could verify us,
        (Side.THEIRS, Usage.ENCRYPT),  # and decrypt what we encrypted to them
    }


RECEIPTS = {
    ReceiptDial.GOOD: (DocumentState.DELIVERED, ""),
    ReceiptDial.UNSIGNED: (DocumentState.DELIVERED_DIFFERENT, "not signed as asked"),
    ReceiptDial.WRONG_MIC: (DocumentState.DELIVERED_DIFFERENT, "is another"),
    ReceiptDial.NO_MIC: (DocumentState.DELIVERED_DIFFERENT, "has no MIC"),
    ReceiptDial.ENVELOPE_MIC: (DocumentState.DELIVERED_DIFFERENT, "encrypted envelope"),
    ReceiptDial.WARNING: (DocumentState.DELIVERED_DIFFERENT, "warning"),
    ReceiptDial.AUTHENTICATION_FAILED: (DocumentState.REJECTED, "certificate"),
    ReceiptDial.DECRYPTION_FAILED: (DocumentState.REJECTED, "decrypt"),
    ReceiptDial.PROCESSING_ERROR: (DocumentState.REJECTED, "without a nearer reason"),
}


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("dial", RECEIPTS)
def test_a_receipt_means(world: World, dial: ReceiptDial, mode: str) -> None:
    state, words = RECEIPTS[dial]
    if mode == "async":
        world.alpha.change_terms(receipt=ReceiptMode.ASYNC)
    world.dial(receipt=dial)
    sent = world.alpha.send()

    world.work()

    document = world.alpha.document(sent.id)
    assert document.state is state
    assert words in document.reason
    (receipt,) = world.alpha.receipts(sent.id)
    assert bool(receipt.findings) is (dial is not ReceiptDial.GOOD)
    assert all(f.severity is Severity.WARNING for f in receipt.findings)
    assert len(world.to_bravo()) == 1


def test_an_envelope_mic_is_a_success_only_where_the_agreement_allows_exactly_that(world: World) -> None:
    """P-28."""
    world.alpha.change_terms(accept_envelope_mic=True)
    world.dial(receipt=ReceiptDial.ENVELOPE_MIC)
    allowed = world.alpha.send()
    world.work()
    world.dial(receipt=ReceiptDial.WRONG_MIC)
    wrong = world.alpha.send()
    world.work()

    assert world.alpha.document(allowed.id).state is DocumentState.DELIVERED
    assert world.alpha.document(wrong.id).state is DocumentState.DELIVERED_DIFFERENT


def test_the_mic_of_an_aes_gcm_envelope_is_never_a_success(world: World) -> None:
    """OpenAS2 2.10 delivers AuthEnvelopedData unopened and answers ``processed``: P-28 explains no such thing."""
    world.alpha.change_terms(accept_envelope_mic=True, cipher=Cipher.AES256_GCM)
    world.dial(receipt=ReceiptDial.ENVELOPE_MIC)
    sent = world.alpha.send()

    world.work()

    document = world.alpha.document(sent.id)
    assert document.state is DocumentState.DELIVERED_DIFFERENT
    assert "delivered it unopened" in document.reason


def test_a_silent_partner_gets_the_same_octets_by_schedule_until_we_give_up(world: World) -> None:
    """P-29: an asked-for receipt that is absent is not a success."""
    world.dial(receipt=ReceiptDial.SILENT)
    sent = world.alpha.send()
    world.work()

    for tries, pause in enumerate(RETRIES, start=1):
        assert world.alpha.document(sent.id).state is DocumentState.QUEUED
        assert len(world.to_bravo()) == tries
        world.pass_time(pause - timedelta(seconds=1))
        assert len(world.to_bravo()) == tries
        world.pass_time(timedelta(seconds=1))

    document = world.alpha.document(sent.id)
    assert document.state is DocumentState.FAILED
    assert "without the receipt" in document.reason
    assert len(world.to_bravo()) == len(RETRIES) + 1
    assert len({(p.headers["message-id"], p.body) for p in world.to_bravo()}) == 1
    assert world.alpha.transfers(sent.id) == ["200"] * 4
    assert world.alpha.work() == []


@pytest.mark.parametrize(("dial", "tries"), [(ReceiptDial.BUSY, len(RETRIES) + 1), (ReceiptDial.UNKNOWN_SENDER, 1)])
def test_only_a_passing_status_is_tried_again(world: World, dial: ReceiptDial, tries: int) -> None:
    """BIS-9."""
    world.dial(receipt=dial)
    sent = world.alpha.send()

    world.work()
    for pause in RETRIES:
        world.pass_time(pause)

    assert world.alpha.document(sent.id).state is DocumentState.FAILED
    assert len(world.to_bravo()) == tries


@pytest.mark.parametrize(
    ("dial", "hint"), [(ReceiptDial.SERVER_ERROR, True), (ReceiptDial.SILENT, True), (ReceiptDial.BUSY, False)]
)
def test_an_answer_for_strangers_is_shown_as_one(world: World, dial: ReceiptDial, *, hint: bool) -> None:
    """P-25: OpenAS2 answers a name that it does not know with HTTP 500; P-29: phase2 with 200 and nothing."""
    world.dial(receipt=dial)
    sent = world.alpha.send()
    world.work()
    for pause in RETRIES:
        world.pass_time(pause)

    document = world.alpha.document(sent.id)
    assert document.state is DocumentState.FAILED
    assert ("do not know our AS2 name" in document.reason) is hint


def test_a_partner_that_comes_back_gets_the_document_once_more_and_has_it_once(pair: Pair) -> None:
    """The answer was lost, the message not: the repetition is answered with the stored receipt (P-14, P-24)."""
    pair.wire.lost.add(BRAVO_URL)
    sent = pair.alpha.send()
    pair.work()
    assert pair.alpha.document(sent.id).state is DocumentState.QUEUED

    pair.wire.lost.clear()
    pair.pass_time(RETRIES[0])

    assert pair.alpha.document(sent.id).state is DocumentState.DELIVERED
    assert len(pair.bravo.documents(Direction.IN)) == len(pair.bravo.backend.delivered) == 1
    first, second = pair.wire.posted
    assert first.body == second.body
    assert pair.alpha.transfers(sent.id) == ["reset", "200"]


def test_an_error_on_a_retry_proves_nothing(world: World) -> None:
    """P-13: the first attempt may have arrived."""
    world.wire.lost.add(BRAVO_URL)
    sent = world.alpha.send()
    world.work()
    world.wire.lost.clear()
    world.dial(receipt=ReceiptDial.PROCESSING_ERROR)

    world.pass_time(RETRIES[0])

    assert world.alpha.document(sent.id).state is DocumentState.UNCERTAIN
    assert world.alpha.work() == []


def test_without_a_signing_certificate_nothing_leaves_and_the_reason_says_what_to_do(world: World) -> None:
    alpha = world.alpha
    for one in alpha.all_assignments():
        if (one.side, one.usage) == (Side.OURS, Usage.SIGN):
            alpha.put(replace(one, state=AssignmentState.RETIRED))
    sent = alpha.send()

    world.work()

    document = alpha.document(sent.id)
    assert document.state is DocumentState.FAILED
    assert "assign one" in document.reason
    assert world.wire.posted == []
    assert alpha.work() == []


def test_a_staged_certificate_never_signs(world: World) -> None:
    """Rule 1: only the active one produces."""
    new = world.alpha.hold(mint("Alpha 2027", key=rsa_key(2)))
    world.dial(cem="silent")
    world.alpha.start(new)
    world.alpha.send()

    world.work()

    assert len(world.bravo.heard) == 2
    assert {h.signer for h in world.bravo.heard} == {world.alpha.own.certificate}


# what a person does


def test_a_failed_document_is_sent_again_with_the_same_octets(world: World) -> None:
    world.wire.down.add(BRAVO_URL)
    world.alpha.change_terms(retries=())
    sent = world.alpha.send()
    world.work()
    assert world.alpha.document(sent.id).state is DocumentState.FAILED
    world.wire.down.clear()

    documents.resend(world.alpha.ports, ADMINISTRATOR, sent.id)
    world.work()

    assert world.alpha.document(sent.id).state is DocumentState.DELIVERED
    first, second = world.to_bravo()
    assert (first.headers["message-id"], first.body) == (second.headers["message-id"], second.body)
    assert world.alpha.event_names().count("document.requeued") == 1


def test_a_rejected_document_is_built_anew_with_a_new_id(world: World) -> None:
    world.dial(receipt=ReceiptDial.AUTHENTICATION_FAILED)
    sent = world.alpha.send()
    world.work()
    world.dial(receipt=ReceiptDial.GOOD)

    documents.resend(world.alpha.ports, ADMINISTRATOR, sent.id)
    world.work()

    assert world.alpha.document(sent.id).state is DocumentState.DELIVERED
    first, second = world.to_bravo()
    assert first.headers["message-id"] != second.headers["message-id"]


def test_a_document_whose_receipt_could_not_be_trusted_keeps_its_id_when_it_is_sent_again(world: World) -> None:
    """It may well have arrived: only the same id lets the partner see that."""
    stranger = mint("Bravo Bows", key=rsa_key(3))
    right = world.bravo.party
    world.bravo.party = a_party("BRAVO", stranger)
    world.bravo.extra_decrypters.append(right)
    sent = world.alpha.send()
    world.work()
    assert world.alpha.document(sent.id).state is DocumentState.UNCERTAIN
    world.bravo.party = right

    documents.resend(world.alpha.ports, ADMINISTRATOR, sent.id)
    world.work()

    assert world.alpha.document(sent.id).state is DocumentState.DELIVERED
    assert len({p.headers["message-id"] for p in world.to_bravo()}) == 1


def test_a_waiting_document_is_cancelled_and_never_leaves(world: World) -> None:
    sent = world.alpha.send()

    documents.cancel(world.alpha.ports, ADMINISTRATOR, sent.id)
    world.pass_time(timedelta(days=1))

    assert world.alpha.document(sent.id).state is DocumentState.CANCELLED
    assert world.wire.posted == []
    assert world.alpha.work() == []


def test_a_delivered_document_can_be_neither_cancelled_nor_sent_again(world: World) -> None:
    sent = world.alpha.send()
    world.work()
    before = world.alpha.events()

    for act in (documents.cancel, documents.resend):
        with pytest.raises(CallerFault, match="delivered"):
            act(world.alpha.ports, ADMINISTRATOR, sent.id)

    assert world.alpha.events() == before
    assert world.alpha.work() == []


def test_a_send_that_is_repeated_while_its_content_still_comes_is_sent_once(world: World) -> None:
    same = DocumentId("d" * 32)
    first: list[DocumentId] = []

    def content() -> Iterator[bytes]:
        yield ORDERS
        first.append(world.alpha.send(document_id=same).id)

    second = documents.send(
        world.alpha.ports,
        ADMINISTRATOR,
        world.alpha.agreement_id,
        content=content(),
        file_name="orders.edi",
        content_type="application/edifact",
        subject=None,
        document_id=same,
    )
    world.work()

    assert first == [second.id] == [same]
    assert len(world.to_bravo()) == 1
    assert world.alpha.event_names().count("document.queued") == 1
    assert len(kept_payloads(world)) == 2  # the document's and its message's


def test_what_is_cancelled_while_its_message_is_built_leaves_none_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = world.alpha.send()
    build = building.build

    def cancelled_meanwhile(*given: Any) -> Message:
        message = build(*given)
        cancelled = documents_.apply(world.alpha.document(sent.id), Cancelled(by="user:mara"), world.clock.now())
        world.alpha.put(cancelled)
        return message

    monkeypatch.setattr(building, "build", cancelled_meanwhile)
    world.work()

    assert world.to_bravo() == []
    assert list(kept_payloads(world)) == [sent.payload]


def kept_payloads(world: World) -> Mapping[BlobId, bytes]:
    blobs = world.alpha.ports.blobs
    assert isinstance(blobs, MemoryBlobs)
    return blobs.kept


def test_the_same_call_with_the_same_id_sends_once(world: World) -> None:
    one = world.alpha.send(document_id=DocumentId("d" * 32))
    two = world.alpha.send(document_id=DocumentId("d" * 32))

    world.work()

    assert one == two
    assert len(world.to_bravo()) == 1


def test_an_empty_document_and_one_for_a_switched_off_agreement_are_refused_and_leave_nothing(world: World) -> None:
    before = dict(world.alpha.ports.blobs.kept)  # type: ignore[attr-defined]
    with pytest.raises(documents.NothingToSend):
        world.alpha.send(b"")
    world.alpha.put(replace(world.alpha.agreement, active=False))
    with pytest.raises(documents.NotSendable):
        world.alpha.send()

    assert world.alpha.documents() == []
    assert world.alpha.work(WorkKind.SEND_DOCUMENT) == []
    assert world.alpha.ports.blobs.kept == before  # type: ignore[attr-defined]
