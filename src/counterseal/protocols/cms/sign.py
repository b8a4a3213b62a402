"""Writing SignedData (RFC 5652 section 5)."""

from collections.abc import Iterator
from typing import Final

from cryptography.hazmat.primitives import hashes

from counterseal.kernel.errors import CallerFault
from counterseal.kernel.keys import SignatureScheme
from counterseal.protocols.cms import algorithms, envelope, tlv
from counterseal.protocols.cms.identity import identity_of, public_key
from counterseal.protocols.cms.limits import Chunk, Chunks
from counterseal.protocols.cms.plans import SigningPlan
from counterseal.protocols.cms.segments import segmented
from counterseal.protocols.cms.signer_info import attributes_to_sign, build_signer_info, digest_of

HELD_BYTES: Final = 64 * 1024
"""Content up to here is held, so that even an EC-signed message of it gets definite lengths."""


class ContentSizeDiffers(CallerFault):
    """The content did not have the announced size; the message that was begun is of no use."""

    code = "cms.content-size-differs"


def sign_detached(content_digest: bytes, plan: SigningPlan) -> bytes:
    """A DER ContentInfo with a SignedData without content; ``content_digest`` is the plan's digest over the content."""
    if len(content_digest) != algorithms.HASHES[plan.digest].digest_size:
        raise CallerFault(f"expected a {plan.digest} digest, got {len(content_digest)} bytes")
    head = _head(plan) + tlv.sequence(tlv.oid(envelope.DATA))
    return envelope.seal_envelope(envelope.SIGNED_DATA, tlv.sequence(head, _tail(content_digest, plan)))


def sign_attached(content: Chunks, plan: SigningPlan, *, size: int | None) -> Iterator[Chunk]:
    """A ContentInfo with a SignedData around the content, in chunks.

    ``size`` is the exact length of the content: definite lengths (DER); ``None``: BER indefinite. Raises ``CallerFault``
    where the content turns out to have another length. An EC signature's length is not known beforehand: above 64 KiB
    of content its outer levels are indefinite all the same.
    """
    if size is None:
        return _indefinite(content, plan, None)
    total = _tail_size(plan)
    if total is not None:
        return _definite(content, plan, size, total)
    return _held(content, plan, size) if size <= HELD_BYTES else _indefinite(content, plan, size)


def signed_size(size: int, plan: SigningPlan) -> int | None:
    """How many octets ``sign_attached`` gives for content of ``size``; ``None`` where that cannot be said beforehand (EC)."""
    tail = _tail_size(plan)
    return None if tail is None else len(_definite_head(plan, size, tail)) + size + tail


def _head(plan: SigningPlan) -> bytes:
    """Version and digestAlgorithms. Version 1: the signer is named by issuer and serial (RFC 5652 5.1)."""
    return tlv.integer(1) + tlv.set_of(algorithms.digest_algorithm(plan.digest))


def _tail(content_digest: bytes, plan: SigningPlan) -> bytes:
    """Certificates and signerInfos."""
    attributes = attributes_to_sign(content_digest, plan, envelope.DATA)
    signature = plan.signer.sign_digest(digest_of(attributes, plan.digest), algorithm=plan.digest, scheme=plan.scheme)
    return _assemble_tail(attributes, signature, plan)


def _assemble_tail(attributes: bytes, signature: bytes, plan: SigningPlan) -> bytes:
    certificates = tlv.tlv(tlv.context(0), *sorted(plan.certificates)) if plan.certificates else b""
    return certificates + tlv.set_of(build_signer_info(attributes, signature, plan))


def _tail_size(plan: SigningPlan) -> int | None:
    """The length of the tail, which an RSA signature makes known beforehand: as long as the modulus."""
    if plan.scheme is SignatureScheme.ECDSA:
        return None
    key = public_key(identity_of(plan.signer.certificate_der).spki)
    attributes = attributes_to_sign(bytes(algorithms.HASHES[plan.digest].digest_size), plan, envelope.DATA)
    return len(_assemble_tail(attributes, bytes((key.key_size + 7) // 8), plan))


def _definite_head(plan: SigningPlan, size: int, tail: int) -> bytes:
    octets = tlv.header(tlv.OCTET_STRING, size)
    holder = tlv.header(tlv.context(0), len(octets) + size)
    kind = tlv.oid(envelope.DATA)
    inner = tlv.header(tlv.SEQUENCE, len(kind) + len(holder) + len(octets) + size) + kind + holder + octets
    front = _head(plan) + inner
    return envelope.definite_head(envelope.SIGNED_DATA, len(front) + size + tail) + front


def _definite(content: Chunks, plan: SigningPlan, size: int, tail: int) -> Iterator[Chunk]:
    yield _definite_head(plan, size, tail)
    digest = hashes.Hash(algorithms.HASHES[plan.digest])
    yield from _digested(content, digest, size)
    end = _tail(digest.finalize(), plan)
    if len(end) != tail:
        raise CallerFault("the signer's signature does not have the length of its certificate's key")
    yield end


def _held(content: Chunks, plan: SigningPlan, size: int) -> Iterator[Chunk]:
    digest = hashes.Hash(algorithms.HASHES[plan.digest])
    held = b"".join([bytes(chunk) for chunk in _digested(content, digest, size)])
    tail = _tail(digest.finalize(), plan)
    yield _definite_head(plan, size, len(tail)) + held + tail


def _indefinite(content: Chunks, plan: SigningPlan, size: int | None) -> Iterator[Chunk]:
    digest = hashes.Hash(algorithms.HASHES[plan.digest])
    inner = tlv.SEQUENCE.to_bytes() + tlv.INDEFINITE + tlv.oid(envelope.DATA) + b"\xa0\x80\x24\x80"
    yield envelope.indefinite_head(envelope.SIGNED_DATA) + _head(plan) + inner
    yield from segmented(_digested(content, digest, size))
    yield tlv.END_OF_CONTENTS * 3 + _tail(digest.finalize(), plan) + tlv.END_OF_CONTENTS * 3


def _digested(content: Chunks, digest: hashes.Hash, size: int | None) -> Iterator[Chunk]:
    count = 0
    for chunk in content:
        digest.update(chunk)
        count += len(chunk)
        if size is not None and count > size:
            break
        yield chunk
    if size is not None and count != size:
        raise ContentSizeDiffers(f"the content was announced with {size} bytes and has another length")
