"""A small world for the engine's tests: gateways in one process, a wire that is a function call, and a clock that stands still.

``Gateway`` is one gateway with one partner. ``World`` is Alpha's gateway with Bravo simulated; ``Pair`` is two gateways. ``work``
performs what is due, on all sides, until nothing is.
"""

import asyncio
import atexit
import functools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

from counterseal.adapters.storage import SQLStore
from counterseal.adapters.vault import FileVault
from counterseal.domain.agreement import Agreement, AS2Terms, ExchangeTerms
from counterseal.domain.assignment import Assignment
from counterseal.domain.audit import AuditEvent
from counterseal.domain.certificate import HeldCertificate, Origin
from counterseal.domain.community import Community, CommunityRules
from counterseal.domain.document import Direction, Document, DocumentKind, Message, MessageKind
from counterseal.domain.exchange import Exchange
from counterseal.domain.offer import Offer, OfferedCertificate
from counterseal.domain.trust_request import TrustRequest
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.domain.work import Work, WorkKind
from counterseal.engine import certificates, documents, trust_requests
from counterseal.engine.as2 import admitting, receiving
from counterseal.engine.as2.answering import Answer
from counterseal.engine.as2.incoming import Incoming, Known
from counterseal.engine.ports import (
    BackendUnavailable,
    Delivery,
    KeyFile,
    Link,
    Ports,
    PostAnswer,
    PostFailed,
    PostRequest,
    Window,
)
from counterseal.engine.worker import Worker
from counterseal.kernel.ids import DocumentId, Fingerprint, TrustRequestId
from counterseal_sim import Counterpart, Dials, Outgoing, Partner, Party, Wire
from tests.builders import Minted, PrivateKey, a_community, a_partner, a_station, an_agreement, as2_terms, mint, rsa_key
from tests.gateway import ADMINISTRATOR, CountingEntropy, MemoryBlobs, StandingClock, Wakes

ALPHA_URL = "http://alpha.example/as2"
BRAVO_URL = "http://bravo.example/as2"
ORDERS = b"UNA:+.? 'UNB+UNOA:1+ALPHA+BRAVO+261125:1200+1'UNH+1+ORDERS:D:96A:UN'BGM+220+4711+9'UNT+3+1'UNZ+1+1'"
PLAIN_LINK = Link(remote="192.0.2.1:4711")
BOTH = frozenset({Usage.SIGN, Usage.ENCRYPT})
RETRIES = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=5))


@dataclass
class MemoryBackend:
    """Keeps what was handed over; ``down`` refuses."""

    delivered: list[tuple[DocumentId, bytes]] = field(default_factory=list)
    down: bool = False

    def deliver(self, delivery: Delivery) -> str:
        if self.down:
            raise BackendUnavailable("the folder is full")
        payload = delivery.document.payload
        assert payload is not None
        self.delivered.append((delivery.document.id, b"".join(delivery.content(payload))))
        return "memory"


@dataclass(frozen=True)
class Posted:
    """One request on the wire, and what came back (``None``: nothing)."""

    url: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    answer: PostAnswer | None
    basic: tuple[str, str] | None


Listener = Callable[[tuple[tuple[str, str], ...], bytes], PostAnswer]


@dataclass
class MemoryWire:
    """Carries posts to whoever listens at the address; ``down`` addresses refuse, ``lost`` ones lose the answer."""

    listeners: dict[str, Listener] = field(default_factory=dict)
    posted: list[Posted] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)

    async def post(self, request: PostRequest) -> PostAnswer:
        body = b"".join(request.body())
        headers = {name.lower(): value for name, value in request.headers}
        noted = partial(Posted, request.url, headers, body, basic=request.basic)
        if request.url in self.down or request.url not in self.listeners:
            self.posted.append(noted(answer=None))
            raise PostFailed("connection refused", kind="connection refused")
        answer = await asyncio.to_thread(self.listeners[request.url], request.headers, body)
        if request.url in self.lost:
            self.posted.append(noted(answer=None))
            raise PostFailed("the connection was reset", kind="reset")
        self.posted.append(noted(answer=answer))
        return answer


