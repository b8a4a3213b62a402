"""The state that the phases of a session share: where it stands, what goes out, what the caller is told, when it times out.

The rules of transition are in ``states``; this module applies them and knows no command's meaning.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from counterseal.kernel.finding import Finding, Severity
from counterseal.protocols.oftp2.codec import build_command, frame
from counterseal.protocols.oftp2.commands import ESID, SSID, Command
from counterseal.protocols.oftp2.errors import ConnectionLost, OFTPFault, SessionOver, WrongState
from counterseal.protocols.oftp2.events import Event, Noted, Origin, SessionEnded
from counterseal.protocols.oftp2.formats import clip_text
from counterseal.protocols.oftp2.negotiation import Agreed, Offer
from counterseal.protocols.oftp2.quirks import RULES, Quirk, finding
from counterseal.protocols.oftp2.reasons import ESIDReason
from counterseal.protocols.oftp2.states import ENDED, VERBS, Role, State, Transition, Verb
from counterseal.protocols.oftp2.transfer import Incoming, Outgoing

INACTIVITY: Final = timedelta(seconds=180)  # the RFC gives no value (§4.7.2); another open stack uses this one
DISCONNECT_WITHIN: Final = timedelta(seconds=10)  # after our ESID the peer closes; then we do
NOTES_AT_MOST: Final = 100  # findings per session: a peer must not fill the record


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How long to wait for the peer, and which deviations this agreement refuses (``frozenset(Quirk)``: all)."""

    inactivity: timedelta
    refused_quirks: frozenset[Quirk]


class Machine:
    """One session's variables (§9.6)."""

    __slots__ = (
        "_events", "_noted", "agreed", "challenge", "deadline", "incoming", "must_close", "now", "offer", "out", "out_octets",
        "outgoing", "partner_ssid", "role", "settings", "state",
    )  # fmt: skip

    def __init__(self, *, role: Role, offer: Offer | None, settings: Settings, now: datetime) -> None:
        self.role = role
        self.offer = offer
        self.settings = settings
        self.state = State.I_WF_RM if role is Role.INITIATOR else State.A_NC_ONLY
        self.now = now
        self.deadline: datetime | None = now + settings.inactivity
        self.out: list[bytes] = []
        self.out_octets = 0
        self._events: list[Event] = []
        self._noted: set[tuple[Quirk, str]] = set()
        self.agreed: Agreed | None = None
        self.challenge = b""
        self.partner_ssid: SSID | None = None
        self.outgoing: Outgoing | None = None
        self.incoming: Incoming | None = None
        self.must_close = False

    def require_agreed(self) -> Agreed:
        """What was agreed; every state after SSID has it."""
        assert self.agreed is not None
        return self.agreed

    def require_outgoing(self) -> Outgoing:
        assert self.outgoing is not None
        return self.outgoing

    def require_incoming(self) -> Incoming:
        assert self.incoming is not None
        return self.incoming

    def allow(self, verb: Verb, now: datetime) -> Transition:
        """The transition of a verb. Raises ``WrongState``, or ``SessionOver`` when nothing is left to be said."""
        if self.state in ENDED:
            raise SessionOver(f"{verb.value} came after the end of the session")
        transition = VERBS.get((self.state, verb))
        if transition is None:
            raise WrongState(f"{verb.value} is not allowed in state {self.state.value} (RFC 5024 §9)")
        self.now = now
        return transition

    def move(self, transition: Transition, state: State) -> None:
        """Enter a state that the transition allows, and start the inactivity timer (actions 1 and 2 of every table)."""
        assert state in transition.to, f"{transition.index} does not lead to {state.value}"
        self.state = state
        self.touch()

    def touch(self) -> None:
        """Start the inactivity timer again."""
        self.deadline = self.now + self.settings.inactivity

    def send(self, command: Command) -> None:
        self.send_stb(frame(build_command(command)))

    def send_stb(self, stb: bytes) -> None:
        self.out.append(stb)
        self.out_octets += len(stb)

    def tell(self, event: Event) -> None:
        self._events.append(event)

    def take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def note(self, quirks: Iterable[Quirk], subject: str, *, refusable: bool = True) -> None:
        """Report deviations, each once per subject. Raises the quirk's fault where this agreement refuses it."""
        for quirk in quirks:
            if refusable and quirk in self.settings.refused_quirks:
                raise RULES[quirk].fault(f"{subject}: {RULES[quirk].text}")
            if (quirk, subject) not in self._noted and len(self._noted) < NOTES_AT_MOST:
                self._noted.add((quirk, subject))
                self.tell(Noted(finding=finding(quirk, subject)))

    def fail(self, fault: OFTPFault) -> None:
        """Tell the peer why with an ESID, and the caller with a finding (9.9 B, I; 9.10 C; 9.12 B)."""
        self.tell(
            Noted(
                finding=Finding(
                    code=fault.code, severity=Severity.REFUSAL, subject=self.state.value, text=f"{fault.detail}."
                )
            )
        )
        self.say_end(fault.esid, fault.detail)
        self._finish(
            Origin.LOCAL, clean=False, reason=fault.esid, code=fault.esid.value, text=fault.detail, fault=fault
        )

    def end(self, reason: ESIDReason, text: str) -> None:
        """End by the caller's wish; a reason other than normal is an abnormal release (§3.4.2)."""
        self.say_end(reason, text)
        self._finish(
            Origin.LOCAL, clean=reason is ESIDReason.NORMAL, reason=reason, code=reason.value, text=text, fault=None
        )

    def say_end(self, reason: ESIDReason, text: str) -> None:
        self.send(ESID(reas=reason.value, reast=clip_text(text)))
        self.state = State.WF_NDISC
        self.deadline = self.now + DISCONNECT_WITHIN

    def peer_ended(self, *, clean: bool, reason: ESIDReason | None, code: str, text: str) -> None:
        """An ESID came: its receiver closes the connection (9.12 D, F)."""
        self.close()
        self._finish(Origin.PEER, clean=clean, reason=reason, code=code, text=text, fault=None)

    def lost(self, text: str) -> None:
        """The connection went away (9.9 E, F, G)."""
        over = self.state in ENDED
        self.close()
        if not over:
            self._finish(Origin.PEER, clean=False, reason=None, code="", text=text, fault=ConnectionLost(text))

    def close(self) -> None:
        self.state = State.IDLE
        self.deadline = None
        self.must_close = True

    def _finish(
        self, origin: Origin, *, clean: bool, reason: ESIDReason | None, code: str, text: str, fault: OFTPFault | None
    ) -> None:
        self.outgoing = None
        self.incoming = None
        self.challenge = b""
        self.tell(SessionEnded(origin=origin, clean=clean, reason=reason, code=code, text=text, fault=fault))
