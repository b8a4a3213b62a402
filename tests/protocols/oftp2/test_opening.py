"""Start of a session: ready message, negotiation, passwords, secure authentication (RFC 5024 §4.2, §5.3.2, 9.8)."""

import pytest

from counterseal.protocols.oftp2.commands import AUCH, AURP, ESID, SECD, SSID, SSRM, Command
from counterseal.protocols.oftp2.errors import InvalidValue
from counterseal.protocols.oftp2.events import ChallengeReceived, ChallengeWanted, PartnerIdentified, SessionOpened
from counterseal.protocols.oftp2.negotiation import Mode
from counterseal.protocols.oftp2.reasons import ESIDReason
from counterseal.protocols.oftp2.session import Session
from counterseal.protocols.oftp2.states import State
from tests.protocols.oftp2.pair import (
    CHALLENGE,
    NOON,
    TOLERANT,
    Changes,
    ConversationPair,
    Peer,
    an_offer,
    an_sfid,
    an_ssid,
    ended,
    quirks,
)
from tests.protocols.oftp2.stations import at


def test_responder_speaks_first_and_initiator_waits_for_it() -> None:
    """OFTP-5"""
    assert Session.initiate(an_offer(), TOLERANT, now=NOON).data_to_send() == b""
    assert Session.respond(TOLERANT, now=NOON).data_to_send() == b"\x10\x00\x00\x17IODETTE FTP READY \r"


def test_start_is_ssrm_ssid_ssid_and_the_initiator_speaks() -> None:
    """OFTP-5, OFTP-21."""
    pair = ConversationPair()
    pair.open()
    assert [(who, type(c)) for who, c in pair.wire] == [("b", SSRM), ("a", SSID), ("b", SSID)]
    assert (pair.a.state, pair.b.state) == (State.IDLESP, State.IDLELI)
    assert pair.a.speaking
    assert not pair.b.speaking
    assert isinstance(pair.a_events[-1], SessionOpened)
    assert isinstance(pair.b_events[-1], SessionOpened)


def test_the_caller_judges_code_and_password_before_we_answer() -> None:
    """OFTP-17"""
    pair = ConversationPair()
    pair.run()
    (identified,) = pair.b_events
    assert isinstance(identified, PartnerIdentified)
    assert (identified.ssid.code, identified.ssid.pswd) == ("O0013ME", "SECRET")
    assert pair.b.partner == identified.ssid
    assert "SECRET" not in repr(identified)


@pytest.mark.parametrize(
    ("reason", "code"), [(ESIDReason.USER_CODE_NOT_KNOWN, "03"), (ESIDReason.INVALID_PASSWORD, "04")]
)
def test_an_unknown_code_or_wrong_password_is_answered_with_esid_instead_of_ssid(reason: ESIDReason, code: str) -> None:
    """OFTP-17"""
    pair = ConversationPair()
    pair.run()
    pair.b.abort(reason, "not today", pair.now)
    pair.run()
    assert [type(c) for who, c in pair.wire if who == "b"] == [SSRM, ESID]
    end = ended(pair.a_events)
    assert (end.reason, end.code, end.text, end.clean) == (reason, code, "not today", False)
    assert pair.a.must_close


def test_the_initiator_may_refuse_the_answer_too() -> None:
    """OFTP-17"""
    pair = ConversationPair()
    pair.run()
    pair.b.accept_partner(pair.now, offer=pair.b_offer)
    pair.run()
    pair.a.abort(ESIDReason.INVALID_PASSWORD, "", pair.now)
    pair.run()
    assert ended(pair.b_events).code == "04"


