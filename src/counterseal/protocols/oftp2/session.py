"""One OFTP2 session (RFC 5024) as an object without I/O: octets and verbs in, octets, events and a deadline out.

    session = Session.initiate(offer, settings, now=now)        or Session.respond(settings, now=now)
    loop:   write session.data_to_send()                        (after the events were dealt with: it may grant credit)
            close the connection when session.must_close        (after writing)
            events = session.receive_data(octets, now)
            while session.wants_data: events += session.send_data(next chunk, now)
            at session.deadline(): events = session.handle_deadline(now)

Every call returns the events that it caused. Events marked *answer* (``events``) wait for the named verb; the session is
half-duplex, so nothing is lost meanwhile. Policy is the caller's: who the partner is, whether a file is wanted, which key
opens a challenge, when a receipt is durable. A peer's mistake never raises here: it is answered with the right ESID, and
``SessionEnded`` carries the fault. Verbs raise only ``CallerFault``s; anything else that escapes is a bug.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from counterseal.protocols.oftp2 import listening, opening, speaking
from counterseal.protocols.oftp2.codec import BY_CODE, DATA, HeaderOnly, Reassembler, parse_command
from counterseal.protocols.oftp2.commands import ESID, SFID, SSID, SSRM, Command, Receipt
from counterseal.protocols.oftp2.errors import OFTPFault, ProtocolViolation, SessionOver, TimedOut
from counterseal.protocols.oftp2.events import Event
from counterseal.protocols.oftp2.machine import Machine, Settings
from counterseal.protocols.oftp2.negotiation import Agreed, Offer
from counterseal.protocols.oftp2.quirks import RULES, Quirk
from counterseal.protocols.oftp2.reasons import ESIDReason, FileReason, esid_reason
from counterseal.protocols.oftp2.states import ENDED, OUR_MOVE, RECEIVED, Buffer, Role, State, Transition, Verb

_ON: Final[dict[Buffer, Callable[[Machine, Command, Transition], None]]] = {
    Buffer.SSRM: opening.on_ssrm,
    Buffer.SSID: opening.on_ssid,
    Buffer.SECD: opening.on_secd,
    Buffer.AUCH: opening.on_auch,
    Buffer.AURP: opening.on_aurp,
    Buffer.SFID: listening.on_sfid,
    Buffer.SFPA: speaking.on_sfpa,
    Buffer.SFNA: speaking.on_sfna,
    Buffer.CDT: speaking.on_cdt,
    Buffer.EFID: listening.on_efid,
    Buffer.EFPA: speaking.on_efpa,
    Buffer.EFNA: speaking.on_efna,
    Buffer.CD: speaking.on_cd,
    Buffer.EERP: listening.on_receipt,
    Buffer.NERP: listening.on_receipt,
    Buffer.RTR: speaking.on_rtr,
}


class Session:
    """One end of a session."""

    __slots__ = ("_machine", "_reassembler")

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._reassembler = Reassembler()

    @classmethod
    def initiate(cls, offer: Offer, settings: Settings, *, now: datetime) -> "Session":
        """The end that opened the connection (and, with TLS, ended the handshake): it waits for SSRM."""
        return cls(Machine(role=Role.INITIATOR, offer=offer, settings=settings, now=now))

    @classmethod
    def respond(cls, settings: Settings, *, now: datetime) -> "Session":
        """The end that was called: SSRM is the first octets of its output (§4.2.2)."""
        session = cls(Machine(role=Role.RESPONDER, offer=None, settings=settings, now=now))
        session._machine.send(SSRM())
        return session

    # Octets and time

    def receive_data(self, octets: bytes | bytearray | memoryview, now: datetime) -> list[Event]:
        """The events of what came; the buffer given may be used again. Nothing counts after the session has ended."""
        machine = self._machine
        machine.now = now
        if machine.state not in ENDED:
            try:
                for buffer in self._reassembler.feed(octets if isinstance(octets, bytes) else bytes(octets)):
                    if buffer[0] == DATA:
                        listening.on_data(machine, buffer)
                    else:
                        _receive(machine, buffer)
                    if machine.state in ENDED:
                        break
            except HeaderOnly as fault:
                self._header_only(fault)
            except OFTPFault as fault:
                machine.fail(fault)
        return machine.take_events()

    def _header_only(self, fault: HeaderOnly) -> None:
        if Quirk.HEADER_ONLY in self._machine.settings.refused_quirks:
            self._machine.fail(fault)
        else:
            self._machine.note((Quirk.HEADER_ONLY,), "STH")
            self._machine.lost(RULES[Quirk.HEADER_ONLY].text)

    def data_to_send(self) -> bytes:
        """What is to be written now, in order, at most a window of a file's buffers; empty when there is nothing.

        Taking it grants the peer credit that is due, so deal with the events first.
        """
        machine = self._machine
        listening.grant_credit(machine)
        octets = b"".join(machine.out)
        machine.out.clear()
        machine.out_octets = 0
        return octets

    def deadline(self) -> datetime | None:
        """When ``handle_deadline`` is to be called; ``None`` after the end. The peer's next buffer moves it."""
        return self._machine.deadline

    def handle_deadline(self, now: datetime) -> list[Event]:
        """End with ESID 09 when the time is up; after an ESID that nobody reacts to, ``must_close`` (9.9 A, B)."""
        machine = self._machine
        machine.now = now
        if machine.deadline is not None and now >= machine.deadline:
            if machine.state is State.WF_NDISC:
                machine.close()
            else:
                machine.fail(TimedOut(f"nothing came in state {machine.state.value}"))
        return machine.take_events()

    def keep_waiting(self, now: datetime) -> None:
        """Start the inactivity timer again while the caller works on an answer; in other states it changes nothing."""
        machine = self._machine
        machine.now = now
        if machine.state in OUR_MOVE:
            machine.touch()

    def use_settings(self, settings: Settings) -> None:
        """A responder learns from the SSID whose agreement counts: its patience and strictness hold from now on."""
        self._machine.settings = settings

    def connection_lost(self, now: datetime) -> list[Event]:
        """The transport closed or broke; not an error when the session has ended."""
        self._machine.now = now
        self._machine.lost("the connection was closed without ESID")
        return self._machine.take_events()

    # What the caller may look at

    @property
    def state(self) -> State:
        return self._machine.state

    @property
    def role(self) -> Role:
        return self._machine.role

    @property
    def agreed(self) -> Agreed | None:
        """``None`` before both SSIDs are there."""
        return self._machine.agreed

    @property
    def partner(self) -> SSID | None:
        """The peer's SSID; ``None`` before it came."""
        return self._machine.partner_ssid

    @property
    def speaking(self) -> bool:
        """True when a speaker's verb is allowed now."""
        return self._machine.state in {State.IDLESP, State.IDLESPCD}

    @property
    def must_close(self) -> bool:
        """True when the connection is to be closed, once ``data_to_send`` is written."""
        return self._machine.must_close

    @property
    def held_octets(self) -> int:
        """What the session holds of the wire: an exchange buffer that is not whole, and output that was not taken."""
        return self._reassembler.pending_octets + self._machine.out_octets

    @property
    def ended(self) -> bool:
        return self._machine.state in ENDED

    @property
    def wants_data(self) -> bool:
        """True when ``send_data`` may be called: there is credit and the output is not full."""
        return speaking.wants_data(self._machine)

    # Verbs of the start

    def accept_partner(self, now: datetime, *, offer: Offer | None) -> list[Event]:
        """The peer is who it says. The responder brings its own ``offer`` now; the initiator's was given, so ``None``.

        What does not fit together ends the session with ESID 10 or 12, told by ``SessionEnded``.
        """
        machine = self._machine
        transition = machine.allow(Verb.ACCEPT_PARTNER, now)
        try:
            if machine.role is Role.INITIATOR:
                opening.accept_responder(machine, transition)
            else:
                opening.accept_initiator(machine, offer, transition)
        except OFTPFault as fault:
            machine.fail(fault)
        return machine.take_events()

    def send_challenge(self, now: datetime, *, challenge: bytes, envelope: bytes) -> list[Event]:
        """Challenge the peer: 20 fresh random octets, and CMS EnvelopedData over them for its certificate (§5.3.17)."""
        machine = self._machine
        opening.send_challenge(machine, challenge, envelope, machine.allow(Verb.SEND_CHALLENGE, now))
        return machine.take_events()

    def answer_challenge(self, response: bytes, now: datetime) -> list[Event]:
        """Answer with the 20 octets from the envelope (§5.3.18)."""
        machine = self._machine
        opening.answer_challenge(machine, response, machine.allow(Verb.ANSWER_CHALLENGE, now))
        return machine.take_events()

    # Verbs of the speaker

    def offer_file(self, sfid: SFID, now: datetime) -> list[Event]:
        """Offer a file; ``sfid.rest`` above 0 asks for a restart. Raises ``InvalidValue``, and then nothing was sent."""
        speaking.offer_file(self._machine, sfid, self._machine.allow(Verb.OFFER_FILE, now))
        return self._machine.take_events()

    def resume_v_file(self, octets_before: int, now: datetime) -> list[Event]:
        """Say how many octets of a V file stand in front of the record that ``FileAccepted`` names."""
        transition = self._machine.allow(Verb.RESUME_V_FILE, now)
        speaking.resume_v_file(self._machine, octets_before, transition)
        return self._machine.take_events()

    def send_data(self, octets: bytes, now: datetime, *, record_ends: Sequence[int] = ()) -> list[Event]:
        """Send a chunk of at most 4 MiB. For V files ``record_ends`` are the offsets in it at which records end."""
        speaking.send_data(self._machine, octets, record_ends, self._machine.allow(Verb.SEND_DATA, now))
        return self._machine.take_events()

    def end_file(self, now: datetime, *, secured_records: int = 0) -> list[Event]:
        """The file is complete. ``secured_records``: the original's records, for a secured F or V file (spec C 31)."""
        speaking.end_file(self._machine, secured_records, self._machine.allow(Verb.END_FILE, now))
        return self._machine.take_events()

    def send_receipt(self, receipt: Receipt, now: datetime) -> list[Event]:
        """Send an EERP or NERP; ``ReceiptTaken`` answers."""
        speaking.send_receipt(self._machine, receipt, self._machine.allow(Verb.SEND_RECEIPT, now))
        return self._machine.take_events()

    def give_turn(self, now: datetime) -> list[Event]:
        """Let the peer speak. Not allowed right after an unsolicited turn (§3.3.4.2 rule 4)."""
        speaking.give_turn(self._machine, self._machine.allow(Verb.GIVE_TURN, now))
        return self._machine.take_events()

    def end(self, now: datetime) -> list[Event]:
        """End normally. Allowed only right after an unsolicited turn (§3.4.1)."""
        self._machine.allow(Verb.END, now)
        self._machine.end(ESIDReason.NORMAL, "")
        return self._machine.take_events()

    # Verbs of the listener

    def accept_file(
        self, now: datetime, *, octet_limit: int, resume_at: int = 0, octets_held: int | None = None
    ) -> list[Event]:
        """Take the file, from ``resume_at`` (at most SFIDREST) on. ``octet_limit`` bounds the whole file as transmitted;
        a larger one is dropped and gets EFNA 06. ``octets_held`` is needed to resume a V file."""
        transition = self._machine.allow(Verb.ACCEPT_FILE, now)
        listening.accept_file(
            self._machine, transition, resume_at=resume_at, octets_held=octets_held, octet_limit=octet_limit
        )
        return self._machine.take_events()

    def refuse_file(self, now: datetime, *, reason: FileReason, retry: bool, text: str) -> list[Event]:
        """Refuse an offered file (SFNA); ``text`` is cut at 999 octets."""
        transition = self._machine.allow(Verb.REFUSE_FILE, now)
        listening.refuse_file(self._machine, transition, reason=reason, retry=retry, text=text)
        return self._machine.take_events()

    def confirm_file(self, now: datetime, *, take_turn: bool) -> list[Event]:
        """The file is whole and durable (EFPA). ``take_turn`` asks for the turn, which comes as ``TurnReceived``."""
        transition = self._machine.allow(Verb.CONFIRM_FILE, now)
        listening.confirm_file(self._machine, transition, take_turn=take_turn)
        return self._machine.take_events()

    def reject_file(self, now: datetime, *, reason: FileReason, text: str) -> list[Event]:
        """The file is not kept (EFNA)."""
        transition = self._machine.allow(Verb.REJECT_FILE, now)
        listening.reject_file(self._machine, transition, reason=reason, text=text)
        return self._machine.take_events()

    def acknowledge_receipt(self, now: datetime) -> list[Event]:
        """The receipt is durable (RTR)."""
        listening.acknowledge_receipt(self._machine, self._machine.allow(Verb.ACKNOWLEDGE_RECEIPT, now))
        return self._machine.take_events()

    # At any time

    def abort(self, reason: ESIDReason, text: str, now: datetime) -> list[Event]:
        """End abnormally with a reason (§3.4.2). Raises ``SessionOver`` when the session has ended already."""
        machine = self._machine
        if machine.state in ENDED:
            raise SessionOver("abort came after the end of the session")
        machine.now = now
        machine.end(reason, text)
        return machine.take_events()


