"""What the engine needs from the world, declared by role. Each port has one contract test suite run over every implementation."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol as Port

from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.audit import AuditEvent, SealedEntry
from counterseal.domain.certificate import HeldCertificate, SealedKey
from counterseal.domain.community import Community, Partner, Station
from counterseal.domain.document import Direction, Document, DocumentKind, DocumentState, Message, MessageKind, Transfer
from counterseal.domain.draft import Draft
from counterseal.domain.exchange import Exchange, ExchangeState
from counterseal.domain.offer import Offer, OfferedCertificate
from counterseal.domain.oftp_session import OFTPSession
from counterseal.domain.people import ApiToken, BrowserSession, OneTimeLink, User
from counterseal.domain.trust_request import TrustRequest
from counterseal.domain.trusted_root import TrustedRoot
from counterseal.domain.unfinished import OwedReceipt, RestartPosition
from counterseal.domain.usage import AssignmentState, Protocol, Side, Usage
from counterseal.domain.work import Work, WorkKind
from counterseal.engine.oftp2.live import LiveSessions
from counterseal.engine.sparing import SparingNotes
from counterseal.kernel.errors import CallerFault, EnvironmentFault, Retry
from counterseal.kernel.ids import (
    AgreementId,
    BlobId,
    CommunityId,
    DocumentId,
    DraftId,
    ExchangeId,
    Fingerprint,
    KeyId,
    ListenerId,
    MessageRowId,
    OfferedCertificateId,
    OfferId,
    PartnerId,
    SessionId,
    StationId,
    TrustRequestId,
    UserId,
)
from counterseal.kernel.keys import Decrypter, Signer


class NotFound(CallerFault):
    """Nothing has this id or name."""

    code = "store.not-found"


class Conflict(CallerFault):
    """A unique name, identity or number is taken."""

    code = "store.conflict"


class LeaseLost(EnvironmentFault):
    """Another worker has taken the row over; whatever was about to be recorded must not be."""

    code = "store.lease-lost"


class StoreUnavailable(EnvironmentFault):
    """The database cannot be reached or written."""

    code = "store.unavailable"


Entity = (
    Community
    | Station
    | Partner
    | Agreement
    | HeldCertificate
    | TrustedRoot
    | SealedKey
    | Assignment
    | TrustRequest
    | Exchange
    | Offer
    | OfferedCertificate
    | Document
    | Message
    | Transfer
    | RestartPosition
    | OwedReceipt
    | OFTPSession
    | Draft
    | User
    | OneTimeLink
    | BrowserSession
    | ApiToken
)


Removable = (
    Draft | BrowserSession | Partner | Agreement | Station | Community | RestartPosition | OwedReceipt | TrustedRoot
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which rows of a long list: newest first, ``limit`` at most 500."""

    limit: int = 50
    offset: int = 0


