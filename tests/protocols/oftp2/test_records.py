"""Record lengths inside secured V files (RFC 5024 §6.5)."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.protocols.oftp2.errors import InvalidValue, RecordsBroken
from counterseal.protocols.oftp2.reasons import FileReason
from counterseal.protocols.oftp2.records import insert_lengths, remove_lengths


def joined(pieces: Iterable[tuple[bytes, Sequence[int]]]) -> tuple[bytes, list[int]]:
    octets, ends = b"", []
    for part, inside in pieces:
        ends += [len(octets) + end for end in inside]
        octets += part
    return octets, ends


def test_each_record_gets_its_length_in_two_octets() -> None:
    """OFTP-45"""
    assert b"".join(insert_lengths([(b"abcde", (3, 3, 5))])) == b"\x00\x03abc\x00\x00\x00\x02de"


@given(records=st.lists(st.binary(max_size=40), max_size=10), cut=st.integers(1, 60), back=st.integers(1, 30))
def test_lengths_go_in_and_out_whatever_the_chunks(records: list[bytes], cut: int, back: int) -> None:
    """OFTP-45"""
    content, ends = joined([(r, (len(r),)) for r in records])
    pieces, done = [], 0
    for at in range(0, max(len(content), 1), cut):
        part = content[at : at + cut]
        inside = []
        while done < len(ends) and ends[done] <= at + len(part):
            inside.append(ends[done] - at)
            done += 1
        pieces.append((part, inside))
    marked = b"".join(insert_lengths(pieces))
    assert marked == b"".join(len(r).to_bytes(2, "big") + r for r in records)
    chunks = [marked[at : at + back] for at in range(0, len(marked), back)]
    assert joined(remove_lengths(chunks)) == (content, ends)


def test_records_above_two_octets_of_length_are_refused() -> None:
    """OFTP-45"""
    assert b"".join(insert_lengths([(bytes(65_535), (65_535,))]))[:2] == b"\xff\xff"
    with pytest.raises(InvalidValue, match="65535"):
        list(insert_lengths([(bytes(65_536), (65_536,))]))
    with pytest.raises(InvalidValue, match="65535"):
        list(insert_lengths([(bytes(40_000), ()), (bytes(40_000), ())]))


def test_a_last_record_without_an_end_is_not_written() -> None:
    """OFTP-45"""
    with pytest.raises(InvalidValue, match="end"):
        list(insert_lengths([(b"abc", (2,))]))


@pytest.mark.parametrize("content", [b"\x00", b"\x00\x02a", b"\x00\x01a\x00", b"\xff\xffabc"])
def test_a_content_that_ends_inside_a_record_is_broken(content: bytes) -> None:
    """OFTP-45"""
    with pytest.raises(RecordsBroken) as caught:
        list(remove_lengths([content]))
    assert caught.value.efna is FileReason.INVALID_RECORD_COUNT


@given(st.lists(st.binary(max_size=50), max_size=6))
def test_any_content_is_records_or_broken(chunks: list[bytes]) -> None:
    """OFTP-45"""
    try:
        octets, ends = joined(remove_lengths(chunks))
    except RecordsBroken:
        return
    assert len(octets) + 2 * len(ends) == sum(map(len, chunks))
