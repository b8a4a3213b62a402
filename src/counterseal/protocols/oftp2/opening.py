"""Start of a session: ready message, SSIDs and secure authentication (RFC 5024 §4.2, 9.8).

initiator                     responder
           <------- SSRM
  SSID     ------->
           <------- SSID
  SECD     ------->                      only when both SSIDs say SSIDAUTH=Y
           <------- AUCH
  AURP     ------->
           <------- SECD
  AUCH     ------->
           <------- AURP
"""

import hmac
from typing import Final

from counterseal.protocols.oftp2.commands import AUCH, AURP, SECD, SSID, SSRM, Command
from counterseal.protocols.oftp2.errors import ChallengeFailed, InvalidValue
from counterseal.protocols.oftp2.events import ChallengeReceived, ChallengeWanted, PartnerIdentified, SessionOpened
from counterseal.protocols.oftp2.machine import Machine
from counterseal.protocols.oftp2.negotiation import LEVEL, Offer, answer, check_ssid, settle
from counterseal.protocols.oftp2.quirks import Quirk
from counterseal.protocols.oftp2.states import Role, State, Transition

CHALLENGE_OCTETS: Final = 20  # §5.3.17


def on_ssrm(machine: Machine, command: Command, transition: Transition) -> None:
    """9.8 H."""
    assert isinstance(command, SSRM)
    assert machine.offer is not None
    machine.send(machine.offer.ssid())
    machine.move(transition, State.I_WF_SSID)


def on_ssid(machine: Machine, command: Command, transition: Transition) -> None:
    """9.8 D, E: the SSID must be able to lead to a session before the caller is asked about its sender."""
    assert isinstance(command, SSID)
    check_ssid(command)
    if command.spec:
        machine.note((Quirk.SPECIAL_LOGIC,), "SSIDSPEC")
    if command.lev > LEVEL:
        machine.note((Quirk.NEWER_LEVEL,), "SSIDLEV")
    if machine.role is Role.INITIATOR:
        assert machine.offer is not None
        machine.agreed = settle(machine.offer, command)
        if (command.rest and not machine.offer.restart) or (command.cmpr and not machine.offer.compression):
            machine.note((Quirk.RESTART_RAISED,), "SSID")
        machine.move(transition, State.I_WF_CONCF)
    else:
        machine.move(transition, State.A_WF_CONRS)
    machine.partner_ssid = command
    machine.tell(PartnerIdentified(ssid=command))


def accept_initiator(machine: Machine, offer: Offer | None, transition: Transition) -> None:
    """9.8 G: the responder answers. Raises the faults of ``negotiation``."""
    if offer is None:
        raise InvalidValue("a responder accepts a partner with an offer of its own")
    assert machine.partner_ssid is not None
    reply, agreed = answer(offer, machine.partner_ssid)
    machine.send(reply)
    machine.agreed = agreed
    if agreed.authentication:
        machine.move(transition, State.WF_SECD)
    else:
        machine.move(transition, State.IDLELI)
        machine.tell(SessionOpened(agreed=agreed))


def accept_responder(machine: Machine, transition: Transition) -> None:
    """9.8 D: the initiator goes on."""
    agreed = machine.require_agreed()
    if agreed.authentication:
        machine.send(SECD())
        machine.move(transition, State.WF_AUCH)
    else:
        machine.move(transition, State.IDLESP)
        machine.tell(SessionOpened(agreed=agreed))


def on_secd(machine: Machine, command: Command, transition: Transition) -> None:
    """9.8 J."""
    assert isinstance(command, SECD)
    machine.move(transition, State.SECDP)
    machine.tell(ChallengeWanted())


def send_challenge(machine: Machine, challenge: bytes, envelope: bytes, transition: Transition) -> None:
    """9.8 J: AUCH, and remember what must come back."""
    if len(challenge) != CHALLENGE_OCTETS:
        raise InvalidValue(f"a challenge has {CHALLENGE_OCTETS} octets, got {len(challenge)}")
    machine.send(AUCH(chal=envelope))
    machine.challenge = challenge
    machine.move(transition, State.WF_AURP)


def on_auch(machine: Machine, command: Command, transition: Transition) -> None:
    """9.8 I."""
    assert isinstance(command, AUCH)
    machine.move(transition, State.AUCHP)
    machine.tell(ChallengeReceived(envelope=command.chal))


def answer_challenge(machine: Machine, response: bytes, transition: Transition) -> None:
    """9.8 I: AURP. The responder is the second to be challenged, so its session is open now."""
    machine.send(AURP(rsp=response))
    if machine.role is Role.INITIATOR:
        machine.move(transition, State.WF_SECD)
    else:
        machine.move(transition, State.IDLELI)
        machine.tell(SessionOpened(agreed=machine.require_agreed()))


def on_aurp(machine: Machine, command: Command, transition: Transition) -> None:
    """9.8 K: all 20 octets are compared, in constant time."""
    assert isinstance(command, AURP)
    expected, machine.challenge = machine.challenge, b""
    if len(expected) != CHALLENGE_OCTETS or not hmac.compare_digest(expected, command.rsp):
        raise ChallengeFailed("the authentication response is not the challenge")
    if machine.role is Role.INITIATOR:
        machine.move(transition, State.IDLESP)
        machine.tell(SessionOpened(agreed=machine.require_agreed()))
    else:
        machine.send(SECD())
        machine.move(transition, State.WF_AUCH)
