"""Station + partner + protocol: addresses, what each side must sign and encrypt, receipts, retries, exchange rules."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from counterseal.domain.announced import UnreadableIdentity, read_announced
from counterseal.domain.community import CommunityRules, CutoverRule, HandlingMode
from counterseal.domain.usage import Protocol
from counterseal.domain.virtual_file import check_name
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import AgreementId, CommunityId, PartnerId, StationId
from counterseal.kernel.keys import Digest, KeyTransport


class InvalidAgreement(CallerFault):
    """Terms that contradict each other; the sentence names both."""

    code = "domain.invalid-agreement"


class Profile(StrEnum):
    """Which AS2 we speak with this partner (as2-bis.md); never negotiated at run time."""

    RFC4130 = "rfc4130"
    MODERN = "modern"


class Compression(StrEnum):
    NONE = "none"
    BEFORE_SIGNING = "before-signing"
    AFTER_SIGNING = "after-signing"


class Cipher(StrEnum):
    AES128_CBC = "aes-128-cbc"
    AES192_CBC = "aes-192-cbc"
    AES256_CBC = "aes-256-cbc"
    AES128_GCM = "aes-128-gcm"
    AES256_GCM = "aes-256-gcm"
    TRIPLE_DES_CBC = "3des-cbc"


class SignaturePadding(StrEnum):
    """For RSA keys; EC keys sign with ECDSA."""

    PKCS1 = "pkcs1"
    PSS = "pss"


class ReceiptMode(StrEnum):
    NONE = "none"
    SYNC = "sync"
    ASYNC = "async"


class TransferEncoding(StrEnum):
    BINARY = "binary"
    BASE64 = "base64"


DEFAULT_RETRIES: Final = (
    timedelta(seconds=30),  # 0:00:30   a restarting peer is back
    timedelta(minutes=2),  # 0:02:30
    timedelta(minutes=5),  # 0:07:30
    timedelta(minutes=15),  # 0:22:30
    timedelta(minutes=30),  # 0:52:30   a failed deployment is rolled back
    timedelta(hours=1),  # 1:52:30
    timedelta(hours=2),  # 3:52:30
    timedelta(hours=4),  # 7:52:30   one night shift
    timedelta(hours=8),  # 15:52:30
    timedelta(hours=8),  # 23:52:30  a day: then a person looks
)
"""Growing, because a partner that is down for an hour is not helped by a hundred attempts; a day in all, because most
partners mend a fault within one. After the last the document has failed and is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AS2Terms:
    """What both sides agreed for AS2. Everything we send follows it; everything received is measured by it."""

    url: str
    """The partner's AS2 URL."""
    profile: Profile = Profile.RFC4130
    sign: bool = True
    encrypt: bool = True
    compress: Compression = Compression.NONE
    digest: Digest = Digest.SHA256
    padding: SignaturePadding = SignaturePadding.PKCS1
    cipher: Cipher = Cipher.AES256_CBC
    gcm_in_enveloped_data: bool = False
    """AES-GCM inside EnvelopedData, as some peers emit and expect (as2-peers P-7)."""
    key_transport: KeyTransport = KeyTransport.RSA_PKCS1
    transfer_encoding: TransferEncoding = TransferEncoding.BINARY
    receipt: ReceiptMode = ReceiptMode.SYNC
    receipt_signed: bool = True
    receipt_url: str = ""
    """Where asynchronous receipts for us are posted; empty: the station's URL."""
    receipt_timeout: timedelta = timedelta(minutes=5)
    """How long an asynchronous receipt, or the synchronous answer, may take."""
    require_signed: bool = True
    require_encrypted: bool = True
    async_receipt_hosts: tuple[str, ...] = ()
    """Host names to which we post asynchronous receipts besides the host of ``url``."""
    accept_envelope_mic: bool = False
    """Accept the digest of the CMS envelope as MIC (as2-peers P-28)."""
    subject: str = "AS2 message"
    content_type: str = "application/edi-consent"
    preserve_file_name: bool = True
    chunked: bool = False
    """Send with chunked transfer encoding; off: Content-Length (as2-peers P-23)."""
    answer_204: bool = False
    """``modern`` only: answer asynchronous messages 204 instead of a short 200 (product.md section 9)."""
    retries: tuple[timedelta, ...] = DEFAULT_RETRIES
    connect_timeout: timedelta = timedelta(seconds=30)
    basic_user: str = ""
    basic_password_sealed: str = ""
    """Base64 of a vault record; empty: no basic authentication."""
    max_parallel: int = 4
    strict_order: bool = False
    """A document leaves only when every earlier one is settled: one at a time, and nothing overtakes a failed attempt."""
    bare_document: bool = False
    """Encrypted only: the document without its MIME header inside (as2-peers P-5)."""
    encrypt_to_self: bool = False
    """Our own encryption certificate is a recipient too (BIS-6)."""
    require_tls_client_certificate: bool = False
    """Refuse a connection that does not show a client certificate of this partner's; behind a proxy that ends TLS none arrives."""
    maximum_message_bytes: int | None = None
    """A larger message of this partner is refused; ``None``: the gateway's own limit."""
    messages_per_minute: int | None = None
    """More messages of this partner are put off; ``None``: no limit."""
    max_parallel_in: int = 128
    """Messages of this partner taken at a time."""

    def __post_init__(self) -> None:
        if self.profile is Profile.MODERN and self.cipher is Cipher.TRIPLE_DES_CBC:
            raise InvalidAgreement(
                "the modern profile forbids 3DES (BIS-3): choose an AES cipher or the profile rfc4130"
            )
        if self.digest in {Digest.SHA1, Digest.MD5}:
            raise InvalidAgreement(
                f"{self.digest.value} signatures are never produced in AS2: choose sha-256 or stronger"
            )
        if self.bare_document and (self.sign or not self.encrypt or self.compress is not Compression.NONE):
            raise InvalidAgreement(
                "bare_document belongs to messages that are encrypted only: neither signed nor compressed"
            )
        if self.answer_204 and self.profile is not Profile.MODERN:
            raise InvalidAgreement("answer_204 belongs to the profile modern; with rfc4130 the answer has a body")
        if not self.url.startswith(("http://", "https://")):
            raise InvalidAgreement(f"the partner's URL {self.url!r} must start with http:// or https://")


