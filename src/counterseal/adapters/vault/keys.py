"""Private keys as ``Signer`` and ``Decrypter``: what may leave the vault instead of a key."""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from counterseal.engine.ports import UnreadableKeyFile
from counterseal.kernel.errors import CallerFault, PeerFault
from counterseal.kernel.keys import Digest, KeyKind, KeyTransport, SignatureScheme

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class UnsuitableKey(CallerFault):
    """This key cannot do what was asked: another kind, size, or certificate."""

    code = "vault.unsuitable-key"


class KeyNotDecrypted(PeerFault):
    """A content key did not open with the recipient's key."""

    code = "vault.decryption-failed"


# SHA-1: suites 01, 03 and 05 of OFTP2 sign with it where the caller's policy names it.
_HASHES: Final[dict[Digest, hashes.HashAlgorithm]] = {
    Digest.SHA1: hashes.SHA1(),  # noqa: S303
    Digest.SHA256: hashes.SHA256(),
    Digest.SHA384: hashes.SHA384(),
    Digest.SHA512: hashes.SHA512(),
}

# SHA-1 is the default of OAEP (RFC 8017 A.2.1) and sound there.
_OAEP: Final[dict[KeyTransport, hashes.HashAlgorithm]] = {
    KeyTransport.RSA_OAEP_SHA1: hashes.SHA1(),  # noqa: S303
    KeyTransport.RSA_OAEP_SHA256: hashes.SHA256(),
    KeyTransport.RSA_OAEP_SHA384: hashes.SHA384(),
    KeyTransport.RSA_OAEP_SHA512: hashes.SHA512(),
}


def kind_of(key: PrivateKey) -> KeyKind:
    return KeyKind.RSA if isinstance(key, rsa.RSAPrivateKey) else KeyKind.EC


def spki_of(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def to_pkcs8(key: PrivateKey) -> bytes:
    """Unencrypted, to be sealed at once."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def to_pem(key: PrivateKey) -> bytes:
    """Unencrypted, for a file in memory that OpenSSL reads at once."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def from_pkcs8(der: bytes) -> PrivateKey:
    """Only for what this vault has sealed itself: the key's own checks were made when it came in and cost milliseconds."""
    return known_kind(load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True))


def known_kind(key: object) -> PrivateKey:
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        return key
    raise UnreadableKeyFile(
        f"the private key is of a kind ({type(key).__name__}) that EDI does not use; expected RSA or EC"
    )


@dataclass(frozen=True, slots=True)
class VaultSigner:
    """``Signer`` of one key in this vault."""

    certificate_der: bytes
    _key: PrivateKey = field(repr=False)

    @property
    def kind(self) -> KeyKind:
        return kind_of(self._key)

    def sign_digest(self, digest: bytes, *, algorithm: Digest, scheme: SignatureScheme) -> bytes:
        """Raises ``UnsuitableKey`` for another kind of key, MD5, or a digest of the wrong length."""
        chosen = _HASHES.get(algorithm)
        if chosen is None or len(digest) != chosen.digest_size:
            raise UnsuitableKey(f"{len(digest)} octets of {algorithm.value} are not signed")
        prehashed = Prehashed(chosen)
        match scheme, self._key:
            case SignatureScheme.RSA_PKCS1, rsa.RSAPrivateKey() as key:
                return key.sign(digest, padding.PKCS1v15(), prehashed)
            case SignatureScheme.RSA_PSS, rsa.RSAPrivateKey() as key:
                return key.sign(digest, padding.PSS(padding.MGF1(chosen), padding.PSS.DIGEST_LENGTH), prehashed)
            case SignatureScheme.ECDSA, ec.EllipticCurvePrivateKey() as key:
                return key.sign(digest, ec.ECDSA(prehashed))
        raise UnsuitableKey(f"an {self.kind.value} key does not sign with {scheme.value}")


@dataclass(frozen=True, slots=True)
class VaultDecrypter:
    """``Decrypter`` of one key in this vault."""

    certificate_der: bytes
    _key: PrivateKey = field(repr=False)
    _rejection_secret: bytes = field(repr=False)

    @property
    def kind(self) -> KeyKind:
        return kind_of(self._key)

    def decrypt_key(self, encrypted_key: bytes, *, transport: KeyTransport) -> bytes:
        key = self._key
        if not isinstance(key, rsa.RSAPrivateKey) or transport is KeyTransport.ECDH:
            raise UnsuitableKey(f"an {self.kind.value} key does not open what {transport.value} has closed")
        if transport is KeyTransport.RSA_PKCS1:
            return self._open_pkcs1(key, encrypted_key)
        digest = _OAEP[transport]
        try:
            return key.decrypt(encrypted_key, padding.OAEP(padding.MGF1(digest), digest, label=None))
        except ValueError:
            raise KeyNotDecrypted("the content key does not open with this recipient's key") from None

    def _open_pkcs1(self, key: rsa.RSAPrivateKey, encrypted_key: bytes) -> bytes:
        """Never raises for what the peer sent.

        OpenSSL since 3.2 gives bad padding pseudo-random octets by itself, in constant time (implicit rejection). What it
        still refuses, a ciphertext of the wrong length or not below the modulus, shows without the key; it gets octets of the
        same sort here, so that there is one path only.
        """
        try:
            return key.decrypt(encrypted_key, padding.PKCS1v15())
        except ValueError:
            return hmac.new(self._rejection_secret, encrypted_key, hashlib.sha256).digest()

    def agree(self, peer_public_key_der: bytes) -> bytes:
        """Raises ``UnsuitableKey`` when ours is RSA, ``KeyNotDecrypted`` when theirs is not on our curve."""
        key = self._key
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise UnsuitableKey("an rsa key has no key agreement")
        try:
            peer = load_der_public_key(peer_public_key_der)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise KeyNotDecrypted("the sender's public key is not readable") from None
        if not isinstance(peer, ec.EllipticCurvePublicKey) or peer.curve.name != key.curve.name:
            raise KeyNotDecrypted(f"the sender's public key is not on the curve {key.curve.name}")
        return key.exchange(ec.ECDH(), peer)


def rejection_secret(key: PrivateKey) -> bytes:
    """Fixed for a key and unknown without it: the same ciphertext always gets the same answer."""
    return hashlib.sha256(b"counterseal implicit rejection" + to_pkcs8(key)).digest()