class Reader(Port):
    """Reads of one transaction: one consistent picture. By-id reads raise ``NotFound``; ``find_*`` give ``None``.

    Inside a ``Writer`` the by-id reads lock their row until commit, so that read-decide-write is safe on every database.
    Lists are ordered as their docstring says, by creation where it says nothing.
    """

    def communities(self) -> list[Community]:
        """By name."""

    def community(self, community_id: CommunityId) -> Community: ...
    def find_community(self, slug: str) -> Community | None: ...
    def stations(self, community_id: CommunityId) -> list[Station]: ...
    def station(self, station_id: StationId) -> Station: ...
    def find_station(self, protocol: Protocol, identity: str) -> Station | None: ...
    def partners(self, community_id: CommunityId) -> list[Partner]:
        """By name."""

    def partner(self, partner_id: PartnerId) -> Partner: ...
    def find_partner(self, community_id: CommunityId, slug: str) -> Partner | None: ...
    def agreements(
        self,
        community_id: CommunityId,
        *,
        partner_id: PartnerId | None = None,
        station_id: StationId | None = None,
        protocol: Protocol | None = None,
    ) -> list[Agreement]: ...
    def agreement(self, agreement_id: AgreementId) -> Agreement: ...
    def find_agreement(self, station_id: StationId, partner_identity: str) -> Agreement | None: ...
    def find_agreements_of_node(self, ssid_code: str) -> list[Agreement]:
        """OFTP2: those whose partner says this SSIDCODE, of every community."""

    def agreements_over(self, protocol: Protocol) -> list[Agreement]:
        """Of every community."""

    def certificates(self, community_id: CommunityId, *, side: Side | None = None) -> list[HeldCertificate]:
        """By end of validity, earliest first."""

    def find_certificate(self, community_id: CommunityId, fingerprint: Fingerprint) -> HeldCertificate | None: ...
    def trusted_roots(self, community_id: CommunityId) -> list[TrustedRoot]:
        """In the order in which they were added."""

    def key(self, key_id: KeyId) -> SealedKey: ...
    def assignments(
        self,
        *,
        community_id: CommunityId | None = None,
        agreement_id: AgreementId | None = None,
        listener_id: ListenerId | None = None,
        fingerprint: Fingerprint | None = None,
        side: Side | None = None,
        usage: Usage | None = None,
        states: Collection[AssignmentState] | None = None,
    ) -> list[Assignment]:
        """Newest first."""

    def trust_requests(self, community_id: CommunityId, *, window: Window) -> list[TrustRequest]:
        """Newest first."""

    def trust_request(self, trust_request_id: TrustRequestId) -> TrustRequest: ...
    def find_trust_request(self, community_id: CommunityId, number: int) -> TrustRequest | None: ...
    def next_trust_request_number(self, community_id: CommunityId) -> int:
        """One more than the highest; only meaningful inside a writer."""

    def exchanges(
        self,
        *,
        trust_request_ids: Collection[TrustRequestId] | None = None,
        agreement_id: AgreementId | None = None,
        fingerprint: Fingerprint | None = None,
        states: Collection[ExchangeState] | None = None,
    ) -> list[Exchange]: ...
    def exchange(self, exchange_id: ExchangeId) -> Exchange: ...
    def find_exchanges(self, agreement_id: AgreementId, request_reference: str) -> list[Exchange]: ...
    def find_exchange_by_document(self, document_id: DocumentId) -> Exchange | None: ...

    def offers(
        self, community_id: CommunityId, *, window: Window, agreement_id: AgreementId | None = None
    ) -> list[Offer]:
        """Newest first."""

    def offer(self, offer_id: OfferId) -> Offer: ...
    def find_offers(self, agreement_id: AgreementId, request_reference: str) -> list[Offer]: ...
    def offered(self, offer_ids: Collection[OfferId]) -> list[OfferedCertificate]:
        """In the order in which they stood in the request."""

    def offered_certificate(self, offered_id: OfferedCertificateId) -> OfferedCertificate: ...
    def documents(
        self,
        *,
        community_id: CommunityId | None,
        window: Window,
        direction: Direction | None = None,
        states: Collection[DocumentState] | None = None,
        kinds: Collection[DocumentKind] | None = None,
        agreement_id: AgreementId | None = None,
        search: str = "",
    ) -> list[Document]:
        """Newest first. ``search`` looks in file name, subject and Message-ID."""

    def count_documents(
        self,
        *,
        community_id: CommunityId | None,
        direction: Direction | None = None,
        kinds: Collection[DocumentKind] | None = None,
    ) -> dict[DocumentState, int]: ...
    def document(self, document_id: DocumentId) -> Document: ...
    def messages(self, document_id: DocumentId) -> list[Message]:
        """Oldest first: the message, its receipts."""

    def find_messages(
        self, agreement_id: AgreementId | None, *, direction: Direction, kind: MessageKind, wire_id: str
    ) -> list[Message]:
        """Oldest first."""

    def find_receipts(self, agreement_id: AgreementId, *, direction: Direction, refers_to: str) -> list[Message]: ...
    def transfers(self, document_id: DocumentId) -> list[Transfer]: ...
    def message(self, message_id: MessageRowId) -> Message: ...
    def waiting_documents(self, agreement_ids: Collection[AgreementId], *, limit: int) -> list[Document]:
        """Outbound, queued or being sent; oldest first."""

    def find_restart_position(
        self, direction: Direction, agreement_id: AgreementId, wire_id: str
    ) -> RestartPosition | None: ...
    def restart_positions(self, *, before: datetime) -> list[RestartPosition]:
        """Those that nobody has moved since."""

    def owed_receipts(self, agreement_ids: Collection[AgreementId], *, held: bool, limit: int) -> list[OwedReceipt]: ...
    def find_owed_receipt(self, document_id: DocumentId) -> OwedReceipt | None: ...
    def oftp_sessions(
        self, *, community_id: CommunityId | None, window: Window, agreement_id: AgreementId | None = None
    ) -> list[OFTPSession]:
        """Newest first; with a community also those of strangers."""

    def oftp_session(self, session_id: SessionId) -> OFTPSession: ...
    def open_oftp_sessions(self) -> list[OFTPSession]:
        """Those that nobody has recorded the end of: under way, or cut off with their process."""

    def transfers_of_session(self, session_id: SessionId) -> list[Transfer]:
        """Oldest first."""

    def draft(self, draft_id: DraftId) -> Draft: ...
    def expired_drafts(self, now: datetime) -> list[Draft]: ...
    def users(self) -> list[User]: ...
    def user(self, user_id: UserId) -> User: ...
    def find_user(self, name: str) -> User | None: ...
    def find_link(self, digest: str) -> OneTimeLink | None: ...
    def find_session(self, digest: str) -> BrowserSession | None: ...
    def tokens(self) -> list[ApiToken]: ...
    def find_token(self, digest: str) -> ApiToken | None: ...
    def audit(
        self, *, window: Window, subject: str = "", event: str = "", community_id: CommunityId | None = None
    ) -> list[SealedEntry]:
        """Newest first."""

    def audit_chain(self, *, after: int) -> Iterator[SealedEntry]:
        """Every sealed entry in order, streamed, beginning behind ``after``."""

    def claimed_payloads(self, shelf: str) -> frozenset[BlobId]:
        """Every payload of this shelf that a row names."""

    def work(
        self, *, kinds: Collection[WorkKind] | None = None, subject: str = "", open_only: bool = True
    ) -> list[Work]: ...
    def next_due(self) -> datetime | None:
        """When the earliest waiting row is due; ``None`` when nothing waits."""


