"""What a body really is, whatever its Content-Transfer-Encoding says (RFC 4130 5.2.1: it is not needed on HTTP)."""

import re
from collections.abc import Iterator
from typing import Final

from counterseal.kernel.mime import Chunk, Chunks, Headers, TransferEncoding, decode_transfer, transfer_encoding
from counterseal.protocols.as2.leniency import Leniency
from counterseal.protocols.as2.streams import peek

_LOOK: Final = 1024
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/=\s]")


def decoded_document(headers: Headers, body: Chunks, leniencies: set[Leniency]) -> Iterator[Chunk]:
    """The content of a document; as it is where the declared encoding cannot be what it has."""
    declared = transfer_encoding(headers)
    if declared is None:
        leniencies.add(Leniency.TRANSFER_ENCODING_WRONG)
        return iter(body)
    if declared is not TransferEncoding.BASE64:
        return decode_transfer(body, declared)
    first, whole = peek(body, _LOOK)
    if _NOT_BASE64.search(first):
        leniencies.add(Leniency.TRANSFER_ENCODING_WRONG)
        return whole
    return decode_transfer(whole, declared)


def decoded_cms(headers: Headers, body: Chunks, leniencies: set[Leniency]) -> Iterator[Chunk]:
    """The octets of a CMS message. Its first octet tells binary (0x30, a SEQUENCE) from base64 ("M", the same encoded)."""
    declared = transfer_encoding(headers)
    first, whole = peek(body, 64)
    actual = _cms_encoding(first)
    regular = actual is declared or (
        actual is TransferEncoding.BINARY and declared is not None and declared.is_identity
    )
    if not regular:
        leniencies.add(Leniency.TRANSFER_ENCODING_WRONG)
    return decode_transfer(whole, actual)


def _cms_encoding(first: bytes) -> TransferEncoding:
    # "0=80" is a SEQUENCE of indefinite length in quoted-printable; in binary it would be one of 61 octets.
    if first.startswith(b"0="):
        return TransferEncoding.QUOTED_PRINTABLE
    if first.lstrip().startswith(b"M") and not _NOT_BASE64.search(first):
        return TransferEncoding.BASE64
    return TransferEncoding.BINARY
