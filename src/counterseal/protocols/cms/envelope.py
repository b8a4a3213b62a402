"""The ContentInfo around every message (RFC 5652 section 3): opening it, closing it, writing it."""

from typing import Final

from counterseal.protocols.cms import tlv
from counterseal.protocols.cms.errors import Malformed
from counterseal.protocols.cms.reader import Header, Reader

DATA: Final = "1.2.840.113549.1.7.1"
SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
ENVELOPED_DATA: Final = "1.2.840.113549.1.7.3"
AUTH_ENVELOPED_DATA: Final = "1.2.840.113549.1.9.16.1.23"
COMPRESSED_DATA: Final = "1.2.840.113549.1.9.16.1.9"


def open_envelope(reader: Reader, *expected: str) -> str:
    """Enters the ContentInfo and the SEQUENCE of its content; gives the content type. Raises ``Malformed``."""
    outer = reader.first()
    if outer.tag != tlv.SEQUENCE:
        raise Malformed("this is no CMS message")
    reader.enter(outer)
    kind = tlv.read_oid(tlv.parse(reader.whole(reader.expect(tlv.OID))))
    if kind not in expected:
        raise Malformed(f"the CMS content type is {kind}, not {' or '.join(expected)}")
    reader.enter(reader.expect(tlv.context(0)))
    reader.enter(reader.expect(tlv.SEQUENCE))
    return kind


def close_envelope(reader: Reader) -> None:
    """Leaves [0] and ContentInfo (the content's own SEQUENCE is closed already) and drains the source."""
    reader.end()
    reader.end()
    reader.finish()


def read_version(reader: Reader) -> None:
    """Passes the version: peers write wrong ones, and the structure says the same (RFC 5652 5.1, 6.1)."""
    tlv.read_integer(tlv.parse(reader.whole(reader.expect(tlv.INTEGER))))


def read_oid(reader: Reader) -> str:
    return tlv.read_oid(tlv.parse(reader.whole(reader.expect(tlv.OID))))


def open_explicit_octets(reader: Reader) -> Header | None:
    """Enters ``[0] EXPLICIT OCTET STRING OPTIONAL``, the last field of the open SEQUENCE, and gives the string's header.
    ``None``: absent, and the SEQUENCE is closed."""
    holder = reader.child()
    if holder is None:
        return None
    if holder.tag != tlv.context(0):
        raise Malformed("a field is missing or of another type")
    reader.enter(holder)
    return reader.expect(tlv.OCTET_STRING, tlv.SEGMENTED_OCTETS)


def seal_envelope(kind: str, content: bytes) -> bytes:
    """A DER ContentInfo around a complete content."""
    return tlv.sequence(tlv.oid(kind), tlv.tlv(tlv.context(0), content))


def definite_head(kind: str, size: int) -> bytes:
    """The octets in front of content fields of ``size`` octets in all: ContentInfo, type, [0], SEQUENCE."""
    inner = tlv.header(tlv.SEQUENCE, size)
    holder = tlv.header(tlv.context(0), len(inner) + size)
    identifier = tlv.oid(kind)
    return tlv.header(tlv.SEQUENCE, len(identifier) + len(holder) + len(inner) + size) + identifier + holder + inner


def indefinite_head(kind: str) -> bytes:
    """The same with indefinite lengths; three end-of-contents marks close it."""
    return b"\x30\x80" + tlv.oid(kind) + b"\xa0\x80\x30\x80"
