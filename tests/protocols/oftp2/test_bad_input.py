"""Bad input: the RFC's answer, a finding, bounded memory, no stuck session (product.md section 8)."""

import pytest
from fuzz import oftp2 as target
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.kernel.errors import PeerFault
from counterseal.protocols.oftp2.codec import build_command
from counterseal.protocols.oftp2.commands import EFID, ESID
from counterseal.protocols.oftp2.errors import SessionOver
from counterseal.protocols.oftp2.events import Noted, SessionEnded
from counterseal.protocols.oftp2.machine import NOTES_AT_MOST
from counterseal.protocols.oftp2.quirks import Quirk
from counterseal.protocols.oftp2.states import ENDED, State
from tests.protocols.oftp2.pair import NOON, ConversationPair, Peer, an_eerp, an_sfid, an_ssid, ended, payload, stb
from tests.protocols.oftp2.stations import at

LIVE = [state for state in State if state not in ENDED]

# octets on the wire, where our session stands, the ESID reason
BAD = [
    # stream transmission headers
    (b"\x10\x00\x00\x03", State.IDLELI, "07"),
    (b"\x10\x00\x00\x00", State.IDLELI, "07"),
    (b"\x10\x01\x86\xa4", State.IDLELI, "07"),
    (b"\x10\xff\xff\xffR", State.IDLELI, "07"),
    (b"\x20\x00\x00\x05R", State.IDLELI, "06"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", State.A_NC_ONLY, "06"),
    (b"GET / HTTP/1.0\r\n\r\n", State.A_NC_ONLY, "06"),
    # command codes
    (stb(b"Z"), State.IDLELI, "01"),
    (stb(b"r"), State.IDLELI, "01"),
    (stb(b"\xc8" + build_command(an_sfid())[1:]), State.IDLELI, "01"),
    # lengths
    (stb(build_command(an_sfid())[:50]), State.IDLELI, "07"),
    (stb(build_command(an_sfid()) + b"x"), State.IDLELI, "07"),
    (stb(b"RR"), State.IDLELI, "07"),
    (stb(b"T" + b"0" * 33), State.OPI, "07"),
    (stb(build_command(an_eerp())[:-4] + b"\x01\x00abc"), State.IDLELI, "07"),
    (stb(b"D" + bytes(2100)), State.OPI, "07"),
    # fields
    (stb(build_command(an_ssid()).replace(b"SECRET", b"SECR\x07T")), State.A_NC_ONLY, "06"),
    (stb(build_command(an_sfid()).replace(b"20260302", b"2026-3-2")), State.IDLELI, "06"),
    (stb(build_command(an_sfid())[:161] + b"y" + build_command(an_sfid())[162:]), State.IDLELI, "06"),
    (stb(b"T" + b"-" + b"0" * 33), State.OPI, "06"),
    (stb(b"4X"), State.CLOP, "06"),
    # subrecord lies
    (stb(b"D\x3fabc"), State.OPI, "06"),
    (stb(b"D\x41"), State.OPI, "06"),
    (stb(b"D\x01a\xff"), State.OPI, "06"),
    # order
    (stb(EFID(rcnt=0, ucnt=0)), State.IDLELI, "02"),
    (stb(b"D\x01a"), State.IDLELI, "02"),
    (stb(an_sfid(), b"D\x01a"), State.IDLELI, "02"),
    (stb(an_ssid()), State.IDLELI, "02"),
    (stb(an_sfid(rest=1)), State.OPI, "02"),
    (stb(*[b"D\x01a"] * 4), State.OPI, "02"),
]


@pytest.mark.parametrize(("octets", "state", "reason"), BAD)
@pytest.mark.parametrize("split", ["whole", "octets"])
def test_malformed_input_gets_the_reason_of_the_rfc_and_a_finding(
    octets: bytes, state: State, reason: str, split: str
) -> None:
    """OFTP-3, OFTP-33, OFTP-36, OFTP-52."""
    peer = at(state)
    events = []
    for piece in [octets] if split == "whole" else [octets[i : i + 1] for i in range(len(octets))]:
        events += peer.sends(piece)
    end = ended(events)
    assert isinstance(end.fault, PeerFault)
    assert end.code == reason
    assert [e.finding.code for e in events if isinstance(e, Noted)][-1] == end.fault.code
    last = peer.heard()[-1]
    assert isinstance(last, ESID)
    assert (last.reas, last.reast) == (reason, end.text)
    assert peer.session.state is State.WF_NDISC
    assert peer.session.deadline() is not None


def test_an_announced_buffer_costs_nothing_before_it_comes() -> None:
    """OFTP-3"""
    peer = Peer.of_responder()
    assert peer.sends(b"\x10\x01\x86\xa3D") == []
    assert peer.session._reassembler.pending_octets == 5


def test_events_before_a_fault_are_not_lost() -> None:
    peer = at(State.OPI)
    events = peer.says(b"D\x03abc", b"D\x03def", b"Z")
    assert payload(events) == b"abcdef"
    assert ended(events).code == "01"


def test_findings_of_one_session_are_bounded() -> None:
    machine = Peer.of_responder().session._machine
    for n in range(NOTES_AT_MOST * 2):
        machine.note((Quirk.MISSING_CR,), f"field {n}")
    assert len(machine.take_events()) == NOTES_AT_MOST


def test_a_late_answer_after_the_end_is_void() -> None:
    peer = at(State.OPIP)
    peer.says(ESID(reas="05"))
    with pytest.raises(SessionOver):
        peer.session.accept_file(NOON, octet_limit=10)


def outcome(state: State, pieces: list[bytes]) -> tuple[object, ...]:
    """Everything observable of a session that was fed pieces, DATA events joined."""
    peer = at(state)
    for piece in pieces:
        peer.sends(piece)
    rest = [repr(e) for e in peer.events if type(e).__name__ != "DataReceived"]
    return payload(peer.events), rest, peer.session.state, peer.session.data_to_send()


a_command = st.sampled_from(
    [
        stb(an_sfid()),
        stb(an_eerp()),
        stb(b"R"),
        stb(b"D\x03abc"),
        stb(b"D\x83abc"),
        stb(EFID(rcnt=0, ucnt=6)),
        stb(b"C  "),
        stb(b"P"),
        stb(b"F02003why\r"),
        stb(b"Z"),
        stb(b"D\x3f"),
        b"\x10\x00\x00\x04",
        b"\x11",
    ]
)


@given(
    state=st.sampled_from(LIVE),
    stream=st.lists(a_command, max_size=6).map(b"".join),
    cuts=st.lists(st.integers(1, 40), max_size=12),
)
@settings(max_examples=150)
def test_the_whole_stream_is_any_split_of_it(state: State, stream: bytes, cuts: list[int]) -> None:
    """OFTP-2"""
    pieces, at_ = [], 0
    for cut in cuts:
        pieces.append(stream[at_ : at_ + cut])
        at_ += cut
    pieces.append(stream[at_:])
    assert outcome(state, pieces) == outcome(state, [stream])


@given(state=st.sampled_from(LIVE), octets=st.binary(max_size=400))
@settings(max_examples=150)
def test_random_octets_give_events_and_a_bounded_answer(state: State, octets: bytes) -> None:
    """OFTP-3, OFTP-52: no exception, at most one end, at most one ESID."""
    peer = at(state)
    events = peer.sends(octets)
    assert len([e for e in events if isinstance(e, SessionEnded)]) <= 1
    assert len(peer.session.data_to_send()) < 3000


@given(st.binary(max_size=1500))
@settings(max_examples=150)
def test_the_fuzz_target_holds(octets: bytes) -> None:
    target.fuzz(octets)


@pytest.mark.parametrize("seed", target.SEEDS)
def test_the_fuzz_target_holds_for_its_seeds(seed: bytes) -> None:
    target.fuzz(seed)


def test_a_stalled_pair_ends_by_itself() -> None:
    """OFTP-51: no stuck session."""
    pair = ConversationPair()
    pair.open()
    pair.a.offer_file(an_sfid(), pair.now)
    pair.run()
    pair.clock.tick(1000)
    pair.a_events += pair.a.handle_deadline(pair.now)
    pair.b_events += pair.b.handle_deadline(pair.now)
    pair.run()
    assert ended(pair.a_events).code == "09"
    assert ended(pair.b_events).code == "09"
    pair.clock.tick(1000)
    pair.a.handle_deadline(pair.now)
    pair.b.handle_deadline(pair.now)
    assert pair.a.must_close
    assert pair.b.must_close
