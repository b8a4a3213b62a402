"""Fuzz target for the CMS readers.

Invariant: whatever octets come, in whatever pieces, every reader ends or raises ``PeerFault``, and gives no more octets than it
took, but for inflation, which the limits bound.

The first octet chooses the reader, the second the size of the pieces; the rest is the message.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.protocols.cms.keys import HeldKey, ec_holder, rsa_holder
from tests.protocols.cms.messages import attached, compressed, detached, encrypted, encrypting, signing

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.keys import Digest, KeyTransport
from counterseal.protocols.cms import (
    DEFAULT_LIMITS,
    Chunks,
    ContentCipher,
    certs_only,
    content_kind,
    decompress,
    decrypt,
    open_signed,
    read_certs_only,
    signature_digests,
    verify_detached,
)

LIMITS = replace(DEFAULT_LIMITS, free_inflation_bytes=1024 * 1024)
HOLDERS: list[HeldKey] = [rsa_holder(), ec_holder()]
CANDIDATES = [holder.certificate for holder in HOLDERS]
DIGESTS: dict[Digest, bytes] = {
    digest: hashlib.new(digest.value.replace("-", ""), b"content").digest()
    for digest in Digest
    if digest is not Digest.MD5
}


def _drain(chunks: Chunks) -> int:
    return sum(len(chunk) for chunk in chunks)


def _signed(parts: Iterator[bytes]) -> int:
    stream = open_signed(parts, limits=LIMITS)
    size = _drain(stream.chunks())
    stream.verify(CANDIDATES)
    return size


def _detached(parts: Iterator[bytes]) -> int:
    signature = b"".join(parts)
    signature_digests(signature, limits=LIMITS)
    verify_detached(signature, DIGESTS, candidates=CANDIDATES, limits=LIMITS)
    return 0


def _encrypted(parts: Iterator[bytes]) -> int:
    return _drain(decrypt(parts, HOLDERS, limits=LIMITS).chunks())


def _compressed(parts: Iterator[bytes]) -> int:
    return _drain(decompress(parts, limits=LIMITS))


def _certificates(parts: Iterator[bytes]) -> int:
    return sum(map(len, read_certs_only(b"".join(parts), limits=LIMITS)))


READERS: list[Callable[[Iterator[bytes]], int]] = [_signed, _detached, _encrypted, _compressed, _certificates]


def fuzz(data: bytes) -> None:
    if len(data) < 3:
        return
    reader, step, message = READERS[data[0] % len(READERS)], data[1] or 1 << 16, data[2:]
    content_kind(message)
    allowed = len(message)
    if reader is _compressed:
        allowed = LIMITS.free_inflation_bytes + len(message) * LIMITS.max_inflation_ratio + 256 * 1024
    try:
        size = reader(message[start : start + step] for start in range(0, len(message), step))
    except PeerFault:
        return
    assert size <= allowed, f"{size} octets out of {len(message)}"


def seeds() -> list[bytes]:
    """Valid messages of every kind, as this target's input."""
    rsa, ec = HOLDERS
    content = secrets.token_bytes(40)
    aead = encrypting(ec, cipher=ContentCipher.AES_256_GCM, authenticated=True)
    oaep = encrypting(rsa, cipher=ContentCipher.AES_128_GCM, transport=KeyTransport.RSA_OAEP_SHA256)
    messages = [
        (0, attached(content, signing(ec, certificates=(ec.certificate_der,)))),
        (0, attached(content, signing(rsa), definite=False)),
        (1, detached(b"content", signing(ec))),
        (2, encrypted(content, encrypting(ec), definite=False)),
        (2, encrypted(content, encrypting(rsa))),
        (2, encrypted(content, aead)),
        (2, encrypted(content, oaep, definite=False)),
        (3, compressed(content)),
        (4, certs_only([ec.certificate_der])),
    ]
    return [bytes([reader, 0]) + message for reader, message in messages]


def damage(seed: bytes, number: int) -> bytes:
    """The seed with some octets changed, removed, doubled or moved; the same for the same number."""
    import random

    chance = random.Random(number)
    octets = bytearray(seed)
    for _ in range(chance.randrange(1, 5)):
        at, length = chance.randrange(len(octets) + 1), chance.randrange(1, 60)
        piece = octets[at : at + length]
        match chance.randrange(5):
            case 0:
                octets[at : at + 1] = chance.randbytes(1)
            case 1:
                octets[at : at + 1] = bytes(
                    [chance.choice([0x00, 0x04, 0x24, 0x30, 0x31, 0x7F, 0x80, 0x84, 0xA0, 0xFF])]
                )
            case 2:
                del octets[at : at + length]
            case 3:
                octets[at:at] = piece * chance.randrange(1, 4)
            case _:
                where = chance.randrange(len(octets) + 1)
                octets[where:where] = piece
    return bytes(octets)


if __name__ == "__main__":
    import sys

    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    all_seeds = seeds()
    for number in range(rounds):
        seed = all_seeds[number % len(all_seeds)]
        fuzz(seed[:1] + bytes([(0, 1, 7, 100)[number % 4]]) + damage(seed[2:], number))
    print(f"{rounds} inputs held")
