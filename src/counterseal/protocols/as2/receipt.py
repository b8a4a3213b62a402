"""Receipts (MDN): written and read (RFC 4130 7.4, RFC 8098 3). They are small, so they are bytes, not streams."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.keys import Digest
from counterseal.kernel.mime import (
    ContentType,
    Headers,
    TransferEncoding,
    close_delimiter,
    decode_words,
    delimiter,
    encode_transfer,
    open_entity,
    split,
)
from counterseal.kernel.x509 import Certificate
from counterseal.protocols import cms
from counterseal.protocols.as2.disposition import Disposition, Profile, parse_disposition
from counterseal.protocols.as2.errors import IllegalEnvelope, InvalidMessageID, MalformedReceipt
from counterseal.protocols.as2.headers import REPORT, SIGNED, MessageHead, content_type_of
from counterseal.protocols.as2.leniency import Leniency
from counterseal.protocols.as2.limits import Limits
from counterseal.protocols.as2.mic import COMPUTED, MIC, Digests, format_micalg
from counterseal.protocols.as2.names import format_as2_name, format_message_id, parse_message_id
from counterseal.protocols.as2.signatures import embedded_certificates, read_signature, verify
from counterseal.protocols.as2.streams import gather
from counterseal.protocols.as2.text import clean_text
from counterseal.protocols.as2.transfer import decoded_document
from counterseal.protocols.as2.writing import (
    VERSIONS,
    Entropy,
    boundary,
    encode_words,
    features_value,
    format_date,
    multipart_signed,
)

NOTIFICATION: Final = "message/disposition-notification"
MAX_TEXT: Final = 4096
MAX_FIELD: Final = 998


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a receipt says. ``as2_from`` is the receiver of the message, ``as2_to`` its sender (RFC 4130 6.2)."""

    as2_from: str
    as2_to: str
    message_id: str
    """Its own, without brackets."""
    date: datetime
    subject: str
    original_message_id: str | None
    """As the message had it, brackets included (BIS-16); ``None``: it was malformed, and is not repeated (BIS-7)."""
    disposition: Disposition
    mic: MIC | None
    text: str
    """For people; non-ASCII is allowed, control characters are dropped."""
    details: tuple[str, ...]
    """Sentences for Error, Failure or Warning fields (RFC 8098 3.2.7), whichever the disposition has."""
    profile: Profile
    features: tuple[str, ...]
    product: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltReceipt:
    headers: tuple[tuple[str, str], ...]
    """For the HTTP response, or for the request of an asynchronous one."""
    body: bytes


def build_receipt(receipt: Receipt, *, sign: cms.SigningPlan | None, preamble: bool, entropy: Entropy) -> BuiltReceipt:
    """The multipart/report, signed where ``sign`` is given. Raises ``IllegalEnvelope``."""
    content_type, report = _report(receipt, entropy)
    if sign is not None:
        entity = Headers.of((("Content-Type", content_type),)).encode() + report
        digests = Digests((sign.digest,))
        digests.update(entity)
        content_type, chunks = multipart_signed(
            (entity,),
            signature=lambda: cms.sign_detached(digests.values()[sign.digest], sign),
            micalg=format_micalg(sign.digest),
            preamble=preamble,
            entropy=entropy,
        )
        report = b"".join(chunks)
    return BuiltReceipt(headers=(*_headers(receipt), ("Content-Type", content_type)), body=report)


def _headers(receipt: Receipt) -> tuple[tuple[str, str], ...]:
    if receipt.profile is Profile.MODERN and not receipt.product:
        raise IllegalEnvelope("the modern profile names its product (as2-bis.md BIS-2)")
    optional = (
        ("EDIINT-Features", features_value(receipt.features)),
        ("AS2-Product", receipt.product),
    )
    return Headers.of(
        (
            ("AS2-Version", VERSIONS[receipt.profile]),
            ("AS2-From", format_as2_name(receipt.as2_from)),
            ("AS2-To", format_as2_name(receipt.as2_to)),
            ("Message-ID", format_message_id(receipt.message_id)),
            ("Date", format_date(receipt.date)),
            ("Subject", encode_words(clean_text(receipt.subject, MAX_FIELD))),
            ("MIME-Version", "1.0"),
            *(item for item in optional if item[1]),
        )
    ).items


def _report(receipt: Receipt, entropy: Entropy) -> tuple[str, bytes]:
    mark = boundary(entropy)
    content_type = ContentType(REPORT, (("report-type", "disposition-notification"), ("boundary", mark)))
    text = "\r\n".join(clean_text(line, MAX_FIELD) for line in receipt.text[:MAX_TEXT].splitlines()) + "\r\n"
    charset, encoding = ("us-ascii", "7bit") if text.isascii() else ("utf-8", "quoted-printable")
    octets = text.encode()
    if encoding == "quoted-printable":
        octets = b"".join(encode_transfer((octets,), TransferEncoding.QUOTED_PRINTABLE))
    body = (
        delimiter(mark)[2:]
        + Headers.of(
            (("Content-Type", f"text/plain; charset={charset}"), ("Content-Transfer-Encoding", encoding))
        ).encode()
        + octets
        + delimiter(mark)
        + Headers.of((("Content-Type", NOTIFICATION), ("Content-Transfer-Encoding", "7bit"))).encode()
        + Headers.of(_fields(receipt)).encode()
        + close_delimiter(mark)
    )
    return content_type.format(), body


