"""Content transfer encodings while they stream (RFC 2045 6)."""

import binascii
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from counterseal.kernel.mime.errors import MalformedMIME
from counterseal.kernel.mime.headers import Headers
from counterseal.kernel.mime.limits import Chunk, Chunks

_LINE_OCTETS: Final = 57
"""RFC 2045 6.8: lines of at most 76 characters, that is 57 octets each."""
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_BLANKS: Final = b" \t\r\n"
_MAX_QP_LINE: Final = 64 * 1024


class TransferEncoding(StrEnum):
    """By their names on the wire; the first three leave the content as it is."""

    SEVEN_BIT = "7bit"
    EIGHT_BIT = "8bit"
    BINARY = "binary"
    QUOTED_PRINTABLE = "quoted-printable"
    BASE64 = "base64"

    @property
    def is_identity(self) -> bool:
        return self not in (TransferEncoding.QUOTED_PRINTABLE, TransferEncoding.BASE64)


def transfer_encoding(headers: Headers) -> TransferEncoding | None:
    """What ``headers`` declare; absent means binary on HTTP (RFC 4130 5.2.1). ``None``: one that is not known."""
    declared = (headers.get("Content-Transfer-Encoding") or "binary").strip().strip('"').lower()
    return next((known for known in TransferEncoding if known.value == declared), None)


def decode_transfer(chunks: Chunks, encoding: TransferEncoding) -> Iterator[Chunk]:
    """The content. Raises ``MalformedMIME`` where it is not what the encoding allows."""
    match encoding:
        case TransferEncoding.BASE64:
            return _decode_base64(chunks)
        case TransferEncoding.QUOTED_PRINTABLE:
            return _decode_quoted_printable(chunks)
        case _:
            return iter(chunks)


def encode_transfer(chunks: Chunks, encoding: TransferEncoding) -> Iterator[Chunk]:
    """The content as it is written. Quoted-printable escapes line breaks too, so that any content survives it."""
    match encoding:
        case TransferEncoding.BASE64:
            return _encode_base64(chunks)
        case TransferEncoding.QUOTED_PRINTABLE:
            return _encode_quoted_printable(chunks)
        case _:
            return iter(chunks)


def base64_size(size: int) -> int:
    """How many octets ``encode_transfer`` gives for content of ``size`` in base64, line breaks included."""
    breaks = max(-(-size // _LINE_OCTETS) - 1, 0)
    return -(-size // 3) * 4 + 2 * breaks


def _decode_base64(chunks: Chunks) -> Iterator[Chunk]:
    carry = b""
    for chunk in chunks:
        text = carry + bytes(chunk).translate(None, _BLANKS)
        if b"=" in carry and len(text) > 4:
            raise MalformedMIME("base64 goes on behind its padding")
        # The last group waits for the end: it may be padded, and must then be the last.
        usable = max(0, (len(text) - 1) // 4 * 4)
        carry = text[usable:]
        if usable:
            yield _group(text[:usable], last=False)
    if carry:
        yield _group(carry + b"=" * (-len(carry) % 4), last=True)


def _group(text: bytes, *, last: bool) -> bytes:
    if not _BASE64.fullmatch(text) or (not last and b"=" in text):
        raise MalformedMIME("base64 with characters outside its alphabet")
    try:
        return binascii.a2b_base64(text)
    except binascii.Error as error:
        raise MalformedMIME("base64 that is cut off") from error


def _encode_base64(chunks: Chunks) -> Iterator[Chunk]:
    """Without a line break behind the last line. Interop: as2-lib computes its MIC over base64 that it writes so itself."""
    carry, first = b"", True
    for chunk in chunks:
        octets = b"".join((carry, chunk))
        usable = len(octets) // _LINE_OCTETS * _LINE_OCTETS
        carry = octets[usable:]
        if usable:
            yield _lines(octets[:usable], first=first)
            first = False
    if carry:
        yield _lines(carry, first=first)


def _lines(octets: bytes, *, first: bool) -> bytes:
    text = binascii.b2a_base64(octets, newline=False)
    lines = [text[at : at + 76] for at in range(0, len(text), 76)]
    return b"\r\n".join(lines if first else [b"", *lines])


def _decode_quoted_printable(chunks: Chunks) -> Iterator[Chunk]:
    carry = b""
    for chunk in chunks:
        text = carry + bytes(chunk)
        cut = text.rfind(b"\n") + 1
        if not cut and len(text) > _MAX_QP_LINE:
            raise MalformedMIME(f"a quoted-printable line of more than {_MAX_QP_LINE} bytes")
        carry = text[cut:]
        if cut and (plain := binascii.a2b_qp(text[:cut])):
            yield plain
    if carry and (plain := binascii.a2b_qp(carry)):
        yield plain


_QUOTED: Final = tuple(
    bytes([octet]) if 33 <= octet <= 126 and octet != 0x3D else b"=%02X" % octet for octet in range(256)
)


def _encode_quoted_printable(chunks: Chunks) -> Iterator[Chunk]:
    line, length = bytearray(), 0
    for chunk in chunks:
        for octet in bytes(chunk):
            quoted = _QUOTED[octet]
            # 75 characters and the "=" of a soft break make the 76 that RFC 2045 6.7 (5) allows.
            if length + len(quoted) > 75:
                line += b"=\r\n"
                length = 0
            line += quoted
            length += len(quoted)
        yield bytes(line)
        line.clear()
