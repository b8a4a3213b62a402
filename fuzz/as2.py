"""Fuzz target for AS2 messages and receipts.

Invariant: whatever octets come, in whatever pieces, ``open_message`` returns or raises ``NotOpened`` around a fault that has a
disposition, ``open_receipt`` returns or raises ``PeerFault``; whole input and pieces give the same; nothing counts as signed that is
not what was signed.

The first octet chooses the head (a form of message, or a receipt), the second the size of the pieces; the rest is the body.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.protocols.as2.parties import ORDERS, OnWire, alpha, bravo, built, encryption, open_, signing
from tests.protocols.as2.test_receipt import a_receipt, built_receipt

from counterseal.kernel.errors import PeerFault
from counterseal.protocols import as2, cms

GCM = encryption(cipher=cms.ContentCipher.AES_256_GCM, authenticated=True)
MESSAGES: list[OnWire] = [
    built(),
    built(sign=signing()),
    built(encrypt=encryption()),
    built(sign=signing(), encrypt=encryption(), compress=as2.Compression.BEFORE_SIGNING),
    built(sign=signing(), encrypt=GCM),
    built(sign=signing(), compress=as2.Compression.AFTER_SIGNING),
]
RECEIPTS: list[OnWire] = [built_receipt(a_receipt(), sign=None), built_receipt(a_receipt(), sign=signing(bravo()))]
SEEDS = [bytes([n, 1]) + wire.body for n, wire in enumerate(MESSAGES + RECEIPTS)]


def _message(wire: OnWire, pieces: list[bytes]) -> object:
    try:
        result = open_(wire, chunks=pieces, headerless=False)
    except as2.NotOpened as no:
        assert as2.row_of(no.fault).sentence  # noqa: PT017 - no test function: the invariant itself
        return no.fault.code
    if result.message.signers:
        assert result.parts.contents == [ORDERS]
        assert result.message.signers[0].certificate == alpha().certificate
    return result.parts.contents, result.message.progress.mics


def _receipt(wire: OnWire) -> None:
    head = as2.MessageHead.parse(wire.headers)
    as2.is_receipt(head, wire.body[:65536])
    try:
        found = as2.open_receipt(head, wire.body, signers=[bravo().certificate], limits=as2.DEFAULT_LIMITS)
    except PeerFault:
        return
    if found.signers:
        assert found.disposition.clean
        assert found.original_message_id == "0001.4711@alpha.example"


def fuzz(data: bytes) -> None:
    """Open one body whole and in pieces."""
    if len(data) < 2:
        return
    choice, size, body = data[0] % len(SEEDS), 1 + data[1], data[2:]
    if choice >= len(MESSAGES):
        _receipt(RECEIPTS[choice - len(MESSAGES)].with_body(body))
        return
    wire = MESSAGES[choice].with_body(body)
    assert _message(wire, [body]) == _message(wire, [body[at : at + size] for at in range(0, len(body), size)])


def damage(seed: bytes, number: int) -> bytes:
    """The seed with some octets changed, removed, doubled or moved; the same for the same number."""
    import random

    chance = random.Random(number)
    octets = bytearray(seed)
    for _ in range(chance.randrange(1, 4)):
        at, length = chance.randrange(len(octets) + 1), chance.randrange(1, 60)
        piece = octets[at : at + length]
        match chance.randrange(5):
            case 0:
                octets[at : at + 1] = chance.randbytes(1)
            case 1:
                del octets[at : at + length]
            case 2:
                octets[at:at] = piece * chance.randrange(1, 3)
            case 3:
                where = chance.randrange(len(octets) + 1)
                octets[where:where] = piece
            case _:
                octets[at:at] = chance.choice(
                    [
                        b"\r\n--",
                        b"--\r\n",
                        b"\r\n\r\n",
                        b"\x30\x80",
                        b"Content-Type: multipart/mixed; boundary=b\r\n",
                        b"\x00",
                    ]
                )
    return bytes(octets)


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3_000
    for number in range(rounds):
        seed = SEEDS[number % len(SEEDS)]
        fuzz(seed[:1] + bytes([number % 256]) + damage(seed[2:], number))
    print(f"{rounds} inputs held")
