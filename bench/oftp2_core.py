"""Throughput of the OFTP2 core in memory, without network and disk: framing out, framing in, and a session pair.

    python bench/oftp2_core.py [megabytes]

Prints decimal megabytes a second for unstructured data, with and without buffer compression, for F records of 80 octets and
for V records of 500. ``out`` is the sender's encoder, ``in`` the receiver's reassembler and decoder, ``pair`` one process
that plays both ends of a session.
"""

import sys
import time
from datetime import UTC, datetime

from counterseal.protocols.oftp2.codec import Reassembler
from counterseal.protocols.oftp2.commands import SFID
from counterseal.protocols.oftp2.machine import INACTIVITY, Settings
from counterseal.protocols.oftp2.negotiation import Mode, Offer
from counterseal.protocols.oftp2.session import Session
from counterseal.protocols.oftp2.stream import BufferWriter, read_buffer, read_fixed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK = 1_000_000
CONTENT = (b"UNB+UNOC:3+4012345000009:14+4000004000002:14+101013:1043+00000000101'" * (CHUNK // 60))[:CHUNK]
BUFFER = 99_999


def framing(*, chunks: int, ends: range | None, compress: bool, size: int, fixed: int) -> tuple[float, float]:
    def writer() -> BufferWriter:
        return BufferWriter(buffer_octets=size, single_record=ends is None, compress=compress)

    sender = writer()
    started = time.perf_counter()
    for _ in range(chunks):
        if fixed and ends:
            sender.write_fixed(CONTENT, fixed, ends)
        else:
            sender.write(CONTENT, ends or ())
    sender.finish()
    sent = time.perf_counter() - started
    sender = writer()
    stream = b"".join(sender.write(CONTENT * 10, ends_of_ten(ends)) + sender.finish())
    pieces = [stream[at : at + (1 << 18)] for at in range(0, len(stream), 1 << 18)]
    total = 0
    started = time.perf_counter()
    for _ in range(max(chunks // 10, 1)):
        reassembler = Reassembler()
        for piece in pieces:
            for buffer in reassembler.feed(piece):
                octets, _, _ = read_fixed(buffer, fixed, total % fixed) if fixed else read_buffer(buffer)
                total += len(octets)
    received = time.perf_counter() - started
    assert total == max(chunks // 10, 1) * 10 * CHUNK
    return chunks * CHUNK / sent / 1e6, total / received / 1e6


def ends_of_ten(ends: range | None) -> range | tuple[()]:
    return () if ends is None else range(ends.start, CHUNK * 10 + 1, ends.step)


def pair(*, chunks: int) -> float:
    settings = Settings(inactivity=INACTIVITY, refused_quirks=frozenset())
    offer = Offer(
        code="O0013A",
        password="",
        user="",
        buffer_octets=BUFFER,
        credit=99,
        mode=Mode.BOTH,
        compression=False,
        restart=True,
        authentication=False,
    )
    a, b = Session.initiate(offer, settings, now=NOW), Session.respond(settings, now=NOW)
    sfid = SFID(
        dsn="BENCH", date="20260101", time="1200000001", dest="B", orig="A", fmt="U", lrecl=0, fsiz=0, osiz=0, rest=0,
        sec="00", ciph="00", comp="0", env="0", sign=False,
    )  # fmt: skip

    def carry() -> None:
        while True:
            from_b, from_a = b.data_to_send(), a.data_to_send()
            a.receive_data(from_b, NOW)
            b.receive_data(from_a, NOW)
            if not from_a and not from_b:
                return

    carry()
    b.accept_partner(NOW, offer=offer)
    carry()
    a.accept_partner(NOW, offer=None)
    a.offer_file(sfid, NOW)
    carry()
    b.accept_file(NOW, octet_limit=1 << 50)
    carry()
    started = time.perf_counter()
    for _ in range(chunks):
        while not a.wants_data:
            b.receive_data(a.data_to_send(), NOW)
            a.receive_data(b.data_to_send(), NOW)
        a.send_data(CONTENT, NOW)
    a.end_file(NOW)
    carry()
    elapsed = time.perf_counter() - started
    b.confirm_file(NOW, take_turn=False)
    return chunks * CHUNK / elapsed / 1e6


def main() -> None:
    chunks = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    cases = {
        "U": (chunks, None, False, BUFFER, 0),
        "U, 2 KiB buffers": (chunks, None, False, 2048, 0),
        "U, compressed": (max(chunks // 10, 1), None, True, BUFFER, 0),
        "F, records of 80": (max(chunks // 10, 1), range(80, CHUNK + 1, 80), False, BUFFER, 80),
        "V, records of 500": (max(chunks // 10, 1), range(500, CHUNK + 1, 500), False, BUFFER, 0),
    }
    for name, (count, ends, compress, size, fixed) in cases.items():
        out, into = framing(chunks=count, ends=ends, compress=compress, size=size, fixed=fixed)
        print(f"{name:18} out {out:7.0f} MB/s   in {into:7.0f} MB/s")
    print(f"{'session pair, U':18} {pair(chunks=chunks):11.0f} MB/s")


if __name__ == "__main__":
    main()
