"""One session between its events and the store: the port ``Talk``.

    adapter  --octets-->  step  -->  Session  --events-->  greeting, Sender, Receiver, ReceiptDesk  --verbs-->  Session

Whoever has the turn sends what it owes first, then files, then gives the turn away; a turn that came for nothing ends the session.
Every event is dealt with before the output is taken, so a slow store grants the peer no credit.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from counterseal.domain.audit import AuditEvent
from counterseal.domain.oftp_session import SessionOutcome
from counterseal.engine.oftp2 import greeting
from counterseal.engine.oftp2.incoming import Receiver
from counterseal.engine.oftp2.line import Line
from counterseal.engine.oftp2.node import Node
from counterseal.engine.oftp2.outgoing import Sender
from counterseal.engine.oftp2.planning import RECEIPTS_WAIT, plan_call
from counterseal.engine.oftp2.receipts import ReceiptDesk
from counterseal.engine.ports import Link, Ports
from counterseal.engine.translate import oftp2 as translate
from counterseal.kernel.errors import EnvironmentFault
from counterseal.kernel.finding import Severity
from counterseal.kernel.ids import DocumentId, SessionId
from counterseal.protocols.oftp2.errors import SessionOver
from counterseal.protocols.oftp2.events import (
    ChallengeReceived,
    ChallengeWanted,
    DataReceived,
    Event,
    FileAccepted,
    FileBroken,
    FileConfirmed,
    FileEnded,
    FileOffered,
    FileRefused,
    FileRejected,
    Noted,
    Origin,
    PartnerIdentified,
    ReceiptReceived,
    ReceiptTaken,
    SessionEnded,
    SessionOpened,
    TurnReceived,
)
from counterseal.protocols.oftp2.machine import INACTIVITY, Settings
from counterseal.protocols.oftp2.reasons import WORTH_ANOTHER_SESSION, ESIDReason
from counterseal.protocols.oftp2.session import Session
from counterseal.protocols.oftp2.states import State

_TOLERANT: Final = Settings(inactivity=INACTIVITY, refused_quirks=frozenset())
"""Until the SSID has said whose agreement counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the session ended, for whoever plans the next one."""

    clean: bool
    worth_another: bool
    """The same call can succeed later without anybody changing a setting."""
    text: str


class Conversation:
    """One end of one session. Not thread-safe; ``step`` blocks on the store."""

    def __init__(self, ports: Ports, session: Session, *, node: Node | None) -> None:
        self._line = Line(
            ports=ports,
            session=session,
            we_called=node is not None,
            session_id=SessionId(ports.entropy.new_id()),
            started_at=ports.clock.now(),
            node=node,
        )
        self._sender = Sender(self._line)
        self._receiver = Receiver(self._line)
        self._desk = ReceiptDesk(self._line)
        self._opened = False
        self._counted = False
        self._stored = False
        self.ending: Ending | None = None
        """``None`` while it goes on."""
        self._on: Final[dict[type, Callable[..., None]]] = {
            PartnerIdentified: self._on_identified,
            ChallengeWanted: lambda event: greeting.on_challenge_wanted(self._line, event),
            ChallengeReceived: lambda event: greeting.on_challenge_received(self._line, event),
            SessionOpened: self._on_opened,
            TurnReceived: lambda _: self._speak(),
            FileOffered: self._receiver.on_offered,
            DataReceived: self._receiver.on_data,
            FileEnded: self._receiver.on_ended,
            FileBroken: self._receiver.on_broken,
            FileAccepted: self._sender.on_accepted,
            FileRefused: self._then_speak(self._sender.on_refused),
            FileConfirmed: self._then_speak(self._sender.on_confirmed),
            FileRejected: self._then_speak(self._sender.on_rejected),
            ReceiptReceived: self._desk.on_received,
            ReceiptTaken: self._then_speak(lambda _: self._desk.on_taken()),
            Noted: lambda event: self._line.findings.append(event.finding),
            SessionEnded: self._on_ended,
        }

    @classmethod
    def answering(cls, ports: Ports) -> "Conversation":
        """For a connection that somebody opened to us."""
        return cls(ports, Session.respond(_TOLERANT, now=ports.clock.now()), node=None)

    @classmethod
    def calling(cls, ports: Ports, node: Node) -> "Conversation":
        """For a connection that we open."""
        offer = translate.offer_of(node.terms, code=node.our_code, password=node.our_password)
        session = Session.initiate(offer, translate.settings_of(node.terms), now=ports.clock.now())
        return cls(ports, session, node=node)

    # the port Talk

    def begin(self, link: Link) -> None:
        self._line.link = link

    def step(self, octets: bytes) -> bytes:
        line = self._line
        try:
            if octets:
                self._deal(line.session.receive_data(octets, line.now()))
            elif line.session.deadline() is not None:
                self._deal(line.session.handle_deadline(line.now()))
            self._sender.pump()
            self._deal([])
        except EnvironmentFault as fault:
            self._our_trouble(fault)
        return line.session.data_to_send()

    def lost(self, why: str) -> None:
        line = self._line
        if why and not line.session.ended:
            line.note("oftp2.transport", Severity.WARNING, line.link.remote, why)
        try:
            self._deal(line.session.connection_lost(line.now()))
        except EnvironmentFault as fault:
            self._our_trouble(fault)

    @property
    def wants_step(self) -> bool:
        return self._sender.has_data and self._line.session.wants_data

    @property
    def deadline(self) -> datetime | None:
        return self._line.session.deadline()

    @property
    def must_close(self) -> bool:
        return self._line.session.must_close

    @property
    def advanced(self) -> bool:
        """A file came further than ever before, or a receipt came: the next failure is the first one again."""
        return self._sender.advanced or self._line.tally.receipts_received > 0

    @property
    def tried(self) -> frozenset[DocumentId]:
        """What this session offered, or took up to offer."""
        return frozenset(self._sender.tried)

    @property
    def session_id(self) -> SessionId:
        return self._line.session_id

    # events

    def _deal(self, events: list[Event]) -> None:
        line = self._line
        line.waiting = [*events, *line.waiting]
        while line.waiting:
            event = line.waiting.pop(0)
            try:
                self._on[type(event)](event)
            except SessionOver:
                # A verb came too late: the session ended meanwhile, which the next event says.
                continue

    def _then_speak(self, handler: Callable[..., None]) -> Callable[[Event], None]:
        def both(event: Event) -> None:
            handler(event)
            if self._line.session.speaking:
                self._speak()

        return both

    def _speak(self) -> None:
        """We have the turn: receipts, then files, then it is theirs."""
        line = self._line
        if not line.session.speaking:
            return
        if self._desk.send_next() or self._sender.offer_next():
            return
        self._sender.flush()
        self._desk.flush()
        if line.session.state is State.IDLESPCD:
            line.say(line.session.end(line.now()))
        else:
            line.say(line.session.give_turn(line.now()))

    def _on_identified(self, event: PartnerIdentified) -> None:
        greeting.on_identified(self._line, event)
        self._count()
        self._store_session()

    def _count(self) -> None:
        node = self._line.node
        if node is not None and not self._counted:
            self._counted = True
            self._line.ports.live.began(node.our_code, node.partner_code)

    def _store_session(self) -> None:
        """From the SSID on it is on the sessions page."""
        self._stored = True
        with self._line.ports.store.write() as writer:
            writer.put(self._line.record())

    def _on_opened(self, event: SessionOpened) -> None:
        self._opened = True
        self._line.authenticated = event.agreed.authentication
        self._speak()

    # the end

    def _on_ended(self, event: SessionEnded) -> None:
        line = self._line
        self._uncount()
        text = _words(event)
        self.ending = Ending(
            clean=event.clean,
            worth_another=event.reason is None or event.reason in WORTH_ANOTHER_SESSION,
            text=text,
        )
        self._sender.ended(text)
        self._desk.flush()
        self._receiver.ended()
        if line.session.partner is None and not line.we_called:
            return  # nobody in particular: a port scan is the listener's news, not a session
        self._record_end(event, text)

    def _uncount(self) -> None:
        node = self._line.node
        if node is not None and self._counted:
            self._counted = False
            self._line.ports.live.ended(node.our_code, node.partner_code)

    def _record_end(self, event: SessionEnded, text: str) -> None:
        line = self._line
        outcome = SessionOutcome.BROKEN if self._opened else SessionOutcome.REFUSED
        if event.clean:
            outcome = SessionOutcome.CLEAN
        now = line.now()
        with line.ports.store.write() as writer:
            writer.put(
                replace(
                    line.record(), ended_at=now, outcome=outcome, reason=event.code, detail="" if event.clean else text
                )
            )
            if outcome is SessionOutcome.REFUSED and not line.we_called:
                writer.record(self._refused(text, now))
            node = line.node
            if node is not None and writer.owed_receipts(node.agreement_ids, held=False, limit=1):
                plan_call(line.ports, writer, node.primary.agreement, why="receipts", due=now + RECEIPTS_WAIT)
        line.ports.wake()

    def _refused(self, text: str, now: datetime) -> AuditEvent:
        line = self._line
        node = line.node
        code = line.session.partner.code if line.session.partner else ""
        return AuditEvent(
            at=now,
            actor=f"partner:{node.primary.partner.slug}" if node else "partner:unknown",
            event="oftp2.session-refused",
            subject=f"oftp2:{code}"[:200],
            community_id=node.primary.community.id if node else None,
            facts={"remote": line.link.remote, "reason": text[:300]},
        )

    def _our_trouble(self, fault: EnvironmentFault) -> None:
        """Disk or database: the peer is told to come back later; what is durable stays, nothing else was promised."""
        line = self._line
        line.waiting.clear()
        self._receiver.dropped()
        self._uncount()
        self.ending = self.ending or Ending(clean=False, worth_another=True, text=f"our own trouble: {fault.detail}")
        self._sender.dropped()
        if line.session.ended:
            return
        reason = ESIDReason.RESOURCES_NOT_AVAILABLE
        ended = line.session.abort(reason, "resources are not available just now", line.now())
        line.note(fault.code, Severity.WARNING, "", f"{fault.detail}.")
        with contextlib.suppress(EnvironmentFault):  # the next start closes what cannot be written down now
            self._record_end(next(event for event in ended if isinstance(event, SessionEnded)), fault.detail)


def _words(event: SessionEnded) -> str:
    """One sentence for people."""
    if event.clean:
        return "The session ended normally."
    who = "The partner" if event.origin is Origin.PEER else "This side"
    if event.reason is None and not event.code:
        return f"{who} closed the connection." if event.origin is Origin.PEER else f"{event.text}."
    reason = event.reason.name.lower().replace("_", " ") if event.reason is not None else "unknown reason"
    said = f": {event.text}" if event.text else ""
    return f"{who} ended the session with {event.code} {reason}{said}."
