"""MIME read from streams: original bytes, any split, hostile structure."""

import base64
import itertools
import quopri
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.mime import (
    DEFAULT_MIME_LIMITS,
    ContentType,
    Disposition,
    Headers,
    IllegalMIME,
    MalformedMIME,
    MIMELimitExceeded,
    MIMELimits,
    TransferEncoding,
    base64_size,
    close_delimiter,
    decode_transfer,
    delimiter,
    encode_transfer,
    file_name_of,
    open_entity,
    split,
    transfer_encoding,
)

LIMITS = DEFAULT_MIME_LIMITS
SMALL = MIMELimits(
    max_header_bytes=100, max_headers=3, max_parts=2, max_depth=2, max_preamble_bytes=20, max_epilogue_bytes=20
)


def in_pieces(whole: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    return [whole[a:b] for a, b in itertools.pairwise(places)]


def parts(chunks: list[bytes], boundary: str = "b", limits: MIMELimits = LIMITS) -> list[bytes]:
    return [b"".join(bytes(c) for c in part) for part in split(chunks, boundary, limits=limits)]


HEADER_BLOCKS = {
    "CRLF": (b"A: 1\r\nB: 2\r\n\r\n", (("A", "1"), ("B", "2"))),
    "LF only": (b"A: 1\nB: 2\n\n", (("A", "1"), ("B", "2"))),
    "folded with blank": (b"A: 1\r\n  2\r\n\r\n", (("A", "1 2"),)),
    "folded with tab (P-11)": (b"A: 1;\r\n\tx=2\r\n\r\n", (("A", "1; x=2"),)),
    "blank before the colon": (b"A : 1\r\n\r\n", (("A", "1"),)),
    "no blank after it": (b"A:1\r\n\r\n", (("A", "1"),)),
    "empty value": (b"A:\r\n\r\n", (("A", ""),)),
    "UTF-8": ("A: ü\r\n\r\n".encode(), (("A", "ü"),)),
    "Latin-1": ("A: ü\r\n\r\n".encode("latin-1"), (("A", "ü"),)),
    "repeated": (b"A: 1\r\na: 2\r\n\r\n", (("A", "1"), ("a", "2"))),
    "empty": (b"\r\n", ()),
}


@pytest.mark.parametrize("case", HEADER_BLOCKS)
def test_header_blocks_are_read_in_order(case: str) -> None:
    block, items = HEADER_BLOCKS[case]
    assert Headers.parse(block, limits=LIMITS).items == items


def test_headers_are_looked_up_without_case_and_all_values_are_kept() -> None:
    headers = Headers.parse(b"A: 1\r\na: 2\r\nB: 3\r\n\r\n", limits=LIMITS)
    assert (headers.get("a"), headers.all("A"), headers.get("c"), "b" in headers) == ("1", ("1", "2"), None, True)
    assert headers.without("A").items == (("B", "3"),)


BAD_BLOCKS = {
    "no colon": b"nothing\r\n\r\n",
    "no name": b": x\r\n\r\n",
    "blank in the name": b"a b: x\r\n\r\n",
    "begins with a continuation": b" x\r\nA: 1\r\n\r\n",
    "NUL in a value": b"A: \x00\r\n\r\n",
    "CR in a value": b"A: x\ry\r\n\r\n",
}


@pytest.mark.parametrize("case", BAD_BLOCKS)
def test_malformed_header_blocks_are_refused(case: str) -> None:
    with pytest.raises(MalformedMIME):
        Headers.parse(BAD_BLOCKS[case], limits=LIMITS)


def test_header_limits_hold() -> None:
    with pytest.raises(MIMELimitExceeded):
        Headers.parse(b"A: " + b"x" * 100, limits=SMALL)
    with pytest.raises(MIMELimitExceeded):
        Headers.parse(b"A: 1\r\n" * 4, limits=SMALL)


@pytest.mark.parametrize(
    ("name", "value"), [("A", "x\r\nEvil: 1"), ("A", "x\n"), ("A\r\nB", "x"), ("", "x"), ("A:", "x")]
)
def test_headers_that_would_inject_are_never_written(name: str, value: str) -> None:
    with pytest.raises(IllegalMIME):
        Headers.of([(name, value)])


def test_written_headers_are_read_back() -> None:
    headers = Headers.of([("Content-Type", "text/plain"), ("X-Ü"[:2], "ü")])
    assert Headers.parse(headers.encode(), limits=LIMITS) == headers


PARAMETERS = {
    "quoted": ('a/b; name="x y"', "x y"),
    "bare": ("a/b; name=x", "x"),
    "bare with a slash": ("a/b; name=application/x", "application/x"),
    "bare with blanks": ("a/b; name=my order.edi ; z=1", "my order.edi"),
    "blanks around the sign": ('a/b ; name = "x"', "x"),
    "no blank behind the semicolon": ('a/b;z=1;name="x"', "x"),
    "upper case": ('A/B; NAME="x"', "x"),
    "quoted semicolon": ('a/b; name="x;y=z"', "x;y=z"),
    "escaped quote": (r'a/b; name="x\"y"', 'x"y'),
    "Windows path": (r'a/b; name="C:\edi\x.txt"', r"C:\edi\x.txt"),
    "closing quote missing": ('a/b; name="x', "x"),
    "trailing semicolon": ("a/b; name=x;", "x"),
    "doubled semicolon": ("a/b;; name=x", "x"),
    "junk before it": ("a/b; junk; name=x", "x"),
    "first of two": ("a/b; name=x; name=y", "x"),
    "RFC 2231 charset": ("a/b; name*=UTF-8''%C3%BC.edi", "ü.edi"),
    "RFC 2231 language": ("a/b; name*=iso-8859-1'de'%FC", "ü"),
    "RFC 2231 continued": ('a/b; name*0="long "; name*1=name', "long name"),
    "RFC 2231 continued, out of order, mixed": ("a/b; name*1=-b; name*0*=utf-8''%C3%BC", "ü-b"),
    "RFC 2231 wins over the plain one": ("a/b; name=u; name*=UTF-8''%C3%BC", "ü"),
    "RFC 2231 with an unknown charset": ("a/b; name*=nonsense''x", "x"),
    "encoded word, base64": ('a/b; name="=?utf-8?B?w7w=?="', "ü"),
    "encoded word, quoted": ('a/b; name="=?iso-8859-1?Q?=FC?="', "ü"),
    "empty": ('a/b; name=""', ""),
    "absent": ("a/b", None),
}


@pytest.mark.parametrize("case", PARAMETERS)
def test_parameters_are_read_as_peers_write_them(case: str) -> None:
    text, value = PARAMETERS[case]
    found = ContentType.parse(text)
    assert (found.media_type, found.parameter("name")) == ("a/b", value)


@pytest.mark.parametrize("text", ["", "text", "/x", "a/", "a b/c", ";x=y"])
def test_no_media_type_is_malformed(text: str) -> None:
    with pytest.raises(MalformedMIME):
        ContentType.parse(text)


def test_parameters_without_end_are_refused() -> None:
    with pytest.raises(MalformedMIME):
        ContentType.parse("a/b" + "; x=1" * 100)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=60))
