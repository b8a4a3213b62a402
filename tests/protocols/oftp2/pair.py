"""Two sessions in lock-step with virtual time, one session against a scripted peer, and builders of ordinary values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from counterseal.protocols.oftp2.codec import Reassembler, build_command, frame, parse_command
from counterseal.protocols.oftp2.commands import EERP, ESID, SFID, SSID, Command
from counterseal.protocols.oftp2.events import DataReceived, Event, Noted, SessionEnded
from counterseal.protocols.oftp2.machine import Settings
from counterseal.protocols.oftp2.negotiation import Agreed, Mode, Offer
from counterseal.protocols.oftp2.quirks import Quirk
from counterseal.protocols.oftp2.session import Session

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PATIENCE = timedelta(seconds=180)
TOLERANT = Settings(inactivity=PATIENCE, refused_quirks=frozenset())
STRICT = Settings(inactivity=PATIENCE, refused_quirks=frozenset(Quirk))
CHALLENGE = bytes(range(20))


def an_offer(code: str = "O0013PARTNER", **changes: Any) -> Offer:
    offer = Offer(
        code=code,
        password="SECRET",
        user="",
        buffer_octets=2048,
        credit=3,
        mode=Mode.BOTH,
        compression=False,
        restart=True,
        authentication=False,
    )
    return replace(offer, **changes)


def an_ssid(**changes: Any) -> SSID:
    return replace(an_offer("O0013PEER").ssid(), **changes)


def an_sfid(**changes: Any) -> SFID:
    sfid = SFID(
        dsn="ORDERS",
        date="20260302",
        time="1200000001",
        dest="O0013PEER",
        orig="O0013ME",
        fmt="U",
        lrecl=0,
        fsiz=1,
        osiz=1,
        rest=0,
        sec="00",
        ciph="00",
        comp="0",
        env="0",
        sign=False,
    )
    return replace(sfid, **changes)


def an_eerp(**changes: Any) -> EERP:
    eerp = EERP(dsn="ORDERS", date="20260302", time="1200000001", dest="O0013ME", orig="O0013PEER")
    return replace(eerp, **changes)


def stb(*commands: Command | bytes) -> bytes:
    """Stream transmission buffers of commands, or of exchange buffers given as octets."""
    return b"".join(frame(c if isinstance(c, bytes) else build_command(c)) for c in commands)


def commands_in(octets: bytes) -> list[Command | bytes]:
    """Every command in a stream; DATA buffers as octets."""
    return [b if b[:1] == b"D" else parse_command(b)[0] for b in Reassembler().feed(octets)]


def ended(events: list[Event]) -> SessionEnded:
    return next(e for e in events if isinstance(e, SessionEnded))


def quirks(events: list[Event]) -> list[str]:
    return [e.finding.code for e in events if isinstance(e, Noted)]


def payload(events: list[Event]) -> bytes:
    return b"".join(e.octets for e in events if isinstance(e, DataReceived))


Changes: TypeAlias = dict[str, Any]
"""Field names and their other values, for the builders."""


class Clock:
    """Virtual time."""

    def __init__(self) -> None:
        self.now = NOON

    def tick(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


class ConversationPair:
    """An initiator ``a`` and a responder ``b``; ``a_events`` and ``b_events`` keep everything that they told."""

    def __init__(self, a: Offer | None = None, b: Offer | None = None, settings: Settings = TOLERANT) -> None:
        self.clock = Clock()
        self.a_offer = a or an_offer("O0013ME")
        self.b_offer = b or an_offer("O0013PEER")
        self.a = Session.initiate(self.a_offer, settings, now=self.now)
        self.b = Session.respond(settings, now=self.now)
        self.a_events: list[Event] = []
        self.b_events: list[Event] = []
        self.wire: list[tuple[str, Command | bytes]] = []

    @property
    def now(self) -> datetime:
        return self.clock.now

    def step(self) -> bool:
        """Carry what each side has to say to the other, once; False when both are silent."""
        from_b, from_a = self.b.data_to_send(), self.a.data_to_send()
        self.wire += [("b", c) for c in commands_in(from_b)] + [("a", c) for c in commands_in(from_a)]
        if from_b:
            self.a_events += self.a.receive_data(from_b, self.now)
        if from_a:
            self.b_events += self.b.receive_data(from_a, self.now)
        return bool(from_a or from_b)

    def run(self) -> None:
        while self.step():
            pass

    def open(self) -> None:
        """Start and, when agreed, authenticate, with the twenty octets themselves as envelope."""
        self.run()
        self.b_events += self.b.accept_partner(self.now, offer=self.b_offer)
        self.run()
        self.a_events += self.a.accept_partner(self.now, offer=None)
        self.run()
        if self.a_offer.authentication:
            self.b_events += self.b.send_challenge(self.now, challenge=CHALLENGE, envelope=b"for a")
            self.run()
            self.a_events += self.a.answer_challenge(CHALLENGE, self.now)
            self.run()
            self.a_events += self.a.send_challenge(self.now, challenge=CHALLENGE[::-1], envelope=b"for b")
            self.run()
            self.b_events += self.b.answer_challenge(CHALLENGE[::-1], self.now)
            self.run()

    def send_file(
        self,
        content: bytes,
        sfid: SFID,
        *,
        backwards: bool = False,
        chunk: int = 1000,
        resume_at: int = 0,
        ends: tuple[int, ...] = (),
        held: int | None = None,
        take_turn: bool = False,
        limit: int = 1 << 30,
    ) -> list[Event]:
        """One whole file from ``a`` to ``b`` (or back), content in chunks; the receiver's events."""
        speaker, listener = (self.b, self.a) if backwards else (self.a, self.b)
        events = self.a_events if backwards else self.b_events
        before = len(events)
        speaker.offer_file(sfid, self.now)
        self.run()
        listener.accept_file(self.now, octet_limit=limit, resume_at=resume_at, octets_held=held)
        self.run()
        if held:
            speaker.resume_v_file(held, self.now)
        at = 0
        while at < len(content):
            while not speaker.wants_data:
                assert self.step(), speaker.state
            part = content[at : at + chunk]
            inside = tuple(e - at for e in ends if at < e <= at + len(part))
            speaker.send_data(part, self.now, record_ends=inside)
            at += len(part)
        speaker.end_file(self.now)
        self.run()
        if listener.state == "CLIP":
            listener.confirm_file(self.now, take_turn=take_turn)
            self.run()
        return events[before:]


