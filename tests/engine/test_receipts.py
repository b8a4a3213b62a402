"""Asynchronous receipts, out and in: where ours may go, and what theirs may change."""

import hashlib
from datetime import timedelta

import pytest

from counterseal.domain.agreement import Compression, ReceiptMode
from counterseal.domain.document import DocumentState
from counterseal.kernel.keys import Digest
from counterseal.protocols import as2
from counterseal_sim import ReceiptDial, Wire
from tests.builders import rsa_key
from tests.engine.world import BRAVO_URL, ORDERS, RETRIES, Pair, World, a_party, own_of

WAIT = timedelta(minutes=5)


@pytest.fixture
def later(world: World) -> World:
    """Alpha's agreement asks for asynchronous receipts; Bravo's come only when a test gives them."""
    world.alpha.change_terms(receipt=ReceiptMode.ASYNC, receipt_timeout=WAIT)
    return world


def held_back(world: World) -> Wire:
    """The receipt that Bravo was about to post."""
    (one,) = world.later
    world.later = []
    return one.wire


def step(world: World) -> None:
    """The gateway works; what the partner posts stays with the test."""
    while world.alpha.work_once():
        pass


# theirs


@pytest.mark.parametrize("uncompressed", [True, False])
def test_the_mic_of_what_was_not_yet_compressed_is_taken_with_a_finding(later: World, *, uncompressed: bool) -> None:
    """as2-lib answers so where RFC 5402 4 has the MIC of the signed part."""
    later.alpha.change_terms(compress=Compression.BEFORE_SIGNING)
    sent = later.alpha.send()
    step(later)
    later.later = []
    message = later.alpha.messages(sent.id)[0]
    inner = (
        b"Content-Type: application/edifact\r\nContent-Disposition: attachment; filename=orders.edi\r\n"
        b"Content-Transfer-Encoding: binary\r\n\r\n" + ORDERS
    )
    octets = hashlib.sha256(inner if uncompressed else inner + b" ").digest()

    later.give(later.bravo.receipt(message.wire_id, mic=as2.MIC(digest=Digest.SHA256, octets=octets)))

    document = later.alpha.document(sent.id)
    assert document.state is (DocumentState.DELIVERED if uncompressed else DocumentState.DELIVERED_DIFFERENT)
    (receipt,) = later.alpha.receipts(sent.id)
    codes = [finding.code for finding in receipt.findings]
    assert codes == (["as2.tolerated.mic-uncompressed"] if uncompressed else ["receipt.not-a-success"])


# ours


def test_a_receipt_is_posted_where_the_partner_asks_when_the_agreement_knows_the_host(world: World) -> None:
    answer = world.give(world.bravo.document(ORDERS, receipt_url=BRAVO_URL))
    assert (answer.status, dict(answer.headers)["Content-Type"].partition(";")[0]) == (200, "text/plain")
    assert answer.body  # P-1

    world.work()

    (receipt,) = world.bravo.receipts
    assert receipt.signed
    assert receipt.disposition.clean
    (document,) = world.alpha.documents()
    assert document.state is DocumentState.DELIVERED
    assert world.alpha.transfers(document.id) == ["received", "200"]


URLS = [
    "http://169.254.169.254/latest/meta-data",
    "http://localhost:5432/",
    "file:///etc/passwd",
    "mailto:edi@bravo.example",
    "http://bravo.example@evil.example/",
    "http://[bravo.example/",
    "http://[::1",
    "",
]


@pytest.mark.parametrize("url", URLS)
def test_a_receipt_is_posted_nowhere_else_and_the_message_is_kept(world: World, url: str) -> None:
    wire = world.bravo.document(ORDERS, receipt_url=BRAVO_URL).with_header("Receipt-Delivery-Option", url)

    answer = world.give(wire)
    world.work()

    assert answer.status == 200
    assert world.wire.posted == []
    (document,) = world.alpha.documents()
    assert document.state is DocumentState.DELIVERED
    (receipt,) = world.alpha.receipts(document.id)
    assert "add the host" in receipt.findings[-1].text


def test_a_host_that_the_agreement_names_is_allowed(world: World) -> None:
    world.alpha.change_terms(async_receipt_hosts=("MDN.bravo.example",))
    url = "https://mdn.bravo.example/receipts"
    world.wire.listeners[url] = world.wire.listeners[BRAVO_URL]

    world.give(world.bravo.document(ORDERS, receipt_url=url))
    world.work()

    assert [p.url for p in world.wire.posted] == [url]
    assert len(world.bravo.receipts) == 1


def test_a_receipt_is_posted_again_by_schedule_with_the_same_octets(world: World) -> None:
    world.wire.down.add(BRAVO_URL)
    world.give(world.bravo.document(ORDERS, receipt_url=BRAVO_URL))
    world.work()
    for pause in RETRIES[:-1]:
        world.pass_time(pause)
    world.wire.down.clear()
    world.pass_time(RETRIES[-1])

    assert len(world.bravo.receipts) == 1
    assert len({p.body for p in world.wire.posted}) == 1
    assert len(world.wire.posted) == len(RETRIES) + 1
    assert world.alpha.work() == []


def test_a_repeated_message_gets_the_stored_receipt_posted_again(world: World) -> None:
    wire = world.bravo.document(ORDERS, receipt_url=BRAVO_URL)
    world.give(wire)
    world.work()

    world.give(wire)
    world.work()

    first, second = world.wire.posted
    assert first.body == second.body
    assert len(world.alpha.documents()) == len(world.alpha.backend.delivered) == 1


