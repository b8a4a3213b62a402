"""Fuzz target for MIME.

Invariant: whatever octets come, in whatever pieces, reading ends or raises ``PeerFault``; whole input and pieces give the same; and
what an entity and a multipart give back are octets of the input in their order.

The first octet chooses the reader, the second the size of the pieces; the rest is the input.
"""

from collections.abc import Callable

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.mime import (
    DEFAULT_MIME_LIMITS,
    ContentType,
    Disposition,
    Headers,
    TransferEncoding,
    decode_transfer,
    file_name_of,
    open_entity,
    split,
)

LIMITS = DEFAULT_MIME_LIMITS


def _entity(pieces: list[bytes]) -> bytes:
    entity = open_entity(pieces, limits=LIMITS)
    file_name_of(entity.headers)
    Headers.parse(entity.headers.encode(), limits=LIMITS)
    whole = entity.header_bytes + b"".join(entity.body)
    assert whole == b"".join(pieces)
    return whole


def _multipart(pieces: list[bytes]) -> bytes:
    parts = [b"".join(part) for part in split(pieces, "b", limits=LIMITS)]
    at, whole = 0, b"".join(pieces)
    for part in parts:
        at = whole.index(part, at) + len(part)
    return b"\x00\xff".join(parts)


def _values(pieces: list[bytes]) -> bytes:
    text = b"".join(pieces).decode("utf-8", "replace")
    Disposition.parse(text)
    found = ContentType.parse(text)
    return repr(found).encode()


READERS: list[Callable[[list[bytes]], bytes]] = [
    _entity,
    _multipart,
    _values,
    lambda pieces: b"".join(decode_transfer(pieces, TransferEncoding.BASE64)),
    lambda pieces: b"".join(decode_transfer(pieces, TransferEncoding.QUOTED_PRINTABLE)),
]

SEEDS = [
    b"\x00\x01A: 1\r\nContent-Type: a/b;\r\n\tname*0*=utf-8''%C3%BC; name*1=x\r\n\r\nbody",
    b"\x01\x01preamble\r\n--b\r\nA: 1\r\n\r\nx\r\n--b \r\n\r\ny\n--b--\r\nepilogue",
    b"\x01\x03--b\nx\n--bb\n--b-\n--b",
    b'\x02\x01a/b; name="x\\"y"; name*=utf-8\'\'%zz; =; ;; filename=?utf-8?B?w7w=?=',
    b"\x03\x01QUJD\r\nRA==\r\n",
    b"\x04\x01a=C3=\r\n=BC=\n= \r\n",
]


def fuzz(data: bytes) -> None:
    """Read one input whole and in pieces."""
    if len(data) < 2:
        return
    read, size, content = READERS[data[0] % len(READERS)], 1 + data[1] % 32, data[2:]
    outcomes: list[bytes | str] = []
    for pieces in ([content], [content[at : at + size] for at in range(0, len(content), size)]):
        try:
            outcomes.append(read(pieces))
        except PeerFault as fault:
            outcomes.append(fault.code)
    assert outcomes[0] == outcomes[1]


def damage(seed: bytes, number: int) -> bytes:
    """The seed with some octets changed, removed, doubled or moved; the same for the same number."""
    import random

    chance = random.Random(number)
    octets = bytearray(seed)
    for _ in range(chance.randrange(1, 6)):
        at, length = chance.randrange(len(octets) + 1), chance.randrange(1, 30)
        piece = octets[at : at + length]
        match chance.randrange(5):
            case 0:
                octets[at : at + 1] = chance.randbytes(1)
            case 1:
                del octets[at : at + length]
            case 2:
                octets[at:at] = piece * chance.randrange(1, 4)
            case 3:
                where = chance.randrange(len(octets) + 1)
                octets[where:where] = piece
            case _:
                octets[at:at] = chance.choice(
                    [b"\r\n--b", b"--b--", b"\r\n\r\n", b"\n", b"\r", b"=", b"--b\r\n", b"\x00", b";", b'"', b"*0*="]
                )
    return bytes(octets)


if __name__ == "__main__":
    import sys

    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    for number in range(rounds):
        seed = SEEDS[number % len(SEEDS)]
        fuzz(seed[:2] + damage(seed[2:], number))
    print(f"{rounds} inputs held")
