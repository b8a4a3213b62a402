"""RSA keys and their certificates, made at test time, as the vault would hand them out."""

import functools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from counterseal.kernel.keys import Digest, KeyKind, KeyTransport, SignatureScheme
from counterseal.kernel.x509 import Certificate

_HASHES: dict[Digest, hashes.HashAlgorithm] = {
    Digest.SHA1: hashes.SHA1(),
    Digest.SHA256: hashes.SHA256(),
    Digest.SHA512: hashes.SHA512(),
}


@dataclass(frozen=True, slots=True)
class Key:
    """A ``Signer`` and a ``Decrypter``."""

    private: rsa.RSAPrivateKey
    certificate_der: bytes

    @property
    def kind(self) -> KeyKind:
        return KeyKind.RSA

    @property
    def certificate(self) -> Certificate:
        return Certificate.parse(self.certificate_der)

    def sign_digest(self, digest: bytes, *, algorithm: Digest, scheme: SignatureScheme) -> bytes:
        assert scheme is SignatureScheme.RSA_PKCS1
        return self.private.sign(digest, padding.PKCS1v15(), Prehashed(_HASHES[algorithm]))

    def decrypt_key(self, encrypted_key: bytes, *, transport: KeyTransport) -> bytes:
        assert transport is KeyTransport.RSA_PKCS1
        return self.private.decrypt(encrypted_key, padding.PKCS1v15())

    def agree(self, peer_public_key_der: bytes) -> bytes:
        raise NotImplementedError


def a_key(name: str = "ours") -> Key:
    """The key of this name; the same one each time in a test run."""
    return _made(name)


@functools.cache
def _made(name: str) -> Key:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=730))
        .sign(private, hashes.SHA256())
    )
    return Key(private, certificate.public_bytes(Encoding.DER))
