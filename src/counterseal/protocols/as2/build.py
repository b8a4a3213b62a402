"""Writing messages: document, compression, signature, encryption, HTTP headers; in one stream (RFC 4130 4 to 7, RFC 5402).

document -> [compress] -> [sign] -> [compress] -> [encrypt] -> HTTP
         ^ MIC: compressed or encrypted, unsigned (with headers)
^ MIC: neither (content alone)  ^ MIC: signed (what is signed)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from counterseal.kernel.keys import Digest
from counterseal.kernel.mime import Chunk, Chunks, ContentType, Headers, TransferEncoding, base64_size, encode_transfer
from counterseal.protocols import cms
from counterseal.protocols.as2.disposition import Profile
from counterseal.protocols.as2.errors import IllegalEnvelope
from counterseal.protocols.as2.mic import MIC, Digests, format_micalg
from counterseal.protocols.as2.names import format_as2_name, format_message_id
from counterseal.protocols.as2.parts import Entity
from counterseal.protocols.as2.writing import VERSIONS, Entropy, encode_words, features_value, format_date
from counterseal.protocols.as2.writing import multipart_signed as write_multipart_signed

_SETTLE_BYTES: Final = 256 * 1024
"""Content up to this size is gathered before it is encrypted, so that its length is known and the CMS is DER."""


class Compression(StrEnum):
    NONE = "none"
    BEFORE_SIGNING = "before-signing"
    AFTER_SIGNING = "after-signing"
    """Without a signature the same as before it."""


class ReceiptMode(StrEnum):
    SYNC = "sync"
    ASYNC = "async"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedReceipt:
    """The receipt to ask for. Raises ``IllegalEnvelope`` where its parts contradict each other."""

    mode: ReceiptMode
    signed: bool
    micalgs: tuple[Digest, ...]
    """Most wanted first; the digest of the signature should stand first, so that both rules for the MIC agree (BIS-15)."""
    url: str | None
    """Where an asynchronous one is to be posted."""
    to: str
    """Disposition-Notification-To: an address that nobody uses, and that must be there (RFC 4130 7.3)."""

    def __post_init__(self) -> None:
        if (self.mode is ReceiptMode.ASYNC) != (self.url is not None):
            raise IllegalEnvelope("an asynchronous receipt needs a URL, a synchronous one must not have any")
        if self.signed and not self.micalgs:
            raise IllegalEnvelope("a signed receipt needs at least one MIC algorithm")
        if Digest.MD5 in self.micalgs:
            raise IllegalEnvelope("MD5 is never asked for")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who sends what to whom: the AS2 headers. Nothing about keys."""

    as2_from: str
    as2_to: str
    message_id: str
    """Without brackets."""
    date: datetime
    subject: str
    receipt: WantedReceipt | None
    profile: Profile
    features: tuple[str, ...]
    """EDIINT-Features: ``CEM``, ``multiple-attachments`` ...; on every message (RFC 6017, as2-peers P-16)."""
    product: str
    """AS2-Product (BIS-2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """What is done to the document on its way. ``None`` means: not signed, not encrypted."""

    sign: cms.SigningPlan | None
    encrypt: cms.EncryptionPlan | None
    compress: Compression
    compression_level: int = 6
    transfer_encoding: TransferEncoding = TransferEncoding.BINARY
    """Of the compressed and encrypted bodies: ``BINARY`` or ``BASE64``. That of the document is the ``Entity``'s."""
    preamble: bool = True
    """A line in front of the first boundary (as2-peers P-3)."""
    bare_document: bool = False
    """Encrypted only: the document without its MIME header inside (as2-peers P-5)."""

    def __post_init__(self) -> None:
        if self.transfer_encoding not in (TransferEncoding.BINARY, TransferEncoding.BASE64):
            raise IllegalEnvelope("CMS bodies are written in binary or base64")
        if self.bare_document and (self.sign or self.compress is not Compression.NONE or not self.encrypt):
            raise IllegalEnvelope("a bare document is encrypted only: neither signed nor compressed")