def _fields(receipt: Receipt) -> Iterator[tuple[str, str]]:
    """RFC 4130 7.4.2, in its order. No third part (BIS-19)."""
    # The names are ours and theirs as AS2 names, RFC 8098 3.2.4's address type in front as every product writes it.
    ours = format_as2_name(receipt.as2_from)
    yield "Reporting-UA", clean_text(receipt.product, 128) or "AS2"
    yield "Original-Recipient", f"rfc822; {ours}"
    yield "Final-Recipient", f"rfc822; {ours}"
    if receipt.original_message_id is not None:
        parse_message_id(receipt.original_message_id)
        yield "Original-Message-ID", receipt.original_message_id
    yield "Disposition", receipt.disposition.format()
    if receipt.disposition.modifier is not None:
        name = receipt.disposition.modifier.value.capitalize()
        for detail in receipt.details:
            yield name, clean_text(detail, MAX_FIELD).encode("ascii", "replace").decode("ascii")
    if receipt.mic is not None:
        yield "Received-Content-MIC", receipt.mic.format()


# --- reading -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedReceipt:
    """What a partner's receipt says, and who signed it. Whether that is enough is decided elsewhere."""

    head: MessageHead
    disposition: Disposition
    original_message_id: str | None
    """Without brackets; ``None``: absent or malformed."""
    final_recipient: str
    mic: MIC | None
    mic_text: str
    """As it came, cleaned: shown where ``mic`` is ``None``."""
    text: str
    details: tuple[str, ...]
    """The Error, Failure and Warning fields."""
    reporting_ua: str
    signed: bool
    signers: tuple[cms.VerifiedSigner, ...]
    """Verified; empty for an unsigned receipt only."""
    embedded: tuple[bytes, ...]
    """Certificates in the signature, for showing."""
    leniencies: frozenset[Leniency]


def is_receipt(head: MessageHead, first: bytes) -> bool:
    """Whether this is a receipt: by the head, or, for a signed one, by the first octets of the body (64 KiB are enough)."""
    if head.content_type.media_type == REPORT:
        return True
    if head.content_type.media_type != SIGNED:
        return False
    mark = b"--" + (head.content_type.parameter("boundary") or "").encode(errors="replace")
    _, found, rest = first.partition(mark)
    block = re.split(rb"\r?\n\r?\n", rest.lstrip(b" \t\r\n"), maxsplit=1)[0]
    return bool(found) and re.search(rb"(?im)^content-type:\s*multipart/report\b", block) is not None


def open_receipt(head: MessageHead, body: bytes, *, signers: Sequence[Certificate], limits: Limits) -> OpenedReceipt:
    """A receipt, its signature verified against ``signers`` if it has one. Raises ``MalformedReceipt``, the faults of CMS
    (an invalid signature is not an unsigned receipt), ``MIMELimitExceeded``, ``TooComplex``."""
    gather((body,), limits.max_receipt_bytes, "a receipt")
    leniencies = set(head.leniencies)
    if head.content_type.media_type != SIGNED:
        report = _Report(head.headers, body, limits, leniencies)
        return _opened(head, report, leniencies=leniencies, signed=None, embedded=())
    content, signature = _signed_parts(head.content_type, body, limits, leniencies)
    embedded = embedded_certificates(signature, limits=limits)
    signed = _verified(content, signature, signers=signers, limits=limits, leniencies=leniencies)
    entity = open_entity((content,), limits=limits.mime)
    report = _Report(entity.headers, b"".join(entity.body), limits, leniencies)
    return _opened(head, report, leniencies=leniencies, signed=signed, embedded=embedded)


def _signed_parts(
    content_type: ContentType, body: bytes, limits: Limits, leniencies: set[Leniency]
) -> tuple[bytes, bytes]:
    parts = [b"".join(part) for part in split((body,), content_type.parameter("boundary") or "", limits=limits.mime)]
    if len(parts) != 2:
        raise MalformedReceipt(f"a multipart/signed has two parts; {len(parts)} came")
    return parts[0], read_signature((parts[1],), limits=limits, leniencies=leniencies)


def _verified(
    content: bytes, signature: bytes, *, signers: Sequence[Certificate], limits: Limits, leniencies: set[Leniency]
) -> cms.Signed:
    try:
        return verify(signature, _all_digests(content), candidates=signers, limits=limits)
    except cms.SignatureInvalid:
        for variant in _with_other_line_ends(content):
            with suppress(cms.SignatureInvalid):
                signed = verify(signature, _all_digests(variant), candidates=signers, limits=limits)
                leniencies.add(Leniency.RECEIPT_LINE_ENDS)
                return signed
        raise