@dataclass
class Gateway:
    """One gateway with one partner."""

    ports: Ports
    agreement_id: Any
    own: Minted
    theirs: Minted
    backend: MemoryBackend
    community: Community
    failures: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """What the worker logged."""

    @classmethod
    def open(
        cls,
        store: SQLStore,
        wire: MemoryWire,
        clock: StandingClock,
        *,
        names: tuple[str, str],
        url: str,
        partner_url: str,
        own: Minted,
        theirs: Minted,
    ) -> Self:
        backend = MemoryBackend()
        ports = Ports(
            store=store,
            blobs=MemoryBlobs(),
            vault=the_vault(),
            poster=wire,
            backend=backend,
            clock=clock,
            entropy=CountingEntropy(),
            wake=Wakes(),
            product="counterseal:test",
            host_name=f"{names[0].lower()}.example",
        )
        community = a_community(slug=names[0].lower(), name=names[0])
        station = a_station(community_id=community.id, identity=names[0], url=url)
        other = a_partner(community_id=community.id, slug=names[1].lower(), name=names[1])
        agreement = an_agreement(
            community_id=community.id,
            station_id=station.id,
            partner_id=other.id,
            partner_identity=names[1],
            terms=as2_terms(url=partner_url, retries=RETRIES),
        )
        with store.write() as writer:
            writer.put(community, station, other, agreement)
        held = hold_in(ports, community, own)
        known = certificates.add_partner_certificate(ports, ADMINISTRATOR, other.id, content=theirs.der)
        for side, one in ((Side.OURS, held), (Side.THEIRS, known)):
            certificates.assign(ports, ADMINISTRATOR, agreement.id, side=side, usages=BOTH, fingerprint=one.fingerprint)
        return cls(
            ports=ports,
            agreement_id=agreement.id,
            own=own,
            theirs=theirs,
            backend=backend,
            community=community,
        )

    # what is there

    @property
    def agreement(self) -> Agreement:
        with self.ports.store.read() as reader:
            return reader.agreement(self.agreement_id)

    def documents(self, direction: Direction | None = None, *, kind: DocumentKind | None = None) -> list[Document]:
        """Oldest first."""
        with self.ports.store.read() as reader:
            found = reader.documents(
                community_id=None,
                window=Window(limit=500),
                direction=direction,
                kinds=[kind] if kind else None,
            )
        return found[::-1]

    def document(self, document_id: DocumentId) -> Document:
        with self.ports.store.read() as reader:
            return reader.document(document_id)

    def messages(self, document_id: DocumentId, kind: MessageKind | None = None) -> list[Message]:
        with self.ports.store.read() as reader:
            return [m for m in reader.messages(document_id) if kind in {None, m.kind}]

    def receipts(self, document_id: DocumentId) -> list[Message]:
        return self.messages(document_id, MessageKind.MDN)

    def transfers(self, document_id: DocumentId) -> list[str]:
        with self.ports.store.read() as reader:
            return [t.status for t in reader.transfers(document_id)]

    def assignments(self, side: Side, usage: Usage) -> dict[Fingerprint, AssignmentState]:
        return {a.fingerprint: a.state for a in self.all_assignments() if a.side is side and a.usage is usage}

    def all_assignments(self) -> list[Assignment]:
        with self.ports.store.read() as reader:
            return reader.assignments(agreement_id=self.agreement_id)

    def exchanges(self) -> list[Exchange]:
        with self.ports.store.read() as reader:
            return reader.exchanges(agreement_id=self.agreement_id)

    @property
    def exchange(self) -> Exchange:
        (only,) = self.exchanges()
        return only

    def offers(self) -> list[Offer]:
        with self.ports.store.read() as reader:
            return reader.offers(self.community.id, window=Window(limit=500))[::-1]

    def offered(self) -> list[OfferedCertificate]:
        with self.ports.store.read() as reader:
            return reader.offered([o.id for o in reader.offers(self.community.id, window=Window(limit=500))[::-1]])

    def held(self) -> set[Fingerprint]:
        with self.ports.store.read() as reader:
            return {h.fingerprint for h in reader.certificates(self.community.id)}

    def work(self, *kinds: WorkKind) -> list[Work]:
        """Open rows."""
        with self.ports.store.read() as reader:
            return reader.work(kinds=kinds or None)

    def events(self) -> list[AuditEvent]:
        """Oldest first."""
        self.ports.store.seal()
        with self.ports.store.read() as reader:
            return [entry.event for entry in reader.audit(window=Window(limit=500))][::-1]

    def event_names(self) -> list[str]:
        return [e.event for e in self.events()]

    # what is changed

    def change_terms(self, **changes: Any) -> None:
        agreement = self.agreement
        terms = agreement.terms
        assert isinstance(terms, AS2Terms)
        self.put(replace(agreement, terms=replace(terms, **changes)))

    def change_exchange(self, **changes: Any) -> None:
        agreement = self.agreement
        self.put(replace(agreement, exchange=replace(agreement.exchange or ExchangeTerms(), **changes)))

    def change_rules(self, **changes: Any) -> None:
        with self.ports.store.write() as writer:
            community = writer.community(self.community.id)
            writer.put(replace(community, rules=replace(community.rules or CommunityRules(), **changes)))

    def put(self, *entities: Any) -> None:
        with self.ports.store.write() as writer:
            writer.put(*entities)

    # what is done

    def send(self, content: bytes = ORDERS, **more: Any) -> Document:
        return documents.send(
            self.ports,
            ADMINISTRATOR,
            self.agreement_id,
            content=(content,),
            **({"file_name": "orders.edi", "content_type": "application/edifact", "subject": None} | more),
        )

    def hold(self, minted: Minted, chain: tuple[Minted, ...] = ()) -> Fingerprint:
        """A certificate of ours with its key, used for nothing yet."""
        return hold_in(self.ports, self.community, minted, chain).fingerprint

    def start(
        self, fingerprint: Fingerprint, *, usages: frozenset[Usage] = BOTH, days: float = 14, zone: str = "UTC"
    ) -> TrustRequest:
        """Finish in the wizard, for a certificate that is held."""
        return trust_requests.start(
            self.ports, ADMINISTRATOR, self.order(fingerprint, usages=usages, days=days, zone=zone)
        )

    def order(
        self, fingerprint: Fingerprint, *, usages: frozenset[Usage] = BOTH, days: float = 14, zone: str = "UTC"
    ) -> trust_requests.Start:
        return trust_requests.Start(
            community_id=self.community.id,
            source=trust_requests.StoredCertificate(fingerprint=fingerprint),
            usages=usages,
            cem=(self.agreement_id,),
            scx=(),
            scx_type=None,
            respond_by=self.ports.clock.now() + timedelta(days=days),
            time_zone=zone,
            draft_id=None,
        )

    def trust_request(self, request_id: TrustRequestId) -> TrustRequest:
        with self.ports.store.read() as reader:
            return reader.trust_request(request_id)

    def take(self, headers: tuple[tuple[str, str], ...], body: bytes, *, link: Link = PLAIN_LINK) -> Answer:
        """What the public listener does with a request."""
        known = admitting.admit(self.ports, headers, link)
        if not isinstance(known, Known):
            return known
        incoming = Incoming(
            known=known,
            body=lambda: iter((body,)),
            wire=None,
            size=len(body),
            remote="192.0.2.1:4711",
            started_at=self.ports.clock.now(),
        )
        return receiving.receive(self.ports, incoming)

    def listen(self, headers: tuple[tuple[str, str], ...], body: bytes) -> PostAnswer:
        answer = self.take(headers, body)
        return PostAnswer(status=answer.status, headers=answer.headers, body=answer.body, remote="192.0.2.2:443")

    def work_once(self) -> int:
        """Performs what is due now; how many rows."""
        worker = Worker(self.ports, node="test", log=lambda event, **fields: self.failures.append((event, fields)))
        rows = self.ports.store.claim(now=self.ports.clock.now(), owner="test:1", lease=timedelta(minutes=2), limit=50)

        async def perform() -> None:
            for row in rows:
                await worker._perform(row)

        asyncio.run(perform())
        return len(rows)


