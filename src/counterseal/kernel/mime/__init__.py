"""MIME as streams of the original bytes (RFC 2045, 2046, 2231): headers, parameters, multiparts, transfer encodings.

Nothing here renders again what it has read: digests are taken over the bytes that came. Content goes in and out as chunks;
everything that a sender controls and that is held in memory is bounded by ``MIMELimits``.
"""

from counterseal.kernel.mime.content_type import ContentType, Disposition, decode_words, file_name_of
from counterseal.kernel.mime.entity import Entity, open_entity
from counterseal.kernel.mime.errors import IllegalMIME, MalformedMIME, MIMELimitExceeded
from counterseal.kernel.mime.headers import Headers
from counterseal.kernel.mime.limits import DEFAULT_MIME_LIMITS, Chunk, Chunks, MIMELimits
from counterseal.kernel.mime.multipart import close_delimiter, delimiter, split
from counterseal.kernel.mime.transfer import (
    TransferEncoding,
    base64_size,
    decode_transfer,
    encode_transfer,
    transfer_encoding,
)

__all__ = [
    "DEFAULT_MIME_LIMITS",
    "Chunk",
    "Chunks",
    "ContentType",
    "Disposition",
    "Entity",
    "Headers",
    "IllegalMIME",
    "MIMELimitExceeded",
    "MIMELimits",
    "MalformedMIME",
    "TransferEncoding",
    "base64_size",
    "close_delimiter",
    "decode_transfer",
    "decode_words",
    "delimiter",
    "encode_transfer",
    "file_name_of",
    "open_entity",
    "split",
    "transfer_encoding",
]
