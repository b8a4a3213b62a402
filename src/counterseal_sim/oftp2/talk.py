"""One session of the simulated partner: our session core over a blocking socket, answered by the dials.

It keeps what it knows in ``Memory``, which outlives the session: files that broke off, files taken, receipts owed.
"""

import contextlib
import secrets
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from counterseal.protocols import cms
from counterseal.protocols.oftp2.authentication import build_challenge, open_challenge
from counterseal.protocols.oftp2.commands import SFID, Receipt
from counterseal.protocols.oftp2.endresponse import file_hash
from counterseal.protocols.oftp2.events import (
    ChallengeReceived,
    ChallengeWanted,
    DataReceived,
    Event,
    FileEnded,
    FileOffered,
    PartnerIdentified,
    ReceiptReceived,
    ReceiptTaken,
    SessionEnded,
    SessionOpened,
    TurnReceived,
)
from counterseal.protocols.oftp2.reasons import ESIDReason, FileReason
from counterseal.protocols.oftp2.security import OpenedFile
from counterseal.protocols.oftp2.session import Session
from counterseal.protocols.oftp2.states import Role
from counterseal.protocols.oftp2.suites import SUITES
from counterseal_sim.oftp2.dials import AnswerDial, OddField, OFTP2Dials
from counterseal_sim.oftp2.odd import HEADER, Commands
from counterseal_sim.oftp2.receipts import receipt_for
from counterseal_sim.oftp2.relation import Relation