class SecureAuthentication(StrEnum):
    OFF = "off"
    ON = "on"


@dataclass(frozen=True, slots=True, kw_only=True)
class OFTP2Terms:
    """What both sides agreed for OFTP2 (RFC 5024)."""

    host: str
    port: int = 6619
    tls: bool = True
    ssid_code: str
    """The partner's SSIDCODE: the identification code of its node."""
    our_ssid_code: str = ""
    """Our SSIDCODE where the station is a sub-station of another node; empty: the station's identity."""
    our_password_sealed: str = ""
    their_password_sealed: str = ""
    secure_authentication: bool = False
    sign: bool = True
    compress: bool = True
    encrypt: bool = True
    cipher_suite: int = 2
    receipt_signed: bool = True
    require_signed: bool = True
    require_encrypted: bool = True
    require_signed_receipt: bool = True
    buffer_bytes: int = 65535
    credit: int = 99
    buffer_compression: bool = False
    """Offered in SSIDCMPR: some stacks refuse the offer itself, and CMS compresses better (oftp2-scx.md C 30)."""
    restart: bool = True
    count_secured_records: bool = True
    """EFIDRCNT of a secured F or V file is the original's count (RFC 5024 5.3.8); off: 0, as peers want that look for record
    ends (oftp2-scx.md C 31)."""
    may_call: bool = True
    """We dial this partner; off: we wait until it calls."""
    poll_every: timedelta | None = None
    parallel_sessions: int = 1
    dataset_names: tuple[str, ...] = ()
    """Patterns of virtual file dataset names that are accepted; empty: all."""
    dataset_name: str = ""
    """Of files that bring none; empty: made from the file name."""
    hold_receipts: bool = False
    """A person decides between EERP and NERP for every received file."""
    strict: bool = False
    first_exchange: bool = False
    """An SCX Request may start the relationship (product.md section 2)."""
    announced: tuple[str, ...] = ()
    """Identities that the partner announced for its first exchange (``announced.read_announced``); empty: any may begin it."""
    answer_all_usages: bool = False
    """A Request is answered with the receipt and session certificates too."""
    scx_rule: str = "unknown"
    """How the partner matches a certificate: a value of ``SCXRule``, or ``unknown``."""
    retries: tuple[timedelta, ...] = DEFAULT_RETRIES
    inactivity: timedelta = timedelta(minutes=3)

    def __post_init__(self) -> None:
        if not 128 <= self.buffer_bytes <= 99999:
            raise InvalidAgreement(
                f"the exchange buffer of {self.buffer_bytes} is outside 128 to 99999 (RFC 5024 5.3.2)"
            )
        if not 2 <= self.credit <= 999:
            raise InvalidAgreement(
                f"the credit of {self.credit} is outside 2 to 999 (RFC 5024 5.3.2; 1 deadlocks some peers)"
            )
        if self.dataset_name:
            check_name(self.dataset_name)
        try:
            for line in self.announced:
                read_announced(line)
        except UnreadableIdentity as fault:
            raise InvalidAgreement(f"announced: {fault.detail}") from fault
        if not 1 <= self.cipher_suite <= 6:
            raise InvalidAgreement(f"cipher suite {self.cipher_suite:02d} is not one of 01 to 06")