@dataclass
class World:
    """Alpha's gateway, and Bravo simulated."""

    alpha: Gateway
    bravo: Partner
    wire: MemoryWire
    clock: StandingClock
    later: list[Outgoing] = field(default_factory=list)
    """What the simulated partner will post by itself."""
    answers: list[Answer] = field(default_factory=list)
    """What the gateway answered to it."""

    @classmethod
    def open(cls, store: SQLStore) -> Self:
        wire, clock = MemoryWire(), StandingClock()
        own, theirs = own_of("Alpha Arrows", key=rsa_key(0)), own_of("Bravo Bows", key=rsa_key(1))
        alpha = Gateway.open(
            store,
            wire,
            clock,
            names=("ALPHA", "BRAVO"),
            url=ALPHA_URL,
            partner_url=BRAVO_URL,
            own=own,
            theirs=theirs,
        )
        bravo = Partner(
            a_party("BRAVO", theirs),
            Counterpart(name="ALPHA", url=ALPHA_URL, encrypts_to=own.certificate, verifies_with=[own.certificate]),
            now=clock.now,
            dials=Dials(),
        )
        world = cls(alpha=alpha, bravo=bravo, wire=wire, clock=clock)
        wire.listeners[BRAVO_URL] = world._bravo_hears
        return world

    def dial(self, **dials: Any) -> None:
        self.bravo.dials = replace(self.bravo.dials, **dials)

    def _bravo_hears(self, headers: tuple[tuple[str, str], ...], body: bytes) -> PostAnswer:
        reply = self.bravo.hear(headers, body)
        for one in reply.before:
            self.give(one.wire)
        self.later += reply.then
        return PostAnswer(status=reply.status, headers=reply.headers, body=reply.body, remote="192.0.2.2:443")

    def give(self, wire: Wire) -> Answer:
        """The partner posts a message to the gateway."""
        answer = self.alpha.take(wire.headers, wire.body)
        self.answers.append(answer)
        return answer

    def work(self) -> None:
        """Everything that is due, on both sides."""
        for _ in range(100):
            done = self.alpha.work_once()
            posts, self.later = self.later, []
            for one in posts:
                self.give(one.wire)
            if not done and not posts:
                return
        raise AssertionError("the work never ends")

    def pass_time(self, duration: timedelta) -> None:
        self.clock.pass_time(duration)
        self.work()

    def to_bravo(self) -> list[Posted]:
        return [p for p in self.wire.posted if p.url == BRAVO_URL]