BLOCK: Final = 1024
MOST_OCTETS: Final = 256 * 1024 * 1024
_AT_ONCE: Final = 65536
_CREDIT: Final = b"C"
_SUITE: Final = SUITES["02"]
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER that makes ``close`` a reset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A file that came whole, and what it said of itself."""

    sfid: SFID
    content: bytes
    resumed_at: int
    """Octets that an earlier session had brought."""
    records: int
    """What its EFID counted."""


@dataclass(slots=True)
class Memory:
    """What outlives a session."""

    taken: list[Taken] = field(default_factory=list)
    owed: list[Receipt] = field(default_factory=list)
    heard: list[Receipt] = field(default_factory=list)
    """Receipts that the gateway gave."""
    kept: dict[tuple[str, ...], bytes] = field(default_factory=dict)
    """Of files that broke off, by name, stamps and originator."""
    endings: list[SessionEnded] = field(default_factory=list)
    broken: int = 0
    """Connections that it reset."""


class Talk:
    """Drives one session until it is over. Raises nothing that a partner would not survive."""

    def __init__(
        self,
        connection: socket.socket,
        relation: Relation,
        memory: Memory,
        dials: OFTP2Dials,
        *,
        session: Session,
        now: Callable[[], datetime],
    ) -> None:
        self._socket = connection
        self._relation = relation
        self._memory = memory
        self._dials = dials
        self._session = session
        self._now = now
        self._commands = Commands()
        self._sfid: SFID | None = None
        self._octets = bytearray()
        self._resumed_at = 0
        self._came = 0
        self._over = False

    def run(self) -> None:
        """Until either side ends it, or a dial does."""
        with contextlib.suppress(OSError):
            while not self._over:
                self._write()
                if self._session.must_close:
                    break
                self._read()
        self._keep()
        if OddField.HEADER_ONLY in self._dials.odd:
            with contextlib.suppress(OSError):
                self._socket.sendall(HEADER)
        with contextlib.suppress(OSError):
            self._socket.close()

    def _write(self) -> None:
        while octets := self._session.data_to_send():
            for buffer in self._commands.of(octets, self._dials.odd):
                if buffer[4:5] == _CREDIT:
                    time.sleep(self._dials.slow_credit.total_seconds())
                self._socket.sendall(buffer)

    def _read(self) -> None:
        octets = self._socket.recv(_AT_ONCE)
        self._came += len(octets)
        if not octets:
            self._react(self._session.connection_lost(self._now()))
            self._over = True
            return
        self._react(self._session.receive_data(octets, self._now()))
        most = self._dials.breaks_after
        if most is not None and self._came >= most and not self._over:
            self._memory.broken += 1
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._over = True

    def _react(self, events: list[Event]) -> None:
        """A verb causes further events, which are reacted to in turn."""
        waiting = list(events)
        while waiting and not self._over:
            waiting += self._answer(waiting.pop(0))

    def _answer(self, event: Event) -> list[Event]:  # noqa: PLR0911  one line for each event that waits for an answer
        session, now = self._session, self._now()
        match event:
            case PartnerIdentified():
                return self._greet(event)
            case ChallengeWanted():
                made = build_challenge(
                    suite=_SUITE, recipient=self._relation.gateway.encrypts_to, entropy=secrets.token_bytes
                )
                return session.send_challenge(now, challenge=made.octets, envelope=made.envelope)
            case ChallengeReceived():
                return session.answer_challenge(self._response(event.envelope), now)
            case SessionOpened() if session.role is Role.INITIATOR:
                return self._speak(solicited=True)
            case TurnReceived():
                return self._speak(solicited=event.solicited)
            case ReceiptTaken():
                self._memory.owed.pop(0)
                return self._speak(solicited=True) if session.speaking else []
            case FileOffered():
                return self._offered(event)
            case DataReceived():
                self._octets += event.octets
                return []
            case FileEnded():
                return self._ended(event)
            case ReceiptReceived():
                self._memory.heard.append(event.receipt)
                return session.acknowledge_receipt(now)
            case SessionEnded():
                self._memory.endings.append(event)
                return []
            case _:
                return []

    def _greet(self, event: PartnerIdentified) -> list[Event]:
        session, now = self._session, self._now()
        known = (self._relation.gateway.name, self._relation.gateway_password)
        if (event.ssid.code, event.ssid.pswd) != known:
            return session.abort(ESIDReason.INVALID_PASSWORD, "this simulated partner does not know you", now)
        offer = None if session.role is Role.INITIATOR else self._relation.offer(self._dials)
        return session.accept_partner(now, offer=offer)

    def _response(self, envelope: bytes) -> bytes:
        octets = open_challenge(envelope, [self._relation.party.decrypter], limits=cms.DEFAULT_LIMITS)
        return octets[::-1] if self._dials.answer is AnswerDial.WRONG_CHALLENGE else octets

    def _speak(self, *, solicited: bool) -> list[Event]:
        """Receipts first, unless they are to be late; then the turn goes back, or the session ends."""
        session, now = self._session, self._now()
        brings = session.role is Role.INITIATOR or not self._dials.late
        if self._memory.owed and brings:
            return session.send_receipt(self._memory.owed[0], now)
        return session.give_turn(now) if solicited else session.end(now)

    def _offered(self, event: FileOffered) -> list[Event]:
        session, now = self._session, self._now()
        if event.problem is not None:
            return session.refuse_file(now, reason=event.problem, retry=False, text="not by the standard")
        if self._dials.answer is AnswerDial.BUSY:
            return session.refuse_file(now, reason=FileReason.FILE_DIRECTION_REFUSED, retry=True, text="come again")
        if self._dials.answer is AnswerDial.REFUSES:
            return session.refuse_file(now, reason=FileReason.INVALID_DESTINATION, retry=False, text="no such plant")
        self._sfid = event.sfid
        kept = self._memory.kept.pop(_name(event.sfid), b"")
        at = 0 if event.sfid.recorded else min(event.sfid.rest, len(kept) // BLOCK)
        self._octets = bytearray(kept[: at * BLOCK])
        self._resumed_at = len(self._octets)
        return session.accept_file(now, octet_limit=MOST_OCTETS, resume_at=at)

    def _ended(self, event: FileEnded) -> list[Event]:
        session, now, sfid = self._session, self._now(), self._sfid
        assert sfid is not None
        octets, self._sfid = bytes(self._octets), None
        refusals = {
            AnswerDial.STORES_NOTHING: FileReason.INVALID_RECORD_COUNT,
            AnswerDial.REJECTS: FileReason.DECRYPTION_FAILURE,
        }
        if self._dials.answer in refusals:
            return session.reject_file(now, reason=refusals[self._dials.answer], text="not kept")
        content = self._opened(sfid, octets)
        self._memory.taken.append(Taken(sfid=sfid, content=content, resumed_at=self._resumed_at, records=event.records))
        self._owe(sfid, octets)
        takes = bool(self._memory.owed) and not self._dials.late
        events = session.confirm_file(now, take_turn=takes)
        if self._dials.answer is AnswerDial.HANGS_UP:
            self._write()
            self._over = True
        return events

    def _owe(self, sfid: SFID, octets: bytes) -> None:
        digest = b""
        if sfid.ciph in SUITES:
            running = file_hash(SUITES[sfid.ciph])
            running.update(octets)
            digest = running.digest()
        receipt = receipt_for(sfid, digest, self._relation.party, self._dials, self._now())
        if receipt is not None:
            self._memory.owed.append(receipt)

    def _opened(self, sfid: SFID, octets: bytes) -> bytes:
        """Raises ``FileFault`` where the gateway sent what this partner cannot open, which no dial asks for."""
        if not sfid.secured:
            return octets
        opened = OpenedFile(
            (octets,),
            sfid,
            keys=[self._relation.party.decrypter],
            candidates=self._relation.gateway.verifies_with,
            limits=cms.DEFAULT_LIMITS,
            octet_limit=MOST_OCTETS,
            mask_inner_failures=False,
        )
        content = b"".join(bytes(chunk) for chunk in opened.chunks())
        opened.finish()
        return content

    def _keep(self) -> None:
        """What broke off is kept for the session that resumes it."""
        if self._sfid is not None and self._octets:
            self._memory.kept[_name(self._sfid)] = bytes(self._octets)


def _name(sfid: SFID) -> tuple[str, ...]:
    return (sfid.dsn, sfid.date, sfid.time, sfid.orig)
