"""Stream transmission buffers (RFC 5024 §8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.protocols.oftp2.codec import LONGEST_BUFFER, HeaderOnly, Reassembler, frame
from counterseal.protocols.oftp2.errors import BufferSizeError, InvalidField, InvalidValue, OFTPFault


@pytest.mark.parametrize(
    ("octets", "start"), [(1, b"\x10\x00\x00\x05"), (61, b"\x10\x00\x00\x41"), (99_999, b"\x10\x01\x86\xa3")]
)
def test_a_buffer_travels_behind_version_and_total_length(octets: int, start: bytes) -> None:
    """OFTP-1"""
    stb = frame(b"x" * octets)
    assert stb[:4] == start
    assert len(stb) == octets + 4
    assert list(Reassembler().feed(stb)) == [b"x" * octets]


@pytest.mark.parametrize("octets", [0, LONGEST_BUFFER + 1])
def test_buffers_outside_the_range_are_not_framed(octets: bytes) -> None:
    """OFTP-1"""
    with pytest.raises(InvalidValue):
        frame(bytes(octets))


@given(
    buffers=st.lists(st.binary(min_size=1, max_size=400), max_size=8), cuts=st.lists(st.integers(1, 60), max_size=40)
)
def test_any_split_of_the_stream_gives_the_same_buffers(buffers: list[bytes], cuts: list[int]) -> None:
    """OFTP-2"""
    stream = b"".join(map(frame, buffers))
    reassembler = Reassembler()
    got: list[bytes] = []
    at = 0
    for cut in cuts:
        got += reassembler.feed(stream[at : at + cut])
        at += cut
    got += reassembler.feed(stream[at:])
    assert got == buffers
    assert reassembler.pending_octets == 0


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7])
def test_small_pieces_and_coalesced_buffers_are_one_stream(size: int) -> None:
    """OFTP-2"""
    buffers = [b"R", b"D" + b"x" * 99_998, b"P", b"C  "]
    stream = b"".join(map(frame, buffers))
    reassembler = Reassembler()
    got = [b for at in range(0, len(stream), size) for b in reassembler.feed(stream[at : at + size])]
    assert got == buffers


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        (b"\x00\x00\x00\x05R", InvalidField),
        (b"\x20\x00\x00\x05R", InvalidField),
        (b"\x11\x00\x00\x05R", InvalidField),
        (b"GET / HTTP/1.1\r\n", InvalidField),
        (b"\x16\x03\x01\x02\x00", InvalidField),
        (b"\x10\x00\x00\x00", BufferSizeError),
        (b"\x10\x00\x00\x03", BufferSizeError),
        (b"\x10\x00\x00\x04", HeaderOnly),
        (b"\x10\x01\x86\xa4", BufferSizeError),
        (b"\x10\xff\xff\xff", BufferSizeError),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_headers_that_cannot_be_are_refused_before_anything_is_kept(
    header: bytes, fault: type[Exception], whole: bool
) -> None:
    """OFTP-3"""
    reassembler = Reassembler()
    pieces = [header] if whole else [header[i : i + 1] for i in range(len(header))]
    with pytest.raises(fault):
        [list(reassembler.feed(piece)) for piece in pieces]
    assert reassembler.pending_octets <= len(header)


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_random_octets_give_buffers_or_a_peer_fault(pieces: list[bytes]) -> None:
    """OFTP-3"""
    reassembler = Reassembler()
    try:
        for piece in pieces:
            for buffer in reassembler.feed(piece):
                assert 1 <= len(buffer) <= LONGEST_BUFFER
    except OFTPFault:
        pass
    assert reassembler.pending_octets <= sum(map(len, pieces))
