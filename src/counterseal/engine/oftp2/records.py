"""Records in payloads. A V file's payload has each record behind its length (four octets, big-endian); an F file's has its
records one after another; U and T files have none.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from counterseal.domain.virtual_file import (
    LONGEST_RECORD,
    RECORD_HEAD_OCTETS,
    InvalidVirtualFile,
    RecordFormat,
    VirtualFile,
)

_AT_ONCE: Final = 256 * 1024


def read_records(chunks: Iterable[bytes], file: VirtualFile) -> Iterator[tuple[bytes, tuple[int, ...]]]:
    """File octets and, for V files, the offsets in them at which records end. Raises ``InvalidVirtualFile``."""
    if file.format is not RecordFormat.VARIABLE:
        return ((chunk, ()) for chunk in chunks)
    return _variable(chunks, file.record_length)


def _variable(chunks: Iterable[bytes], longest: int) -> Iterator[tuple[bytes, tuple[int, ...]]]:
    held = b""
    for chunk in chunks:
        held += chunk
        parts: list[bytes] = []
        ends: list[int] = []
        at = total = 0
        while len(held) - at >= RECORD_HEAD_OCTETS:
            length = int.from_bytes(held[at : at + RECORD_HEAD_OCTETS], "big")
            if length > min(longest, LONGEST_RECORD):
                raise InvalidVirtualFile(f"a record of {length} octets is longer than the {longest} announced")
            stop = at + RECORD_HEAD_OCTETS + length
            if stop > len(held):
                break
            parts.append(held[at + RECORD_HEAD_OCTETS : stop])
            total += length
            ends.append(total)
            at = stop
        held = held[at:]
        if ends:
            yield b"".join(parts), tuple(ends)
    if held:
        raise InvalidVirtualFile(
            "the payload of a V file ends inside a record: each stands behind its length in four octets"
        )


def record_count(chunks: Iterable[bytes], file: VirtualFile, size: int) -> int:
    """Of an F or V file; 0 for U and T. Raises ``InvalidVirtualFile`` for a payload that is not made of such records."""
    match file.format:
        case RecordFormat.FIXED:
            if size % file.record_length:
                raise InvalidVirtualFile(f"{size} octets are no whole number of records of {file.record_length}")
            return size // file.record_length
        case RecordFormat.VARIABLE:
            return sum(len(ends) for _, ends in _variable(chunks, file.record_length))
        case _:
            return 0


def records_of_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A text as the payload of a V file: a record for each line, line ends dropped. Raises ``InvalidVirtualFile``."""
    held = b""
    for chunk in chunks:
        *lines, held = (held + chunk).split(b"\n")
        if len(held) > LONGEST_RECORD + 1:
            raise InvalidVirtualFile(f"a line is longer than {LONGEST_RECORD} octets")
        if lines:
            yield b"".join(with_length(line.removesuffix(b"\r")) for line in lines)
    if held:
        yield with_length(held.removesuffix(b"\r"))


def with_length(record: bytes) -> bytes:
    if len(record) > LONGEST_RECORD:
        raise InvalidVirtualFile(f"a record has at most {LONGEST_RECORD} octets, got {len(record)}")
    return len(record).to_bytes(RECORD_HEAD_OCTETS, "big") + record


def skip_records(
    pieces: Iterator[tuple[bytes, tuple[int, ...]]], records: int
) -> tuple[int, Iterator[tuple[bytes, tuple[int, ...]]]]:
    """The octets of the first ``records`` records, and what follows them."""
    skipped = 0
    while records:
        octets, ends = next(pieces, (b"", ()))
        if not ends:
            return skipped, iter(())
        if len(ends) <= records:
            records -= len(ends)
            skipped += ends[-1]
            continue
        at = ends[records - 1]
        rest = (octets[at:], tuple(end - at for end in ends[records:]))
        return skipped + at, chain((rest,), pieces)
    return skipped, pieces