@functools.cache
def the_vault() -> FileVault:
    """One for all gateways of a run: sealing and opening keys costs more than a test."""
    folder = Path(tempfile.mkdtemp(prefix="counterseal-vault-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return FileVault.open(folder)


@functools.cache
def sealed(minted: Minted) -> KeyFile:
    return the_vault().read_key_file(minted.pem + minted.key_pem, password=None)


def hold_in(ports: Ports, community: Community, minted: Minted, chain: tuple[Minted, ...] = ()) -> HeldCertificate:
    """Stores a certificate of ours with its key, as an import does."""
    with ports.store.write() as writer:
        return certificates.store_own(
            ports,
            writer,
            ADMINISTRATOR,
            community.id,
            sealed(minted).key,
            minted.certificate,
            tuple(c.certificate for c in chain),
            origin=Origin.IMPORTED,
            label="",
        )


@functools.cache
def own_of(common_name: str, *, key: PrivateKey) -> Minted:
    """Made once: signing a certificate costs more than a test."""
    return mint(common_name, key=key)


def a_party(name: str, minted: Minted) -> Party:
    return Party.of(name, BRAVO_URL, minted.certificate, minted.key)


@dataclass
class Pair:
    """Two gateways that know each other, Alpha and Bravo."""

    alpha: Gateway
    bravo: Gateway
    wire: MemoryWire
    clock: StandingClock

    @classmethod
    def open(cls, open_store: Callable[[], SQLStore]) -> Self:
        wire, clock = MemoryWire(), StandingClock()
        ours, theirs = own_of("Alpha Arrows", key=rsa_key(0)), own_of("Bravo Bows", key=rsa_key(1))
        first, second = (ALPHA_URL, BRAVO_URL), (BRAVO_URL, ALPHA_URL)
        alpha, bravo = (
            Gateway.open(
                open_store(),
                wire,
                clock,
                names=names,
                url=urls[0],
                partner_url=urls[1],
                own=keys[0],
                theirs=keys[1],
            )
            for names, urls, keys in (
                (("ALPHA", "BRAVO"), first, (ours, theirs)),
                (("BRAVO", "ALPHA"), second, (theirs, ours)),
            )
        )
        wire.listeners = {ALPHA_URL: alpha.listen, BRAVO_URL: bravo.listen}
        return cls(alpha=alpha, bravo=bravo, wire=wire, clock=clock)

    def work(self) -> None:
        for _ in range(100):
            if not self.alpha.work_once() + self.bravo.work_once():
                return
        raise AssertionError("the work never ends")

    def pass_time(self, duration: timedelta) -> None:
        self.clock.pass_time(duration)
        self.work()


def in_use(world: World) -> list[Assignment]:
    """Without when traffic used them: a refused message was signed all the same."""
    return [replace(a, first_seen_at=None, last_seen_at=None) for a in world.alpha.all_assignments()]
