"""One file on its way through a session: credit, restart positions, counts and what the SFID allows (RFC 5024 §1.5.4, §4.3,
§4.4, §5.3.3, §5.3.8). No payload is kept: the outgoing side holds the buffers of the last chunk at most.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from counterseal.protocols.oftp2.commands import EFID, SFID
from counterseal.protocols.oftp2.errors import InvalidField, InvalidValue, Overrun
from counterseal.protocols.oftp2.negotiation import Agreed
from counterseal.protocols.oftp2.quirks import Quirk
from counterseal.protocols.oftp2.reasons import FileReason
from counterseal.protocols.oftp2.stream import BufferWriter, read_buffer, read_fixed

BLOCK: Final = 1024  # restart unit of U, T and secured files (§1.5.4)
NO_SUITE: Final = "00"
LONGEST_SECURED_RECORD: Final = 65_535  # what two octets count (§6.5); the RFC prints 65536
RECORD_COST: Final = 2  # octets that a record of any length costs its keeper, so that empty ones are not free
DROPPED_AT_MOST: Final = 64 * 1024 * 1024  # after a file broke, what is still read for the sake of an EFNA
EMPTY_TOLERATED: Final = 1_000
EMPTY_AT_MOST: Final = 1_000_000


def octets_before(sfid: SFID, position: int, stated: int | None) -> int:
    """File octets in front of a restart position.

    Blocks of 1,024 and fixed records are counted; for a V file only its keeper knows, and must state it.
    """
    if not sfid.recorded:
        return position * BLOCK
    if sfid.fmt == "F":
        return position * sfid.lrecl
    if position and stated is None:
        raise InvalidValue("a V file resumes only with the number of octets in front of the position")
    return stated or 0


def judge_offer(sfid: SFID) -> FileReason | None:
    """What the standard itself says against a file (§5.3.3); ``None`` leaves it to the receiver's policy."""
    checks = (
        (not sfid.dsn, FileReason.INVALID_FILENAME),
        (not sfid.dest, FileReason.INVALID_DESTINATION),
        (not sfid.orig, FileReason.INVALID_ORIGIN),
        (sfid.fmt == "F" and sfid.recorded and not sfid.lrecl, FileReason.RECORD_LENGTH_NOT_SUPPORTED),
        (
            sfid.fmt == "V" and sfid.secured and sfid.lrecl > LONGEST_SECURED_RECORD + 1,
            FileReason.RECORD_LENGTH_NOT_SUPPORTED,
        ),
        (sfid.sec != "00" and sfid.ciph == NO_SUITE, FileReason.CIPHER_SUITE_NOT_SUPPORTED),
        (sfid.secured and sfid.env != "1", FileReason.UNSPECIFIED),
    )
    return next((reason for holds, reason in checks if holds), None)


def offer_quirks(sfid: SFID) -> tuple[Quirk, ...]:
    """Oddities of an SFID that are no reason to refuse the file."""
    quirks: list[Quirk] = []
    if sfid.fmt in {"U", "T"} and sfid.lrecl:
        quirks.append(Quirk.RECORD_LENGTH_UNUSED)
    if sfid.sign and sfid.ciph == NO_SUITE:
        quirks.append(Quirk.SIGNED_RECEIPT_WITHOUT_SUITE)
    return tuple(quirks)


def check_own_offer(sfid: SFID, agreed: Agreed) -> None:
    """Raise ``InvalidValue`` for an SFID that we must not send in this session (§5.3.3, 9.10 P1)."""
    checks = (
        (not agreed.may_send, "this session only receives (SSIDSR)"),
        (bool(sfid.rest) and not agreed.restart, "restart was not agreed (SSIDREST), so SFIDREST must be 0"),
        (sfid.fmt in {"U", "T"} and sfid.lrecl != 0, "SFIDLRECL is 0 for formats U and T"),
        (sfid.fmt in {"F", "V"} and not sfid.lrecl, "SFIDLRECL is the record length for formats F and V"),
        (
            sfid.fmt == "V" and sfid.secured and sfid.lrecl > LONGEST_SECURED_RECORD,
            f"records of a secured V file have at most {LONGEST_SECURED_RECORD} octets",
        ),
        (sfid.sign and sfid.ciph == NO_SUITE, "a signed receipt needs a cipher suite (SFIDCIPH)"),
        (judge_offer(sfid) is not None, "the SFID contradicts itself (name, codes, security or envelope)"),
    )
    wrong = next((text for holds, text in checks if holds), None)
    if wrong is not None:
        raise InvalidValue(wrong)