# ours (initiator), theirs (responder), what both work with
AGREEMENTS = [
    ({"buffer_octets": 99999}, {"buffer_octets": 128}, "buffer_octets", 128),
    ({"buffer_octets": 500}, {"buffer_octets": 4096}, "buffer_octets", 500),
    ({"credit": 999}, {"credit": 7}, "credit", 7),
    ({"credit": 2}, {"credit": 99}, "credit", 2),
    ({"compression": True}, {"compression": True}, "compression", True),
    ({"compression": True}, {"compression": False}, "compression", False),
    ({"compression": False}, {"compression": True}, "compression", False),
    ({"restart": True}, {"restart": True}, "restart", True),
    ({"restart": True}, {"restart": False}, "restart", False),
    ({"restart": False}, {"restart": True}, "restart", False),
]


@pytest.mark.parametrize(("ours", "theirs", "name", "value"), AGREEMENTS)
def test_both_sides_work_with_the_lower_offer(ours: Changes, theirs: Changes, name: str, value: object) -> None:
    """OFTP-11, OFTP-13, OFTP-15."""
    pair = ConversationPair(an_offer("O0013ME", **ours), an_offer("O0013PEER", **theirs))
    pair.open()
    assert getattr(pair.a.agreed, name) == value
    assert getattr(pair.b.agreed, name) == value
    assert all(not c.spec for _, c in pair.wire if isinstance(c, SSID))


MODES = [("B", "B", "B", "B"), ("B", "S", "R", "S"), ("B", "R", "S", "R"), ("S", "B", "S", "R"), ("R", "B", "R", "S"),
         ("S", "R", "S", "R"), ("R", "S", "R", "S")]  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs", "we", "they"), MODES)
def test_capabilities_go_down_to_what_fits(ours: str, theirs: str, we: str, they: str) -> None:
    """OFTP-14"""
    pair = ConversationPair(an_offer("O0013ME", mode=Mode(ours)), an_offer("O0013PEER", mode=Mode(theirs)))
    pair.open()
    assert (Peer(pair.a).agreed.mode, Peer(pair.b).agreed.mode) == (Mode(we), Mode(they))


@pytest.mark.parametrize("mode", ["S", "R"])
def test_two_senders_or_two_receivers_are_incompatible(mode: str) -> None:
    """OFTP-14"""
    pair = ConversationPair(an_offer("O0013ME", mode=Mode(mode)), an_offer("O0013PEER", mode=Mode(mode)))
    pair.run()
    events = pair.b.accept_partner(pair.now, offer=pair.b_offer)
    assert ended(events).code == "10"
    pair.run()
    assert ended(pair.a_events).code == "10"
    initiator = Peer(Session.initiate(an_offer(mode=Mode(mode)), TOLERANT, now=NOON))
    initiator.says(b"IODETTE FTP READY \r", an_ssid(sr=mode))
    assert initiator.heard_esid() == "10"


def test_a_receive_only_session_refuses_to_offer_and_a_send_only_one_refuses_offers() -> None:
    """OFTP-14"""
    receiver = Peer.of_initiator(mode=Mode.RECEIVE)
    with pytest.raises(InvalidValue, match="SSIDSR"):
        receiver.session.offer_file(an_sfid(), NOON)
    assert receiver.heard() == []
    sender = Peer.of_responder(mode=Mode.SEND)
    sender.says(an_sfid())
    assert sender.heard_esid() == "02"


@pytest.mark.parametrize("level", ["0", "1", "2", "3", "4"])
def test_an_older_level_is_never_answered_with_less_security(level: str) -> None:
    """OFTP-10, OFTP-54, spec C 7: offered or answered (stacks of RFC 2204 say 1), it ends with ESID 10 and a finding."""
    responder = Peer(Session.respond(TOLERANT, now=NOON))
    responder.heard()
    events = responder.says(an_ssid(lev=level))
    assert responder.heard_esid() == "10"
    assert quirks(events) == ["oftp2.level-too-old"]
    assert not any(isinstance(e, PartnerIdentified) for e in events)
    initiator = Peer(Session.initiate(an_offer(), TOLERANT, now=NOON))
    events = initiator.says(b"IODETTE FTP READY \r", an_ssid(lev=level))
    assert initiator.heard_esid() == "10"
    assert quirks(events) == ["oftp2.level-too-old"]