def _with_other_line_ends(content: bytes) -> Iterator[bytes]:
    # as2-peers P-2: signed over CRLF, sent with lone LFs in the text part.
    canonical = re.sub(rb"(?<!\r)\n", b"\r\n", content)
    if canonical != content:
        yield canonical
    # Interop: libas2 signs what it sends without its last line break.
    if content.endswith(b"\r\n"):
        yield content[:-2]


def _all_digests(content: bytes) -> dict[Digest, bytes]:
    digests = Digests(COMPUTED)
    digests.update(content)
    return digests.values()


class _Report:
    """The multipart/report taken apart."""

    def __init__(self, headers: Headers, body: bytes, limits: Limits, leniencies: set[Leniency]) -> None:
        content_type = content_type_of(headers, leniencies)
        if content_type.media_type != REPORT:
            raise MalformedReceipt("a receipt is a multipart/report")
        if (content_type.parameter("report-type") or "").lower() != "disposition-notification":
            leniencies.add(Leniency.RECEIPT_TYPE_UNUSUAL)
        self.text = ""
        self.fields: list[tuple[str, str]] | None = None
        for part in split((body,), content_type.parameter("boundary") or "", limits=limits.mime):
            entity = open_entity(part, limits=limits.mime)
            kind = content_type_of(entity.headers, leniencies)
            content = b"".join(decoded_document(entity.headers, entity.body, leniencies))
            if kind.media_type.startswith("message/") and self.fields is None:
                if kind.media_type != NOTIFICATION:
                    leniencies.add(Leniency.RECEIPT_TYPE_UNUSUAL)
                self.fields = _read_fields(content, limits, leniencies)
            elif kind.media_type.startswith("text/") and not self.text:
                self.text = _shown_text(content, kind.parameter("charset"))
        if self.fields is None:
            raise MalformedReceipt("a receipt without its machine-readable part")

    def field(self, name: str) -> str | None:
        return next((value for key, value in self.fields or () if key == name), None)

    def all(self, *names: str) -> tuple[str, ...]:
        return tuple(clean_text(value, MAX_FIELD) for key, value in self.fields or () if key in names and value)


def _shown_text(content: bytes, charset: str | None) -> str:
    try:
        text = content.decode(charset or "utf-8")
    except (LookupError, ValueError):
        text = content.decode("latin-1")
    lines = (clean_text(line, MAX_FIELD) for line in text[: 4 * MAX_TEXT].splitlines()[:200])
    return "\n".join(lines).strip()[:MAX_TEXT]


def _read_fields(content: bytes, limits: Limits, leniencies: set[Leniency]) -> list[tuple[str, str]]:
    """Names in lower case. Blank lines between groups and lines that are no field are passed over."""
    fields: list[tuple[str, str]] = []
    unfolded = re.sub(rb"\r?\n[ \t]+", b" ", content.strip())
    for line in unfolded.splitlines()[: limits.mime.max_headers]:
        if not line.strip():
            continue
        try:
            (name, value), *_ = Headers.parse(line, limits=limits.mime).items
        except PeerFault:
            leniencies.add(Leniency.RECEIPT_FIELD_MALFORMED)
            continue
        fields.append((name.lower(), value))
    return fields


def _opened(
    head: MessageHead,
    report: _Report,
    *,
    leniencies: set[Leniency],
    signed: cms.Signed | None,
    embedded: tuple[bytes, ...],
) -> OpenedReceipt:
    problems = {name: report.field(name) or "" for name in ("error", "failure", "warning")}
    disposition = parse_disposition(report.field("disposition") or "", fields=problems, leniencies=leniencies)
    if disposition is None:
        raise MalformedReceipt("a receipt without a disposition that can be understood")
    mic_text = report.field("received-content-mic") or ""
    return OpenedReceipt(
        head=head,
        disposition=disposition,
        original_message_id=_original(report.field("original-message-id"), leniencies),
        final_recipient=clean_text((report.field("final-recipient") or "").partition(";")[2], 256),
        mic=MIC.parse(mic_text) if mic_text else None,
        mic_text=clean_text(mic_text, 256),
        text=decode_words(report.text),
        details=report.all("error", "failure", "warning"),
        reporting_ua=clean_text(report.field("reporting-ua") or "", 256),
        signed=signed is not None,
        signers=signed.signers if signed is not None else (),
        embedded=embedded,
        leniencies=frozenset(leniencies),
    )


def _original(value: str | None, leniencies: set[Leniency]) -> str | None:
    try:
        found = parse_message_id(value or "")
    except InvalidMessageID:
        leniencies.add(Leniency.ORIGINAL_MESSAGE_ID_MISSING)
        return None
    if found == (value or "").strip():
        leniencies.add(Leniency.MESSAGE_ID_WITHOUT_BRACKETS)
    return found
