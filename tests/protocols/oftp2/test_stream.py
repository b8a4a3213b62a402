"""Data exchange buffers (RFC 5024 §7, appendix A)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.protocols.oftp2.codec import Reassembler
from counterseal.protocols.oftp2.errors import InvalidField, InvalidValue
from counterseal.protocols.oftp2.stream import BufferWriter, read_buffer, read_fixed

# buffer, octets, record ends, empty subrecords that end nothing
READ = [
    (b"D", b"", (), 0),
    (b"D\x03abc", b"abc", (), 0),
    (b"D\x83abc", b"abc", (3,), 0),
    (b"D\x00", b"", (), 1),
    (b"D\x80", b"", (0,), 0),
    (b"D\x80\x80\x01a\x00\x80", b"a", (0, 0, 1), 1),
    (b"D\x45x", b"xxxxx", (), 0),
    (b"D\xc5x\x81y", b"xxxxxy", (5, 6), 0),
    (b"D\x40x", b"", (), 1),
    (b"D\xffz", b"z" * 63, (63,), 0),
    (b"D" + (b"?" + b"a" * 63) * 40 + b"\x82bc", b"a" * 2520 + b"bc", (2522,), 0),
    (b"D\x01a" + (b"?" + b"?" * 63) * 70, b"a" + b"?" * 4410, (), 0),
]


@pytest.mark.parametrize(("buffer", "octets", "ends", "empty"), READ)
def test_subrecords_are_joined_and_record_ends_found(
    buffer: bytes, octets: bytes, ends: tuple[int, ...], empty: int
) -> None:
    """OFTP-32, OFTP-33."""
    assert read_buffer(buffer) == (octets, ends, empty)


LIES = [
    b"D\x01",
    b"D\x3f" + b"x" * 62,
    b"D\x45",
    b"D\xff",
    b"D\x02ab\x05abcd",
    b"D" + (b"?" + b"a" * 63) * 9 + b"?" + b"a" * 62,
]


@pytest.mark.parametrize("buffer", LIES)
def test_subrecords_that_claim_more_than_the_buffer_holds_are_invalid_data(buffer: bytes) -> None:
    """OFTP-32, OFTP-33: never across buffers."""
    with pytest.raises(InvalidField, match="subrecord"):
        read_buffer(buffer)


def written(
    chunks: Sequence[tuple[bytes, Sequence[int]]], *, size: int, single: bool = True, compress: bool = False
) -> list[bytes]:
    """The DATA buffers of chunks, each (octets, record ends)."""
    writer = BufferWriter(buffer_octets=size, single_record=single, compress=compress)
    stbs = [stb for octets, ends in chunks for stb in writer.write(octets, ends)] + writer.finish()
    return list(Reassembler().feed(b"".join(stbs)))


def read(buffers: list[bytes]) -> tuple[bytes, list[int]]:
    octets, ends = b"", []
    for buffer in buffers:
        part, inside, _ = read_buffer(buffer)
        ends += [len(octets) + e for e in inside]
        octets += part
    return octets, ends


contents = st.one_of(
    st.binary(max_size=600),
    st.lists(st.tuples(st.binary(min_size=1, max_size=3), st.integers(1, 200)), max_size=12).map(
        lambda runs: b"".join(piece * times for piece, times in runs)
    ),
)


@given(content=contents, size=st.integers(128, 700), cut=st.integers(1, 300), compress=st.booleans())
def test_an_unstructured_file_survives_any_buffer_size_and_chunking(
    content: bytes, size: int, cut: int, compress: bool
) -> None:
    """OFTP-11, OFTP-32, OFTP-34: one record, whose flag is the end of the file."""
    chunks = [(content[i : i + cut], ()) for i in range(0, len(content), cut)]
    buffers = written(chunks, size=size, compress=compress)
    assert read(buffers) == (content, [len(content)])
    assert all(1 < len(b) <= size for b in buffers)


@given(records=st.lists(st.binary(max_size=150), max_size=20), size=st.integers(128, 300), compress=st.booleans())
def test_records_survive_with_their_ends_empty_ones_included(records: list[bytes], size: int, compress: bool) -> None:
    """OFTP-32, OFTP-34"""
    ends, at = [], 0
    for record in records:
        at += len(record)
        ends.append(at)
    buffers = written([(b"".join(records), ends)], size=size, single=False, compress=compress)
    assert read(buffers) == (b"".join(records), ends)
    assert all(1 < len(b) <= size for b in buffers)


def test_a_record_may_be_given_in_pieces() -> None:
    buffers = written([(b"ab", ()), (b"cd", (1,)), (b"", (0,))], size=128, single=False)
    assert read(buffers) == (b"abcd", [3, 4])


def test_an_empty_file_is_one_empty_record() -> None:
    """OFTP-34"""
    assert written([], size=128) == [b"D\x80"]
    assert written([], size=128, single=False) == []


def test_runs_are_compressed_and_nothing_else_grows() -> None:
    """OFTP-33"""
    assert written([(b"a" * 130, ())], size=128, compress=True) == [b"D\x7fa\x44a\xffa"]
    assert written([(b"abcabc", ())], size=128, compress=True) == [b"D\x86abcabc"]


def test_large_files_fill_buffers_with_full_subrecords() -> None:
    buffers = written([(bytes(300_000), ())], size=99_999)
    assert [len(b) for b in buffers[:3]] == [1 + 1562 * 64] * 3
    assert set(buffers[0][1::64]) == {0x3F}


@pytest.mark.parametrize("ends", [(4,), (2, 1), (-1,)])
def test_record_ends_outside_the_chunk_are_refused(ends: tuple[int, ...]) -> None:
    writer = BufferWriter(buffer_octets=128, single_record=False, compress=False)
    with pytest.raises(InvalidValue):
        writer.write(b"abc", ends)


def test_an_unstructured_file_has_no_record_ends() -> None:
    writer = BufferWriter(buffer_octets=128, single_record=True, compress=False)
    with pytest.raises(InvalidValue):
        writer.write(b"abc", (1,))


@given(st.binary(max_size=500))
def test_any_octets_in_a_data_buffer_are_data_or_invalid_data(octets: bytes) -> None:
    """OFTP-33: and never more than 63 octets for two."""
    try:
        got, ends, _ = read_buffer(b"D" + octets)
    except InvalidField:
        return
    assert len(got) <= 32 * len(octets)
    assert list(ends) == sorted(ends)
    assert all(0 <= e <= len(got) for e in ends)


@given(
    length=st.integers(1, 200),
    count=st.integers(0, 90),
    cut=st.integers(1, 900),
    size=st.integers(128, 1200),
    compress=st.booleans(),
)
def test_fixed_records_are_written_fast_and_mean_the_same(
    length: int, count: int, cut: int, size: int, compress: bool
) -> None:
    """OFTP-34"""
    content = bytes(n % 251 for n in range(length * count))
    writer = BufferWriter(buffer_octets=size, single_record=False, compress=compress)
    stbs, opened = [], 0
    for at in range(0, len(content), cut):
        part = content[at : at + cut]
        stbs += writer.write_fixed(part, length, range(length - opened, len(part) + 1, length))
        opened = (opened + len(part)) % length
    buffers = list(Reassembler().feed(b"".join(stbs + writer.finish())))
    assert read(buffers) == (content, list(range(length, len(content) + 1, length)))
    assert all(1 < len(b) <= size for b in buffers)
    for buffer in buffers:
        for opened in {0, 1, length // 2}:
            assert read_fixed(buffer, length, opened) == read_buffer(buffer)


@given(octets=st.binary(max_size=400), length=st.integers(1, 130), opened=st.integers(0, 130))
def test_the_fast_reader_of_fixed_records_sees_what_the_other_sees(octets: bytes, length: int, opened: int) -> None:
    """OFTP-33"""
    try:
        expected = read_buffer(b"D" + octets)
    except InvalidField:
        with pytest.raises(InvalidField):
            read_fixed(b"D" + octets, length, opened)
    else:
        assert read_fixed(b"D" + octets, length, opened) == expected
