"""Who may speak: turns, receipts and the end of a session (RFC 5024 §3.3.4, §3.4, §4.3.8, §4.6, 9.10 to 9.12)."""

import pytest

from counterseal.protocols.oftp2.commands import CD, EERP, EFPA, ESID, NERP, RTR, SFID, Command, Receipt
from counterseal.protocols.oftp2.errors import WrongState
from counterseal.protocols.oftp2.events import (
    FileConfirmed,
    FileRefused,
    FileRejected,
    Origin,
    ReceiptReceived,
    ReceiptTaken,
    TurnReceived,
)
from counterseal.protocols.oftp2.reasons import ESIDReason, FileReason
from counterseal.protocols.oftp2.states import State
from tests.protocols.oftp2.pair import ConversationPair, Peer, an_eerp, an_sfid, ended, payload, quirks

A_NERP = NERP(dsn="ORDERS", date="20260302", time="1200000001", dest="A", orig="B", crea="B", reas="34")


@pytest.fixture
def pair() -> ConversationPair:
    pair = ConversationPair()
    pair.open()
    return pair


def test_normal_end_is_cd_answered_by_esid_00(pair: ConversationPair) -> None:
    """OFTP-22, OFTP-23."""
    pair.a.give_turn(pair.now)
    pair.run()
    assert pair.b_events[-1] == TurnReceived(solicited=False)
    events = pair.b.end(pair.now)
    assert ended(events).clean
    pair.run()
    end = ended(pair.a_events)
    assert (end.origin, end.clean, end.reason) == (Origin.PEER, True, ESIDReason.NORMAL)
    assert pair.a.must_close
    assert not pair.b.must_close
    assert pair.b.connection_lost(pair.now) == []


def test_a_speaker_cannot_end_before_it_was_given_the_turn(pair: ConversationPair) -> None:
    """OFTP-23"""
    with pytest.raises(WrongState):
        pair.a.end(pair.now)
    assert pair.a.data_to_send() == b""


def test_an_unsolicited_turn_is_never_given_back_at_once(pair: ConversationPair) -> None:
    """OFTP-22"""
    pair.a.give_turn(pair.now)
    pair.run()
    with pytest.raises(WrongState):
        pair.b.give_turn(pair.now)


@pytest.mark.parametrize("speak", ["receipt", "refused file"])
def test_speaking_once_makes_an_ordinary_speaker(pair: ConversationPair, speak: str) -> None:
    """OFTP-22, OFTP-23: afterwards CD is allowed and ESID 00 is not."""
    pair.a.give_turn(pair.now)
    pair.run()
    if speak == "receipt":
        pair.b.send_receipt(an_eerp(), pair.now)
        pair.run()
        pair.a.acknowledge_receipt(pair.now)
    else:
        pair.b.offer_file(an_sfid(), pair.now)
        pair.run()
        pair.a.refuse_file(pair.now, reason=FileReason.DUPLICATE_FILE, retry=False, text="")
    pair.run()
    with pytest.raises(WrongState):
        pair.b.end(pair.now)
    pair.b.give_turn(pair.now)
    pair.run()
    assert pair.a_events[-1] == TurnReceived(solicited=False)


def test_a_solicited_turn_may_be_given_back_but_not_ended(pair: ConversationPair) -> None:
    """OFTP-23, OFTP-25."""
    pair.send_file(b"x", an_sfid(), take_turn=True)
    assert pair.b_events[-1] == TurnReceived(solicited=True)
    with pytest.raises(WrongState):
        pair.b.end(pair.now)
    pair.b.give_turn(pair.now)
    pair.run()
    assert pair.a_events[-1] == TurnReceived(solicited=False)


def test_a_wish_for_the_turn_is_granted_at_once(pair: ConversationPair) -> None:
    """OFTP-25"""
    pair.send_file(b"x", an_sfid(), take_turn=True)
    assert [c for _, c in pair.wire[-2:]] == [EFPA(cd=True), CD()]
    assert FileConfirmed(turn_kept=False) in pair.a_events
    assert pair.a.state is State.IDLELI


def test_a_refused_or_rejected_file_leaves_the_turn(pair: ConversationPair) -> None:
    """OFTP-25"""
    pair.a.offer_file(an_sfid(), pair.now)
    pair.run()
    pair.b.refuse_file(pair.now, reason=FileReason.INVALID_DESTINATION, retry=True, text="who?")
    pair.run()
    assert pair.a_events[-1] == FileRefused(reason=FileReason.INVALID_DESTINATION, code="02", retry=True, text="who?")
    pair.a.offer_file(an_sfid(), pair.now)
    pair.run()
    pair.b.accept_file(pair.now, octet_limit=10)
    pair.run()
    pair.a.end_file(pair.now)
    pair.run()
    pair.b.reject_file(pair.now, reason=FileReason.INVALID_SIGNATURE, text="bad")
    pair.run()
    assert pair.a_events[-1:] == [FileRejected(reason=FileReason.INVALID_SIGNATURE, code="21", text="bad")]
    assert (pair.a.state, pair.b.state) == (State.IDLESP, State.IDLELI)