class Peer:
    """One of our sessions against a peer that says exactly what the test writes."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.now = NOON
        self.events: list[Event] = []

    @classmethod
    def of_responder(cls, settings: Settings = TOLERANT, ssid: SSID | None = None, **offer: Any) -> "Peer":
        """Our responder, opened and listening."""
        peer = cls(Session.respond(settings, now=NOON))
        peer.heard()
        peer.says(ssid or an_ssid())
        peer.session.accept_partner(NOON, offer=an_offer("O0013ME", **offer))
        peer.heard()
        return peer

    @classmethod
    def of_initiator(cls, settings: Settings = TOLERANT, ssid: SSID | None = None, **offer: Any) -> "Peer":
        """Our initiator, opened and speaking."""
        peer = cls(Session.initiate(an_offer("O0013ME", **offer), settings, now=NOON))
        peer.says(b"IODETTE FTP READY \r")
        peer.says(ssid or an_ssid())
        peer.session.accept_partner(NOON, offer=None)
        peer.heard()
        return peer

    @property
    def agreed(self) -> Agreed:
        assert self.session.agreed is not None
        return self.session.agreed

    def says(self, *commands: Command | bytes) -> list[Event]:
        return self.sends(stb(*commands))

    def sends(self, octets: bytes) -> list[Event]:
        events = self.session.receive_data(octets, self.now)
        self.events += events
        return events

    def heard(self) -> list[Command | bytes]:
        """What our session said since the last time."""
        return commands_in(self.session.data_to_send())

    def heard_data(self) -> list[bytes]:
        """What our session said, which must be DATA only."""
        heard = self.heard()
        return [c for c in heard if isinstance(c, bytes)] if all(isinstance(c, bytes) for c in heard) else []

    def heard_esid(self) -> str:
        """The reason of the ESID that must be the last thing said."""
        last = self.heard()[-1]
        assert isinstance(last, ESID)
        return last.reas
