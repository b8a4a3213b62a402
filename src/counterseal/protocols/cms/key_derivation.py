"""The pieces of ECDH that the primitives' library does not have: the X9.63 KDF, and unwrapping under 3DES (RFC 3217)."""

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import constant_time, hashes
from cryptography.hazmat.primitives.ciphers import Cipher, modes


def x963_derive(secret: bytes, algorithm: hashes.HashAlgorithm, size: int, shared_info: bytes) -> bytes:
    """SEC 1 3.6.1."""
    derived = b""
    counter = 1
    while len(derived) < size:
        digest = hashes.Hash(algorithm)
        digest.update(secret + counter.to_bytes(4, "big") + shared_info)
        derived += digest.finalize()
        counter += 1
    return derived[:size]


def unwrap_triple_des(wrapping: bytes, wrapped: bytes) -> bytes:
    """RFC 3217 section 3.2. Raises ``ValueError``."""
    if len(wrapped) != 40:
        raise ValueError("a wrapped 3DES key has 40 octets")
    outer = _decrypt(wrapping, bytes.fromhex("4adda22c79e82105"), wrapped)[::-1]
    inner = _decrypt(wrapping, outer[:8], outer[8:])
    digest = hashes.Hash(hashes.SHA1())  # noqa: S303 - the checksum of RFC 3217 section 2
    digest.update(inner[:24])
    if not constant_time.bytes_eq(digest.finalize()[:8], inner[24:]):
        raise ValueError("the key checksum does not fit")
    return inner[:24]


def _decrypt(key: bytes, iv: bytes, value: bytes) -> bytes:
    context = Cipher(TripleDES(key), modes.CBC(iv)).decryptor()
    return context.update(value) + context.finalize()
