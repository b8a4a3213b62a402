"""Quirky peers (spec, section C), each played against our session: tolerated with a finding, refused by a strict agreement."""

from dataclasses import replace

import pytest

from counterseal.kernel.finding import Severity
from counterseal.protocols.oftp2.codec import build_command
from counterseal.protocols.oftp2.commands import CDT, EFID, EFNA, EFPA, NERP, SFNA, SFPA, SSID, Command
from counterseal.protocols.oftp2.events import FileEnded, FileOffered, FileRefused, FileRejected, Noted, ReceiptReceived
from counterseal.protocols.oftp2.quirks import RULES, Quirk, finding
from counterseal.protocols.oftp2.reasons import FileReason
from counterseal.protocols.oftp2.session import Session
from counterseal.protocols.oftp2.states import State
from tests.protocols.oftp2.pair import (
    NOON,
    STRICT,
    TOLERANT,
    Peer,
    an_offer,
    an_sfid,
    an_ssid,
    ended,
    payload,
    quirks,
)
from tests.protocols.oftp2.stations import at

A_NERP = NERP(dsn="ORDERS", date="20260302", time="1200000001", dest="A", orig="B", crea="B", reas="02")


# quirk, where our session stands, what the peer says, where it stands afterwards, what a strict agreement answers
PLAYED = [
    (Quirk.NAME_ALPHABET, State.IDLELI, [an_sfid(dsn="ODETTE_CERTIFICATE_DELIVER")], State.OPIP, "06"),
    (Quirk.NAME_ALPHABET, State.IDLELI, [an_sfid(dsn="odette_certificate_replace")], State.OPIP, "06"),
    (Quirk.MISSING_CR, State.I_WF_RM, [b"IODETTE FTP READY "], State.I_WF_SSID, "07"),
    (Quirk.MISSING_CR, State.A_NC_ONLY, [build_command(an_ssid())[:-1]], State.A_WF_CONRS, "07"),
    (Quirk.READY_TEXT, State.I_WF_RM, [b"IODETTE FTP READY\r"], State.I_WF_SSID, "06"),
    (Quirk.SHORT_COMMAND, State.OPOWFC, [b"C"], State.OPO, "07"),
    (Quirk.SHORT_COMMAND, State.IDLELI, [build_command(an_sfid())[:-3]], State.OPIP, "07"),
    (Quirk.SHORT_COMMAND, State.OPOP, [b"302N"], State.IDLESP, "07"),
    (Quirk.SHORT_COMMAND, State.CLOP, [b"502"], State.IDLESP, "07"),
    (Quirk.BLANK_NUMBER, State.OPOP, [b"2" + b" " * 17], State.OPO, "06"),
    (Quirk.BLANK_FLAG, State.CLOP, [b"4 "], State.IDLESP, "06"),
    (Quirk.INVALID_UTF8, State.OPOP, [b"302N001\xff"], State.IDLESP, "06"),
    (Quirk.EARLY_END_OF_FILE, State.OPI, [b"D\x01a", b"D\x01b", b"D\x81c", EFID(rcnt=0, ucnt=3)], State.CLIP, "02"),
    (Quirk.LATE_CREDIT, State.CLOP, [CDT()], State.CLOP, "02"),
    (Quirk.NO_END_OF_RECORD, State.OPI, [b"D\x03abc", EFID(rcnt=0, ucnt=3)], State.CLIP, "06"),
    (Quirk.INNER_END_OF_RECORD, State.OPI, [b"D\x82ab\x81c", EFID(rcnt=0, ucnt=3)], State.CLIP, "06"),
    (Quirk.RECORD_COUNT_UNUSED, State.OPI, [b"D\x83abc", EFID(rcnt=1, ucnt=3)], State.CLIP, "06"),
    (Quirk.RECORD_LENGTH_UNUSED, State.IDLELI, [an_sfid(lrecl=80)], State.OPIP, "06"),
    (Quirk.SIGNED_RECEIPT_WITHOUT_SUITE, State.IDLELI, [an_sfid(sign=True)], State.OPIP, "06"),
    (Quirk.UNKNOWN_REASON, State.OPOP, [SFNA(reas="77", rrtr=True)], State.IDLESP, "06"),
    (Quirk.EMPTY_SUBRECORDS, State.OPI, [b"D" + b"\x00" * 1500, b"D\x81a", EFID(rcnt=0, ucnt=1)], State.CLIP, "06"),
    (Quirk.SPECIAL_LOGIC, State.A_NC_ONLY, [an_ssid(spec=True)], State.A_WF_CONRS, "06"),
    (Quirk.NEWER_LEVEL, State.A_NC_ONLY, [an_ssid(lev="6")], State.A_WF_CONRS, "06"),
]