def test_a_written_file_name_is_read_back(name: str) -> None:
    written = Disposition("attachment", (("filename", name),)).format()
    assert written.isascii()
    decoded = Disposition.parse(written).parameter("filename")
    assert decoded == name or "=?" in name


def test_control_characters_are_not_written_into_parameters() -> None:
    with pytest.raises(IllegalMIME):
        ContentType("a/b", (("name", "x\r\ny"),)).format()


def test_the_file_name_comes_from_the_disposition_first() -> None:
    both = Headers.of([("Content-Type", "a/b; name=t"), ("Content-Disposition", "attachment; filename=d")])
    assert file_name_of(both) == "d"
    assert file_name_of(both.without("Content-Disposition")) == "t"
    assert file_name_of(Headers()) is None


MULTIPARTS = {
    "plain": (b"--b\r\nA\r\n--b\r\nB\r\n--b--\r\n", [b"A", b"B"]),
    "LF only": (b"--b\nA\n--b\nB\n--b--\n", [b"A", b"B"]),
    "preamble": (b"This is MIME\r\n--b\r\nA\r\n--b--\r\n", [b"A"]),
    "preamble of headers and a blank line (P-4)": (b"Date: x\r\n\r\n--b\r\nA\r\n--b--", [b"A"]),
    "epilogue": (b"--b\r\nA\r\n--b--\r\nbye", [b"A"]),
    "no line break at the end": (b"--b\r\nA\r\n--b--", [b"A"]),
    "blanks behind the boundary": (b"--b \t\r\nA\r\n--b-- \r\n", [b"A"]),
    "the line break belongs to the boundary": (b"--b\r\nA\r\n\r\n--b--", [b"A\r\n"]),
    "a lone LF in front of a CRLF boundary": (b"--b\r\nA\n\r\n--b--", [b"A\n"]),
    "boundary text inside a line": (b"--b\r\nx --b\r\ny\r\n--b--", [b"x --b\r\ny"]),
    "a longer boundary": (b"--b\r\nx\r\n--bb\r\ny\r\n--b--", [b"x\r\n--bb\r\ny"]),
    "boundary with one dash behind": (b"--b\r\nx\r\n--b-\r\ny\r\n--b--", [b"x\r\n--b-\r\ny"]),
    "empty part": (b"--b\r\n\r\n--b--", [b""]),
    "part without any octet": (b"--b\r\n--b--", [b""]),
    "closed by the end (RFC 6362 section 3)": (b"--b\r\nA\r\n--b\r\nB\r\n--b", [b"A", b"B"]),
    "only CRs": (b"--b\r\n\r\r\r\r\n--b--", [b"\r\r\r"]),
}


