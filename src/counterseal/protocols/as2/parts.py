"""What a message carries: one document, or several as multipart/related (RFC 6362)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from counterseal.kernel.mime import (
    Chunk,
    Chunks,
    ContentType,
    Disposition,
    Headers,
    TransferEncoding,
    close_delimiter,
    delimiter,
    encode_transfer,
)
from counterseal.protocols.as2.errors import IllegalEnvelope
from counterseal.protocols.as2.writing import Entropy, boundary

DEFAULT_TRANSFER_ENCODING: Final = TransferEncoding.BINARY
"""Says that lone LFs may be inside, so that nobody makes CRLFs of them (as2-peers P-9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A MIME entity to be sent; read once."""

    headers: tuple[tuple[str, str], ...]
    """Content-Type and whatever else, without Content-Transfer-Encoding unless ``transfer_encoding`` is ``None``."""
    body: Chunks
    """The content, before its transfer encoding."""
    size: int | None
    """Of the content; ``None``: unknown."""
    transfer_encoding: TransferEncoding | None
    """Applied and declared when the message is built; ``None``: nothing is applied, nothing declared."""


def document_entity(
    content: Chunks,
    *,
    content_type: str,
    file_name: str | None,
    size: int | None,
    transfer_encoding: TransferEncoding | None = DEFAULT_TRANSFER_ENCODING,
    content_id: str | None = None,
) -> Entity:
    """One document. Raises ``PeerFault`` where ``content_type`` is none, ``IllegalMIME`` for control characters."""
    headers = [("Content-Type", ContentType.parse(content_type).format())]
    if content_id is not None:
        headers.append(("Content-ID", f"<{content_id}>"))
    if file_name is not None:
        headers.append(("Content-Disposition", Disposition("attachment", (("filename", file_name),)).format()))
    return Entity(headers=tuple(headers), body=content, size=size, transfer_encoding=transfer_encoding)


def attachments_entity(attachments: Sequence[Entity], *, entropy: Entropy) -> Entity:
    """Several documents in one multipart/related; the first is the root (RFC 2387 3, RFC 6362 2.1). Each needs a Content-ID.

    Raises ``IllegalEnvelope``.
    """
    if not attachments:
        raise IllegalEnvelope("a message with attachments has at least one")
    roots = [Headers.of(attachment.headers) for attachment in attachments]
    identifiers = [headers.get("Content-ID") for headers in roots]
    if None in identifiers or len(set(identifiers)) != len(identifiers):
        raise IllegalEnvelope("every attachment needs a Content-ID of its own")
    mark = boundary(entropy)
    root_type = ContentType.of(roots[0], default="application/octet-stream").media_type
    content_type = ContentType(
        "multipart/related", (("type", root_type), ("start", identifiers[0] or ""), ("boundary", mark))
    )
    return Entity(
        headers=(("Content-Type", content_type.format()),),
        body=_related(attachments, mark),
        size=None,
        transfer_encoding=None,
    )


def _related(attachments: Sequence[Entity], mark: str) -> Iterator[Chunk]:
    for place, attachment in enumerate(attachments):
        yield delimiter(mark) if place else delimiter(mark)[2:]
        encoding = attachment.transfer_encoding
        declared = () if encoding is None else (("Content-Transfer-Encoding", encoding.value),)
        yield Headers.of((*attachment.headers, *declared)).encode()
        yield from attachment.body if encoding is None else encode_transfer(attachment.body, encoding)
    yield close_delimiter(mark)