def test_a_refusal_is_posted_too(world: World) -> None:
    world.give(world.bravo.document(ORDERS, sign=False, receipt_url=BRAVO_URL))

    world.work()

    (receipt,) = world.bravo.receipts
    assert receipt.disposition.extension == "insufficient-message-security"
    assert world.alpha.backend.delivered == []


def test_two_gateways_exchange_asynchronous_receipts(pair: Pair) -> None:
    """CEM-1: on asynchronous receipts too."""
    pair.alpha.change_terms(receipt=ReceiptMode.ASYNC)
    sent = pair.alpha.send()

    pair.work()

    assert pair.alpha.document(sent.id).state is DocumentState.DELIVERED
    assert len(pair.wire.posted) == 2
    assert "CEM" in pair.wire.posted[1].headers["ediint-features"]
    pair.pass_time(timedelta(days=1))
    assert len(pair.wire.posted) == 2
    assert pair.alpha.document(sent.id).state is DocumentState.DELIVERED


# theirs


def test_a_document_waits_for_its_receipt_and_is_sent_again_when_none_comes(later: World) -> None:
    later.alpha.change_terms(retries=RETRIES[:2])
    sent = later.alpha.send()
    step(later)
    assert later.alpha.document(sent.id).state is DocumentState.SENT
    later.later.clear()
    for tries in (2, 3):
        later.clock.pass_time(WAIT)
        step(later)
        later.later.clear()
        assert len(later.to_bravo()) == tries
    later.clock.pass_time(WAIT)
    step(later)

    document = later.alpha.document(sent.id)
    assert document.state is DocumentState.FAILED
    assert "No receipt came" in document.reason
    assert len({(p.headers["message-id"], p.body) for p in later.to_bravo()}) == 1
    assert later.alpha.work() == []


def test_a_late_receipt_still_counts(later: World) -> None:
    later.alpha.change_terms(retries=())
    sent = later.alpha.send()
    step(later)
    receipt = held_back(later)
    later.clock.pass_time(WAIT)
    step(later)
    assert later.alpha.document(sent.id).state is DocumentState.FAILED

    later.give(receipt)

    assert later.alpha.document(sent.id).state is DocumentState.DELIVERED


def test_a_receipt_that_overtakes_the_end_of_the_post_counts(later: World) -> None:
    usual = later.wire.listeners[BRAVO_URL]

    def receipt_first(headers: tuple[tuple[str, str], ...], body: bytes) -> object:
        answer = usual(headers, body)
        later.give(held_back(later))
        return answer

    later.wire.listeners[BRAVO_URL] = receipt_first  # type: ignore[assignment]
    sent = later.alpha.send()

    later.work()

    assert later.alpha.document(sent.id).state is DocumentState.DELIVERED
    later.pass_time(timedelta(days=1))
    assert len(later.to_bravo()) == 1


def test_the_same_receipt_again_is_taken_and_changes_nothing(later: World) -> None:
    """P-1: repeated every 30 s."""
    sent = later.alpha.send()
    step(later)
    receipt = held_back(later)
    later.give(receipt)
    before = (later.alpha.document(sent.id), later.alpha.messages(sent.id))
    later.clock.pass_time(timedelta(seconds=30))

    answer = later.give(receipt)

    assert (answer.status, bool(answer.body)) == (200, True)
    assert (later.alpha.document(sent.id), later.alpha.messages(sent.id)) == before


def test_a_receipt_for_nothing_we_sent_is_noted(later: World) -> None:
    answer = later.give(later.bravo.receipt("nobody.sent.this@alpha.example"))

    assert answer.status == 200
    assert later.alpha.documents() == []
    assert "receipt.unknown-message" in later.alpha.event_names()


def test_a_receipt_signed_by_a_stranger_changes_nothing(later: World) -> None:
    sent = later.alpha.send()
    step(later)
    original = later.bravo.heard[0]
    before = later.alpha.document(sent.id)
    forged = later.bravo.receipt(original.message_id, signed_by=a_party("BRAVO", own_of("Bravo Bows", key=rsa_key(5))))

    answer = later.give(forged)

    assert answer.status == 200
    assert later.alpha.document(sent.id) == before
    assert later.alpha.event_names()[-1] == "receipt.refused"


def test_an_unsigned_refusal_proves_nothing_where_signed_receipts_are_agreed(later: World) -> None:
    sent = later.alpha.send()
    step(later)
    refusal = as2.Disposition(
        type=as2.DispositionType.PROCESSED, modifier=as2.Modifier.ERROR, extension="decryption-failed"
    )

    later.give(later.bravo.receipt(later.bravo.heard[0].message_id, disposition=refusal, sign=False))
    assert later.alpha.document(sent.id).state is DocumentState.UNCERTAIN
    later.give(held_back(later))

    assert later.alpha.document(sent.id).state.value == "delivered"


def test_a_partner_that_sends_receipts_nobody_asked_for_is_read(world: World) -> None:
    """P-8."""
    world.alpha.change_terms(receipt=ReceiptMode.NONE)
    sent = world.alpha.send()
    world.work()
    assert world.alpha.document(sent.id).state is DocumentState.DELIVERED

    answer = world.give(world.bravo.receipt(world.bravo.heard[0].message_id))

    assert answer.status == 200
    assert world.alpha.document(sent.id).state is DocumentState.DELIVERED


def test_a_busy_partner_gets_an_asynchronous_message_again(later: World) -> None:
    later.dial(receipt=ReceiptDial.BUSY)
    sent = later.alpha.send()
    later.work()
    assert later.alpha.document(sent.id).state is DocumentState.QUEUED
    later.dial(receipt=ReceiptDial.GOOD)

    later.pass_time(RETRIES[0])

    assert later.alpha.document(sent.id).state.value == "delivered"