class Writer(Reader, Port):
    """One write transaction: all of it or nothing. Leaving the context by an exception rolls back."""

    def put(self, *entities: Entity) -> None:
        """Inserts or replaces by identity. Raises ``Conflict`` for a taken unique value."""

    def remove(self, *entities: Removable) -> None: ...
    def end_access(self, user_id: UserId) -> None:
        """Removes the user's browser sessions, and its one-time links that nobody has used."""

    def forget_expired_access(self, now: datetime) -> None:
        """Removes sessions and one-time links whose time is over."""

    def enqueue(self, *rows: Work) -> None:
        """Stores rows whose ``key`` is new; others are left as they are."""

    def complete(self, row: Work) -> None:
        """Marks a claimed row done. Raises ``LeaseLost`` unless ``row.owner`` still holds it."""

    def reschedule(self, row: Work, *, due: datetime, tries: int) -> None:
        """Gives a claimed row back for ``due``. Raises ``LeaseLost``."""

    def hold(self, row: Work) -> None:
        """Raises ``LeaseLost`` unless ``row.owner`` still holds it; until this transaction ends nobody takes it over."""

    def cancel_work(self, *, kind: WorkKind, subject: str) -> None:
        """Takes back waiting rows that nobody has claimed."""

    def forget_done(self, before: datetime, *, limit: int) -> int:
        """Removes done rows that were due before, the oldest first; how many."""

    def record(self, *events: AuditEvent) -> None:
        """Appends audit events; ``Store.seal`` gives them their place in the chain after commit."""


