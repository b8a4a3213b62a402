"""Authenticated attributes that come after the ciphertext, for a GCM that wants them before it.

AuthEnvelopedData (RFC 5083 2.1) puts authAttrs behind the content, while OpenSSL's GCM takes additional data only in front.
GHASH is linear (SP 800-38D 6.4), so the share that the attributes have in the tag can be computed at the end and taken out of
it; the rest is then the tag of the same ciphertext without additional data. With H the hash key, A the attributes, C the
ciphertext of c blocks:

    tag(A, C)  =  tag("", C)  xor  GHASH(A) * H^(c+1)  xor  (bits of A, as the length block has them) * H
"""

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

_REDUCTION = 0xE1 << 120


def tag_without_attributes(tag: bytes, key: bytes, attributes: bytes, ciphertext_size: int) -> bytes:
    """The tag that the same key, nonce and ciphertext have without ``attributes``."""
    context = Cipher(AES(key), modes.ECB()).encryptor()  # noqa: S305 - one block: the hash key H
    h = int.from_bytes(context.update(bytes(16)) + context.finalize(), "big")
    hashed = 0
    for start in range(0, len(attributes), 16):
        hashed = _multiply(hashed ^ int.from_bytes(attributes[start : start + 16].ljust(16, b"\x00"), "big"), h)
    blocks = (ciphertext_size + 15) // 16
    share = _multiply(hashed, _power(h, blocks + 1)) ^ _multiply(len(attributes) * 8 << 64, h)
    full = share.to_bytes(16, "big")[: len(tag)]
    return bytes(a ^ b for a, b in zip(tag, full, strict=True))


def _multiply(x: int, y: int) -> int:
    """In GF(2^128), bits in GCM's order (SP 800-38D algorithm 1)."""
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (_REDUCTION if y & 1 else 0)
    return product


def _power(x: int, exponent: int) -> int:
    result = 1 << 127
    while exponent:
        if exponent & 1:
            result = _multiply(result, x)
        x = _multiply(x, x)
        exponent >>= 1
    return result
