"""Data exchange buffers (RFC 5024 §7): subrecords, buffer compression and record boundaries, both ways.

A buffer is ``D`` and pairs of header octet and subrecord. The header has the end-of-record flag (80), the compression flag
(40) and a count of 0 to 63 octets. Full subrecords (header 3F) make up nearly all of a large file, so whole runs of them
are cut and joined by ``struct`` (measured 1.6 GB/s each way); everything else is walked octet by octet.

Records: F and V files end each record with the flag; U and T files are one record, so their writer holds the last octets
back until it knows that they are the last. Record ends beside data are offsets in that data: ``(3, 3, 10)`` means that a
record ended after three octets, an empty one followed, and a third ended after ten.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from counterseal.protocols.oftp2.codec import LONGEST_BUFFER, header
from counterseal.protocols.oftp2.errors import InvalidField, InvalidValue

END_OF_RECORD: Final = 0x80
COMPRESSED: Final = 0x40
FULL: Final = 63
_FULL_HEADER: Final = b"?"  # 3F: no flags, 63 octets
_STRIDE: Final = FULL + 1
_FAST_FROM: Final = 8  # full subrecords in a buffer; in smaller ones the rest that they leave open is too dear
_WINDOW: Final = 64  # full subrecords looked for at once behind an odd one
_RECORDS_AT_ONCE: Final = 32  # more at once is not faster
_PATTERN_OCTETS: Final = 8192  # bounds the patterns kept, for the peer chooses the record length
_RUN: Final = re.compile(rb"(.)\1{3,}", re.DOTALL)  # a run of four saves an octet even between two literals


@lru_cache(maxsize=64)
def _splitter(count: int) -> struct.Struct:
    return struct.Struct(f"{FULL}s" * count)


@lru_cache(maxsize=2048)
def _joiner(count: int) -> struct.Struct:
    return struct.Struct(f"x{FULL}s" * count)


class _FixedRecords:
    """How records of one length look on the wire: full subrecords, and a last one with the flag."""

    __slots__ = ("_heads", "_joiners", "_sizes", "_splitters", "at_once", "octets")

    def __init__(self, length: int) -> None:
        self._sizes = [FULL] * ((length - 1) // FULL) + [(length - 1) % FULL + 1]
        self._heads = [_FULL_HEADER] * (len(self._sizes) - 1) + [bytes((self._sizes[-1] | END_OF_RECORD,))]
        self.octets = length + len(self._sizes)
        self.at_once = max(1, min(_RECORDS_AT_ONCE, _PATTERN_OCTETS // self.octets))
        self._splitters: dict[int, struct.Struct] = {}
        self._joiners: dict[int, struct.Struct] = {}

    def build(self, octets: bytes, at: int, count: int) -> bytes:
        """``count`` records, at most ``at_once``."""
        splitter = self._splitters.get(count)
        if splitter is None:
            splitter = self._splitters[count] = struct.Struct("".join(f"{size}s" for size in self._sizes) * count)
        pieces = splitter.unpack_from(octets, at)
        mixed = [b""] * (2 * len(pieces))
        mixed[::2] = self._heads * count
        mixed[1::2] = pieces
        return b"".join(mixed)

    def count(self, buffer: bytes, at: int) -> int:
        """How many such records stand one after another from ``at`` on, at most ``at_once``."""
        count = min((len(buffer) - at) // self.octets, self.at_once)
        stop = at + count * self.octets
        for index, head in enumerate(self._heads):
            heads = buffer[at + index * _STRIDE : stop : self.octets]
            count = min(count, len(heads) - len(heads.lstrip(head)))
        return count

    def read(self, buffer: bytes, at: int, count: int) -> tuple[bytes, ...]:
        """The pieces of ``count`` records."""
        joiner = self._joiners.get(count)
        if joiner is None:
            joiner = self._joiners[count] = struct.Struct("".join(f"x{size}s" for size in self._sizes) * count)
        return joiner.unpack_from(buffer, at)


@lru_cache(maxsize=16)
def _fixed_records(length: int) -> _FixedRecords:
    return _FixedRecords(length)


def _rest_of_record(buffer: bytes, left: int) -> tuple[bytes, int]:
    """The last octets of a record that earlier buffers began, and where they end; 0 where they are cut in another way."""
    stop = 1 + left + -(-left // FULL)
    if not 1 < stop < len(buffer):
        return b"", 0
    try:
        rest, ends, empty = read_buffer(buffer[:stop])
    except InvalidField:
        return b"", 0
    return (rest, stop) if ends == (left,) and not empty else (b"", 0)


def read_fixed(buffer: bytes, length: int, opened: int) -> tuple[bytes, tuple[int, ...], int]:
    """As ``read_buffer``, fast where a buffer of an F file holds whole records of ``length``; equal to it always.

    ``opened`` is how much of a record came in buffers before this one.
    """
    records = _fixed_records(length)
    parts: list[bytes] = []
    ends: list[int] = []
    total = 0
    at = 1
    if opened:
        rest, at = _rest_of_record(buffer, length - opened)
        if not at:
            return read_buffer(buffer)
        parts, ends, total = [rest], [len(rest)], len(rest)
    while count := records.count(buffer, at):
        parts += records.read(buffer, at, count)
        at += count * records.octets
        ends += range(total + length, total + count * length + 1, length)
        total += count * length
    rest, rest_ends, empty = read_buffer(buffer, at)
    return b"".join((*parts, rest)), (*ends, *(total + end for end in rest_ends)), empty


def read_buffer(buffer: bytes, at: int = 1) -> tuple[bytes, tuple[int, ...], int]:
    """The file octets in a DATA buffer, the record ends among them, and how many empty subrecords ended no record.

    Raises ``InvalidField`` when a subrecord crosses the end of the buffer (§7.3 forbids it). ``at`` is where to begin.
    """
    end = len(buffer)
    parts: list[bytes] = []
    ends: list[int] = []
    empty = 0
    total = 0
    window = end
    while at < end:
        head = buffer[at]
        if head == FULL:
            count = _full_run(buffer, at, window)
            if count:
                parts += _joiner(count).unpack_from(buffer, at)
                at += count * _STRIDE
                total += count * FULL
                window = at + _WINDOW * _STRIDE
                continue
        count = head & FULL
        stop = at + 2 if head & COMPRESSED else at + 1 + count
        if stop > end:
            raise InvalidField(f"a subrecord claims {count} octets; the buffer ends before them (§7.3)")
        parts.append(buffer[at + 1 : stop] * count if head & COMPRESSED else buffer[at + 1 : stop])
        total += count
        at = stop
        window = at + _WINDOW * _STRIDE
        if head & END_OF_RECORD:
            ends.append(total)
        elif not count:
            empty += 1
    return b"".join(parts), tuple(ends), empty


def _full_run(buffer: bytes, at: int, stop: int) -> int:
    """How many full subrecords stand one after another from ``at`` on, looking no further than ``stop``."""
    heads = buffer[at:stop:_STRIDE]
    count = len(heads) - len(heads.lstrip(_FULL_HEADER))
    return min(count, (len(buffer) - at) // _STRIDE)


class BufferWriter:
    """File octets into stream transmission buffers that hold DATA, for one file.

    ``buffer_octets`` is the agreed exchange buffer size, the command octet included (§5.3.2 SSIDSDEB).
    """

    __slots__ = ("_compress", "_full_per_buffer", "_held", "_limit", "_out", "_parts", "_single_record", "_used")

    def __init__(self, *, buffer_octets: int, single_record: bool, compress: bool) -> None:
        if not 2 < buffer_octets <= LONGEST_BUFFER:
            raise InvalidValue(f"an exchange buffer has at most {LONGEST_BUFFER} octets, got {buffer_octets}")
        self._limit = buffer_octets
        self._single_record = single_record
        self._compress = compress
        self._full_per_buffer = (buffer_octets - 1) // _STRIDE
        self._held = b""
        self._parts: list[bytes] = []
        self._used = 1
        self._out: list[bytes] = []

    def write(self, octets: bytes, record_ends: Sequence[int] = ()) -> list[bytes]:
        """The buffers that ``octets`` filled; a rest may stay for the next call.

        ``record_ends`` are for F and V files: ascending offsets in ``octets``. Raises ``InvalidValue`` for others.
        """
        if self._single_record:
            if record_ends:
                raise InvalidValue("an unstructured or text file has no record ends")
            self._write_single(octets)
        else:
            at = 0
            for stop in record_ends:
                if not at <= stop <= len(octets):
                    raise InvalidValue("record ends are ascending offsets in the octets given")
                self._put(octets, at, stop, ends=True)
                at = stop
            self._put(octets, at, len(octets), ends=False)
        return self._take()

    def finish(self) -> list[bytes]:
        """The last buffers. A U or T file, even an empty one, ends with the end-of-record flag (§7.2)."""
        if self._single_record:
            self._put(self._held, 0, len(self._held), ends=True)
            self._held = b""
        self._close_buffer()
        return self._take()

    def _take(self) -> list[bytes]:
        out, self._out = self._out, []
        return out

    def _write_single(self, octets: bytes) -> None:
        stream = self._held + octets if self._held else octets
        at = 0
        payload = self._full_per_buffer * FULL
        if self._full_per_buffer >= _FAST_FROM and not self._compress:
            head = header(1 + self._full_per_buffer * _STRIDE) + b"D"
            split = _splitter(self._full_per_buffer).unpack_from
            while len(stream) - at > payload:
                self._out.append(_FULL_HEADER.join((head, *split(stream, at))))
                at += payload
            self._held = stream[at:]
            return
        stop = max(len(stream) - FULL, 0)
        self._put(stream, 0, stop, ends=False)
        self._held = stream[stop:]

    def _put(self, octets: bytes, at: int, stop: int, *, ends: bool) -> None:
        """Append a piece of one record; with ``ends`` its last subrecord carries the flag."""
        if at == stop:
            if ends:
                self._literal(b"", 0, 0, ends=True)
            return
        if not self._compress:
            self._literal(octets, at, stop, ends=ends)
            return
        for start, until, run in _runs(octets, at, stop):
            last = ends and until == stop
            if run:
                self._repeated(octets[start : start + 1], until - start, ends=last)
            else:
                self._literal(octets, start, until, ends=last)

    def _literal(self, octets: bytes, at: int, stop: int, *, ends: bool) -> None:
        while True:
            room = self._limit - self._used - 1
            if room < min(1, stop - at):
                self._close_buffer()
                continue
            full = min((stop - at - ends) // FULL, (room + 1) // _STRIDE)
            if full > 1:
                self._parts.append(_FULL_HEADER)
                self._parts.append(_FULL_HEADER.join(_splitter(full).unpack_from(octets, at)))
                self._used += full * _STRIDE
                at += full * FULL
                if at >= stop:
                    return
                continue
            count = min(FULL, stop - at, room)
            last = ends and at + count == stop
            self._parts.append(bytes((count | (END_OF_RECORD if last else 0),)))
            self._parts.append(octets[at : at + count])
            self._used += count + 1
            at += count
            if at >= stop:
                return

    def write_fixed(self, octets: bytes, length: int, ends: range) -> list[bytes]:
        """As ``write`` for the records of an F file: whole records are cut and joined many at a time."""
        whole = len(ends) - 1 if ends and ends.start < length else len(ends)
        records = _fixed_records(length)
        if self._compress or not whole or records.octets > self._limit - 1:
            return self.write(octets, ends)
        at = ends[0] if whole < len(ends) else 0
        self._put(octets, 0, at, ends=at > 0)
        while whole:
            count = min(whole, (self._limit - self._used) // records.octets, records.at_once)
            if not count:
                self._close_buffer()
                continue
            self._parts.append(records.build(octets, at, count))
            self._used += count * records.octets
            at += count * length
            whole -= count
        self._put(octets, at, len(octets), ends=False)
        return self._take()

    def _repeated(self, octet: bytes, times: int, *, ends: bool) -> None:
        while times:
            if self._limit - self._used < 2:
                self._close_buffer()
            count = min(FULL, times)
            times -= count
            flags = COMPRESSED | (END_OF_RECORD if ends and not times else 0)
            self._parts.append(bytes((count | flags,)) + octet)
            self._used += 2

    def _close_buffer(self) -> None:
        if self._used > 1:
            self._out.append(b"".join((header(self._used), b"D", *self._parts)))
            self._parts = []
            self._used = 1


def _runs(octets: bytes, at: int, stop: int) -> Iterator[tuple[int, int, bool]]:
    """Cut a piece into literals and runs: (start, end, is a run)."""
    for match in _RUN.finditer(octets, at, stop):
        if match.start() > at:
            yield at, match.start(), False
        at = match.end()
        yield match.start(), at, True
    if at < stop:
        yield at, stop, False
