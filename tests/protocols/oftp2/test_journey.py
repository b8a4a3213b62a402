"""A file signed, compressed, encrypted, cut, resumed and receipted over three sessions, cryptography included."""

import os

from counterseal.protocols import cms
from counterseal.protocols.oftp2.authentication import build_challenge, open_challenge
from counterseal.protocols.oftp2.commands import EERP
from counterseal.protocols.oftp2.endresponse import build_eerp, file_hash, sign_receipt, verify_receipt
from counterseal.protocols.oftp2.events import ChallengeReceived, ReceiptReceived
from counterseal.protocols.oftp2.security import FilePlan, OpenedFile, secure_file
from counterseal.protocols.oftp2.suites import SUITES
from tests.protocols.oftp2.keys import a_key
from tests.protocols.oftp2.pair import ConversationPair, an_offer, an_sfid, ended, payload

SUITE = SUITES["04"]


def authenticated() -> ConversationPair:
    """A pair that proved both identities with CMS."""
    pair = ConversationPair(an_offer("O0013ME", authentication=True), an_offer("O0013PEER", authentication=True))
    pair.run()
    pair.b.accept_partner(pair.now, offer=pair.b_offer)
    pair.run()
    pair.a.accept_partner(pair.now, offer=None)
    pair.run()
    for asks, answers, events, key in (
        (pair.b, pair.a, pair.a_events, a_key("ours")),
        (pair.a, pair.b, pair.b_events, a_key("theirs")),
    ):
        challenge = build_challenge(suite=SUITE, recipient=key.certificate, entropy=os.urandom)
        asks.send_challenge(pair.now, challenge=challenge.octets, envelope=challenge.envelope)
        pair.run()
        received = next(e for e in events if isinstance(e, ChallengeReceived))
        answers.answer_challenge(open_challenge(received.envelope, [key], limits=cms.DEFAULT_LIMITS), pair.now)
        pair.run()
    assert pair.a.speaking
    return pair


def test_a_secured_file_is_cut_resumed_and_receipted_in_later_sessions() -> None:
    """OFTP-28, OFTP-39, OFTP-40, OFTP-46, OFTP-48: the same ciphertext is kept, the receipt may come in any session."""
    content = os.urandom(20_000) + b"UNB+UNOC:3'" * 5_000
    plan = FilePlan(
        suite=SUITE,
        signer=a_key("ours"),
        embed_certificate=False,
        signing_time=None,
        compression_level=1,
        recipient=a_key("theirs").certificate,
    )
    kept = b"".join(bytes(c) for c in secure_file((content,), plan, entropy=os.urandom, size=len(content)))
    sfid = an_sfid(sec=plan.sec, ciph=plan.ciph, comp=plan.comp, env=plan.env, sign=True)

    first = authenticated()
    first.a.offer_file(sfid, first.now)
    first.run()
    first.b.accept_file(first.now, octet_limit=1 << 20)
    first.run()
    first.a.send_data(kept[:9_000], first.now)
    first.run()
    held = payload(first.b_events)
    first.b.connection_lost(first.now)
    blocks = len(held) // 1024
    assert blocks > 3

    second = authenticated()
    again = an_sfid(sec=plan.sec, ciph=plan.ciph, comp=plan.comp, env=plan.env, sign=True, rest=blocks)
    events = second.send_file(kept[blocks * 1024 :], again, resume_at=blocks)
    arrived = held[: blocks * 1024] + payload(events)
    assert arrived == kept
    file = OpenedFile(
        (arrived,),
        again,
        keys=[a_key("theirs")],
        candidates=[a_key("ours").certificate],
        limits=cms.DEFAULT_LIMITS,
        octet_limit=1 << 20,
        mask_inner_failures=False,
    )
    assert b"".join(bytes(c) for c in file.chunks()) == content
    assert file.finish().signed is not None

    running = file_hash(SUITE)
    running.update(arrived)
    receipt = sign_receipt(
        build_eerp(again),
        file_digest=running.digest(),
        suite=SUITE,
        signer=a_key("theirs"),
        embed_certificate=False,
        at=None,
    )
    third = authenticated()
    third.a.give_turn(third.now)
    third.run()
    third.b.send_receipt(receipt, third.now)
    third.run()
    came = next(e.receipt for e in third.a_events if isinstance(e, ReceiptReceived))
    assert isinstance(came, EERP)
    sent = file_hash(SUITE)
    sent.update(kept)
    proof = verify_receipt(
        came, sfid, file_digest=sent.digest(), candidates=[a_key("theirs").certificate], limits=cms.DEFAULT_LIMITS
    )
    assert proof.signed.signers
    third.a.acknowledge_receipt(third.now)
    third.run()
    third.b.give_turn(third.now)
    third.run()
    third.a.end(third.now)
    third.run()
    assert ended(third.b_events).clean