@dataclass(slots=True, kw_only=True)
class BuiltMessage:
    """A message on its way out: ``headers`` at once, ``chunks()`` once, the MICs when they are exhausted."""

    headers: tuple[tuple[str, str], ...]
    """For HTTP, in order; Content-Length is the poster's."""
    _body: Iterator[Chunk]
    _digests: Digests
    _primary: Digest
    _uncompressed: Digests | None = None
    _state: str = field(default="fresh")

    def chunks(self) -> Iterator[Chunk]:
        """The body; each chunk is valid until the next one is asked for. Raises ``IllegalEnvelope`` the second time."""
        if self._state != "fresh":
            raise IllegalEnvelope("a built message is read once")
        self._state = "reading"
        yield from self._body
        self._state = "read"

    @property
    def mics(self) -> Mapping[Digest, bytes]:
        """The MIC in every digest that the receipt may use."""
        if self._state != "read":
            raise IllegalEnvelope("the MIC is known when the whole message was read")
        return self._digests.values()

    @property
    def uncompressed_mics(self) -> Mapping[Digest, bytes]:
        """Those of the part before it was compressed and signed; empty where it was not both. Interop: as2-lib answers them."""
        if self._state != "read":
            raise IllegalEnvelope("the MIC is known when the whole message was read")
        return self._uncompressed.values() if self._uncompressed else {}

    @property
    def mic(self) -> MIC:
        """In the digest most wanted."""
        return MIC(digest=self._primary, octets=self.mics[self._primary])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """The message so far: an entity, its body already in its transfer encoding."""

    headers: tuple[tuple[str, str], ...]
    body: Iterator[Chunk]
    size: int | None


def build_message(entity: Entity, *, envelope: Envelope, protection: Protection, entropy: Entropy) -> BuiltMessage:
    """The message, ready to stream. Raises ``IllegalEnvelope`` (names, headers, or an algorithm that the profile forbids)."""
    _check_profile(envelope, protection)
    wanted = envelope.receipt.micalgs if envelope.receipt else ()
    signing = (protection.sign.digest,) if protection.sign else ()
    algorithms = tuple(dict.fromkeys((*wanted, *signing, *_unasked(envelope)))) or (Digest.SHA256,)
    digests = Digests(algorithms)
    layered = protection.sign or protection.encrypt or protection.compress is not Compression.NONE
    stage = _document(entity, None if layered else digests)
    if not layered:
        return _finished(stage, envelope, digests, algorithms[0])
    if protection.bare_document:
        stage = _Stage(headers=(), body=stage.body, size=stage.size)
    whole, size = _serialised(stage, bare=protection.bare_document)
    inner = None
    if protection.sign is None:
        whole = _tapped(whole, digests)
    elif protection.compress is Compression.BEFORE_SIGNING:
        inner = Digests(algorithms)
        whole = _tapped(whole, inner)
    if protection.compress is Compression.BEFORE_SIGNING or (
        protection.compress is not Compression.NONE and not protection.sign
    ):
        stage = _compressed(whole, protection)
        whole, size = _serialised(stage, bare=False)
    if protection.sign is not None:
        stage = _signed(_tapped(whole, digests), protection.sign, digests, protection=protection, entropy=entropy)
        whole, size = _serialised(stage, bare=False)
        if protection.compress is Compression.AFTER_SIGNING:
            stage = _compressed(whole, protection)
            whole, size = _serialised(stage, bare=False)
    if protection.encrypt is not None:
        stage = _encrypted(whole, size, protection.encrypt, protection=protection, entropy=entropy)
    return replace(_finished(stage, envelope, digests, algorithms[0]), _uncompressed=inner)


def _unasked(envelope: Envelope) -> tuple[Digest, ...]:
    """An unsigned receipt is asked for without algorithms; RFC 4130 7.3.1 means SHA-1 then. Interop: as2-lib answers so."""
    unsigned = envelope.receipt is not None and not envelope.receipt.signed
    return (Digest.SHA1,) if unsigned and envelope.profile is Profile.RFC4130 else ()


def _check_profile(envelope: Envelope, protection: Protection) -> None:
    """BIS-3: what AS2-Version 1.3 never produces."""
    if envelope.profile is not Profile.MODERN:
        return
    if protection.sign and protection.sign.digest in (Digest.SHA1, Digest.MD5):
        raise IllegalEnvelope("the modern profile never signs with SHA-1 (as2-bis.md BIS-3)")
    if protection.encrypt and protection.encrypt.cipher is cms.ContentCipher.TRIPLE_DES_CBC:
        raise IllegalEnvelope("the modern profile never encrypts with 3DES (as2-bis.md BIS-3)")
    if envelope.receipt and Digest.SHA1 in envelope.receipt.micalgs:
        raise IllegalEnvelope("the modern profile never asks for a SHA-1 MIC (as2-bis.md BIS-3)")


def _document(entity: Entity, digests: Digests | None) -> _Stage:
    content = iter(entity.body) if digests is None else _tapped(entity.body, digests)
    encoding = entity.transfer_encoding
    if encoding is None:
        return _Stage(headers=entity.headers, body=content, size=entity.size)
    headers = (*entity.headers, ("Content-Transfer-Encoding", encoding.value))
    return _Stage(headers=headers, body=encode_transfer(content, encoding), size=_encoded_size(entity.size, encoding))


def _encoded_size(size: int | None, encoding: TransferEncoding) -> int | None:
    if size is None or encoding.is_identity:
        return size
    return base64_size(size) if encoding is TransferEncoding.BASE64 else None


