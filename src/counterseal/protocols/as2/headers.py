"""The head of a received message: what its HTTP headers say, bounded and cleaned."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.keys import Digest
from counterseal.kernel.mime import ContentType, Headers, decode_words, file_name_of
from counterseal.protocols.as2.errors import HeaderMissing, InvalidMessageID
from counterseal.protocols.as2.leniency import Leniency
from counterseal.protocols.as2.mic import COMPUTED, parse_micalg
from counterseal.protocols.as2.names import parse_as2_name, parse_message_id
from counterseal.protocols.as2.text import clean_file_name, clean_text

MAX_SHOWN: Final = 256
MAX_FEATURES: Final = 32
MAX_MICALGS: Final = 16
MAX_URL: Final = 2048
REPORT: Final = "multipart/report"
SIGNED: Final = "multipart/signed"
OCTETS: Final = ContentType("application/octet-stream")

_FEATURE: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_ENVELOPE_NAME: Final = re.compile(r"smime\.p7[mszc]", re.IGNORECASE)
_URL: Final = re.compile(r"[!-~]{1,2048}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRequest:
    """That and how the sender wants a receipt (RFC 4130 7.3). Where it may be sent to is the agreement's decision."""

    to: str
    """Disposition-Notification-To, cleaned; nothing depends on it (RFC 4130 7.3, BIS-16)."""
    signed: bool
    format_supported: bool
    """False: a signed receipt in another format than pkcs7-signature is *required* (RFC 4130 7.5.3)."""
    micalgs: tuple[str, ...]
    """As written, in their order; ``mic.choose_digest`` takes them."""
    delivery_url: str | None
    """Receipt-Delivery-Option: an asynchronous receipt is asked for. Hostile text: to be checked before it is used. Empty:
    one is asked for, but not at a URL. ``None``: the receipt is to be the answer."""

    @property
    def digests(self) -> tuple[Digest, ...]:
        """The requested digests that are computed here, in the partner's order."""
        found = (parse_micalg(name) for name in self.micalgs)
        return tuple(dict.fromkeys(d for d in found if d is not None and d in COMPUTED))


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHead:
    """The head of a message or receipt. Build with ``parse``."""

    headers: Headers
    as2_from: str
    as2_to: str
    message_id: str | None
    """Without brackets; ``None``: absent or malformed, which ``open_message`` refuses (BIS-7)."""
    message_id_as_sent: str | None
    """With or without brackets, as it came: what Original-Message-ID repeats (BIS-16). ``None`` as above."""
    version: str
    """AS2-Version; absent means ``1.0`` (BIS-1)."""
    product: str
    """AS2-Product (BIS-2), else Server or User-Agent; empty where none is sent. For diagnosis only."""
    features: tuple[str, ...]
    """EDIINT-Features (RFC 6017), lower case."""
    subject: str
    date: str
    content_type: ContentType
    file_name: str | None
    """Of the outermost headers, cleaned, unless it is that of an envelope; that of a part is in its ``PartHead``."""
    receipt_request: ReceiptRequest | None
    leniencies: frozenset[Leniency]

    @classmethod
    def parse(cls, headers: Headers | Iterable[tuple[str, str]]) -> "MessageHead":
        """Raises ``HeaderMissing`` and ``InvalidName``: without names there is no partner to answer to. Everything else
        about the head is either tolerated or found by ``open_message``."""
        found = headers if isinstance(headers, Headers) else Headers(tuple(headers))
        leniencies: set[Leniency] = set()
        names = [_name(found, header, leniencies) for header in ("AS2-From", "AS2-To")]
        as_sent, message_id = _message_id(found, leniencies)
        return cls(
            headers=found,
            as2_from=names[0],
            as2_to=names[1],
            message_id=message_id,
            message_id_as_sent=as_sent,
            version=_shown(found, "AS2-Version") or "1.0",
            product=_shown(found, "AS2-Product") or _shown(found, "Server") or _shown(found, "User-Agent"),
            features=_features(found),
            subject=_shown(found, "Subject"),
            date=_shown(found, "Date"),
            content_type=content_type_of(found, leniencies),
            file_name=_file_name(found),
            receipt_request=_receipt_request(found, leniencies),
            leniencies=frozenset(leniencies),
        )

    @property
    def announces_cem(self) -> bool:
        return "cem" in self.features


