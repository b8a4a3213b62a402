"""Certs-only messages: the degenerate SignedData (RFC 8551 3.8, RFC 5652 5.1)."""

import binascii
import re
from collections.abc import Sequence
from typing import Final

from counterseal.protocols.cms import envelope, tlv
from counterseal.protocols.cms.errors import Malformed
from counterseal.protocols.cms.limits import Limits
from counterseal.protocols.cms.verify import open_signed

_PEM: Final = re.compile(rb"-----BEGIN (?:PKCS7|CMS|PKCS #7 SIGNED DATA)-----\s([^-]*)-----END ")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/=\s]+")


def certs_only(certificates: Sequence[bytes]) -> bytes:
    """A DER ContentInfo with a SignedData that holds these certificates (DER) and no signer. DER sorts them (X.690 11.6):
    their order means nothing."""
    content = tlv.sequence(
        tlv.integer(1),
        tlv.set_of(),
        tlv.sequence(tlv.oid(envelope.DATA)),
        tlv.tlv(tlv.context(0), *sorted(certificates)),
        tlv.set_of(),
    )
    return envelope.seal_envelope(envelope.SIGNED_DATA, content)


def read_certs_only(data: bytes, *, limits: Limits) -> tuple[bytes, ...]:
    """The certificates (DER) of a SignedData in the order they stand there. Takes BER, DER, PEM and bare base64. Content
    and signers, if any, are ignored: nothing read here is trusted for having been signed."""
    stream = open_signed((_binary(data),), limits=limits)
    for _ in stream.chunks():
        pass
    return stream.embedded_certificates


def _binary(data: bytes) -> bytes:
    if data[:1] == b"\x30":
        # A base64 text of a SEQUENCE begins with M; 0x30 is the digit 0.
        return data
    found = _PEM.search(data)
    text = found.group(1) if found else data
    if not _BASE64.fullmatch(text):
        raise Malformed("neither BER nor the PEM or base64 text of a CMS message")
    try:
        return binascii.a2b_base64(text)
    except binascii.Error as error:
        raise Malformed("the base64 text cannot be read") from error
