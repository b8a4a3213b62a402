"""The speaker's side of a session: offering and sending files, sending receipts, passing the turn (RFC 5024 §4.3 to §4.5,
9.10, 9.11).
"""

from collections.abc import Sequence
from typing import Final

from counterseal.protocols.oftp2.commands import CD, CDT, EFNA, EFPA, RTR, SFID, SFNA, SFPA, Command, Receipt
from counterseal.protocols.oftp2.errors import InvalidValue, ProtocolViolation
from counterseal.protocols.oftp2.events import (
    FileAccepted,
    FileConfirmed,
    FileRefused,
    FileRejected,
    ReceiptTaken,
    TurnReceived,
)
from counterseal.protocols.oftp2.machine import Machine
from counterseal.protocols.oftp2.quirks import Quirk
from counterseal.protocols.oftp2.reasons import FileReason, file_reason
from counterseal.protocols.oftp2.states import State, Transition
from counterseal.protocols.oftp2.transfer import Outgoing, check_own_offer

OUTPUT_LIMIT: Final = 1 << 20  # above this no more file data are wanted until the output was taken
LARGEST_CHUNK: Final = 4 << 20  # what one send_data may bring; all that the session ever holds of a file


def offer_file(machine: Machine, sfid: SFID, transition: Transition) -> None:
    """9.10 B."""
    agreed = machine.require_agreed()
    check_own_offer(sfid, agreed)
    machine.send(sfid)
    machine.outgoing = Outgoing(sfid, agreed)
    machine.move(transition, State.OPOP)


def on_sfpa(machine: Machine, command: Command, transition: Transition) -> None:
    """9.10 K."""
    assert isinstance(command, SFPA)
    outgoing = machine.require_outgoing()
    if command.acnt > outgoing.sfid.rest:
        raise ProtocolViolation(f"SFPAACNT {command.acnt} is above SFIDREST {outgoing.sfid.rest} (9.10 P2)")
    outgoing.resume(command.acnt)
    machine.move(transition, State.OPO)
    machine.tell(FileAccepted(resume_at=command.acnt))


def _reason(machine: Machine, code: str, field: str) -> FileReason:
    reason = file_reason(code)
    if reason is None:
        machine.note((Quirk.UNKNOWN_REASON,), field)
        return FileReason.UNSPECIFIED
    return reason


def on_sfna(machine: Machine, command: Command, transition: Transition) -> None:
    """9.10 L: the speaker stays the speaker; not to offer the same file again is the caller's rule (§4.3.2)."""
    assert isinstance(command, SFNA)
    reason = _reason(machine, command.reas, "SFNAREAS")
    machine.outgoing = None
    machine.move(transition, State.IDLESP)
    machine.tell(FileRefused(reason=reason, code=command.reas, retry=command.rrtr, text=command.reast))


def wants_data(machine: Machine) -> bool:
    """True when a chunk may be given: everything of the last one is out, there is credit, and the output is not full."""
    outgoing = machine.outgoing
    return (
        machine.state is State.OPO
        and outgoing is not None
        and not outgoing.queue
        and outgoing.ending is None
        and not outgoing.unplaced
        and machine.out_octets < OUTPUT_LIMIT
    )


def resume_v_file(machine: Machine, octets: int, transition: Transition) -> None:
    """Say how many octets stand in front of the answered record position."""
    machine.require_outgoing().place(octets)
    machine.move(transition, State.OPO)


def send_data(machine: Machine, octets: bytes, record_ends: Sequence[int], transition: Transition) -> None:
    """9.10 M."""
    if not wants_data(machine):
        raise InvalidValue("the session wants no file data now; wants_data says when")
    if len(octets) > LARGEST_CHUNK:
        raise InvalidValue(f"a chunk has at most {LARGEST_CHUNK} octets, got {len(octets)}")
    machine.require_outgoing().write(octets, record_ends)
    machine.move(transition, State.OPO)
    pump(machine)


def end_file(machine: Machine, secured_records: int, transition: Transition) -> None:
    """9.11 A, E: EFID goes out behind the last DATA, at credit 0 only after the next CDT (9.11 note 1)."""
    outgoing = machine.require_outgoing()
    if outgoing.ending is not None or outgoing.unplaced:
        raise InvalidValue("the file has ended already, or a V file has no position yet")
    outgoing.finish(secured_records)
    machine.move(transition, machine.state)
    pump(machine)


def pump(machine: Machine) -> None:
    """Send what credit allows, then EFID."""
    outgoing = machine.outgoing
    if machine.state is not State.OPO or outgoing is None:
        return
    queue = outgoing.queue
    while queue and outgoing.credit:
        machine.send_stb(queue.popleft())
        outgoing.credit -= 1
    if not outgoing.credit:
        machine.state = State.OPOWFC
    elif outgoing.ending is not None and not queue:
        machine.send(outgoing.ending)
        machine.state = State.CLOP


def on_cdt(machine: Machine, command: Command, transition: Transition) -> None:
    """9.10 O; behind our EFID it is void."""
    assert isinstance(command, CDT)
    if machine.state is State.CLOP:
        machine.note((Quirk.LATE_CREDIT,), "CDT")
        machine.touch()
        return
    machine.require_outgoing().credit = machine.require_agreed().credit
    machine.move(transition, State.OPO)
    pump(machine)


def on_efpa(machine: Machine, command: Command, transition: Transition) -> None:
    """9.11 C: a wished change of direction is granted at once."""
    assert isinstance(command, EFPA)
    machine.outgoing = None
    if command.cd:
        machine.send(CD())
        machine.move(transition, State.IDLELI)
    else:
        machine.move(transition, State.IDLESP)
    machine.tell(FileConfirmed(turn_kept=not command.cd))


def on_efna(machine: Machine, command: Command, transition: Transition) -> None:
    """9.11 D: the turn stays."""
    assert isinstance(command, EFNA)
    reason = _reason(machine, command.reas, "EFNAREAS")
    machine.outgoing = None
    machine.move(transition, State.IDLESP)
    machine.tell(FileRejected(reason=reason, code=command.reas, text=command.reast))


def send_receipt(machine: Machine, receipt: Receipt, transition: Transition) -> None:
    """9.10 A, Y: one at a time, RTR frees the next."""
    machine.send(receipt)
    machine.move(transition, State.WF_RTR)


def on_rtr(machine: Machine, command: Command, transition: Transition) -> None:
    """9.10 N."""
    assert isinstance(command, RTR)
    machine.move(transition, State.IDLESP)
    machine.tell(ReceiptTaken())


def give_turn(machine: Machine, transition: Transition) -> None:
    """9.10 D."""
    machine.send(CD())
    machine.move(transition, State.IDLELICD)


def on_cd(machine: Machine, command: Command, transition: Transition) -> None:
    """9.10 H (solicited by EFPA), 9.12 C (unsolicited: it may not be given back at once)."""
    assert isinstance(command, CD)
    solicited = machine.state is State.WF_CD
    machine.move(transition, State.IDLESP if solicited else State.IDLESPCD)
    machine.tell(TurnReceived(solicited=solicited))