def _receive(machine: Machine, buffer: bytes) -> None:
    """One command: is it allowed, can it be read, what does it do. The state is judged first (§5.3.11: 01, 02, 06, 07)."""
    layout = BY_CODE.get(buffer[0])
    name = None if layout is None else Buffer(layout.name)
    transition = None if name is None else RECEIVED.get((machine.state, name))
    if name is not None and transition is None and name is not Buffer.ESID:
        raise ProtocolViolation(f"{name.value} is not allowed in state {machine.state.value} (RFC 5024 §9)")
    command, quirks = parse_command(buffer)
    if isinstance(command, ESID):
        machine.note(quirks, "ESID", refusable=False)
        _on_esid(machine, command)
        return
    assert name is not None
    assert transition is not None
    machine.note(quirks, name.value)
    _ON[name](machine, command, transition)


def _on_esid(machine: Machine, command: ESID) -> None:
    """9.12 D, F: normal only when we have just given the turn; in every other state it is an abort."""
    reason = esid_reason(command.reas)
    clean = reason is ESIDReason.NORMAL and machine.state is State.IDLELICD
    if reason is None:
        machine.note((Quirk.UNKNOWN_REASON,), "ESIDREAS", refusable=False)
    elif reason is ESIDReason.NORMAL and not clean:
        machine.note((Quirk.END_OUT_OF_TURN,), "ESID", refusable=False)
    machine.peer_ended(clean=clean, reason=reason, code=command.reas, text=command.reast)
