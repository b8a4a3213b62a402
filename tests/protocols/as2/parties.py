"""Two partners with keys, and short ways to build and open messages between them."""

import functools
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from counterseal.adapters.vault.keys import VaultDecrypter, VaultSigner, rejection_secret
from counterseal.kernel.keys import Digest, KeyTransport, SignatureScheme
from counterseal.kernel.mime import Chunk
from counterseal.kernel.x509 import Certificate
from counterseal.protocols import as2, cms
from tests.builders import Minted, ec_key, mint, rsa_key

NOW = datetime(2026, 3, 1, 8, 15, tzinfo=UTC)
ORDERS = (
    b"UNA:+.? 'UNB+UNOA:1+ALPHA+BRAVO+260301:0815+1'UNH+1+ORDERS:D:96A:UN'\r\nBGM+220+4711+9'\r\nUNT+3+1'UNZ+1+1'\r\n"
)
BINARY = bytes(range(256)) + b"\n lone \n LF \r\n--x\r\n" + ORDERS


@functools.cache
def alpha() -> Minted:
    return mint("Alpha Arrows", key=rsa_key(0))


@functools.cache
def bravo() -> Minted:
    return mint("Bravo Bows", key=rsa_key(1))


@functools.cache
def alpha_ec() -> Minted:
    return mint("Alpha EC", key=ec_key(0))


@functools.cache
def bravo_ec() -> Minted:
    return mint("Bravo EC", key=ec_key(1))


def decrypter(owner: Minted) -> VaultDecrypter:
    return VaultDecrypter(owner.der, owner.key, rejection_secret(owner.key))


def signing(
    owner: Minted | None = None,
    *,
    digest: Digest = Digest.SHA256,
    scheme: SignatureScheme = SignatureScheme.RSA_PKCS1,
    certificates: tuple[bytes, ...] | None = None,
) -> cms.SigningPlan:
    who = owner or (alpha_ec() if scheme is SignatureScheme.ECDSA else alpha())
    return cms.SigningPlan(
        signer=VaultSigner(who.der, who.key),
        digest=digest,
        scheme=scheme,
        certificates=(who.der,) if certificates is None else certificates,
        signing_time=NOW,
        allow_sha1=True,
    )


def encryption(
    *recipients: Minted,
    cipher: cms.ContentCipher = cms.ContentCipher.AES_256_CBC,
    transport: KeyTransport = KeyTransport.RSA_PKCS1,
    authenticated: bool = False,
) -> cms.EncryptionPlan:
    default = bravo_ec() if transport is KeyTransport.ECDH else bravo()
    return cms.EncryptionPlan(
        recipients=tuple(r.certificate for r in recipients or (default,)),
        transport=transport,
        cipher=cipher,
        authenticated=authenticated,
        allow_legacy=True,
    )


_counter = itertools.count(1)


def entropy(count: int) -> bytes:
    """Not random, and never the same twice."""
    number = next(_counter)
    return (number.to_bytes(8, "big") * (count // 8 + 1))[:count]


def wanted(**changes: Any) -> as2.WantedReceipt:
    made = as2.WantedReceipt(
        mode=as2.ReceiptMode.SYNC, signed=True, micalgs=(Digest.SHA256,), url=None, to="edi@alpha.example"
    )
    return replace(made, **changes)


def envelope(**changes: Any) -> as2.Envelope:
    made = as2.Envelope(
        as2_from="ALPHA",
        as2_to="Bravo Bows",
        message_id="0001.4711@alpha.example",
        date=NOW,
        subject="Orders",
        receipt=wanted(),
        profile=as2.Profile.RFC4130,
        features=("CEM", "multiple-attachments"),
        product="counterseal:0.1.0",
    )
    return replace(made, **changes)


def protection(**changes: Any) -> as2.Protection:
    return replace(as2.Protection(sign=None, encrypt=None, compress=as2.Compression.NONE), **changes)


def document(content: bytes = ORDERS, **changes: Any) -> as2.Entity:
    options: dict[str, Any] = {"content_type": "application/edifact", "file_name": "orders.edi", "size": len(content)}
    return as2.document_entity((content,), **(options | changes))


@dataclass(slots=True)
class OnWire:
    """A message as the receiver gets it."""

    headers: tuple[tuple[str, str], ...]
    body: bytes
    mics: dict[Digest, bytes] = field(default_factory=dict)

    def with_header(self, name: str, value: str | None) -> "OnWire":
        """Replaced in place, dropped (``None``) or added."""
        kept = [(n, value if n.lower() == name.lower() and value is not None else v) for n, v in self.headers]
        if value is None:
            kept = [(n, v) for n, v in kept if n.lower() != name.lower()]
        elif all(n.lower() != name.lower() for n, _ in kept):
            kept.append((name, value))
        return OnWire(tuple(kept), self.body, self.mics)

    def with_body(self, body: bytes) -> "OnWire":
        return OnWire(self.headers, body, self.mics)

    def replaced(self, old: bytes, new: bytes) -> "OnWire":
        assert old in self.body
        return self.with_body(self.body.replace(old, new))

    def header(self, name: str) -> str:
        return next(v for n, v in self.headers if n.lower() == name.lower())

    @property
    def boundary(self) -> str:
        return self.header("Content-Type").rpartition("boundary=")[2].strip('"')


def built(entity: as2.Entity | None = None, *, envelope_: as2.Envelope | None = None, **protected: Any) -> OnWire:
    message = as2.build_message(
        entity or document(), envelope=envelope_ or envelope(), protection=protection(**protected), entropy=entropy
    )
    body = b"".join(bytes(chunk) for chunk in message.chunks())
    return OnWire(message.headers, body, dict(message.mics))


class Parts:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.heads: list[as2.PartHead] = []
        self.contents: list[bytes] = []
        self.ended = 0

    def begin(self, part: as2.PartHead) -> None:
        self.heads.append(part)
        self.contents.append(b"")

    def write(self, chunk: Chunk) -> None:
        self.contents[-1] += bytes(chunk)

    def end(self) -> None:
        self.ended += 1


@dataclass(slots=True)
class Result:
    message: as2.OpenedMessage
    parts: Parts

    @property
    def content(self) -> bytes:
        assert len(self.parts.contents) == 1
        return self.parts.contents[0]

    @property
    def leniencies(self) -> frozenset[as2.Leniency]:
        return self.message.progress.leniencies


def open_(
    wire: OnWire,
    *,
    chunks: Iterable[bytes] | None = None,
    keys: Sequence[Minted] | None = None,
    signers: Sequence[Certificate] | None = None,
    headerless: bool = True,
    limits: as2.Limits = as2.DEFAULT_LIMITS,
    also_digest: frozenset[Digest] = frozenset(),
) -> Result:
    parts = Parts()
    candidates = [alpha().certificate, alpha_ec().certificate] if signers is None else signers
    message = as2.open_message(
        as2.MessageHead.parse(wire.headers),
        (wire.body,) if chunks is None else chunks,
        keys=[decrypter(owner) for owner in ([bravo(), bravo_ec()] if keys is None else keys)],
        signers=candidates,
        sink=parts,
        limits=limits,
        strictness=as2.Strictness(headerless_documents=headerless),
        also_digest=also_digest,
    )
    assert parts.ended == len(parts.heads) == len(message.parts)
    return Result(message, parts)


def in_pieces(whole: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    return [whole[a:b] for a, b in itertools.pairwise(places)]