def test_an_old_ssid_with_a_blank_where_authentication_stands_now_still_gets_10() -> None:
    """OFTP-10"""
    old = b"X1" + b"O0013PEER".ljust(25) + b"SECRET  02048BNYN003     " + b" " * 8 + b"\r"
    responder = Peer(Session.respond(TOLERANT, now=NOON))
    responder.says(old)
    assert responder.heard_esid() == "10"


def test_a_newer_level_is_answered_with_5() -> None:
    """OFTP-10"""
    peer = Peer.of_responder(ssid=an_ssid(lev="6"))
    assert "oftp2.newer-level" in quirks(peer.events)
    assert peer.session.state is State.IDLELI


# the peer's SSID, our role, the ESID reason
BAD_SSIDS = [
    ({"sdeb": 127}, "responder", "06"),
    ({"sdeb": 0}, "initiator", "06"),
    ({"cred": 0}, "responder", "06"),
    ({"cred": 1}, "responder", "10"),
    ({"cred": 1}, "initiator", "10"),
    ({"cred": 4}, "initiator", "10"),
]


@pytest.mark.parametrize(("changes", "role", "reason"), BAD_SSIDS)
def test_buffer_size_and_credit_out_of_range_end_the_session(changes: Changes, role: str, reason: str) -> None:
    """OFTP-11, OFTP-13: an answer never raises the credit, and 1 is never used (interop list 29)."""
    if role == "responder":
        peer = Peer(Session.respond(TOLERANT, now=NOON))
    else:
        peer = Peer(Session.initiate(an_offer(credit=3), TOLERANT, now=NOON))
        peer.says(b"IODETTE FTP READY \r")
    peer.says(an_ssid(**changes))
    assert peer.heard_esid() == reason


@pytest.mark.parametrize(
    "changes", [{"credit": 1}, {"credit": 1000}, {"buffer_octets": 127}, {"buffer_octets": 100000}]
)
def test_we_never_offer_a_value_out_of_range(changes: Changes) -> None:
    """OFTP-11, OFTP-13."""
    with pytest.raises(InvalidValue):
        an_offer(**changes)


def test_restart_and_compression_are_not_raised_by_an_answer() -> None:
    """OFTP-15"""
    peer = Peer.of_initiator(ssid=an_ssid(rest=True, cmpr=True), restart=False, compression=False)
    assert not peer.agreed.restart
    assert not peer.agreed.compression
    assert "oftp2.restart-raised" in quirks(peer.events)


def test_special_logic_is_offered_in_vain() -> None:
    """OFTP-15"""
    peer = Peer.of_responder(ssid=an_ssid(spec=True))
    assert "oftp2.special-logic" in quirks(peer.events)
    assert peer.session.state is State.IDLELI


@pytest.mark.parametrize("ours", [True, False])
def test_unequal_authentication_requirements_end_with_12_on_both_roles(ours: Changes) -> None:
    """OFTP-16"""
    responder = Peer(Session.respond(TOLERANT, now=NOON))
    responder.says(an_ssid(auth=not ours))
    events = responder.session.accept_partner(NOON, offer=an_offer(authentication=ours))
    assert ended(events).code == "12"
    assert responder.heard_esid() == "12"
    initiator = Peer(Session.initiate(an_offer(authentication=ours), TOLERANT, now=NOON))
    initiator.says(b"IODETTE FTP READY \r", an_ssid(auth=not ours))
    assert initiator.heard_esid() == "12"