class Store(Port):
    """The database. Safe to use from several threads; every context is one transaction."""

    def read(self) -> AbstractContextManager[Reader]: ...
    def write(self) -> AbstractContextManager[Writer]:
        """Durable when the context has been left. Raises ``StoreUnavailable``."""

    def claim(
        self, *, now: datetime, owner: str, lease: timedelta, limit: int, kinds: Collection[WorkKind] | None = None
    ) -> list[Work]:
        """Due rows, now owned by ``owner`` until ``now + lease``, lane limits kept (also against rows that others hold)."""

    def release(self, owner: str) -> int:
        """Gives back what an earlier process of this node had claimed, its name being ``owner`` or beginning with ``owner:``;
        how many rows. To be called before this process claims anything."""

    def extend(self, row: Work, *, until: datetime) -> None:
        """Prolongs a lease. Raises ``LeaseLost``."""

    def seal(self) -> int:
        """Gives recorded audit events their place in the chain; how many. One sealer at a time."""

    def check(self) -> None:
        """Raises ``StoreUnavailable`` when it cannot be written."""


class BlobUnavailable(EnvironmentFault):
    """The payload store cannot be read or written (disk full, file gone)."""

    code = "blobs.unavailable"


class BlobTooLarge(CallerFault):
    """More octets than the writer was opened for."""

    code = "blobs.too-large"
    retry = Retry.NEVER


class BlobWriter(Port):
    """Where a payload is written once. Not readable by anybody before ``commit``; gone after ``abort``."""

    @property
    def size(self) -> int: ...
    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Raises ``BlobTooLarge``, ``BlobUnavailable``."""

    def commit(self) -> BlobId:
        """Durable, at the latest, when the next write transaction of the store is."""

    def keep(self) -> BlobId:
        """Makes durable what was written so far and lets it outlast a crash: ``Blobs.resume`` continues it. The writer stays
        open; once kept, ``abort`` leaves it there."""

    def abort(self) -> None:
        """Idempotent; also after commit it only does nothing."""


class Blobs(Port):
    """Payloads, never in rows. Blocking calls: use from a thread."""

    def create(self, *, max_bytes: int | None) -> BlobWriter: ...
    def read(self, blob_id: BlobId, *, offset: int = 0) -> Iterator[bytes]:
        """Chunks of at most 256 KiB. Raises ``BlobUnavailable`` when it is not there."""

    def resume(self, blob_id: BlobId, *, size: int, max_bytes: int | None) -> BlobWriter:
        """Continues an unfinished payload that was kept, behind its first ``size`` octets. Raises ``BlobUnavailable``."""

    def read_kept(self, blob_id: BlobId, *, size: int) -> Iterator[bytes]:
        """The first ``size`` octets of an unfinished payload. Raises ``BlobUnavailable`` when there are not as many."""

    def size(self, blob_id: BlobId) -> int: ...
    def delete(self, blob_id: BlobId) -> None:
        """Idempotent; an unfinished payload that was kept too."""

    def sweep(self, *, older_than: datetime) -> int:
        """Removes unfinished writes that a crash left behind, and what was set aside a month ago; how many."""

    def shelves(self, *, older_than: datetime) -> list[str]:
        """Beginnings of ids, in order: the parts of the store that can be looked through one by one. Left out is what is being
        written to, or was since."""

    def set_aside(self, shelf: str, *, claimed: Collection[BlobId], older_than: datetime) -> int:
        """Takes whole payloads that nobody claims, and that were there before, out of the store; how many were taken.
        They are kept a month, for a person to bring back."""


class VaultLocked(EnvironmentFault):
    """The master key is not there or does not fit."""

    code = "vault.locked"
    retry = Retry.OPERATOR


class WrongPassword(CallerFault):
    """A PKCS#12 or PEM file does not open with this password."""

    code = "vault.wrong-password"


