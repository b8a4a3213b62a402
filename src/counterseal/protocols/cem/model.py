"""The two CEM messages as values: draft-meadors-certificate-exchange-14 section 3, Appendix A.1.

    Request  = partner, originated_at, 1..n TrustRequest       (initiator -> recipient, with the certificates)
    Response = partner, originated_at, 1..n TrustResponse      (recipient -> initiator, XML only)

Illegal values cannot be built: a constructor raises ``IllegalValue``. What a peer may send and we never do (an empty
ResponseURL, a certificate answered twice) is representable, because another decision depends on having read it (cem.md
section 6, rows 10 and 27); ``build_cem`` refuses it.

Text that has to come back exactly (requestId, issuer name, serial) is kept verbatim, white space included (3.2).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Final

from counterseal.kernel.distinguished import NameKey, issuer_text, name_key
from counterseal.kernel.x509 import Certificate
from counterseal.protocols.cem.errors import IllegalValue

MAX_REQUEST_ID: Final = 255
"""Characters of a requestId (3.1, A.1 RequestIdType)."""
MAX_TEXT: Final = 16 * 1024
"""Characters of any one text: far above what a name, address or reason needs."""
MAX_SERIAL_DIGITS: Final = 200
"""RFC 5280 4.1.2.2 allows 20 octets, which are 49 digits; products write longer ones, but not this long."""

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SERIAL: Final = re.compile(r"[ \t\r\n]*[+-]?[0-9]+[ \t\r\n]*")
_MAX_OFFSET: Final = timedelta(hours=14)


class CertUsage(StrEnum):
    """What the certificate is for (3.1). Case-sensitive on the wire."""

    TLS_CLIENT = "tlsClient"
    TLS_SERVER = "tlsServer"
    KEY_ENCIPHERMENT = "keyEncipherment"
    DIGITAL_SIGNATURE = "digitalSignature"


class CertStatus(StrEnum):
    """The recipient's decision, for all usages of the certificate together (2.5, 3.2)."""

    REJECTED = "Rejected"
    ACCEPTED = "Accepted"