@pytest.mark.parametrize(("quirk", "state", "says", "after", "reason"), PLAYED)
def test_a_quirky_peer_is_understood_and_noted(
    quirk: Quirk, state: State, says: list[Command | bytes], after: State, reason: str
) -> None:
    """Interop list 1 to 6, 9, 10, 30; OFTP-32, OFTP-36."""
    peer = at(state)
    events = peer.says(*says)
    assert quirk.value in quirks(events)
    assert peer.session.state is after
    assert reason


@pytest.mark.parametrize(("quirk", "state", "says", "after", "reason"), PLAYED)
def test_a_strict_agreement_answers_with_the_reason_of_the_rfc(
    quirk: Quirk, state: State, says: list[Command | bytes], after: State, reason: str
) -> None:
    """Strictness per agreement."""
    peer = at(state, replace(TOLERANT, refused_quirks=frozenset({quirk})))
    end = ended(peer.says(*says))
    assert end.code == reason
    assert peer.heard_esid() == reason
    assert RULES[quirk].fault.esid.value == reason
    assert after


def test_every_quirk_is_played_or_tested_by_name() -> None:
    elsewhere = {Quirk.HEADER_ONLY, Quirk.RESTART_RAISED, Quirk.END_OUT_OF_TURN}
    assert {row[0] for row in PLAYED} | elsewhere == set(Quirk)
    assert set(RULES) == set(Quirk)


def test_findings_are_notes_with_a_sentence() -> None:
    for quirk in Quirk:
        note = finding(quirk, "FIELD")
        assert note.code.startswith("oftp2.")
        assert note.severity is Severity.NOTE
        assert note.text.startswith("FIELD: ")
        assert note.text.endswith(".")


def test_a_quirk_is_reported_once_per_session() -> None:
    peer = Peer.of_responder()
    for _ in range(5):
        peer.says(an_sfid(dsn="A_B"))
        peer.session.refuse_file(NOON, reason=FileReason.INVALID_FILENAME, retry=False, text="")
    assert quirks(peer.events) == ["oftp2.name-alphabet"]


def test_a_header_without_a_buffer_is_the_end_of_the_connection() -> None:
    """Interop list 28."""
    peer = Peer.of_responder()
    events = peer.sends(b"\x10\x00\x00\x04")
    assert quirks(events) == ["oftp2.header-only"]
    assert ended(events).reason is None
    assert peer.session.must_close
    assert peer.heard() == []
    strict = Peer.of_responder(STRICT)
    strict.sends(b"\x10\x00\x00\x04")
    assert strict.heard_esid() == "07"


def test_an_unknown_reason_counts_as_99_and_keeps_its_code() -> None:
    """Interop list 12."""
    peer = at(State.OPOP)
    events = peer.says(SFNA(reas="77", rrtr=False, reast="odd"))
    assert FileRefused(reason=FileReason.UNSPECIFIED, code="77", retry=False, text="odd") in events
    peer = at(State.CLOP)
    events = peer.says(EFNA(reas="88"))
    assert FileRejected(reason=FileReason.UNSPECIFIED, code="88", text="") in events


def test_a_nerp_with_a_reason_of_another_list_is_taken_as_a_failure() -> None:
    """OFTP-49, interop list 12: also by a strict agreement, for the receipt must not be lost."""
    for settings in (TOLERANT, STRICT):
        peer = at(State.IDLELI, settings)
        events = peer.says(A_NERP)
        assert ReceiptReceived(receipt=A_NERP) in events
        assert quirks(events) == ["oftp2.unknown-reason"]


