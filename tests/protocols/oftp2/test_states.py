"""The state tables of RFC 5024 §9, enumerated: every state against every buffer and every verb."""

import pytest

from counterseal.kernel.errors import CallerFault
from counterseal.protocols.oftp2.commands import (
    AUCH,
    AURP,
    CD,
    CDT,
    EFID,
    EFNA,
    EFPA,
    ESID,
    NERP,
    RTR,
    SECD,
    SFNA,
    SFPA,
    SSRM,
    Command,
)
from counterseal.protocols.oftp2.errors import SessionOver, WrongState
from counterseal.protocols.oftp2.reasons import ESIDReason, FileReason
from counterseal.protocols.oftp2.states import ENDED, OUR_MOVE, RECEIVED, VERBS, Buffer, State, Verb
from tests.protocols.oftp2.pair import CHALLENGE, NOON, an_eerp, an_offer, an_sfid, an_ssid, ended
from tests.protocols.oftp2.stations import STATIONS, at

SAID: dict[Buffer, Command | bytes] = {
    Buffer.SSRM: SSRM(),
    Buffer.SSID: an_ssid(),
    Buffer.SECD: SECD(),
    Buffer.AUCH: AUCH(chal=b"cms"),
    Buffer.AURP: AURP(rsp=CHALLENGE),
    Buffer.SFID: an_sfid(),
    Buffer.SFPA: SFPA(acnt=0),
    Buffer.SFNA: SFNA(reas="99", rrtr=False),
    Buffer.DATA: b"D\x81a",
    Buffer.CDT: CDT(),
    Buffer.EFID: EFID(rcnt=0, ucnt=0),
    Buffer.EFPA: EFPA(cd=False),
    Buffer.EFNA: EFNA(reas="99"),
    Buffer.CD: CD(),
    Buffer.EERP: an_eerp(),
    Buffer.NERP: NERP(dsn="A", date="20260302", time="1200000001", dest="A", orig="B", crea="B", reas="34"),
    Buffer.RTR: RTR(),
}

DONE = {
    Verb.ACCEPT_PARTNER: lambda s: s.accept_partner(NOON, offer=an_offer("O0013ME", authentication=False)),
    Verb.SEND_CHALLENGE: lambda s: s.send_challenge(NOON, challenge=CHALLENGE, envelope=b"cms"),
    Verb.ANSWER_CHALLENGE: lambda s: s.answer_challenge(CHALLENGE, NOON),
    Verb.OFFER_FILE: lambda s: s.offer_file(an_sfid(), NOON),
    Verb.RESUME_V_FILE: lambda s: s.resume_v_file(0, NOON),
    Verb.SEND_DATA: lambda s: s.send_data(b"abc", NOON),
    Verb.END_FILE: lambda s: s.end_file(NOON),
    Verb.SEND_RECEIPT: lambda s: s.send_receipt(an_eerp(), NOON),
    Verb.GIVE_TURN: lambda s: s.give_turn(NOON),
    Verb.END: lambda s: s.end(NOON),
    Verb.ACCEPT_FILE: lambda s: s.accept_file(NOON, octet_limit=100),
    Verb.REFUSE_FILE: lambda s: s.refuse_file(NOON, reason=FileReason.UNSPECIFIED, retry=False, text=""),
    Verb.CONFIRM_FILE: lambda s: s.confirm_file(NOON, take_turn=False),
    Verb.REJECT_FILE: lambda s: s.reject_file(NOON, reason=FileReason.UNSPECIFIED, text=""),
    Verb.ACKNOWLEDGE_RECEIPT: lambda s: s.acknowledge_receipt(NOON),
}

LIVE = [state for state in State if state not in ENDED]


def test_every_state_verb_and_buffer_is_enumerated_here() -> None:
    assert set(STATIONS) == set(State)
    assert set(DONE) == set(Verb)
    assert set(SAID) == set(Buffer) - {Buffer.ESID}
    assert {s for s, _ in RECEIVED} | {s for s, _ in VERBS} <= set(LIVE)


@pytest.mark.parametrize("buffer", SAID)
@pytest.mark.parametrize("state", LIVE)
def test_a_buffer_is_taken_where_the_table_allows_it_and_a_violation_elsewhere(state: State, buffer: Buffer) -> None:
    """OFTP-21, OFTP-24, OFTP-52."""
    peer = at(state)
    events = peer.says(SAID[buffer])
    transition = RECEIVED.get((state, buffer))
    if transition is None:
        assert ended(events).reason is ESIDReason.PROTOCOL_VIOLATION
        assert peer.heard_esid() == "02"
        assert peer.session.state is State.WF_NDISC
    else:
        assert peer.session.state in transition.to, transition.index


@pytest.mark.parametrize("verb", DONE)
@pytest.mark.parametrize("state", State)
def test_a_verb_is_done_where_the_table_allows_it_and_changes_nothing_elsewhere(state: State, verb: Verb) -> None:
    peer = at(state)
    transition = VERBS.get((state, verb))
    if transition is None:
        with pytest.raises(SessionOver if state in ENDED else WrongState):
            DONE[verb](peer.session)
        assert peer.session.state is state
        assert peer.heard() == []
    else:
        DONE[verb](peer.session)
        assert peer.session.state in transition.to, transition.index


@pytest.mark.parametrize("state", LIVE)
def test_an_error_ends_every_state_and_the_connection_is_closed(state: State) -> None:
    """OFTP-52: 9.12 D; an ESID is valid everywhere."""
    peer = at(state)
    events = peer.says(ESID(reas="08", reast="full"))
    assert (ended(events).code, ended(events).text) == ("08", "full")
    assert peer.session.must_close
    assert peer.session.deadline() is None
    assert peer.heard() == []


@pytest.mark.parametrize("state", LIVE)
def test_a_lost_connection_ends_every_state(state: State) -> None:
    peer = at(state)
    end = ended(peer.session.connection_lost(NOON))
    assert end.fault is not None
    assert end.reason is None
    assert peer.session.connection_lost(NOON) == []


@pytest.mark.parametrize("state", LIVE)
def test_our_abort_ends_every_state(state: State) -> None:
    peer = at(state)
    end = ended(peer.session.abort(ESIDReason.EMERGENCY_CLOSE_DOWN, "fire", NOON))
    assert not end.clean
    assert peer.heard_esid() == "05"
    with pytest.raises(SessionOver):
        peer.session.abort(ESIDReason.UNSPECIFIED, "", NOON)


@pytest.mark.parametrize("state", sorted(ENDED))
def test_nothing_counts_after_the_end(state: State) -> None:
    """9.10 S."""
    peer = at(state)
    assert peer.says(*SAID.values()) == []
    assert peer.sends(b"garbage") == []
    assert peer.heard() == []
    assert peer.session.state is state


def test_the_states_where_we_move_are_those_where_a_verb_answers_the_peer() -> None:
    answers = {s for (s, v) in VERBS if v is not Verb.END_FILE}
    assert answers == OUR_MOVE


def test_a_faulty_verb_is_the_callers_fault() -> None:
    assert issubclass(WrongState, CallerFault)
