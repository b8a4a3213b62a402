"""What messages and receipts write alike: boundaries, dates, encoded words, the headers of AS2."""

import base64
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

from counterseal.kernel.mime import Chunk, ContentType, TransferEncoding, close_delimiter, delimiter, encode_transfer
from counterseal.protocols.as2.disposition import Profile
from counterseal.protocols.as2.errors import IllegalEnvelope

Entropy = Callable[[int], bytes]
"""``entropy(n)`` gives n random octets."""

VERSIONS: Final = {Profile.RFC4130: "1.2", Profile.MODERN: "1.3"}
"""RFC 6017 4 asks for 1.2 with EDIINT-Features; as2-bis.md BIS-1 for 1.3."""


def boundary(entropy: Entropy) -> str:
    """Cannot occur in content that does not know it; hexadecimal, so that no product needs it quoted."""
    return "_" + entropy(16).hex()


def format_date(date: datetime) -> str:
    """RFC 5322 3.3. Raises ``IllegalEnvelope`` for a naive date."""
    if date.tzinfo is None:
        raise IllegalEnvelope("a date must be aware")
    return format_datetime(date.astimezone(UTC), usegmt=True)


def encode_words(text: str) -> str:
    """ASCII as it is, anything else in encoded words of RFC 2047 2 (at most 75 characters each)."""
    if text.isascii():
        return text
    words, piece = [], ""
    for character in text:
        if len((piece + character).encode()) > 42:
            words.append(piece)
            piece = ""
        piece += character
    return " ".join(f"=?utf-8?B?{base64.b64encode(word.encode()).decode('ascii')}?=" for word in [*words, piece])


def features_value(features: tuple[str, ...]) -> str:
    """RFC 6017 2."""
    if any(not name.replace("-", "").isalnum() or not name.isascii() for name in features):
        raise IllegalEnvelope("a feature name has letters, digits and hyphens")
    return ", ".join(features)


PREAMBLE: Final = b"This is a signed message.\r\n"
"""The blank line that the first delimiter begins with then ends something that looks like a header (as2-peers P-3)."""


def multipart_signed(
    content: Iterable[Chunk], *, signature: Callable[[], bytes], micalg: str, preamble: bool, entropy: Entropy
) -> tuple[str, Iterator[Chunk]]:
    """The Content-Type and the body of a multipart/signed (RFC 1847 2.1, RFC 8551 3.5.3). ``content`` is the whole entity
    that is signed; ``signature`` is called when it has passed."""
    mark = boundary(entropy)
    content_type = ContentType(
        "multipart/signed",
        (("protocol", "application/pkcs7-signature"), ("micalg", micalg), ("boundary", mark)),
    )
    return content_type.format(), _signed_parts(content, signature, mark, preamble)


def _signed_parts(
    content: Iterable[Chunk], signature: Callable[[], bytes], mark: str, preamble: bool
) -> Iterator[Chunk]:
    yield PREAMBLE + delimiter(mark) if preamble else delimiter(mark)[2:]
    yield from content
    yield delimiter(mark)
    yield (
        b"Content-Type: application/pkcs7-signature; name=smime.p7s\r\n"
        b"Content-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=smime.p7s\r\n\r\n"
    )
    yield from encode_transfer((signature(),), TransferEncoding.BASE64)
    yield close_delimiter(mark)