@pytest.mark.parametrize("command", [an_sfid(), an_eerp(), A_NERP, b"R", b"D\x01a", b"T" + b"0" * 34])
def test_only_the_speaker_speaks(command: Command) -> None:
    """OFTP-21"""
    peer = Peer.of_initiator()
    peer.says(command)
    assert peer.heard_esid() == "02"


@pytest.mark.parametrize("command", [an_sfid(), an_eerp(), A_NERP])
def test_after_giving_the_turn_we_listen(command: Command) -> None:
    """OFTP-24"""
    peer = Peer.of_initiator()
    peer.session.give_turn(peer.now)
    peer.says(command)
    assert peer.session.state in {State.OPIP, State.RTRP}


def test_a_second_change_of_direction_is_a_violation() -> None:
    """OFTP-24"""
    peer = Peer.of_initiator()
    peer.session.give_turn(peer.now)
    peer.heard()
    peer.says(CD())
    assert peer.heard_esid() == "02"


@pytest.mark.parametrize("receipt", [an_eerp(), A_NERP])
def test_each_receipt_waits_for_its_ready_to_receive(pair: ConversationPair, receipt: Receipt) -> None:
    """OFTP-26"""
    pair.a.send_receipt(receipt, pair.now)
    with pytest.raises(WrongState):
        pair.a.send_receipt(receipt, pair.now)
    with pytest.raises(WrongState):
        pair.a.offer_file(an_sfid(), pair.now)
    with pytest.raises(WrongState):
        pair.a.give_turn(pair.now)
    pair.run()
    assert pair.b_events[-1] == ReceiptReceived(receipt=receipt)
    assert pair.a.state is State.WF_RTR
    pair.b.acknowledge_receipt(pair.now)
    pair.run()
    assert pair.wire[-1] == ("b", RTR())
    assert pair.a_events[-1] == ReceiptTaken()
    pair.a.send_receipt(receipt, pair.now)


def test_a_second_receipt_before_ready_to_receive_is_a_violation() -> None:
    """OFTP-26"""
    peer = Peer.of_responder()
    peer.says(an_eerp(), an_eerp())
    assert peer.heard_esid() == "02"


def test_several_files_and_receipts_go_both_ways_in_one_session(pair: ConversationPair) -> None:
    """OFTP-21, OFTP-25, OFTP-26: the whole of §4 in one conversation."""
    for n in range(3):
        events = pair.send_file(b"to b %d" % n, an_sfid(dsn=f"OUT{n}"), take_turn=n == 2)
        assert payload(events) == b"to b %d" % n
    for n in range(3):
        pair.b.send_receipt(an_eerp(dsn=f"OUT{n}"), pair.now)
        pair.run()
        pair.a.acknowledge_receipt(pair.now)
        pair.run()
    for n in range(2):
        events = pair.send_file(b"to a %d" % n, an_sfid(dsn=f"IN{n}"), backwards=True)
        assert payload(events) == b"to a %d" % n
    pair.b.give_turn(pair.now)
    pair.run()
    pair.a.end(pair.now)
    pair.run()
    assert ended(pair.b_events).clean
    files = [(who, c.dsn) for who, c in pair.wire if isinstance(c, SFID)]
    assert files == [("a", "OUT0"), ("a", "OUT1"), ("a", "OUT2"), ("b", "IN0"), ("b", "IN1")]
    receipts = [c.dsn for _, c in pair.wire if isinstance(c, EERP)]
    assert receipts == ["OUT0", "OUT1", "OUT2"]


def test_a_normal_end_out_of_turn_counts_as_an_abort() -> None:
    """OFTP-23: 9.12 D."""
    peer = Peer.of_responder()
    events = peer.says(ESID(reas="00"))
    assert not ended(events).clean
    assert quirks(events) == ["oftp2.normal-end-out-of-turn"]
    assert peer.session.must_close


@pytest.mark.parametrize("reason", list(ESIDReason)[1:])
def test_every_reason_can_be_said_and_heard_at_any_time(pair: ConversationPair, reason: ESIDReason) -> None:
    """OFTP-52: reason codes out and in."""
    pair.a.offer_file(an_sfid(), pair.now)
    pair.run()
    pair.b.abort(reason, "because", pair.now)
    pair.run()
    end = ended(pair.a_events)
    assert (end.reason, end.code, end.text, end.clean, end.fault) == (reason, reason.value, "because", False, None)