def _file_name(headers: Headers) -> str | None:
    """``smime.p7m`` and the like name an envelope (RFC 8551 3.2.1), never the document in it. Interop: OpenAS2 and pyas2lib
    write it where the part inside has no name."""
    name = clean_file_name(file_name_of(headers) or "")
    return None if name is not None and _ENVELOPE_NAME.fullmatch(name) else name


def content_type_of(headers: Headers, leniencies: set[Leniency]) -> ContentType:
    """The declared type, or application/octet-stream where it is absent or unreadable."""
    try:
        return ContentType.parse(headers.get("Content-Type") or "")
    except PeerFault:
        leniencies.add(Leniency.MEDIA_TYPE_MISSING)
        return OCTETS


def _name(headers: Headers, header: str, leniencies: set[Leniency]) -> str:
    value = headers.get(header)
    if value is None:
        raise HeaderMissing(f"the header {header} is missing")
    name, regular = parse_as2_name(value)
    if not regular:
        leniencies.add(Leniency.NAME_UNQUOTED)
    return name


def _message_id(headers: Headers, leniencies: set[Leniency]) -> tuple[str | None, str | None]:
    as_sent = (headers.get("Message-ID") or "").strip()
    try:
        message_id = parse_message_id(as_sent)
    except InvalidMessageID:
        return None, None
    if message_id == as_sent:
        leniencies.add(Leniency.MESSAGE_ID_WITHOUT_BRACKETS)
    return as_sent, message_id


def _shown(headers: Headers, name: str) -> str:
    return clean_text(decode_words((headers.get(name) or "")[: 4 * MAX_SHOWN]), MAX_SHOWN)


def _features(headers: Headers) -> tuple[str, ...]:
    names = (name.strip().lower() for value in headers.all("EDIINT-Features") for name in value.split(","))
    return tuple(dict.fromkeys(name for name in names if _FEATURE.fullmatch(name)))[:MAX_FEATURES]


def _receipt_request(headers: Headers, leniencies: set[Leniency]) -> ReceiptRequest | None:
    to = headers.get("Disposition-Notification-To")
    if to is None:
        return None
    options = _options(headers.get("Disposition-Notification-Options") or "")
    protocol = options.get("signed-receipt-protocol", ())
    micalgs = options.get("signed-receipt-micalg", ())
    offered = [v for v in protocol if v not in _IMPORTANCE]
    supported = not offered or any("pkcs7-signature" in value for value in offered)
    names = tuple(v for v in micalgs if v not in _IMPORTANCE and _FEATURE.fullmatch(v))[:MAX_MICALGS]
    if bool(offered) != bool(names) or any(v and v[0] not in _IMPORTANCE for v in options.values()):
        leniencies.add(Leniency.RECEIPT_OPTIONS_INCOMPLETE)
    option = headers.get("Receipt-Delivery-Option")
    url = option.strip().strip("<>") if option is not None else None
    return ReceiptRequest(
        to=clean_text(to, MAX_SHOWN),
        signed=supported and bool(offered or names),
        format_supported=supported or "required" not in protocol,
        micalgs=names,
        delivery_url=url if url is None or _URL.fullmatch(url) else "",
    )


_IMPORTANCE: Final = frozenset({"required", "optional"})


def _options(text: str) -> dict[str, tuple[str, ...]]:
    """``attribute=importance, value, value; ...`` (RFC 8098 2.2), with quotes and blanks wherever peers put them."""
    options: dict[str, tuple[str, ...]] = {}
    for parameter in text[:4096].lower().split(";"):
        attribute, sign, values = parameter.partition("=")
        if sign:
            cleaned = (value.strip().strip('"').strip() for value in values.split(","))
            options.setdefault(attribute.strip().strip('"'), tuple(v for v in cleaned if v))
    return options