@pytest.mark.parametrize("case", MULTIPARTS)
def test_multiparts_are_split_into_original_bytes_in_one_piece_and_octet_by_octet(case: str) -> None:
    whole, expected = MULTIPARTS[case]
    assert parts([whole]) == expected
    assert parts([whole[i : i + 1] for i in range(len(whole))]) == expected


@given(
    st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"--", b"-\n-")), min_size=1, max_size=4),
    st.lists(st.integers(0, 300), max_size=8),
)
def test_whole_multipart_equals_any_split(bodies: list[bytes], cuts: list[int]) -> None:
    whole = b"preamble" + b"".join(delimiter("xy") + body for body in bodies) + close_delimiter("xy")
    assert parts(in_pieces(whole, cuts), "xy") == bodies


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_garbage_is_a_peer_fault_or_parts_and_never_anything_else(noise: bytes, cuts: list[int]) -> None:
    outcomes = []
    for chunks in ([noise], in_pieces(b"--b\r\n" + noise, cuts), in_pieces(noise, cuts)):
        try:
            outcomes.append(parts(chunks))
        except PeerFault as fault:
            outcomes.append([type(fault).__name__.encode()])
    assert outcomes[0] == outcomes[2]


BROKEN_MULTIPARTS = {
    "no boundary at all": b"hello",
    "cut off in a part": b"--b\r\nA",
    "cut off in the boundary": b"--b\r\nA\r\n--",
    "empty": b"",
}


@pytest.mark.parametrize("case", BROKEN_MULTIPARTS)
def test_a_multipart_that_does_not_close_is_malformed(case: str) -> None:
    with pytest.raises(MalformedMIME):
        parts([BROKEN_MULTIPARTS[case]])


@pytest.mark.parametrize("boundary", ["", "x" * 257, "a\nb"])
def test_an_unusable_boundary_is_malformed(boundary: str) -> None:
    with pytest.raises(MalformedMIME):
        parts([b"--b\r\n"], boundary)


@pytest.mark.parametrize(
    "whole",
    [b"x" * 30 + b"\r\n--b\r\nA\r\n--b--", b"--b\r\nA\r\n--b--\r\n" + b"x" * 30, b"--b\r\n\r\n" * 3 + b"--b--"],
    ids=["preamble", "epilogue", "parts"],
)
def test_multipart_limits_hold(whole: bytes) -> None:
    with pytest.raises(MIMELimitExceeded):
        parts([whole], limits=SMALL)


def test_a_part_left_unread_is_passed_over() -> None:
    found = split([b"--b\r\nA\r\n--b\r\nB\r\n--b--"], "b", limits=LIMITS)
    next(found)
    assert b"".join(bytes(c) for c in next(found)) == b"B"


def test_the_source_is_read_to_its_end_so_that_what_stands_behind_it_is_checked() -> None:
    def source() -> Iterator[bytes]:
        yield b"--b\r\nA\r\n--b--\r\n"
        raise MalformedMIME("the tag is wrong")

    with pytest.raises(MalformedMIME, match="tag"):
        list(split(source(), "b", limits=LIMITS))