class UnreadableKeyFile(CallerFault):
    """No private key with a fitting certificate in the file."""

    code = "vault.unreadable-key-file"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key just made or read, sealed; not stored anywhere yet."""

    sealed: bytes
    kind: str
    """``rsa`` or ``ec``."""
    spki: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateForm:
    """What a self-signed certificate or a CSR is to say; empty fields are left out."""

    common_name: str
    organisation: str = ""
    unit: str = ""
    city: str = ""
    state: str = ""
    country: str = ""
    email: str = ""
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    key_usage: tuple[str, ...] = ("digitalSignature", "keyEncipherment")
    extended_key_usage: tuple[str, ...] = ()
    """Dotted OIDs."""
    digest: str = "sha256"
    not_before: datetime
    not_after: datetime
    serial: int
    is_ca: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """What was in a PKCS#12 or PEM file."""

    key: NewKey
    certificate_der: bytes
    chain_der: tuple[bytes, ...]


class Vault(Port):
    """Private keys and secrets at rest. No key object or unsealed key byte leaves it."""

    def generate(self, *, kind: str, bits: int = 0, curve: str = "") -> NewKey:
        """``rsa`` with 2048, 3072 or 4096 bits, or ``ec`` with ``secp256r1``, ``secp384r1``."""

    def read_key_file(self, content: bytes, *, password: str | None) -> KeyFile:
        """PKCS#12, or PEM with key and certificates. Raises ``WrongPassword``, ``UnreadableKeyFile``."""

    def self_signed(self, sealed: bytes, form: CertificateForm) -> bytes:
        """The certificate, DER."""

    def signing_request(self, sealed: bytes, form: CertificateForm) -> bytes:
        """A PKCS#10 request, DER."""

    def signer(self, sealed: bytes, *, certificate_der: bytes) -> Signer: ...
    def decrypter(self, sealed: bytes, *, certificate_der: bytes) -> Decrypter: ...
    def seal(self, secret: bytes, *, purpose: str) -> bytes:
        """An authenticated record; ``purpose`` must be the same when it is opened."""

    def unseal(self, record: bytes, *, purpose: str) -> bytes:
        """Raises ``VaultLocked`` when the record is not ours or was changed."""

    def tls_key_file(
        self, sealed: bytes, *, certificate_der: bytes, chain_der: tuple[bytes, ...]
    ) -> AbstractContextManager[str]:
        """The path of an anonymous file in memory with key and certificates, PEM, for the one library that takes a key no other
        way (architecture.md section 2); gone when the context is left."""


TLSKey = Callable[[], AbstractContextManager[str]]
"""Opens the key file of one certificate, as ``Vault.tls_key_file`` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSIdentity:
    """Our client certificate for a connection."""

    fingerprint: Fingerprint
    key: TLSKey = field(compare=False)


class PostFailed(EnvironmentFault):
    """No HTTP answer: connection refused, reset, TLS failure, timeout. ``kind`` is one of those words."""

    code = "http.post-failed"

    def __init__(self, detail: str, *, kind: str) -> None:
        super().__init__(detail)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class PostRequest:
    url: str
    headers: tuple[tuple[str, str], ...]
    body: Callable[[], Iterator[bytes]]
    """Called once per attempt, in a thread."""
    size: int
    chunked: bool
    connect_timeout: timedelta
    answer_timeout: timedelta
    """From the last octet sent to the head of the answer."""
    max_answer_bytes: int
    trust: tuple[bytes, ...] = ()
    """DER certificates to trust instead of the system's roots: private CA or pinned leaf; empty: the system's. The server's own
    certificate among them is a pin: its name does not matter then."""
    identity: TLSIdentity | None = None
    """Our TLS client certificate; ``None``: none is shown."""
    basic: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostAnswer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    remote: str
    tls_peer: bytes = b""
    """The server's certificate, DER; empty: no TLS."""


