"""Which CMS content type a message begins with."""

from enum import StrEnum

from counterseal.protocols.cms import envelope, tlv
from counterseal.protocols.cms.errors import CMSFault
from counterseal.protocols.cms.limits import DEFAULT_LIMITS
from counterseal.protocols.cms.reader import Reader


class ContentKind(StrEnum):
    DATA = "data"
    SIGNED = "signed"
    ENVELOPED = "enveloped"
    AUTH_ENVELOPED = "auth-enveloped"
    COMPRESSED = "compressed"
    UNKNOWN = "unknown"


_KINDS = {
    envelope.DATA: ContentKind.DATA,
    envelope.SIGNED_DATA: ContentKind.SIGNED,
    envelope.ENVELOPED_DATA: ContentKind.ENVELOPED,
    envelope.AUTH_ENVELOPED_DATA: ContentKind.AUTH_ENVELOPED,
    envelope.COMPRESSED_DATA: ContentKind.COMPRESSED,
}


def content_kind(head: bytes) -> ContentKind:
    """The contentType of the ContentInfo that begins with ``head`` (32 octets are enough); never raises."""
    reader = Reader((head,), DEFAULT_LIMITS)
    try:
        outer = reader.first()
        if outer.tag != tlv.SEQUENCE:
            return ContentKind.UNKNOWN
        reader.enter(outer)
        return _KINDS.get(envelope.read_oid(reader), ContentKind.UNKNOWN)
    except CMSFault:
        return ContentKind.UNKNOWN