class CEMCapability(StrEnum):
    """What is known of a partner's CEM: ``announced`` by its header, ``proved`` by an answer, ``silent`` after an overdue."""

    UNKNOWN = "unknown"
    ANNOUNCED = "announced"
    PROVED = "proved"
    SILENT = "silent"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeTerms:
    """Certificate exchange with this partner; ``None`` means: as the community decided."""

    enabled: bool = True
    mode: HandlingMode | None = None
    cutover: CutoverRule | None = None
    """``None``: on-acceptance, or for OFTP2 what section 3 rule 3 says."""
    self_healing: bool = True
    automatic_renewal_same_subject_only: bool = True
    response_url_hosts: tuple[str, ...] = ()
    """Host names besides the agreement's own to which a CEM response may be posted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the partner's own messages say of it: shown, never trusted (as2-bis.md BIS-2)."""

    as2_version: str = ""
    product: str = ""
    features: tuple[str, ...] = ()
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One relationship on one protocol."""

    id: AgreementId
    community_id: CommunityId
    station_id: StationId
    partner_id: PartnerId
    protocol: Protocol
    partner_identity: str
    """Their AS2 name, or the Odette code that appears as SFIDORIG."""
    active: bool = True
    terms: AS2Terms | OFTP2Terms
    exchange: ExchangeTerms = field(default_factory=ExchangeTerms)
    seen: Seen = field(default_factory=Seen)
    cem_capability: CEMCapability = CEMCapability.UNKNOWN
    scx_learned: str | None = None
    """How this partner was seen to match our certificates: the rules that no answer contradicts, by the names of ``scx_rule``
    and separated by blanks; ``None``: it never answered where rules differ."""
    created_at: datetime

    def __post_init__(self) -> None:
        fits = isinstance(self.terms, AS2Terms) == (self.protocol is Protocol.AS2)
        if not fits:
            raise InvalidAgreement(f"an agreement for {self.protocol.value} came with {type(self.terms).__name__}")

    @property
    def as2(self) -> AS2Terms:
        if not isinstance(self.terms, AS2Terms):
            raise InvalidAgreement("this is no AS2 agreement")
        return self.terms

    @property
    def oftp2(self) -> OFTP2Terms:
        if not isinstance(self.terms, OFTP2Terms):
            raise InvalidAgreement("this is no OFTP2 agreement")
        return self.terms


def handling_mode(agreement: Agreement, rules: CommunityRules) -> HandlingMode:
    """Which rule a received certificate falls under."""
    if not agreement.exchange.enabled:
        return HandlingMode.OFF
    if agreement.exchange.mode is not None:
        return agreement.exchange.mode
    return rules.cem_mode if agreement.protocol is Protocol.AS2 else rules.scx_mode


def cutover_rule(agreement: Agreement) -> CutoverRule:
    return agreement.exchange.cutover or CutoverRule.ON_ACCEPTANCE