def _serialised(stage: _Stage, *, bare: bool) -> tuple[Iterator[Chunk], int | None]:
    """The stage as the octets that the next layer takes."""
    if bare:
        return stage.body, stage.size
    block = Headers.of(stage.headers).encode()
    return _chained(block, stage.body), None if stage.size is None else len(block) + stage.size


def _chained(first: bytes, rest: Iterator[Chunk]) -> Iterator[Chunk]:
    yield first
    yield from rest


def _tapped(chunks: Chunks, digests: Digests) -> Iterator[Chunk]:
    for chunk in chunks:
        digests.update(chunk)
        yield chunk


def _cms_stage(content_type: ContentType, file_name: str, body: Iterator[Chunk], encoding: TransferEncoding) -> _Stage:
    return _Stage(
        headers=(
            ("Content-Type", content_type.format()),
            ("Content-Transfer-Encoding", encoding.value),
            ("Content-Disposition", f"attachment; filename={file_name}"),
        ),
        body=encode_transfer(body, encoding),
        size=None,
    )


def _compressed(whole: Iterator[Chunk], protection: Protection) -> _Stage:
    content_type = ContentType(
        "application/pkcs7-mime", (("smime-type", "compressed-data"), ("name", "smime.p7z"))
    )  # RFC 5402 2
    body = cms.compress(whole, level=protection.compression_level)
    return _cms_stage(content_type, "smime.p7z", body, protection.transfer_encoding)


def _signed(
    whole: Iterator[Chunk], plan: cms.SigningPlan, digests: Digests, *, protection: Protection, entropy: Entropy
) -> _Stage:
    content_type, body = write_multipart_signed(
        whole,
        signature=lambda: cms.sign_detached(digests.values()[plan.digest], plan),
        micalg=format_micalg(plan.digest),
        preamble=protection.preamble,
        entropy=entropy,
    )
    return _Stage(headers=(("Content-Type", content_type),), body=body, size=None)


def _encrypted(
    whole: Iterator[Chunk], size: int | None, plan: cms.EncryptionPlan, *, protection: Protection, entropy: Entropy
) -> _Stage:
    kind = "authEnveloped-data" if plan.authenticated else "enveloped-data"  # RFC 8551 3.2.2
    content_type = ContentType("application/pkcs7-mime", (("smime-type", kind), ("name", "smime.p7m")))

    def body() -> Iterator[Chunk]:
        content, length = (whole, size) if size is not None else _settled(whole)
        yield from cms.encrypt(content, plan, entropy=entropy, size=length)

    return _cms_stage(content_type, "smime.p7m", body(), protection.transfer_encoding)


def _settled(chunks: Iterator[Chunk]) -> tuple[Chunks, int | None]:
    """Small content in one piece with its size; larger content as it comes, without one."""
    gathered = bytearray()
    for chunk in chunks:
        gathered += chunk
        if len(gathered) > _SETTLE_BYTES:
            return _chained(bytes(gathered), chunks), None
    return (bytes(gathered),), len(gathered)


def _finished(stage: _Stage, envelope: Envelope, digests: Digests, primary: Digest) -> BuiltMessage:
    headers = Headers.of((*as2_headers(envelope), *_receipt_headers(envelope.receipt), *stage.headers))
    return BuiltMessage(headers=headers.items, _body=stage.body, _digests=digests, _primary=primary)


def as2_headers(envelope: Envelope) -> Sequence[tuple[str, str]]:
    headers = [
        ("AS2-Version", VERSIONS[envelope.profile]),
        ("AS2-From", format_as2_name(envelope.as2_from)),
        ("AS2-To", format_as2_name(envelope.as2_to)),
        ("Message-ID", format_message_id(envelope.message_id)),
        ("Date", format_date(envelope.date)),
        ("Subject", encode_words(envelope.subject)),
        ("MIME-Version", "1.0"),
    ]
    if envelope.features:
        headers.append(("EDIINT-Features", features_value(envelope.features)))
    if envelope.product:
        headers.append(("AS2-Product", envelope.product))
    elif envelope.profile is Profile.MODERN:
        raise IllegalEnvelope("the modern profile names its product (as2-bis.md BIS-2)")
    return headers


def _receipt_headers(receipt: WantedReceipt | None) -> Sequence[tuple[str, str]]:
    if receipt is None:
        return ()
    headers = [("Disposition-Notification-To", receipt.to)]
    if receipt.signed:
        micalgs = ", ".join(format_micalg(digest) for digest in receipt.micalgs)
        options = f"signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, {micalgs}"
        headers.append(("Disposition-Notification-Options", options))
    if receipt.url is not None:
        headers.append(("Receipt-Delivery-Option", receipt.url))
    return headers