def test_an_end_with_an_unknown_reason_is_reported_as_it_came() -> None:
    peer = Peer.of_responder(STRICT)
    end = ended(peer.says(b"F42000\r"))
    assert (end.reason, end.code) == (None, "42")


@pytest.mark.parametrize("count", [0, 3, 99])
def test_secured_fixed_and_variable_files_end_with_any_record_count(count: int) -> None:
    """OFTP-37, interop list 31."""
    peer = Peer.of_responder(STRICT)
    peer.says(an_sfid(fmt="V", lrecl=80, sec="02", ciph="02", env="1"))
    peer.session.accept_file(NOON, octet_limit=1000)
    events = peer.says(b"D\x83abc", EFID(rcnt=count, ucnt=3))
    assert FileEnded(octets=3, records=count) in events


def test_a_text_file_with_a_flag_per_line_arrives_whole() -> None:
    """Interop list 6."""
    peer = Peer.of_responder()
    peer.says(an_sfid(fmt="T"))
    peer.session.accept_file(NOON, octet_limit=1000)
    events = peer.says(b"D\x84a\r\n \x83b\r\n", EFID(rcnt=0, ucnt=7))
    assert payload(events) == b"a\r\n b\r\n"
    assert FileEnded(octets=7, records=0) in events


def test_sizes_in_the_offer_are_estimates() -> None:
    """Interop list 9."""
    peer = Peer.of_responder(STRICT)
    events = peer.says(an_sfid(fsiz=0, osiz=0))
    assert [e.problem for e in events if isinstance(e, FileOffered)] == [None]


def test_a_suite_on_an_unsecured_file_is_legal() -> None:
    """Interop list 10."""
    peer = Peer.of_responder(STRICT)
    events = peer.says(an_sfid(ciph="02", sign=True))
    assert [type(e) for e in events] == [FileOffered]


def test_a_peer_that_closes_after_our_efpa_has_delivered() -> None:
    """Interop list 25."""
    peer = at(State.CLIP)
    peer.session.confirm_file(NOON, take_turn=False)
    assert peer.heard() == [EFPA(cd=False)]
    end = ended(peer.session.connection_lost(NOON))
    assert end.reason is None
    assert not end.clean


def test_a_small_window_works_and_a_window_of_one_is_never_used() -> None:
    """Interop list 8 and 29."""
    peer = Peer.of_initiator(ssid=an_ssid(cred=2), credit=20)
    assert peer.agreed.credit == 2
    refusing = Peer(Session.respond(TOLERANT, now=NOON))
    refusing.says(an_ssid(cred=1))
    assert refusing.heard_esid() == "10"


def test_no_compression_is_offered_back_to_a_peer_without() -> None:
    """Interop list 30: N is answered to N."""
    peer = Peer(Session.respond(TOLERANT, now=NOON))
    peer.heard()
    peer.says(an_ssid(cmpr=False))
    peer.session.accept_partner(NOON, offer=an_offer(compression=True))
    (answer,) = peer.heard()
    assert isinstance(answer, SSID)
    assert answer.cmpr is False


def test_receipts_of_files_sent_long_ago_are_taken_in_any_session() -> None:
    """OFTP-46, interop list 13."""
    peer = Peer.of_responder()
    events = peer.says(A_NERP)
    assert [type(e) for e in events] == [Noted, ReceiptReceived]
    peer.session.acknowledge_receipt(NOON)
    assert peer.session.state is State.IDLELI


def test_an_early_end_of_file_leaves_no_credit_behind_for_the_next_file() -> None:
    """Interop list 5."""
    peer = at(State.OPI)
    peer.says(b"D\x01a", b"D\x01b", b"D\x81c", EFID(rcnt=0, ucnt=3))
    assert peer.heard() == []
    peer.session.confirm_file(NOON, take_turn=False)
    assert peer.heard() == [EFPA(cd=False)]
    peer.says(an_sfid(dsn="NEXT"))
    peer.session.accept_file(NOON, octet_limit=100)
    peer.says(b"D\x01a", b"D\x01b")
    assert peer.heard() == [SFPA(acnt=0)]
