"""Private keys for tests: what the vault does in production, on plain ``cryptography`` keys, with minted certificates."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
)
from cryptography.x509.oid import NameOID

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.keys import Digest, KeyKind, KeyTransport, SignatureScheme
from counterseal.kernel.x509 import Certificate

NOW: Final = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)

HASHES: Final[dict[Digest, hashes.HashAlgorithm]] = {
    Digest.SHA1: hashes.SHA1(),
    Digest.SHA256: hashes.SHA256(),
    Digest.SHA384: hashes.SHA384(),
    Digest.SHA512: hashes.SHA512(),
}
OAEP: Final = {
    KeyTransport.RSA_OAEP_SHA1: hashes.SHA1(),
    KeyTransport.RSA_OAEP_SHA256: hashes.SHA256(),
    KeyTransport.RSA_OAEP_SHA384: hashes.SHA384(),
    KeyTransport.RSA_OAEP_SHA512: hashes.SHA512(),
}


@dataclass(frozen=True)
class HeldKey:
    """``Signer`` and ``Decrypter`` in one."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: Certificate

    @property
    def certificate_der(self) -> bytes:
        return self.certificate.der

    @property
    def kind(self) -> KeyKind:
        return KeyKind.RSA if isinstance(self.key, rsa.RSAPrivateKey) else KeyKind.EC

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign_digest(self, digest: bytes, *, algorithm: Digest, scheme: SignatureScheme) -> bytes:
        chosen = HASHES[algorithm]
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(digest, ec.ECDSA(Prehashed(chosen)))
        if scheme is SignatureScheme.RSA_PSS:
            pss = padding.PSS(mgf=padding.MGF1(chosen), salt_length=chosen.digest_size)
            return self.key.sign(digest, pss, Prehashed(chosen))
        return self.key.sign(digest, padding.PKCS1v15(), Prehashed(chosen))

    def decrypt_key(self, encrypted_key: bytes, *, transport: KeyTransport) -> bytes:
        assert isinstance(self.key, rsa.RSAPrivateKey)
        if transport is KeyTransport.RSA_PKCS1:
            try:
                return self.key.decrypt(encrypted_key, padding.PKCS1v15())
            except ValueError:
                return b"implicit rejection, as OpenSSL does it"
        chosen = OAEP[transport]
        try:
            return self.key.decrypt(encrypted_key, padding.OAEP(padding.MGF1(chosen), chosen, None))
        except ValueError as error:
            raise PeerFault("the key does not open") from error

    def agree(self, peer_public_key_der: bytes) -> bytes:
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        try:
            peer = load_der_public_key(peer_public_key_der)
            assert isinstance(peer, ec.EllipticCurvePublicKey)
            return self.key.exchange(ec.ECDH(), peer)
        except ValueError as error:
            raise PeerFault("another curve") from error


@functools.cache
def _rsa_key(name: str, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def mint(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, name: str, *, serial: int, key_identifier: bool = True
) -> HeldKey:
    """A self-signed certificate for ``key``."""
    subject = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(NOW + timedelta(days=36500))
    )
    if key_identifier:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    signed = builder.sign(key, hashes.SHA256())
    return HeldKey(key, Certificate.parse(signed.public_bytes(Encoding.DER)))


@functools.cache
def rsa_holder(name: str = "alpha", *, bits: int = 2048, serial: int = 4711) -> HeldKey:
    """An RSA key by its name, made once for the whole run."""
    return mint(_rsa_key(name, bits), name, serial=serial)


_CURVES: Final[dict[str, Callable[[], ec.EllipticCurve]]] = {
    "p256": ec.SECP256R1,
    "p384": ec.SECP384R1,
    "p521": ec.SECP521R1,
}


@functools.cache
def ec_holder(curve: str = "p256", name: str = "echo") -> HeldKey:
    return mint(ec.generate_private_key(_CURVES[curve]()), f"{name} {curve}", serial=2**158 + 5)