class Outgoing:
    """The file that we send."""

    __slots__ = (
        "_lrecl",
        "_open_record",
        "_recorded",
        "credit",
        "ending",
        "octets",
        "queue",
        "records",
        "sfid",
        "unplaced",
        "writer",
    )

    def __init__(self, sfid: SFID, agreed: Agreed) -> None:
        self.sfid = sfid
        self._recorded = sfid.recorded
        self._lrecl = sfid.lrecl
        self._open_record = 0
        self.writer = BufferWriter(
            buffer_octets=agreed.buffer_octets, single_record=not sfid.recorded, compress=agreed.compression
        )
        self.queue: deque[bytes] = deque()
        self.credit = agreed.credit  # SFPA is an implicit CDT (§4.4.1)
        self.octets = 0
        self.records = 0
        self.ending: EFID | None = None
        self.unplaced = False

    def resume(self, position: int) -> None:
        """Count from the answered position (§5.3.8: the totals of the whole file); a V file waits for ``place``."""
        self.records = position if self._recorded else 0
        self.unplaced = bool(position) and self._recorded and self.sfid.fmt == "V"
        self.octets = 0 if self.unplaced else octets_before(self.sfid, position, None)

    def place(self, octets_before_position: int) -> None:
        """Count a V file's octets from here."""
        self.octets = octets_before_position
        self.unplaced = False

    def write(self, octets: bytes, record_ends: Sequence[int]) -> None:
        """Queue the buffers of one chunk."""
        if self._recorded:
            record_ends = self._ends(octets, record_ends)
        if isinstance(record_ends, range) and self.sfid.fmt == "F":
            self.queue.extend(self.writer.write_fixed(octets, self._lrecl, record_ends))
        else:
            self.queue.extend(self.writer.write(octets, record_ends))
        self.octets += len(octets)
        self.records += len(record_ends)

    def _ends(self, octets: bytes, stated: Sequence[int]) -> Sequence[int]:
        if self.sfid.fmt == "F":
            if stated:
                raise InvalidValue("the records of an F file end by SFIDLRECL, not by the caller")
            ends = range(self._lrecl - self._open_record, len(octets) + 1, self._lrecl)
            self._open_record = (self._open_record + len(octets)) % self._lrecl
            return ends
        start = -self._open_record
        for stop in stated:
            if not max(start, 0) <= stop <= len(octets):
                raise InvalidValue("record ends are ascending offsets in the octets given")
            if stop - start > self._lrecl:
                raise InvalidValue(f"a record of {stop - start} octets is longer than SFIDLRECL {self._lrecl}")
            start = stop
        if len(octets) - start > self._lrecl:
            raise InvalidValue(f"a record is longer than SFIDLRECL {self._lrecl}")
        self._open_record = len(octets) - start
        return stated

    def finish(self, secured_records: int) -> None:
        """Queue the last buffers and prepare the EFID.

        ``secured_records`` is the original's record count for a secured F or V file (§5.3.8 to the letter), else 0.
        """
        if self._open_record:
            raise InvalidValue("the last record has no end")
        if self._recorded or self.sfid.fmt in {"U", "T"}:
            if secured_records:
                raise InvalidValue("a record count is stated only for secured F and V files")
            secured_records = self.records
        self.queue.extend(self.writer.finish())
        self.ending = EFID(rcnt=secured_records, ucnt=self.octets)


