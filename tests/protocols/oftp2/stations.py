"""A session in every state of RFC 5024 §9.3, reached over the wire and through verbs."""

from collections.abc import Callable
from typing import Any

from counterseal.protocols.oftp2.commands import AUCH, CD, EFID, SECD, SFPA
from counterseal.protocols.oftp2.machine import Settings
from counterseal.protocols.oftp2.session import Session
from counterseal.protocols.oftp2.states import State
from tests.protocols.oftp2.pair import CHALLENGE, NOON, TOLERANT, Peer, an_eerp, an_offer, an_sfid, an_ssid


def _start_initiator(settings: Settings, **offer: Any) -> Peer:
    return Peer(Session.initiate(an_offer("O0013ME", **offer), settings, now=NOON))


def _start_responder(settings: Settings) -> Peer:
    return Peer(Session.respond(settings, now=NOON))


def _i_wf_ssid(settings: Settings, **offer: Any) -> Peer:
    peer = _start_initiator(settings, **offer)
    peer.says(b"IODETTE FTP READY \r")
    return peer


def _i_wf_concf(settings: Settings) -> Peer:
    peer = _i_wf_ssid(settings)
    peer.says(an_ssid())
    return peer


def _a_wf_conrs(settings: Settings) -> Peer:
    peer = _start_responder(settings)
    peer.says(an_ssid())
    return peer


def _wf_secd(settings: Settings) -> Peer:
    return Peer.of_responder(settings, ssid=an_ssid(auth=True), authentication=True)


def _secdp(settings: Settings) -> Peer:
    peer = _wf_secd(settings)
    peer.says(SECD())
    return peer


def _wf_aurp(settings: Settings) -> Peer:
    peer = _secdp(settings)
    peer.session.send_challenge(NOON, challenge=CHALLENGE, envelope=b"cms")
    return peer


def _wf_auch(settings: Settings) -> Peer:
    return Peer.of_initiator(settings, ssid=an_ssid(auth=True), authentication=True)


def _auchp(settings: Settings) -> Peer:
    peer = _wf_auch(settings)
    peer.says(AUCH(chal=b"cms"))
    return peer


def _idlespcd(settings: Settings) -> Peer:
    peer = Peer.of_responder(settings)
    peer.says(CD())
    return peer


def _wf_rtr(settings: Settings) -> Peer:
    peer = Peer.of_initiator(settings)
    peer.session.send_receipt(an_eerp(), NOON)
    return peer


def _opop(settings: Settings) -> Peer:
    peer = Peer.of_initiator(settings)
    peer.session.offer_file(an_sfid(), NOON)
    return peer


def _opo(settings: Settings) -> Peer:
    peer = _opop(settings)
    peer.says(SFPA(acnt=0))
    return peer


def _opowfc(settings: Settings) -> Peer:
    peer = _opo(settings)
    peer.session.send_data(bytes(6000), NOON)
    peer.session.send_data(bytes(1000), NOON) if peer.session.wants_data else None
    return peer


def _clop(settings: Settings) -> Peer:
    peer = _opo(settings)
    peer.session.end_file(NOON)
    return peer


def _idlelicd(settings: Settings) -> Peer:
    peer = Peer.of_initiator(settings)
    peer.session.give_turn(NOON)
    return peer


def _opip(settings: Settings) -> Peer:
    peer = Peer.of_responder(settings)
    peer.says(an_sfid())
    return peer


def _opi(settings: Settings) -> Peer:
    peer = _opip(settings)
    peer.session.accept_file(NOON, octet_limit=10_000)
    return peer


def _clip(settings: Settings) -> Peer:
    peer = _opi(settings)
    peer.says(b"D\x83abc", EFID(rcnt=0, ucnt=3))
    return peer


def _wf_cd(settings: Settings) -> Peer:
    peer = _clip(settings)
    peer.session.confirm_file(NOON, take_turn=True)
    return peer


def _rtrp(settings: Settings) -> Peer:
    peer = Peer.of_responder(settings)
    peer.says(an_eerp())
    return peer


def _wf_ndisc(settings: Settings) -> Peer:
    peer = _idlespcd(settings)
    peer.session.end(NOON)
    return peer


def _idle(settings: Settings) -> Peer:
    peer = Peer.of_responder(settings)
    peer.events += peer.session.connection_lost(NOON)
    return peer


STATIONS: dict[State, Callable[[Settings], Peer]] = {
    State.I_WF_RM: _start_initiator,
    State.I_WF_SSID: _i_wf_ssid,
    State.I_WF_CONCF: _i_wf_concf,
    State.A_NC_ONLY: _start_responder,
    State.A_WF_CONRS: _a_wf_conrs,
    State.WF_SECD: _wf_secd,
    State.SECDP: _secdp,
    State.WF_AUCH: _wf_auch,
    State.AUCHP: _auchp,
    State.WF_AURP: _wf_aurp,
    State.IDLESP: Peer.of_initiator,
    State.IDLESPCD: _idlespcd,
    State.WF_RTR: _wf_rtr,
    State.WF_CD: _wf_cd,
    State.OPOP: _opop,
    State.OPO: _opo,
    State.OPOWFC: _opowfc,
    State.CLOP: _clop,
    State.IDLELI: Peer.of_responder,
    State.IDLELICD: _idlelicd,
    State.OPIP: _opip,
    State.OPI: _opi,
    State.CLIP: _clip,
    State.RTRP: _rtrp,
    State.WF_NDISC: _wf_ndisc,
    State.IDLE: _idle,
}


def at(state: State, settings: Settings = TOLERANT) -> Peer:
    """A peer whose counterpart, our session, is in this state; what it said so far is heard."""
    peer = STATIONS[state](settings)
    peer.heard()
    assert peer.session.state is state
    return peer
