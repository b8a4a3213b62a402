"""The parts of an opened message on their way to the sink (RFC 6362 2.4; a CEM message stays in one piece)."""

import re
from collections.abc import Iterator
from typing import Final

from counterseal.kernel.mime import Chunk, ContentType, Headers, file_name_of, open_entity, split
from counterseal.protocols.as2.errors import TooComplex
from counterseal.protocols.as2.headers import content_type_of
from counterseal.protocols.as2.leniency import Leniency
from counterseal.protocols.as2.limits import Limits
from counterseal.protocols.as2.mic import Digests
from counterseal.protocols.as2.opened import PartHead, PartSink
from counterseal.protocols.as2.streams import exhaust, peek, tapped
from counterseal.protocols.as2.text import clean_file_name, clean_text
from counterseal.protocols.as2.transfer import decoded_document

CEM_TYPE: Final = "application/ediint-cert-exchange+xml"
_LOOK: Final = 16 * 1024
_FIRST_CONTENT_TYPE: Final = re.compile(rb"^content-type:[ \t\r\n]*([^;\s]+)", re.IGNORECASE | re.MULTILINE)
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")


class Delivery:
    """Counts the parts and knows the sink."""

    def __init__(self, *, sink: PartSink, limits: Limits, leniencies: set[Leniency]) -> None:
        self.parts: list[PartHead] = []
        self._sink = sink
        self._limits = limits
        self._leniencies = leniencies

    def deliver(self, headers: Headers, body: Iterator[Chunk], *, content_digests: Digests | None = None) -> None:
        """The entity and everything in it. ``content_digests`` are taken over its content without headers: decoded for a
        single document (RFC 3335 5.2.1: prior to the transfer encoding), as it came for a multipart (RFC 6362 2.3)."""
        self._entity(headers, body, path=(), digests=content_digests)

    def _entity(
        self, headers: Headers, body: Iterator[Chunk], *, path: tuple[int, ...], digests: Digests | None
    ) -> None:
        content_type = content_type_of(headers, self._leniencies)
        if content_type.media_type == CEM_TYPE:
            self._hand_over(headers, content_type, _tap(body, digests), path=path, cem=True)
        elif not content_type.is_multipart:
            content = decoded_document(headers, body, self._leniencies)
            self._hand_over(headers, content_type, _tap(content, digests), path=path, cem=False)
        else:
            raw = _tap(body, digests)
            first, whole = peek(raw, _LOOK)
            if is_cem_multipart(content_type, first):
                self._hand_over(headers, content_type, whole, path=path, cem=True)
            else:
                self._multipart(content_type, whole, path)
            exhaust(raw)

    def _multipart(self, content_type: ContentType, body: Iterator[Chunk], path: tuple[int, ...]) -> None:
        if len(path) >= self._limits.mime.max_depth:
            raise TooComplex(f"multiparts nested deeper than {self._limits.mime.max_depth}")
        boundary = content_type.parameter("boundary") or ""
        for number, part in enumerate(split(body, boundary, limits=self._limits.mime)):
            entity = open_entity(part, limits=self._limits.mime)
            self._entity(entity.headers, entity.body, path=(*path, number), digests=None)

    def _hand_over(
        self, headers: Headers, content_type: ContentType, content: Iterator[Chunk], *, path: tuple[int, ...], cem: bool
    ) -> None:
        if len(self.parts) >= self._limits.mime.max_parts:
            raise TooComplex(f"more than {self._limits.mime.max_parts} parts in one message")
        part = PartHead(
            index=len(self.parts),
            path=path,
            headers=headers,
            content_type=content_type,
            file_name=clean_file_name(file_name_of(headers) or ""),
            content_id=clean_text((headers.get("Content-ID") or "").strip("<> "), 256),
            cem=cem,
        )
        self.parts.append(part)
        self._sink.begin(part)
        for chunk in content:
            self._sink.write(chunk)
        self._sink.end()


def _tap(chunks: Iterator[Chunk], digests: Digests | None) -> Iterator[Chunk]:
    return chunks if digests is None else tapped(chunks, digests)


def is_cem_multipart(content_type: ContentType, first: bytes) -> bool:
    """By ``type`` (cem.md 2.1), or by the type of the first part where ``type`` is missing or says something else."""
    if (content_type.parameter("type") or "").strip().lower() == CEM_TYPE:
        return True
    mark = b"--" + (content_type.parameter("boundary") or "").encode(errors="replace")
    _, found, rest = first.partition(mark)
    if not found:
        return False
    end = _BLANK_LINE.search(rest)
    match = _FIRST_CONTENT_TYPE.search(rest[: end.end()] if end else rest)
    return match is not None and match[1].lower() == CEM_TYPE.encode()
