"""Files into CMS and back in the order of RFC 5024 §6.1: record lengths, sign, compress, encrypt; on receipt reversed.

Everything streams: chunks in, chunks out, no layer is ever held. What comes out of ``OpenedFile.chunks`` is worth nothing
before ``finish`` returned. The hash that receipts carry is taken by the caller over what ``secure_file`` gives, respectively
over what the session delivers: the file as transmitted (§5.3.13).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Final

from counterseal.kernel.keys import Decrypter, Signer
from counterseal.kernel.x509 import Certificate
from counterseal.protocols import cms
from counterseal.protocols.cms import Chunk, Chunks, CMSFault, ContentKind
from counterseal.protocols.oftp2.commands import SFID
from counterseal.protocols.oftp2.errors import (
    DecompressionFailed,
    DecryptionFailed,
    FileFault,
    FileTooBig,
    InvalidValue,
    SignatureInvalid,
)
from counterseal.protocols.oftp2.reasons import FileReason
from counterseal.protocols.oftp2.suites import Suite
from counterseal.protocols.oftp2.transfer import NO_SUITE

ENCRYPTED: Final = frozenset({"01", "03"})  # SFIDSEC
SIGNED: Final = frozenset({"02", "03"})
ENVELOPES: Final = (ContentKind.ENVELOPED, ContentKind.AUTH_ENVELOPED)
DECRYPTION_TEXT: Final = "the file could not be decrypted"  # one text for every cause
_HEAD_OCTETS: Final = 32  # what content_kind needs


class Need(StrEnum):
    """What an agreement says about one protection of a file."""

    REQUIRED = "required"
    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What the receiving side asks of a file's SFID."""

    signature: Need
    encryption: Need
    compression: Need
    suites: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A file that the requirements refuse: the SFNA reason and its text."""

    reason: FileReason
    text: str


def decide_requirements(sfid: SFID, requirements: Requirements) -> Refusal | None:
    """The first requirement that an SFID breaks, with its SFNA reason 15 to 20 (§5.3.5); ``None``: it breaks none."""
    encrypted, signed, compressed = sfid.sec in ENCRYPTED, sfid.sec in SIGNED, sfid.comp == "1"
    unknown = sfid.ciph not in requirements.suites and (sfid.ciph != NO_SUITE or sfid.sec != "00" or sfid.sign)
    r, n = requirements, Need
    checks = (
        (unknown, FileReason.CIPHER_SUITE_NOT_SUPPORTED, f"cipher suite {sfid.ciph} is not supported"),
        (encrypted and r.encryption is n.FORBIDDEN, FileReason.ENCRYPTED_NOT_ALLOWED, "encryption is not agreed"),
        (not encrypted and r.encryption is n.REQUIRED, FileReason.UNENCRYPTED_NOT_ALLOWED, "encryption is required"),
        (compressed and r.compression is n.FORBIDDEN, FileReason.COMPRESSION_NOT_ALLOWED, "compression is not agreed"),
        (signed and r.signature is n.FORBIDDEN, FileReason.SIGNED_NOT_ALLOWED, "signing is not agreed"),
        (not signed and r.signature is n.REQUIRED, FileReason.UNSIGNED_NOT_ALLOWED, "a signature is required"),
    )
    return next((Refusal(reason=reason, text=text) for broken, reason, text in checks if broken), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlan:
    """How a file is secured. Without any of the three services there is no envelope either."""

    suite: Suite
    signer: Signer | None
    embed_certificate: bool
    """§6.2 recommends not to."""
    signing_time: datetime | None
    compression_level: int | None
    recipient: Certificate | None

    @property
    def sec(self) -> str:
        """SFIDSEC."""
        return f"0{(self.recipient is not None) + 2 * (self.signer is not None)}"

    @property
    def comp(self) -> str:
        """SFIDCOMP."""
        return "0" if self.compression_level is None else "1"

    @property
    def env(self) -> str:
        """SFIDENV."""
        return "1" if self.sec != "00" or self.comp == "1" else "0"

    @property
    def ciph(self) -> str:
        """SFIDCIPH: also set on unsecured files, where it names the hash of a signed receipt."""
        return self.suite.code


def signing_plan(suite: Suite, signer: Signer, *, embed_certificate: bool, at: datetime | None) -> cms.SigningPlan:
    """The CMS plan that a suite means; SHA-1 is allowed where the suite says so."""
    return cms.SigningPlan(
        signer=signer,
        digest=suite.digest,
        scheme=suite.scheme,
        certificates=(signer.certificate_der,) if embed_certificate else (),
        signing_time=at,
        allow_sha1=suite.legacy,
    )


def encryption_plan(suite: Suite, recipient: Certificate) -> cms.EncryptionPlan:
    """The CMS plan that a suite means; 3DES is allowed where the suite says so."""
    return cms.EncryptionPlan(
        recipients=(recipient,),
        transport=suite.transport,
        cipher=suite.cipher,
        authenticated=False,
        allow_legacy=suite.legacy,
    )


def secure_file(
    content: Chunks, plan: FilePlan, *, entropy: Callable[[int], bytes], size: int | None
) -> Iterator[Chunk]:
    """The file as it is transmitted. ``content`` of a V file already has its record lengths (``records``).

    ``size`` is the content's exact length when known: it makes the outer lengths definite where nothing is compressed.
    """
    stream: Chunks = content
    if plan.signer is not None:
        signing = signing_plan(plan.suite, plan.signer, embed_certificate=plan.embed_certificate, at=plan.signing_time)
        stream = cms.sign_attached(stream, signing, size=size)
        size = None if size is None else cms.signed_size(size, signing)
    if plan.compression_level is not None:
        stream = cms.compress(stream, level=plan.compression_level)
        size = None
    if plan.recipient is not None:
        stream = cms.encrypt(stream, encryption_plan(plan.suite, plan.recipient), entropy=entropy, size=size)
    return iter(stream)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEvidence:
    """What opening a file proved."""

    signed: cms.Signed | None
    """``None`` when SFIDSEC announces no signature."""
    key: Decrypter | None
    """Our key that opened it; ``None`` when it was not encrypted."""
    content_kind: ContentKind
    """What the content itself looks like: another CMS layer than the SFID announces is worth a finding (OFTP-41)."""
    octets: int


class OpenedFile:
    """A received file being opened: first ``chunks()`` to its end, then ``finish()``.

    With ``mask_inner_failures`` everything found wrong inside an encrypted file is told like a failed decryption: told
    apart, it lets a sender probe ciphertexts of others (CBC padding). Without, the peer learns 21, 22 or 23 truthfully.
    """

    __slots__ = ("_candidates", "_head", "_key", "_limit", "_masked", "_octets", "_signed", "_stream")

    def __init__(
        self,
        source: Chunks,
        sfid: SFID,
        *,
        keys: Sequence[Decrypter],
        candidates: Sequence[Certificate],
        limits: cms.Limits,
        octet_limit: int,
        mask_inner_failures: bool,
    ) -> None:
        if not sfid.secured:
            raise InvalidValue("the file is not secured; there is nothing to open")
        self._candidates = candidates
        self._limit = octet_limit
        self._key: Decrypter | None = None
        self._signed: cms.SignedStream | None = None
        self._masked = mask_inner_failures and sfid.sec in ENCRYPTED
        self._head = b""
        self._octets = 0
        self._stream = self._open(source, sfid, keys, limits)

    def _open(self, source: Chunks, sfid: SFID, keys: Sequence[Decrypter], limits: cms.Limits) -> Iterator[Chunk]:
        stream: Chunks = source
        if sfid.sec in ENCRYPTED:
            stream = _expect(stream, ENVELOPES, DecryptionFailed)
            with _told_as(DecryptionFailed):
                opened = cms.decrypt(stream, keys, limits=limits)
            self._key = opened.key
            self._masked = self._masked and not opened.authenticated
            stream = _layer(opened.chunks(), DecryptionFailed)
        if sfid.comp == "1":
            stream = _expect(stream, (ContentKind.COMPRESSED,), DecompressionFailed)
            stream = _layer(cms.decompress(stream, limits=limits), DecompressionFailed)
        if sfid.sec in SIGNED:
            stream = _expect(stream, (ContentKind.SIGNED,), SignatureInvalid)
            with _told_as(SignatureInvalid):
                self._signed = cms.open_signed(stream, limits=limits)
            if self._signed.detached:
                raise SignatureInvalid("the signature does not contain the file (§6.2)")
            stream = _layer(self._signed.chunks(), SignatureInvalid)
        yield from stream

    def chunks(self) -> Iterator[Chunk]:
        """The content, not yet to be trusted. Raises ``FileFault``s whose ``efna`` tells the peer."""
        while True:
            with self._mask():
                chunk = next(self._stream, None)
            if chunk is None:
                return
            if len(self._head) < _HEAD_OCTETS:
                self._head += bytes(chunk[:_HEAD_OCTETS])
            self._octets += len(chunk)
            if self._octets > self._limit:
                raise FileTooBig(f"the opened file is larger than the {self._limit} octets admitted")
            yield chunk

    def finish(self) -> FileEvidence:
        """What was proved; one valid signature of a known signer is enough (§6.2). Raises ``SignatureInvalid``."""
        signed: cms.Signed | None = None
        if self._signed is not None:
            with self._mask(), _told_as(SignatureInvalid):
                signed = self._signed.verify(self._candidates)
        return FileEvidence(
            signed=signed,
            key=self._key,
            content_kind=cms.content_kind(self._head[:_HEAD_OCTETS]),
            octets=self._octets,
        )

    @contextmanager
    def _mask(self) -> Iterator[None]:
        try:
            yield
        except FileFault as fault:
            if self._masked and not isinstance(fault, DecryptionFailed):
                raise DecryptionFailed(DECRYPTION_TEXT) from fault
            raise


@contextmanager
def _told_as(kind: type[FileFault]) -> Iterator[None]:
    """Turn a fault of one CMS layer into the fault that the peer is told."""
    try:
        yield
    except CMSFault as fault:
        raise kind(DECRYPTION_TEXT if kind is DecryptionFailed else fault.detail) from fault


def _layer(stream: Chunks, kind: type[FileFault]) -> Iterator[Chunk]:
    """The same chunks; faults of this layer are told as ``kind``, those of the layers around it stay what they are."""
    chunks = iter(stream)
    while True:
        with _told_as(kind):
            chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk


def _expect(stream: Chunks, kinds: tuple[ContentKind, ...], fault: type[FileFault]) -> Iterator[Chunk]:
    """The same stream, once its head is what the SFID announces (§5.3.3, OFTP-41)."""
    rest = iter(stream)
    head = b""
    while len(head) < _HEAD_OCTETS and (piece := next(rest, None)) is not None:
        head += bytes(piece)
    if cms.content_kind(head[:_HEAD_OCTETS]) not in kinds:
        if fault is DecryptionFailed:
            raise fault(DECRYPTION_TEXT)
        raise fault(f"the SFID announces a layer of kind {kinds[0].value}; it is not there (§5.3.3)")
    return chain((head,), rest)
