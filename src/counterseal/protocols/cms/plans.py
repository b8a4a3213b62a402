"""What a message to be written is made with: signer, recipients, algorithms; checked when built."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from counterseal.kernel.errors import CallerFault
from counterseal.kernel.keys import Digest, KeyKind, KeyTransport, SignatureScheme, Signer
from counterseal.kernel.x509 import Certificate


class ContentCipher(StrEnum):
    """How content is encrypted. CCM is read, never written."""

    AES_128_CBC = "aes-128-cbc"
    AES_192_CBC = "aes-192-cbc"
    AES_256_CBC = "aes-256-cbc"
    TRIPLE_DES_CBC = "3des-cbc"
    AES_128_GCM = "aes-128-gcm"
    AES_192_GCM = "aes-192-gcm"
    AES_256_GCM = "aes-256-gcm"
    AES_128_CCM = "aes-128-ccm"
    AES_192_CCM = "aes-192-ccm"
    AES_256_CCM = "aes-256-ccm"

    @property
    def key_bytes(self) -> int:
        return 24 if self is ContentCipher.TRIPLE_DES_CBC else int(self.value.split("-")[1]) // 8

    @property
    def mode(self) -> str:
        """``cbc``, ``gcm`` or ``ccm``."""
        return self.value[-3:]


class UnfitPlan(CallerFault):
    """A plan whose parts do not fit together, or that asks for an algorithm its policy did not allow."""

    code = "cms.unfit-plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningPlan:
    """How to sign. Raises ``UnfitPlan`` for MD5, for SHA-1 without ``allow_sha1`` and for a scheme that is not the key's."""

    signer: Signer
    digest: Digest
    scheme: SignatureScheme
    certificates: tuple[bytes, ...]
    """DER, embedded as they are; empty: none."""
    signing_time: datetime | None
    """Aware UTC; ``None`` leaves the attribute out."""
    allow_sha1: bool = False
    """True only where the agreement's policy names SHA-1."""
    capabilities: tuple[ContentCipher, ...] = field(default=())
    """Announced as SMIMECapabilities (RFC 8551 2.5.2), most wanted first; empty: no such attribute."""

    def __post_init__(self) -> None:
        if self.digest is Digest.MD5:
            raise UnfitPlan("MD5 is never signed with")
        if self.digest is Digest.SHA1 and not self.allow_sha1:
            raise UnfitPlan("SHA-1 is signed with only where the policy names it")
        if (self.signer.kind is KeyKind.EC) != (self.scheme is SignatureScheme.ECDSA):
            raise UnfitPlan(f"{self.scheme} does not fit a key of kind {self.signer.kind}")
        if self.signing_time is not None and self.signing_time.tzinfo is None:
            raise UnfitPlan("the signing time must be aware")


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptionPlan:
    """How to encrypt, and to whom. Raises ``UnfitPlan`` where the parts do not fit."""

    recipients: tuple[Certificate, ...]
    transport: KeyTransport
    """For RSA recipients; those with an EC key get ECDH whatever stands here."""
    cipher: ContentCipher
    authenticated: bool
    """GCM only: True writes AuthEnvelopedData (RFC 5083), False the EnvelopedData form of some peers (as2-peers.md P-7),
    where the tag stands behind the ciphertext. CBC is False."""
    allow_legacy: bool = False
    """True only where the agreement's policy names 3DES."""

    def __post_init__(self) -> None:
        if not self.recipients:
            raise UnfitPlan("a message needs a recipient")
        if self.cipher.mode == "ccm":
            raise UnfitPlan("AES-CCM is read, never written")
        if self.cipher is ContentCipher.TRIPLE_DES_CBC and not self.allow_legacy:
            raise UnfitPlan("3DES is written only where the policy names it")
        if self.authenticated and self.cipher.mode != "gcm":
            raise UnfitPlan(f"{self.cipher} is no authenticated cipher")
        for recipient in self.recipients:
            if recipient.key_algorithm not in ("rsa", "ec"):
                raise UnfitPlan(f"nothing can be encrypted to a {recipient.key_algorithm} key")
            if recipient.key_algorithm == "rsa" and self.transport is KeyTransport.ECDH:
                raise UnfitPlan("an RSA recipient needs an RSA key transport")