class Incoming:
    """The file that we receive."""

    __slots__ = (
        "_fixed", "_open_record", "_recorded", "_single_ended", "credit", "dropped", "empty", "octet_limit",
        "octets", "problem", "quirks", "records", "sfid",
    )  # fmt: skip

    def __init__(self, sfid: SFID, agreed: Agreed) -> None:
        self.sfid = sfid
        self._recorded = sfid.recorded
        self._fixed = sfid.fmt == "F"
        self._open_record = 0
        self._single_ended = False
        self.credit = agreed.credit
        self.octets = 0
        self.records = 0
        self.octet_limit = 0
        self.dropped = 0
        self.empty = 0
        self.problem: FileReason | None = None
        self.quirks: list[Quirk] = []

    def resume(self, position: int, stated: int | None, *, octet_limit: int) -> None:
        """Count from the accepted position; ``octet_limit`` bounds the whole file."""
        self.octets = octets_before(self.sfid, position, stated)
        self.records = position if self._recorded else 0
        self.octet_limit = octet_limit

    def read(self, buffer: bytes) -> tuple[bytes, tuple[int, ...]] | None:
        """The octets and record ends of one DATA buffer; ``None`` once the file cannot be whole any more."""
        if self._recorded and self._fixed:
            octets, ends, empty = read_fixed(buffer, self.sfid.lrecl, self._open_record)
        else:
            octets, ends, empty = read_buffer(buffer)
        self._count_empty(empty)
        self.octets += len(octets)
        if self._recorded:
            self._follow_records(len(octets), ends)
        else:
            self._follow_single(octets, ends)
            ends = ()
        if self.octets + self.records * RECORD_COST * self._recorded > self.octet_limit and self.problem is None:
            self.problem = FileReason.FILE_TOO_BIG
        if self.problem is None:
            return octets, ends
        self.dropped += len(buffer)
        if self.dropped > DROPPED_AT_MOST:
            raise Overrun(f"the peer sends on after a file broke with reason {self.problem.value}")
        return None

    def _count_empty(self, empty: int) -> None:
        if not empty:
            return
        self.empty += empty
        if self.empty > EMPTY_AT_MOST:
            raise InvalidField(f"more than {EMPTY_AT_MOST} subrecords of length zero in one file")
        if self.empty > EMPTY_TOLERATED:
            self._note(Quirk.EMPTY_SUBRECORDS)

    def _note(self, quirk: Quirk) -> None:
        if quirk not in self.quirks:
            self.quirks.append(quirk)

    def _follow_single(self, octets: bytes, ends: tuple[int, ...]) -> None:
        """U, T and secured files are one record; its flag is not relied on (spec C 6)."""
        if (self._single_ended and octets) or len(ends) > 1 or (ends and ends[0] < len(octets)):
            self._note(Quirk.INNER_END_OF_RECORD)
        self._single_ended = bool(ends) and ends[-1] == len(octets)

    def _follow_records(self, count: int, ends: tuple[int, ...]) -> None:
        start = -self._open_record
        limit = self.sfid.lrecl or count + self._open_record
        if self._fixed and ends == tuple(range(limit - self._open_record, count + 1, limit)):
            self._open_record = (self._open_record + count) % limit
            self.records += len(ends)
            return
        for stop in ends:
            if stop - start > limit:
                self._broken(FileReason.RECORD_LENGTH_NOT_SUPPORTED)
            elif self._fixed and stop - start != limit:
                self._broken(FileReason.RECORD_FORMAT_NOT_SUPPORTED)
            start = stop
        self._open_record = count - start
        if self._open_record > limit:
            self._broken(FileReason.RECORD_LENGTH_NOT_SUPPORTED)
        self.records += len(ends)

    def _broken(self, reason: FileReason) -> None:
        self.problem = self.problem or reason

    def close(self, efid: EFID) -> FileReason | None:
        """What is wrong with the file now that its totals are known (§5.3.10); ``None``: it is whole."""
        if self.problem is None and efid.ucnt != self.octets:
            self.problem = FileReason.INVALID_BYTE_COUNT
        if self.problem is None and self._recorded and (efid.rcnt != self.records or self._open_record):
            self.problem = FileReason.INVALID_RECORD_COUNT
        if not self._recorded and self.octets and not self._single_ended:
            self._note(Quirk.NO_END_OF_RECORD)
        if self.sfid.fmt in {"U", "T"} and efid.rcnt:
            self._note(Quirk.RECORD_COUNT_UNUSED)
        return self.problem
