"""The content ciphers as streams: CBC with its padding, GCM with its tag, CCM in one piece.

A decryptor gives plaintext while it is fed, and judges only in ``finish``. The caller reads the whole structure in between,
so that what is wrong with the structure is found whatever the key was: an error that depends on the order of the two would
tell good padding from bad.
"""

from collections.abc import Iterator
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.padding import PKCS7

from counterseal.protocols.cms.algorithms import CipherParameters
from counterseal.protocols.cms.errors import DecryptionFailed, LimitExceeded
from counterseal.protocols.cms.ghash import tag_without_attributes
from counterseal.protocols.cms.limits import Chunk, Chunks, Limits
from counterseal.protocols.cms.plans import ContentCipher

STEP_BYTES = 128 * 1024
"""One call of the cipher. Two buffers of this size stay in the second-level cache."""


def _algorithm(cipher: ContentCipher, key: bytes) -> AES | TripleDES:
    return TripleDES(key) if cipher is ContentCipher.TRIPLE_DES_CBC else AES(key)


# --- writing


class Encryptor(Protocol):
    def update_into(self, chunk: Chunk, buffer: memoryview) -> int:
        """Octets of ciphertext written; the buffer has room for a block more than the chunk."""

    def finish(self, size: int) -> bytes:
        """The last ciphertext; ``size`` is that of the whole content."""

    @property
    def tag(self) -> bytes:
        """After ``finish``; empty in CBC."""


class _CBCEncryptor:
    tag = b""

    def __init__(self, cipher: ContentCipher, key: bytes, iv: bytes) -> None:
        self._block = len(iv)
        self._context = Cipher(_algorithm(cipher, key), modes.CBC(iv)).encryptor()

    def update_into(self, chunk: Chunk, buffer: memoryview) -> int:
        return self._context.update_into(chunk, buffer)

    def finish(self, size: int) -> bytes:
        pad = self._block - size % self._block
        return self._context.update(bytes((pad,)) * pad) + self._context.finalize()


class _GCMEncryptor:
    def __init__(self, key: bytes, nonce: bytes) -> None:
        self._context = Cipher(AES(key), modes.GCM(nonce)).encryptor()

    def update_into(self, chunk: Chunk, buffer: memoryview) -> int:
        return self._context.update_into(chunk, buffer)

    def finish(self, size: int) -> bytes:  # noqa: ARG002 - GCM needs no padding
        return self._context.finalize()

    @property
    def tag(self) -> bytes:
        return self._context.tag


def encryptor(cipher: ContentCipher, key: bytes, nonce: bytes) -> Encryptor:
    return _GCMEncryptor(key, nonce) if cipher.mode == "gcm" else _CBCEncryptor(cipher, key, nonce)


# --- reading


class Decryptor(Protocol):
    def feed(self, parts: Chunks) -> Iterator[Chunk]:
        """Plaintext, not yet judged."""

    def finish(self, mac: bytes | None, attributes: bytes) -> bytes:
        """The last plaintext. ``mac`` and the authenticated attributes are those of AuthEnvelopedData; ``None``: the tag
        ends the ciphertext. Raises ``DecryptionFailed``."""


class _CBCDecryptor:
    def __init__(self, parameters: CipherParameters, key: bytes) -> None:
        self._block = len(parameters.nonce)
        self._context = Cipher(_algorithm(parameters.cipher, key), modes.CBC(parameters.nonce)).decryptor()
        self._last = b""

    def feed(self, parts: Chunks) -> Iterator[Chunk]:
        """Always one block behind, which ``finish`` takes the padding from."""
        block, held = self._block, 0
        buffer = memoryview(bytearray(STEP_BYTES + 3 * block))
        for part in parts:
            view = memoryview(part)
            for start in range(0, len(view), STEP_BYTES):
                filled = held + self._context.update_into(view[start : start + STEP_BYTES], buffer[held:])
                if filled > block:
                    yield buffer[: filled - block]
                    buffer[:block] = buffer[filled - block : filled]
                held = min(filled, block)
        self._last = bytes(buffer[:held])

    def finish(self, mac: bytes | None, attributes: bytes) -> bytes:  # noqa: ARG002 - CBC authenticates nothing
        padding = PKCS7(self._block * 8).unpadder()
        try:
            self._context.finalize()
            return padding.update(self._last) + padding.finalize()
        except ValueError:
            # No cause and no chain: length and padding are one error here too.
            raise DecryptionFailed("the decrypted content is not padded as it should be") from None


class _GCMDecryptor:
    def __init__(self, parameters: CipherParameters, key: bytes, *, tag_inside: bool) -> None:
        self._key, self._tag_bytes = key, parameters.tag_bytes
        mode = modes.GCM(parameters.nonce, None, parameters.tag_bytes)
        self._context = Cipher(AES(key), mode).decryptor()
        self._held = parameters.tag_bytes if tag_inside else 0
        self._tail = b""
        self._size = 0

    def feed(self, parts: Chunks) -> Iterator[Chunk]:
        buffer = memoryview(bytearray(STEP_BYTES + 16))
        for part in self._without_tag(parts) if self._held else parts:
            self._size += len(part)
            view = memoryview(part)
            for start in range(0, len(view), STEP_BYTES):
                yield buffer[: self._context.update_into(view[start : start + STEP_BYTES], buffer)]

    def _without_tag(self, parts: Chunks) -> Iterator[Chunk]:
        for part in parts:
            if len(part) > self._held:
                if self._tail:
                    yield self._tail
                yield memoryview(part)[: -self._held]
                self._tail = bytes(part[-self._held :])
                continue
            joined = self._tail + bytes(part)
            if len(joined) > self._held:
                yield joined[: -self._held]
            self._tail = joined[-self._held :]

    def finish(self, mac: bytes | None, attributes: bytes) -> bytes:
        tag = self._tail if mac is None else mac
        if len(tag) != self._tag_bytes:
            raise DecryptionFailed("the authentication tag does not have the announced length")
        if attributes:
            tag = tag_without_attributes(tag, self._key, attributes, self._size)
        try:
            return self._context.finalize_with_tag(tag)
        except InvalidTag:
            raise DecryptionFailed("the authentication tag does not fit") from None


class _CCMDecryptor:
    def __init__(self, parameters: CipherParameters, key: bytes, limit: int) -> None:
        self._context = AESCCM(key, parameters.tag_bytes)
        self._nonce, self._limit = parameters.nonce, limit
        self._held = bytearray()

    def feed(self, parts: Chunks) -> Iterator[Chunk]:
        for part in parts:
            if len(self._held) + len(part) > self._limit:
                raise LimitExceeded(f"AES-CCM content of more than {self._limit} bytes")
            self._held += part
        yield from ()

    def finish(self, mac: bytes | None, attributes: bytes) -> bytes:
        self._held += mac or b""
        try:
            return self._context.decrypt(self._nonce, self._held, attributes or None)
        except (InvalidTag, ValueError):
            raise DecryptionFailed("the authentication tag does not fit") from None


def decryptor(parameters: CipherParameters, key: bytes, *, tag_inside: bool, limits: Limits) -> Decryptor:
    """``tag_inside``: EnvelopedData, where GCM and CCM tags stand behind the ciphertext in the same octet string."""
    match parameters.cipher.mode:
        case "cbc":
            return _CBCDecryptor(parameters, key)
        case "gcm":
            return _GCMDecryptor(parameters, key, tag_inside=tag_inside)
        case _:
            return _CCMDecryptor(parameters, key, limits.max_ccm_bytes)
