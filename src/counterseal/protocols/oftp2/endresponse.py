"""EERP and NERP: what they echo, what is signed, and what a received one proves (RFC 5024 §4.3.6, §4.3.7, §5.3.13, §5.3.14).

Signed are, each with its padding: DSN DATE TIME DEST ORIG HSH, for a NERP with CREA before HSH. USER, the NERP's reason and
its text are *not* signed.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from counterseal.kernel.keys import Digest, Signer
from counterseal.kernel.x509 import Certificate
from counterseal.protocols import cms
from counterseal.protocols.oftp2.codec import BY_TYPE
from counterseal.protocols.oftp2.commands import EERP, NERP, SFID, Receipt
from counterseal.protocols.oftp2.errors import (
    InvalidValue,
    ReceiptMismatch,
    ReceiptSignatureInvalid,
    ReceiptUnsigned,
)
from counterseal.protocols.oftp2.formats import build_field, clip_text
from counterseal.protocols.oftp2.reasons import NERPReason
from counterseal.protocols.oftp2.security import signing_plan
from counterseal.protocols.oftp2.suites import Suite

SIGNED_FIELDS: Final[dict[type[Receipt], tuple[str, ...]]] = {
    EERP: ("EERPDSN", "EERPDATE", "EERPTIME", "EERPDEST", "EERPORIG", "EERPHSH"),
    NERP: ("NERPDSN", "NERPDATE", "NERPTIME", "NERPDEST", "NERPORIG", "NERPCREA", "NERPHSH"),
}
"""§5.3.13 and §5.3.14, in the order that is signed."""

_HASHES: Final = {Digest.SHA1: "sha1", Digest.SHA256: "sha256", Digest.SHA384: "sha384", Digest.SHA512: "sha512"}


class Hash(Protocol):
    """A running digest."""

    def update(self, octets: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


def file_hash(suite: Suite) -> Hash:
    """A fresh hash for the file as transmitted: after CMS, before buffer compression and subrecord headers (§5.3.13)."""
    return hashlib.new(_HASHES[suite.digest], usedforsecurity=True)


def build_eerp(sfid: SFID) -> EERP:
    """The unsigned EERP of a delivered file: names and stamps are echoed, destination and originator change places."""
    return EERP(dsn=sfid.dsn, date=sfid.date, time=sfid.time, user=sfid.user, dest=sfid.orig, orig=sfid.dest)


def build_nerp(sfid: SFID, *, creator: str, reason: NERPReason, text: str) -> NERP:
    """The unsigned NERP of a file that cannot be delivered or used; ``text`` is cut at 999 octets."""
    return NERP(
        dsn=sfid.dsn,
        date=sfid.date,
        time=sfid.time,
        dest=sfid.orig,
        orig=sfid.dest,
        crea=creator,
        reas=reason.value,
        reast=clip_text(text),
    )


def signed_octets(receipt: Receipt) -> bytes:
    """What is signed: 94 octets (EERP) or 119 (NERP), and the hash."""
    fields = {field.name: field for field in BY_TYPE[type(receipt)].fields}
    return b"".join(
        build_field(fields[name], getattr(receipt, fields[name].attribute)) for name in SIGNED_FIELDS[type(receipt)]
    )


def sign_receipt(
    receipt: Receipt, *, file_digest: bytes, suite: Suite, signer: Signer, embed_certificate: bool, at: datetime | None
) -> Receipt:
    """The receipt with the hash of the transmitted file and an attached signature over its fields."""
    if len(file_digest) != len(file_hash(suite).digest()):
        raise InvalidValue(f"the hash does not fit suite {suite.code}")
    hashed = replace(receipt, hsh=file_digest)
    content = signed_octets(hashed)
    plan = signing_plan(suite, signer, embed_certificate=embed_certificate, at=at)
    signature = b"".join(bytes(chunk) for chunk in cms.sign_attached((content,), plan, size=len(content)))
    return replace(hashed, sig=signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptProof:
    """What a signed receipt proved. ``detached`` marks the non-conforming form of some stacks (spec C 27)."""

    signed: cms.Signed
    detached: bool


def names(receipt: Receipt, sfid: SFID) -> bool:
    """True when the receipt is one for this file: same name and stamps, destination and originator exchanged."""
    return (receipt.dsn, receipt.date, receipt.time, receipt.dest, receipt.orig) == (
        sfid.dsn,
        sfid.date,
        sfid.time,
        sfid.orig,
        sfid.dest,
    )


def verify_receipt(
    receipt: Receipt, sfid: SFID, *, file_digest: bytes, candidates: Sequence[Certificate], limits: cms.Limits
) -> ReceiptProof:
    """What a signed receipt proves about the file that we sent (§3.3.5 note 4).

    Raises ``ReceiptMismatch`` (another file, another hash, other signed octets), ``ReceiptUnsigned``,
    ``ReceiptSignatureInvalid``.
    """
    if not names(receipt, sfid):
        raise ReceiptMismatch("the receipt names another file")
    if not receipt.sig:
        raise ReceiptUnsigned("a signed receipt was asked for; this one has no signature")
    if not hmac.compare_digest(receipt.hsh, file_digest):
        raise ReceiptMismatch("the receipt holds the hash of another content than was sent")
    expected = signed_octets(receipt)
    try:
        stream = cms.open_signed((receipt.sig,), limits=limits)
        if stream.detached:
            return ReceiptProof(signed=_verify_detached(receipt.sig, expected, candidates, limits), detached=True)
        content = b"".join(bytes(chunk) for chunk in stream.chunks())
        signed = stream.verify(candidates)
    except cms.CMSFault as fault:
        raise ReceiptSignatureInvalid(f"the signature of the receipt does not hold: {fault.detail}") from fault
    if not hmac.compare_digest(content, expected):
        raise ReceiptMismatch("the signed octets are not the fields of the receipt")
    return ReceiptProof(signed=signed, detached=False)


def _verify_detached(
    signature: bytes, content: bytes, candidates: Sequence[Certificate], limits: cms.Limits
) -> cms.Signed:
    digests = {
        digest: hashlib.new(_HASHES[digest], content).digest()
        for digest in cms.signature_digests(signature, limits=limits)
        if digest in _HASHES
    }
    return cms.verify_detached(signature, digests, candidates=candidates, limits=limits)