def test_large_content_passes_through_without_being_gathered() -> None:
    chunk = b"x" * 65536
    source = [b"--b\r\n", *[chunk] * 64, b"\r\n--b--"]
    sizes = [len(c) for part in split(source, "b", limits=LIMITS) for c in part]
    assert sum(sizes) == 64 * 65536
    assert max(sizes) <= 2 * 65536


@given(st.lists(st.integers(0, 60), max_size=6))
def test_an_entity_is_its_headers_and_its_body_in_any_split(cuts: list[int]) -> None:
    whole = b"A: 1\r\nB: 2\r\n\r\nbody\r\n\r\nmore"
    entity = open_entity(in_pieces(whole, cuts), limits=LIMITS)
    assert entity.headers.items == (("A", "1"), ("B", "2"))
    assert entity.header_bytes + b"".join(bytes(c) for c in entity.body) == whole


def test_an_entity_may_begin_with_the_blank_line_or_be_empty() -> None:
    entity = open_entity([b"\r\nbody"], limits=LIMITS)
    assert (entity.headers.items, b"".join(bytes(c) for c in entity.body)) == ((), b"body")
    assert list(open_entity([], limits=LIMITS).body) == []


def test_an_entity_without_a_blank_line_is_refused_within_the_limit() -> None:
    with pytest.raises(MalformedMIME):
        open_entity([b"A: 1\r\n"], limits=LIMITS)
    with pytest.raises(MIMELimitExceeded):
        open_entity((b"x" * 10 for _ in range(10**9)), limits=SMALL)


@given(st.binary(max_size=400), st.lists(st.integers(0, 600), max_size=6))
def test_base64_both_ways_in_any_split(content: bytes, cuts: list[int]) -> None:
    written = b"".join(bytes(c) for c in encode_transfer(in_pieces(content, cuts), TransferEncoding.BASE64))
    assert base64.b64decode(written) == content
    assert len(written) == base64_size(len(content))
    assert not written.endswith(b"\n")
    assert all(len(line) <= 76 for line in written.split(b"\r\n"))
    read = b"".join(bytes(c) for c in decode_transfer(in_pieces(written, cuts), TransferEncoding.BASE64))
    assert read == content


@given(st.binary(max_size=300), st.lists(st.integers(0, 600), max_size=6))
def test_quoted_printable_both_ways_in_any_split(content: bytes, cuts: list[int]) -> None:
    written = b"".join(bytes(c) for c in encode_transfer(in_pieces(content, cuts), TransferEncoding.QUOTED_PRINTABLE))
    assert quopri.decodestring(written) == content
    assert all(len(line) <= 76 for line in written.split(b"\r\n"))
    read = b"".join(bytes(c) for c in decode_transfer(in_pieces(written, cuts), TransferEncoding.QUOTED_PRINTABLE))
    assert read == content


def test_foreign_quoted_printable_keeps_hard_line_breaks() -> None:
    assert (
        b"".join(decode_transfer([b"a=C3=\r\n=BC\r\nb\n"], TransferEncoding.QUOTED_PRINTABLE)) == "aü\r\nb\n".encode()
    )


@pytest.mark.parametrize("text", [b"YQ", b"YQ=", b"Y Q =\r\n=", b"YQ=="])
def test_base64_is_read_with_blanks_and_without_padding(text: bytes) -> None:
    assert b"".join(decode_transfer([text], TransferEncoding.BASE64)) == b"a"


@pytest.mark.parametrize("text", [b"Y", b"YQ==YQ==", b"Y*==", b"=", b"YWJjY=Jj"])
def test_damaged_base64_is_malformed(text: bytes) -> None:
    for chunks in ([text], [text[i : i + 1] for i in range(len(text))]):
        with pytest.raises(MalformedMIME):
            list(decode_transfer(chunks, TransferEncoding.BASE64))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Base64", TransferEncoding.BASE64),
        (' "binary" ', TransferEncoding.BINARY),
        ("7BIT", TransferEncoding.SEVEN_BIT),
        ("uuencode", None),
    ],
)
def test_transfer_encodings_are_named_without_case(value: str, expected: TransferEncoding | None) -> None:
    assert transfer_encoding(Headers((("Content-Transfer-Encoding", value),))) is expected


def test_an_absent_transfer_encoding_is_binary_on_http() -> None:
    assert transfer_encoding(Headers()) is TransferEncoding.BINARY
