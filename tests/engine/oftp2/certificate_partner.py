"""A simulated partner for certificate files: it takes every file, and answers as a product would, at once or sessions later."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from counterseal.domain.exchange import Exchange
from counterseal.domain.work import WorkKind
from counterseal.engine import trust_requests
from counterseal.engine.oftp2 import certificate_files, securing
from counterseal.engine.ports import Link, Ports
from counterseal.kernel.ids import TrustRequestId
from counterseal.protocols.oftp2.commands import SFID, Receipt
from counterseal.protocols.oftp2.endresponse import build_eerp, build_nerp
from counterseal.protocols.oftp2.events import (
    DataReceived,
    Event,
    FileEnded,
    FileOffered,
    PartnerIdentified,
    ReceiptTaken,
    SessionOpened,
    TurnReceived,
)
from counterseal.protocols.oftp2.reasons import FileReason, NERPReason
from counterseal.protocols.oftp2.session import Session
from counterseal.protocols.oftp2.states import State
from tests.engine.oftp2.pair import CODES, Gateway
from tests.protocols.oftp2.pair import TOLERANT, an_offer

Answer = Callable[[SFID], Receipt | None]
"""What the partner says about a file; ``None``: nothing yet."""


def accepts(sfid: SFID) -> Receipt:
    return build_eerp(sfid)


def rejects(text: str, *, reason: NERPReason = NERPReason.UNSPECIFIED) -> Answer:
    return lambda sfid: build_nerp(sfid, creator=sfid.dest, reason=reason, text=text)


def waits(_: SFID) -> None:
    return None


@dataclass
class CertificatePartner:
    """Bravo. ``call`` is a session that Alpha opens; ``answer`` decides what every file gets."""

    answer: Answer = accepts
    refuses: FileReason | None = None
    """SFNA for every file that is offered."""
    files: list[tuple[SFID, bytes]] = field(default_factory=list)
    owed: deque[Receipt] = field(default_factory=deque)
    _octets: bytes = b""
    _sfid: SFID | None = None

    def call(self, gateway: Gateway) -> None:
        ports = gateway.ports
        now = ports.clock.now()
        theirs = Session.respond(TOLERANT, now=now)
        ours = gateway.calls()
        ours.begin(Link(remote="bravo", tls="TLSv1.3"))
        while True:
            there = theirs.data_to_send()
            back = ours.step(there)
            waiting: deque[Event] = deque(theirs.receive_data(back, now) if back else ())
            while waiting:
                waiting.extend(self._deal(theirs, waiting.popleft(), ports))
            if not there and not back and not ours.wants_step:
                return

    def decide(self, answer: Answer, *, file: int = -1) -> None:
        """What was left open is decided; it leaves in the next session."""
        receipt = answer(self.files[file][0])
        assert receipt is not None
        self.owed.append(receipt)

    def _deal(self, session: Session, event: Event, ports: Ports) -> list[Event]:
        now = ports.clock.now()
        match event:
            case PartnerIdentified():
                return session.accept_partner(now, offer=an_offer(CODES["bravo"], password=""))
            case FileOffered(sfid=sfid):
                if self.refuses is not None:
                    return session.refuse_file(now, reason=self.refuses, retry=True, text="not here")
                self._sfid, self._octets = sfid, b""
                return session.accept_file(now, octet_limit=1 << 20)
            case DataReceived(octets=octets):
                self._octets += octets
            case FileEnded():
                assert self._sfid is not None
                self.files.append((self._sfid, self._octets))
                receipt = self.answer(self._sfid)
                if receipt is not None:
                    self.owed.append(receipt)
                return session.confirm_file(now, take_turn=False)
            case TurnReceived() | ReceiptTaken():
                return self._speak(session, ports)
            case SessionOpened():
                pass
        return []

    def _speak(self, session: Session, ports: Ports) -> list[Event]:
        now = ports.clock.now()
        if self.owed:
            return session.send_receipt(self.owed.popleft(), now)
        if session.state is State.IDLESPCD:
            return session.end(now)
        return session.give_turn(now)


_KINDS: Final = {
    WorkKind.SEND_TRUST_REQUEST: trust_requests.tell,
    WorkKind.RESPOND_BY: trust_requests.at_date,
    WorkKind.SECURE_FILE: securing.secure,
    WorkKind.ANSWER_OFFER: certificate_files.answer,
}


def work(gateway: Gateway) -> None:
    """Everything that is due but the calls."""
    ports = gateway.ports
    while True:
        rows = ports.store.claim(
            now=ports.clock.now(),
            owner=ports.entropy.new_id(),
            lease=timedelta(minutes=1),
            limit=50,
            kinds=set(_KINDS),
        )
        if not rows:
            return
        for row in rows:
            _KINDS[row.kind](ports, row)


def exchange_of(gateway: Gateway, request_id: TrustRequestId) -> Exchange:
    with gateway.ports.store.read() as reader:
        (only,) = reader.exchanges(trust_request_ids=[request_id])
        return only
