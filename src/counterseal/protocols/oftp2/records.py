"""Record lengths inside secured V files (RFC 5024 §6.5): two octets in front of each record, before signing."""

from collections.abc import Iterable, Iterator, Sequence

from counterseal.protocols.cms import Chunk
from counterseal.protocols.oftp2.errors import InvalidValue, RecordsBroken
from counterseal.protocols.oftp2.transfer import LONGEST_SECURED_RECORD


def insert_lengths(pieces: Iterable[tuple[bytes, Sequence[int]]]) -> Iterator[bytes]:
    """The content with its record lengths. Each piece is octets and the offsets in them at which records end.

    At most one record is held. Raises ``InvalidValue`` for a record above 65,535 octets or without an end.
    """
    held = b""
    for octets, ends in pieces:
        parts: list[bytes] = []
        at = 0
        for stop in ends:
            record = held + octets[at:stop]
            if len(record) > LONGEST_SECURED_RECORD:
                raise InvalidValue(f"a record of a secured V file has at most {LONGEST_SECURED_RECORD} octets (§6.5)")
            parts += (len(record).to_bytes(2, "big"), record)
            held = b""
            at = stop
        held += octets[at:]
        if len(held) > LONGEST_SECURED_RECORD:
            raise InvalidValue(f"a record of a secured V file has at most {LONGEST_SECURED_RECORD} octets (§6.5)")
        if parts:
            yield b"".join(parts)
    if held:
        raise InvalidValue("the last record has no end")


def remove_lengths(chunks: Iterable[Chunk]) -> Iterator[tuple[bytes, tuple[int, ...]]]:
    """Octets without record lengths, and the offsets in them at which records end. Never holds a record.

    Raises ``RecordsBroken`` when the content ends inside a record.
    """
    head = b""
    left: int | None = None
    for chunk in chunks:
        octets = bytes(chunk)
        parts: list[bytes] = []
        ends: list[int] = []
        total = 0
        at = 0
        while at < len(octets) or left == 0:
            if left is None:
                taken = octets[at : at + 2 - len(head)]
                head += taken
                at += len(taken)
                if len(head) < 2:
                    break
                left, head = int.from_bytes(head, "big"), b""
            part = octets[at : at + left]
            parts.append(part)
            total += len(part)
            at += len(part)
            left -= len(part)
            if not left:
                ends.append(total)
                left = None
        if parts:
            yield b"".join(parts), tuple(ends)
    if head or left:
        raise RecordsBroken("the file ends inside a record or its length (§6.5)")