def test_authentication_runs_in_the_order_of_the_rfc() -> None:
    """OFTP-18: the responder challenges first."""
    pair = ConversationPair(an_offer("O0013ME", authentication=True), an_offer("O0013PEER", authentication=True))
    pair.open()
    assert [(who, type(c)) for who, c in pair.wire][3:] == [
        ("a", SECD), ("b", AUCH), ("a", AURP), ("b", SECD), ("a", AUCH), ("b", AURP),
    ]  # fmt: skip
    assert [type(e) for e in pair.a_events] == [PartnerIdentified, ChallengeReceived, ChallengeWanted, SessionOpened]
    assert [type(e) for e in pair.b_events] == [PartnerIdentified, ChallengeWanted, ChallengeReceived, SessionOpened]
    assert (pair.a.state, pair.b.state) == (State.IDLESP, State.IDLELI)


def in_authentication() -> ConversationPair:
    pair = ConversationPair(an_offer("O0013ME", authentication=True), an_offer("O0013PEER", authentication=True))
    pair.run()
    pair.b.accept_partner(pair.now, offer=pair.b_offer)
    pair.run()
    pair.a.accept_partner(pair.now, offer=None)
    pair.run()
    return pair


@pytest.mark.parametrize("octet", [0, 19])
def test_a_response_that_differs_in_any_octet_ends_with_11(octet: int) -> None:
    """OFTP-19"""
    pair = in_authentication()
    pair.b.send_challenge(pair.now, challenge=CHALLENGE, envelope=b"cms")
    pair.run()
    wrong = bytearray(CHALLENGE)
    wrong[octet] ^= 1
    pair.a.answer_challenge(bytes(wrong), pair.now)
    pair.run()
    assert ended(pair.b_events).code == "11"
    assert ended(pair.a_events).code == "11"


def test_the_initiator_checks_the_responder_as_strictly() -> None:
    """OFTP-19"""
    pair = in_authentication()
    pair.b.send_challenge(pair.now, challenge=CHALLENGE, envelope=b"cms")
    pair.run()
    pair.a.answer_challenge(CHALLENGE, pair.now)
    pair.run()
    pair.a.send_challenge(pair.now, challenge=CHALLENGE[::-1], envelope=b"cms")
    pair.run()
    pair.b.answer_challenge(CHALLENGE, pair.now)
    pair.run()
    assert ended(pair.a_events).code == "11"
    assert pair.a.agreed is not None
    assert not pair.a.speaking


def test_without_a_certificate_authentication_fails() -> None:
    """OFTP-19: §4.2.4, no suitable certificate."""
    pair = in_authentication()
    pair.b.abort(ESIDReason.INVALID_CHALLENGE_RESPONSE, "no certificate", pair.now)
    pair.run()
    assert ended(pair.a_events).code == "11"


@pytest.mark.parametrize("challenge", [b"", bytes(19), bytes(21)])
def test_a_challenge_of_another_length_is_not_sent(challenge: bytes) -> None:
    """OFTP-19"""
    pair = in_authentication()
    with pytest.raises(InvalidValue):
        pair.b.send_challenge(pair.now, challenge=challenge, envelope=b"cms")
    assert pair.b.data_to_send() == b""


@pytest.mark.parametrize("skip", [an_sfid(), b"R", b"J", AURP(rsp=CHALLENGE)])
def test_nothing_skips_authentication(skip: Command | bytes) -> None:
    """OFTP-20, and interop list 33: a peer that skips its own checks is not followed."""
    pair = in_authentication()
    peer = Peer(pair.b)
    peer.says(skip)
    assert peer.heard_esid() == "02"


@pytest.mark.parametrize("early", [an_sfid(), b"R", b"P", b"J"])
def test_nothing_skips_the_ssid(early: Command | bytes) -> None:
    """OFTP-20"""
    peer = Peer(Session.respond(TOLERANT, now=NOON))
    peer.says(early)
    assert peer.heard_esid() == "02"


def test_a_responder_answers_with_an_offer_of_its_own() -> None:
    peer = at(State.A_WF_CONRS)
    with pytest.raises(InvalidValue, match="offer"):
        peer.session.accept_partner(NOON, offer=None)
    assert peer.heard() == []
    peer.session.accept_partner(NOON, offer=an_offer())
