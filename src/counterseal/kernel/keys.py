"""What a private key can do for a protocol, without being a key (architecture.md section 2).

The vault hands out ``Signer`` and ``Decrypter``; no key object or key byte leaves it.
"""

from enum import StrEnum
from typing import Protocol


class KeyKind(StrEnum):
    RSA = "rsa"
    EC = "ec"


class Digest(StrEnum):
    """Digest algorithms by the name that AS2 micalg uses without spelling variants (RFC 5751 3.4.3.2)."""

    MD5 = "md5"
    SHA1 = "sha-1"
    SHA256 = "sha-256"
    SHA384 = "sha-384"
    SHA512 = "sha-512"


class SignatureScheme(StrEnum):
    RSA_PKCS1 = "rsa-pkcs1"
    RSA_PSS = "rsa-pss"
    ECDSA = "ecdsa"


class KeyTransport(StrEnum):
    """How a content key reaches its recipient."""

    RSA_PKCS1 = "rsa-pkcs1"
    RSA_OAEP_SHA1 = "rsa-oaep-sha-1"
    RSA_OAEP_SHA256 = "rsa-oaep-sha-256"
    RSA_OAEP_SHA384 = "rsa-oaep-sha-384"
    RSA_OAEP_SHA512 = "rsa-oaep-sha-512"
    ECDH = "ecdh"


class Signer(Protocol):
    """Signs with one private key."""

    @property
    def certificate_der(self) -> bytes:
        """The certificate that verifies this key's signatures, DER."""

    @property
    def kind(self) -> KeyKind: ...

    def sign_digest(self, digest: bytes, *, algorithm: Digest, scheme: SignatureScheme) -> bytes:
        """A signature over an already computed digest. ECDSA gives the DER SEQUENCE of r and s; PSS uses a salt as long as
        the digest and MGF1 with the same digest."""


class Decrypter(Protocol):
    """Opens content keys that were encrypted to one certificate."""

    @property
    def certificate_der(self) -> bytes: ...

    @property
    def kind(self) -> KeyKind: ...

    def decrypt_key(self, encrypted_key: bytes, *, transport: KeyTransport) -> bytes:
        """The content key. RSA PKCS#1 v1.5 never raises for bad padding: it gives pseudo-random bytes instead (implicit
        rejection), so that a caller cannot become an oracle. OAEP raises ``PeerFault``."""

    def agree(self, peer_public_key_der: bytes) -> bytes:
        """The ECDH shared secret with a peer's public key (SubjectPublicKeyInfo DER). Raises ``PeerFault`` for a key on
        another curve."""