class Poster(Port):
    async def post(self, request: PostRequest) -> PostAnswer:
        """Any HTTP answer, whatever its status; no redirects followed. Raises ``PostFailed``."""


class CallFailed(EnvironmentFault):
    """No OFTP2 connection: refused, unreachable, TLS failure, timeout. ``kind`` is one of those words."""

    code = "oftp2.call-failed"

    def __init__(self, detail: str, *, kind: str) -> None:
        super().__init__(detail)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A connection that stands: whom it reaches, and what TLS said."""

    remote: str
    tls: str = ""
    """Version and cipher; empty: plain."""
    peer_chain: tuple[bytes, ...] = ()
    """The other side's verified certificates, its own first, DER; empty: it showed none."""


class Talk(Port):
    """One OFTP2 session without its connection. Not thread-safe, and ``step`` may block: one thread at a time."""

    def begin(self, link: Link) -> None:
        """The connection stands (and TLS has shaken hands)."""

    def step(self, octets: bytes) -> bytes:
        """Takes what came (perhaps nothing) and gives what is to be written."""

    def lost(self, why: str) -> None:
        """The connection went away; ``why`` is a sentence or empty."""

    @property
    def wants_step(self) -> bool:
        """There is more to write without anything coming in."""

    @property
    def deadline(self) -> datetime | None:
        """When ``step(b"")`` is due although nothing came."""

    @property
    def must_close(self) -> bool:
        """To be closed once what was given is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    host: str
    port: int
    tls: bool
    connect_timeout: timedelta
    """Connection and TLS handshake."""
    trust: tuple[bytes, ...] = ()
    """DER certificates to trust instead of the system's roots. One of them shown itself is a pin: its name does not matter."""
    identity: TLSKey | None = None
    """Our client certificate."""


class Dialer(Port):
    async def call(self, request: CallRequest, talk: Talk) -> None:
        """Connects, carries the session and returns when it is over. Raises ``CallFailed`` when no connection was made."""


class NoDialer:
    """For processes that never call: a command on the same machine, most tests."""

    async def call(self, request: CallRequest, talk: Talk) -> None:  # noqa: ARG002 the port's signature
        raise CallFailed("this process makes no calls", kind="unreachable")


class Clock(Port):
    def now(self) -> datetime:
        """Aware UTC."""


class Entropy(Port):
    def octets(self, count: int) -> bytes:
        """Cryptographically strong."""

    def new_id(self) -> str:
        """32 lower-case hexadecimal digits that sort by the time of their making (UUIDv7 layout)."""


class BackendUnavailable(EnvironmentFault):
    """The folder (later: webhook) did not take the document."""

    code = "backend.unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One inbound document for the backend; the same id always comes with the same bytes."""

    document: Document
    community: Community
    partner: Partner
    agreement: Agreement
    message_id: str
    content: Callable[[BlobId], Iterator[bytes]]


class Backend(Port):
    def deliver(self, delivery: Delivery) -> str:
        """Where it lies now, in words. Idempotent by document id. Raises ``BackendUnavailable``."""


class Wake(Port):
    """Tells the worker that something was enqueued; a lost call costs a second, never work."""

    def __call__(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything that the engine touches, wired by ``app``."""

    store: Store
    blobs: Blobs
    vault: Vault
    poster: Poster
    backend: Backend
    clock: Clock
    entropy: Entropy
    wake: Wake
    product: str
    """``counterseal:0.1.0``, as AS2-Product wants it."""
    host_name: str
    """Right-hand side of the Message-IDs we make."""
    settings: Mapping[str, str] = field(default_factory=dict)
    dialer: Dialer = field(default_factory=NoDialer)
    live: LiveSessions = field(default_factory=LiveSessions)
    """The OFTP2 sessions of this process."""
    strangers: SparingNotes = field(default_factory=SparingNotes)
    """Decides which notes about unproved senders are recorded."""
    maximum_file_octets: int = 10 * 1024**3
    """A larger OFTP2 file is refused."""
