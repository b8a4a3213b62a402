"""Reading SignedData (RFC 5652 section 5): which certificates signed this content."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from counterseal.kernel.keys import Digest, SignatureScheme
from counterseal.kernel.x509 import Certificate
from counterseal.protocols.cms.limits import Chunks, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerId:
    """Whom a SignerInfo names: issuer and serial, or a subject key identifier."""

    issuer_der: bytes
    serial: int | None
    subject_key_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedSigner:
    """A candidate whose signature over the content holds."""

    certificate: Certificate
    digest: Digest
    """``SHA1`` is verified; whether it is good enough is the caller's policy."""
    scheme: SignatureScheme
    signing_time: datetime | None
    """What the signer claims; aware UTC."""
    with_attributes: bool
    """Whether signed attributes were present (they bind the content type)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A verified SignedData."""

    signers: tuple[VerifiedSigner, ...]
    """At least one."""
    unknown: tuple[SignerId, ...]
    """Signers that no candidate fits, or whose algorithms are not read here: they prove nothing."""
    certificates: tuple[bytes, ...]
    """Embedded, DER as sent, in their order: offered, never trusted by themselves."""


def signature_digests(signature: bytes, *, limits: Limits) -> frozenset[Digest]:
    """Which digests over the content ``verify_detached`` needs. Raises ``NoSigner``; ``UnsupportedAlgorithm`` where no
    signer uses a digest that is read here."""
    raise NotImplementedError


def verify_detached(
    signature: bytes, digests: Mapping[Digest, bytes], *, candidates: Sequence[Certificate], limits: Limits
) -> Signed:
    """The signers of content with these digests. ``candidates`` are the certificates that the caller's trust allows; those
    embedded are never used by themselves. Raises ``NoSigner``, ``SignerUnknown``, ``SignatureInvalid`` (any known signer's
    signature that does not hold), ``UnsupportedAlgorithm``, ``Malformed``, ``LimitExceeded``."""
    raise NotImplementedError


class SignedStream:
    """An attached SignedData being read: first ``chunks()`` to its end, then ``verify()``."""

    @property
    def detached(self) -> bool:
        """Whether the content is absent (then ``verify_detached`` over the same octets is the way)."""
        raise NotImplementedError

    @property
    def digests(self) -> frozenset[Digest]:
        """The digests announced in front of the content that are read here."""
        raise NotImplementedError

    def chunks(self) -> Iterator[bytes | bytearray | memoryview]:
        """The content, not yet verified: discard it unless ``verify`` returns."""
        raise NotImplementedError

    @property
    def embedded_certificates(self) -> tuple[bytes, ...]:
        """DER as sent. Raises ``CallerFault`` before ``chunks()`` is exhausted."""
        raise NotImplementedError

    def verify(self, candidates: Sequence[Certificate]) -> Signed:
        """As ``verify_detached``. Raises ``CallerFault`` before ``chunks()`` is exhausted."""
        raise NotImplementedError


def open_signed(source: Chunks, *, limits: Limits) -> SignedStream:
    """Reads up to the content. Raises ``Malformed``, ``LimitExceeded``."""
    raise NotImplementedError
