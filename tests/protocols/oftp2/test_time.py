"""One inactivity timer (RFC 5024 §4.7.2, 9.9)."""

from datetime import timedelta

import pytest

from counterseal.protocols.oftp2.errors import TimedOut
from counterseal.protocols.oftp2.machine import DISCONNECT_WITHIN
from counterseal.protocols.oftp2.states import ENDED, OUR_MOVE, State
from tests.protocols.oftp2.pair import NOON, PATIENCE, Peer, an_sfid, ended, stb
from tests.protocols.oftp2.stations import at

LIVE = [state for state in State if state not in ENDED]
EARLY = NOON + PATIENCE - timedelta(microseconds=1)


@pytest.mark.parametrize("state", LIVE)
def test_every_waiting_state_times_out_with_esid_09_and_then_closes(state: State) -> None:
    """OFTP-51"""
    peer = at(state)
    assert peer.session.deadline() == NOON + PATIENCE
    assert peer.session.handle_deadline(EARLY) == []
    late = NOON + PATIENCE
    end = ended(peer.session.handle_deadline(late))
    assert isinstance(end.fault, TimedOut)
    assert peer.heard_esid() == "09"
    assert not peer.session.must_close
    assert peer.session.deadline() == late + DISCONNECT_WITHIN
    assert peer.session.handle_deadline(late + DISCONNECT_WITHIN) == []
    assert peer.session.must_close
    assert peer.session.deadline() is None


def test_each_whole_buffer_starts_the_timer_again() -> None:
    """OFTP-51"""
    peer = Peer.of_responder()
    peer.now = NOON + timedelta(seconds=100)
    peer.says(an_sfid())
    assert peer.session.deadline() == peer.now + PATIENCE
    peer.session.accept_file(peer.now, octet_limit=1000)
    peer.now += timedelta(seconds=100)
    peer.says(b"D\x01a")
    assert peer.session.deadline() == peer.now + PATIENCE


def test_trickling_octets_do_not_keep_a_session() -> None:
    """OFTP-51: a stall of single octets is a stall."""
    peer = Peer.of_responder()
    for octet in stb(an_sfid())[:100]:
        peer.now += timedelta(seconds=2)
        peer.sends(bytes([octet]))
    assert peer.session.deadline() == NOON + PATIENCE


@pytest.mark.parametrize("state", LIVE)
def test_the_caller_can_ask_for_time_only_while_it_works_on_an_answer(state: State) -> None:
    """OFTP-51"""
    peer = at(state)
    later = NOON + timedelta(seconds=60)
    peer.session.keep_waiting(later)
    assert peer.session.deadline() == (later if state in OUR_MOVE else NOON) + PATIENCE


def test_verbs_start_the_timer_too() -> None:
    peer = Peer.of_initiator()
    later = NOON + timedelta(seconds=100)
    peer.session.offer_file(an_sfid(), later)
    assert peer.session.deadline() == later + PATIENCE
