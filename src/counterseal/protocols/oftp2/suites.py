"""Cipher suites (RFC 5024 §10.2; 03 to 06 from the Odette list of 2015): what SFIDCIPH means for file, hash and receipt."""

from dataclasses import dataclass
from typing import Final

from counterseal.kernel.keys import Digest, KeyTransport, SignatureScheme
from counterseal.protocols.cms import ContentCipher


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One line of the table; signing is RSA PKCS#1 v1.5 in all of them."""

    code: str
    cipher: ContentCipher
    transport: KeyTransport
    digest: Digest
    scheme: SignatureScheme

    @property
    def legacy(self) -> bool:
        """True when an algorithm in it is tolerated only because the suite says so: 3DES or SHA-1."""
        return self.cipher is ContentCipher.TRIPLE_DES_CBC or self.digest is Digest.SHA1


def _suite(code: str, cipher: ContentCipher, digest: Digest) -> Suite:
    return Suite(
        code=code, cipher=cipher, transport=KeyTransport.RSA_PKCS1, digest=digest, scheme=SignatureScheme.RSA_PKCS1
    )


SUITES: Final[dict[str, Suite]] = {
    suite.code: suite
    for suite in (
        _suite("01", ContentCipher.TRIPLE_DES_CBC, Digest.SHA1),
        _suite("02", ContentCipher.AES_256_CBC, Digest.SHA1),
        _suite("03", ContentCipher.TRIPLE_DES_CBC, Digest.SHA256),
        _suite("04", ContentCipher.AES_256_CBC, Digest.SHA256),
        _suite("05", ContentCipher.TRIPLE_DES_CBC, Digest.SHA512),
        _suite("06", ContentCipher.AES_256_CBC, Digest.SHA512),
    )
}