@dataclass(frozen=True, slots=True)
class WireTime:
    """An xs:dateTime: the instant, and the offset it was written with."""

    instant: datetime
    """Aware UTC."""
    offset: timedelta | None
    """``None``: none was written, and the text was read as UTC (cem.md 3.3). Whole minutes, at most 14 hours."""

    def __post_init__(self) -> None:
        if self.instant.tzinfo is not UTC:
            raise IllegalValue("WireTime.instant: expected an aware UTC instant; WireTime.of makes one")
        if self.offset is not None and (abs(self.offset) > _MAX_OFFSET or self.offset % timedelta(minutes=1)):
            raise IllegalValue(f"WireTime.offset: expected whole minutes within 14 hours, got {self.offset}")
        try:
            self.instant.astimezone(timezone(self.offset or timedelta()))
        except OverflowError as error:
            raise IllegalValue("WireTime: the local time falls outside the years 1 to 9999") from error

    @classmethod
    def of(cls, instant: datetime) -> "WireTime":
        """The whole second of an aware instant, in the offset of its own zone."""
        offset = instant.utcoffset()
        if offset is None:
            raise IllegalValue("WireTime.of: expected an instant with a time zone")
        minutes = timedelta(minutes=offset // timedelta(minutes=1))
        return cls(instant.replace(microsecond=0).astimezone(UTC), minutes)

    @property
    def local(self) -> datetime:
        """The instant in the offset it was written with; UTC where none was."""
        return self.instant.astimezone(timezone(self.offset or timedelta()))


RespondBy = WireTime
"""RespondByDate: until then the certificate should be trusted, installed and answered (3.1). Not a limit on the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingPartner:
    """Who made this message: TradingPartnerInfo/Name (3.1)."""

    name: str
    """The From identity of the carrying message, verbatim."""
    qualifier: str | None
    """``AS2`` and so on; ``None``: the attribute is absent."""

    def __post_init__(self) -> None:
        _text("Name", self.name)
        if self.qualifier is not None:
            _text("qualifier", self.qualifier)

    def is_named(self, identity: str) -> bool:
        """Whether this is the sender that the transport names (cem.md section 6, row 7); outer blanks do not count."""
        return self.name.strip() == identity.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateIdentifier:
    """Issuer and serial of an end entity (ds:X509IssuerSerialType)."""

    issuer_name: str
    """RFC 4514 when we wrote it; verbatim and in any dialect when a peer did."""
    serial: int
    serial_text: str
    """Decimal, verbatim."""

    def __post_init__(self) -> None:
        _text("X509IssuerName", self.issuer_name)
        if len(self.serial_text) > MAX_SERIAL_DIGITS or not _SERIAL.fullmatch(self.serial_text):
            raise IllegalValue(f"X509SerialNumber: expected a decimal integer, got {self.serial_text[:60]!r}")
        if int(self.serial_text) != self.serial:
            raise IllegalValue(f"X509SerialNumber: {self.serial_text!r} is not {self.serial}")

    @classmethod
    def of(cls, certificate: Certificate) -> "CertificateIdentifier":
        """What we write for this certificate."""
        return cls(issuer_name=issuer_text(certificate), serial=certificate.serial, serial_text=str(certificate.serial))

    @classmethod
    def of_text(cls, issuer_name: str, serial_text: str) -> "CertificateIdentifier":
        """What a peer wrote. Raises ``IllegalValue`` when the serial is no decimal integer."""
        if len(serial_text) > MAX_SERIAL_DIGITS or not _SERIAL.fullmatch(serial_text):
            raise IllegalValue(f"X509SerialNumber: expected a decimal integer, got {serial_text[:60]!r}")
        return cls(issuer_name=issuer_name, serial=int(serial_text), serial_text=serial_text)

    def names_same(self, other: "CertificateIdentifier") -> bool:
        """Whether both name one certificate: equal serials, and issuers equal in meaning (cem.md 5.2)."""
        return self.key == other.key

    @property
    def key(self) -> tuple[int, NameKey]:
        """Hashable; equal for identifiers that name one certificate."""
        return self.serial, name_key(self.issuer_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRequest:
    """ "Please trust this certificate for these usages, and answer there until then.\""""

    usages: frozenset[CertUsage]
    respond_by: RespondBy | None
    """``None``: the element is absent, which the schema allows (A.1)."""
    response_url: str
    """Where the Response goes, before any configured address (3.1). Empty: theirs was, which the schema allows; use the
    configured address."""
    identifier: CertificateIdentifier
    content_id: str
    """CertificateContentID, verbatim; compare with ``xml.normal_content_id``."""

    def __post_init__(self) -> None:
        if not self.usages:
            raise IllegalValue("CertUsage: a trust request names at least one usage")
        _text("ResponseURL", self.response_url)
        _text("CertificateContentID", self.content_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """EDIINTCertificateExchangeRequest (3.1)."""

    request_id: str | None
    """``None``: the attribute is absent. We always write one."""
    partner: TradingPartner
    originated_at: WireTime
    trust_requests: tuple[TrustRequest, ...]
    """In document order; one certificate may stand in several of them when a peer broke 2.3 (``Package.offers`` merges)."""

    def __post_init__(self) -> None:
        _request_id(self.request_id)
        if not self.trust_requests:
            raise IllegalValue("TrustRequest: a request holds at least one")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustResponse:
    """The decision on one certificate."""

    status: CertStatus
    reason: str | None
    """ReasonForRejection; only with ``Rejected`` (3.2). ``None``: no reason was given."""
    reference: CertificateIdentifier
    """Identical to the CertificateIdentifier of the request (3.2)."""

    def __post_init__(self) -> None:
        if self.reason is not None:
            _text("ReasonForRejection", self.reason)
            if self.status is CertStatus.ACCEPTED:
                raise IllegalValue("ReasonForRejection: an acceptance has no reason for rejection")


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """EDIINTCertificateExchangeResponse (3.2). Several may answer one Request (2.5)."""

    request_id: str | None
    """That of the Request, verbatim; ``None``: absent, or empty as one product writes it (cem.md 9.3)."""
    partner: TradingPartner
    originated_at: WireTime
    trust_responses: tuple[TrustResponse, ...]

    def __post_init__(self) -> None:
        _request_id(self.request_id)
        if not self.trust_responses:
            raise IllegalValue("TrustResponse: a response holds at least one")

    @property
    def answers_twice(self) -> bool:
        """Whether one certificate is answered more than once: then the whole Response is discarded and the MDN stays
        positive (2.5; cem.md section 6, row 27)."""
        return len({answer.reference.key for answer in self.trust_responses}) < len(self.trust_responses)


Message = Request | Response


def _text(field: str, value: str) -> None:
    if len(value) > MAX_TEXT:
        raise IllegalValue(f"{field}: {len(value)} characters; at most {MAX_TEXT} are taken")
    if found := _NOT_XML.search(value):
        raise IllegalValue(f"{field}: the character {found.group()!r} cannot stand in XML")


def _request_id(value: str | None) -> None:
    if value is None:
        return
    _text("requestId", value)
    if not 1 <= len(value) <= MAX_REQUEST_ID:
        raise IllegalValue(f"requestId: expected 1 to {MAX_REQUEST_ID} characters, got {len(value)}")
