"""Fuzz target for the OFTP2 codec and session.

Invariant: whatever the peer sends, in whatever state, ``Session`` gives events or answers with one ESID; it raises nothing,
holds at most one exchange buffer of what came, and its output stays bounded by the verbs that were called.

The first octet chooses role and strictness. The rest is a script: one octet chooses between raw octets, a well-framed random
buffer, a valid-looking command and an answer of our caller; the octets behind it feed the choice.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from counterseal.kernel.errors import CallerFault
from counterseal.protocols.oftp2.codec import LONGEST_STB, build_command, frame
from counterseal.protocols.oftp2.commands import EERP, NERP, SFID
from counterseal.protocols.oftp2.events import SessionEnded
from counterseal.protocols.oftp2.machine import Settings
from counterseal.protocols.oftp2.negotiation import Mode, Offer
from counterseal.protocols.oftp2.quirks import Quirk
from counterseal.protocols.oftp2.reasons import ESIDReason, FileReason
from counterseal.protocols.oftp2.session import Session
from counterseal.protocols.oftp2.states import State

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LARGEST_ANSWER = 300_000  # a window of buffers that a verb asked for, and commands

_OFFER = Offer(
    code="O0013ME",
    password="SECRET",
    user="",
    buffer_octets=2048,
    credit=4,
    mode=Mode.BOTH,
    compression=True,
    restart=True,
    authentication=False,
)
_SFID = SFID(
    dsn="ORDERS", date="20260101", time="1200000001", dest="O0013ME", orig="O0013PEER", fmt="U", lrecl=0, fsiz=1, osiz=1,
    rest=0, sec="00", ciph="00", comp="0", env="0", sign=False,
)  # fmt: skip
_EERP = EERP(dsn="ORDERS", date="20260101", time="1200000001", dest="O0013PEER", orig="O0013ME")
_NERP = NERP(dsn="A", date="20260101", time="1200000001", dest="A", orig="B", crea="B", reas="34")

LOOKS_VALID = [
    b"IODETTE FTP READY \r",
    build_command(_OFFER.ssid()),
    b"J",
    b"A\x00\x03cms",
    b"S" + bytes(20),
    build_command(_SFID),
    build_command(_SFID).replace(b"U00000", b"V00080"),
    build_command(_SFID).replace(b"U00000", b"F00003"),
    b"2" + b"0" * 17,
    b"313N000",
    b"D\x03abc",
    b"D\x83abc\xc3a\x80\x00",
    b"C  ",
    b"T" + b"0" * 17 + b"3".rjust(17, b"0"),
    b"T" + b"2".rjust(17, b"0") + b"6".rjust(17, b"0"),
    b"4Y",
    b"4N",
    b"521000",
    b"F00000\r",
    b"F02000\r",
    b"R",
    b"P",
    build_command(_EERP),
    build_command(_NERP),
]

ANSWERS: list[Callable[[Session], object]] = [
    lambda s: s.accept_partner(NOW, offer=None if s.state is State.I_WF_CONCF else _OFFER),
    lambda s: s.send_challenge(NOW, challenge=bytes(20), envelope=b"cms"),
    lambda s: s.answer_challenge(bytes(20), NOW),
    lambda s: s.accept_file(NOW, octet_limit=10_000, resume_at=0, octets_held=None),
    lambda s: s.refuse_file(NOW, reason=FileReason.DUPLICATE_FILE, retry=False, text="again"),
    lambda s: s.confirm_file(NOW, take_turn=True),
    lambda s: s.confirm_file(NOW, take_turn=False),
    lambda s: s.reject_file(NOW, reason=FileReason.UNSPECIFIED, text=""),
    lambda s: s.acknowledge_receipt(NOW),
    lambda s: s.offer_file(_SFID, NOW),
    lambda s: s.send_data(bytes(20_000), NOW),
    lambda s: s.end_file(NOW),
    lambda s: s.send_receipt(_NERP, NOW),
    lambda s: s.give_turn(NOW),
    lambda s: s.end(NOW),
    lambda s: s.data_to_send(),
    lambda s: s.handle_deadline(NOW),
    lambda s: s.abort(ESIDReason.UNSPECIFIED, "", NOW),
]

# A long conversation as a script: our responder takes a file and a receipt, takes the turn and sends one.
SEEDS = [
    b"",
    b"\x00",
    b"\x00\x02\x01\x03\x00\x02\x05\x03\x03\x02\x0b\x02\x0d\x03\x05\x02\x14\x03\x09\x02\x08\x03\x0a\x03\x0f\x02\x0c\x03\x0b",
    b"\x01\x02\x00\x02\x01\x03\x00\x03\x09\x02\x08\x03\x0a\x03\x0f\x02\x0c\x03\x0b\x03\x0f\x02\x0f\x02\x14",
    b"\x02\x02\x01\x03\x00\x02\x16\x03\x08\x02\x14\x03\x0e",
    b"\x00\x00\xff\x10\x00\x00\x05Z",
]


def fuzz(data: bytes) -> None:
    """Run one script."""
    script = memoryview(data)
    choice = data[0] if data else 0
    settings = Settings(
        inactivity=timedelta(seconds=60), refused_quirks=frozenset(Quirk) if choice & 2 else frozenset()
    )
    session = Session.initiate(_OFFER, settings, now=NOW) if choice & 1 else Session.respond(settings, now=NOW)
    ends = 0
    at = 1
    while at + 1 < len(script):
        kind, pick = script[at] & 3, script[at + 1]
        at += 2
        if kind == 3:
            try:
                ANSWERS[pick % len(ANSWERS)](session)
            except CallerFault:
                continue
            continue
        if kind == 2:
            octets = frame(LOOKS_VALID[pick % len(LOOKS_VALID)])
        else:
            raw = bytes(script[at : at + pick])
            at += pick
            octets = frame(raw) if kind == 1 and raw else raw
        ends += sum(isinstance(e, SessionEnded) for e in session.receive_data(octets, NOW))
        assert ends <= 1
        assert session.held_octets <= LONGEST_STB + LARGEST_ANSWER
        if session.ended:
            assert session.receive_data(b"\x10\x00\x00\x05R", NOW) == []
    assert len(session.data_to_send()) <= LARGEST_ANSWER


if __name__ == "__main__":
    import random
    import sys

    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    chance = random.Random(5024)
    for _ in range(rounds):
        length = chance.randrange(200)
        script = bytes(chance.choice((2, 3, 2, 3, chance.randrange(256))) for _ in range(1))
        script += b"".join(
            bytes((chance.choice((1, 2, 2, 2, 3, 3)), chance.randrange(26)))
            + chance.randbytes(chance.randrange(4) // 3 * 20)
            for _ in range(length // 4)
        )
        fuzz(script)
    print(f"{rounds} scripts held")
