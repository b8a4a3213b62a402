"""The listener's side of a session: judging offers, taking data, granting credit, taking receipts (RFC 5024 §4.3 to §4.5, 9.12).

Credit is granted when the caller takes the output, not when the last buffer came: a caller that is behind with storing grants
nothing, and data that came before the CDT could have been sent are seen as beyond credit.
"""

from counterseal.protocols.oftp2.codec import name_quirk
from counterseal.protocols.oftp2.commands import (
    CDT,
    EERP,
    EFID,
    EFNA,
    EFPA,
    NERP,
    RTR,
    SFID,
    SFNA,
    SFPA,
    Command,
)
from counterseal.protocols.oftp2.errors import BufferSizeError, InvalidValue, ProtocolViolation
from counterseal.protocols.oftp2.events import DataReceived, FileBroken, FileEnded, FileOffered, ReceiptReceived
from counterseal.protocols.oftp2.formats import clip_text
from counterseal.protocols.oftp2.machine import Machine
from counterseal.protocols.oftp2.quirks import Quirk
from counterseal.protocols.oftp2.reasons import EFNA_ONLY, FileReason, nerp_reason
from counterseal.protocols.oftp2.states import State, Transition
from counterseal.protocols.oftp2.transfer import Incoming, judge_offer, offer_quirks


def on_sfid(machine: Machine, command: Command, transition: Transition) -> None:
    """9.12 A."""
    assert isinstance(command, SFID)
    agreed = machine.require_agreed()
    if not agreed.may_receive:
        raise ProtocolViolation("a file is offered to a side that only sends (9.12 P1)")
    if command.rest and not agreed.restart:
        raise ProtocolViolation("a restart position came although restart was not agreed (9.12 P1)")
    quirk = name_quirk(command.dsn)
    machine.note(() if quirk is None else (quirk,), "SFIDDSN")
    machine.note(offer_quirks(command), "SFID")
    problem = judge_offer(command)
    machine.incoming = Incoming(command, agreed)
    machine.incoming.problem = problem
    machine.move(transition, State.OPIP)
    machine.tell(FileOffered(sfid=command, problem=problem))


def accept_file(
    machine: Machine, transition: Transition, *, resume_at: int, octets_held: int | None, octet_limit: int
) -> None:
    """9.12 H."""
    incoming = machine.require_incoming()
    if incoming.problem is not None:
        raise InvalidValue(f"the standard refuses this file with reason {incoming.problem.value}")
    if not 0 <= resume_at <= incoming.sfid.rest:
        raise InvalidValue(f"the answer count is 0 to SFIDREST {incoming.sfid.rest}, got {resume_at} (9.12 P4)")
    incoming.resume(resume_at, octets_held, octet_limit=octet_limit)
    machine.send(SFPA(acnt=resume_at))
    machine.move(transition, State.OPI)


def refuse_file(machine: Machine, transition: Transition, *, reason: FileReason, retry: bool, text: str) -> None:
    """9.12 H, not P2."""
    if reason in EFNA_ONLY:
        raise InvalidValue(f"reason {reason.value} exists for EFNA only (§5.3.5)")
    machine.send(SFNA(reas=reason.value, rrtr=retry, reast=clip_text(text)))
    machine.incoming = None
    machine.move(transition, State.IDLELI)


def on_data(machine: Machine, buffer: bytes) -> None:
    """9.12 I."""
    if machine.state is not State.OPI:
        raise ProtocolViolation(f"DATA is not allowed in state {machine.state.value} (9.12 B)")
    incoming = machine.require_incoming()
    agreed = machine.require_agreed()
    if len(buffer) > agreed.buffer_octets:
        raise BufferSizeError(f"DATA has {len(buffer)} octets; {agreed.buffer_octets} were agreed (SSIDSDEB)")
    if not incoming.credit:
        raise ProtocolViolation(f"DATA came beyond the credit of {agreed.credit} (9.12 P6)")
    incoming.credit -= 1
    taken = incoming.read(buffer)
    machine.touch()
    if taken is not None and (taken[0] or taken[1]):
        machine.tell(DataReceived(octets=taken[0], record_ends=taken[1]))


def grant_credit(machine: Machine) -> None:
    """9.12 I with P7: CDT when the credit is used up, and only then."""
    incoming = machine.incoming
    if machine.state is State.OPI and incoming is not None and not incoming.credit:
        incoming.credit = machine.require_agreed().credit
        machine.send(CDT())


def on_efid(machine: Machine, command: Command, transition: Transition) -> None:
    """9.12 J; a file whose counts or records do not fit gets its EFNA here."""
    assert isinstance(command, EFID)
    incoming = machine.require_incoming()
    if not incoming.credit:
        machine.note((Quirk.EARLY_END_OF_FILE,), "EFID")
    problem = incoming.close(command)
    machine.note(incoming.quirks, "DATA")
    machine.incoming = None
    if problem is None:
        records = incoming.records if incoming.sfid.recorded else command.rcnt
        machine.move(transition, State.CLIP)
        machine.tell(FileEnded(octets=incoming.octets, records=records))
        return
    text = _broken_text(problem, incoming, command)
    machine.send(EFNA(reas=problem.value, reast=clip_text(text)))
    machine.move(transition, State.IDLELI)
    machine.tell(FileBroken(reason=problem, text=text))


def _broken_text(problem: FileReason, incoming: Incoming, efid: EFID) -> str:
    match problem:
        case FileReason.INVALID_BYTE_COUNT:
            return f"EFIDUCNT is {efid.ucnt}, {incoming.octets} octets came"
        case FileReason.INVALID_RECORD_COUNT:
            return f"EFIDRCNT is {efid.rcnt}, {incoming.records} records came"
        case FileReason.FILE_TOO_BIG:
            return f"the file is larger than the {incoming.octet_limit} octets admitted"
        case _:
            return f"the records do not fit SFIDFMT {incoming.sfid.fmt} and SFIDLRECL {incoming.sfid.lrecl}"


def confirm_file(machine: Machine, transition: Transition, *, take_turn: bool) -> None:
    """9.12 K."""
    machine.send(EFPA(cd=take_turn))
    machine.move(transition, State.WF_CD if take_turn else State.IDLELI)


def reject_file(machine: Machine, transition: Transition, *, reason: FileReason, text: str) -> None:
    """9.12 K, not P2: the turn stays where it is."""
    machine.send(EFNA(reas=reason.value, reast=clip_text(text)))
    machine.move(transition, State.IDLELI)


def on_receipt(machine: Machine, command: Command, transition: Transition) -> None:
    """9.12 E, L."""
    assert isinstance(command, EERP | NERP)
    if isinstance(command, NERP) and nerp_reason(command.reas) is None:
        machine.note((Quirk.UNKNOWN_REASON,), "NERPREAS", refusable=False)
    machine.move(transition, State.RTRP)
    machine.tell(ReceiptReceived(receipt=command))


def acknowledge_receipt(machine: Machine, transition: Transition) -> None:
    """9.12 M."""
    machine.send(RTR())
    machine.move(transition, State.IDLELI)
