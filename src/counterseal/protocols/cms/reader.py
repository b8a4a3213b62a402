"""Reading BER from a stream of chunks without holding its content.

The reader keeps a stack of the constructed elements that are open. ``child`` gives the next element's header inside the
innermost one, or ``None`` where that one ends, which closes it: at its announced end, or at the end-of-contents octets when
its length is indefinite. An element that claims to be longer than what holds it is refused at its header, so a lie about a
length is found before a single content octet is read.

Small elements are taken whole (``whole``) and count against ``max_structure_bytes``; octet strings stream (``content``) as
views into the chunks that came in. Nothing is copied but headers, small elements and short segments, which are gathered so
that ciphers and digests are not called once per kilobyte.
"""

from collections.abc import Iterator
from typing import NamedTuple

from counterseal.protocols.cms import tlv
from counterseal.protocols.cms.errors import LimitExceeded, Malformed
from counterseal.protocols.cms.limits import Chunk, Chunks, Limits
from counterseal.protocols.cms.segments import gathered


class Header(NamedTuple):
    tag: int
    length: int | None
    """``None``: indefinite."""
    raw: bytes


class _Frame(NamedTuple):
    end: int | None
    """Where it ends; ``None``: at its end-of-contents octets."""
    bound: int | None
    """The nearest announced end of this element or of one around it."""


class Reader:
    """A cursor over a BER stream; see the module for its rules."""

    def __init__(self, source: Chunks, limits: Limits) -> None:
        self._source = iter(source)
        self._limits = limits
        self._chunk = memoryview(b"")
        self._at = 0
        self._position = 0
        self._frames: list[_Frame] = []
        self._held = 0

    @property
    def depth(self) -> int:
        return len(self._frames)

    def first(self) -> Header:
        """The header of the outermost element."""
        return self._header(None)

    def child(self) -> Header | None:
        """The next element inside the open one; ``None``: it ended, and is closed now."""
        frame = self._frames[-1]
        if frame.end == self._position:
            self._frames.pop()
            return None
        header = self._header(frame.bound)
        if header.tag == 0:
            if frame.end is not None or header.length != 0:
                raise Malformed("an end-of-contents mark where none belongs")
            self._frames.pop()
            return None
        return header

    def expect(self, *tags: int) -> Header:
        """The next element inside the open one, which must be there with one of these tags."""
        header = self.child()
        if header is None or header.tag not in tags:
            raise Malformed("a field is missing or of another type")
        return header

    def end(self) -> None:
        """Closes the open element, which must have no more children."""
        if self.child() is not None:
            raise Malformed("unexpected field")

    def enter(self, header: Header) -> None:
        """Opens a constructed element."""
        if not header.tag & tlv.CONSTRUCTED:
            raise Malformed("expected a constructed element")
        if len(self._frames) >= self._limits.max_depth:
            raise LimitExceeded(f"elements are nested deeper than {self._limits.max_depth} levels")
        if header.length is None:
            self._frames.append(_Frame(None, self._frames[-1].bound if self._frames else None))
        else:
            end = self._position + header.length
            self._frames.append(_Frame(end, end))

    def whole(self, header: Header) -> bytes:
        """The element as bytes; one of indefinite length comes with definite lengths instead."""
        limit = self._limits.max_element_bytes
        if header.length is not None:
            if header.length > limit:
                raise LimitExceeded(f"an element of {header.length} bytes; at most {limit} are held")
            self._count(header.length + len(header.raw))
            return header.raw + self._take(header.length)
        self.enter(header)
        parts, size = [], 0
        while (child := self.child()) is not None:
            part = self.whole(child)
            size += len(part)
            if size > limit:
                raise LimitExceeded(f"an element of more than {limit} bytes")
            parts.append(part)
        return tlv.tlv(header.tag, *parts)

    def skip(self, header: Header) -> None:
        """Passes over an element; it counts as structure."""
        if header.length is not None:
            self._count(header.length)
            for _ in self._primitive(header.length):
                pass
            return
        self.enter(header)
        while (child := self.child()) is not None:
            self._count(len(child.raw))
            self.skip(child)

    def content(self, header: Header) -> Iterator[Chunk]:
        """The value of an octet string (its tag is the caller's affair), segmented or not, in chunks."""
        if header.length is not None and not header.tag & tlv.CONSTRUCTED:
            self._check_content(header.length)
        return gathered(self._counted(self._segments(header)))

    def finish(self) -> None:
        """Drains the source. Octets behind the outermost element are ignored up to ``max_surplus_bytes``.

        Draining is what makes a source that checks itself at its end (padding, tag) do so.
        """
        surplus = len(self._chunk) - self._at
        while surplus <= self._limits.max_surplus_bytes:
            if not self._fill():
                return
            surplus += len(self._chunk)
        raise LimitExceeded("too many octets behind the end of the message")

    def _segments(self, header: Header) -> Iterator[memoryview]:
        if not header.tag & tlv.CONSTRUCTED:
            yield from self._primitive(header.length or 0)
            return
        outside = len(self._frames)
        self.enter(header)
        while len(self._frames) > outside:
            child = self.child()
            if child is None:
                continue
            if child.tag == tlv.OCTET_STRING:
                yield from self._primitive(child.length or 0)
            elif child.tag == tlv.SEGMENTED_OCTETS:
                self.enter(child)
            else:
                raise Malformed("a segmented octet string holds something else")

    def _counted(self, parts: Iterator[memoryview]) -> Iterator[memoryview]:
        total = 0
        for part in parts:
            total += len(part)
            self._check_content(total)
            yield part

    def _check_content(self, size: int) -> None:
        limit = self._limits.max_content_bytes
        if limit is not None and size > limit:
            raise LimitExceeded(f"content of more than {limit} bytes")

    def _count(self, size: int) -> None:
        self._held += size
        if self._held > self._limits.max_structure_bytes:
            raise LimitExceeded(f"more than {self._limits.max_structure_bytes} bytes outside the content")

    def _fill(self) -> bool:
        for chunk in self._source:
            if len(chunk):
                self._chunk = memoryview(chunk)
                self._at = 0
                return True
        self._chunk, self._at = memoryview(b""), 0
        return False

    def _primitive(self, length: int) -> Iterator[memoryview]:
        remaining = length
        while remaining:
            available = len(self._chunk) - self._at
            if not available:
                if not self._fill():
                    raise Malformed("the message ends in the middle of an element")
                continue
            size = min(available, remaining)
            part = self._chunk[self._at : self._at + size]
            self._at += size
            self._position += size
            remaining -= size
            yield part

    def _take(self, length: int) -> bytes:
        end = self._at + length
        if end <= len(self._chunk):
            taken = bytes(self._chunk[self._at : end])
            self._at = end
            self._position += length
            return taken
        return b"".join(bytes(part) for part in self._primitive(length))

    def _header(self, bound: int | None) -> Header:
        raw = self._take(2)
        tag, first = raw
        length: int | None = first
        if tag & 0x1F == 0x1F:
            raise Malformed("a tag number above 30 has no place in CMS")
        if first == 0x80:
            if not tag & tlv.CONSTRUCTED:
                raise Malformed("a primitive element of indefinite length")
            length = None
        elif first & 0x80:
            count = first & 0x7F
            if count > 8:
                raise Malformed("an element's length cannot be read")
            octets = self._take(count)
            raw += octets
            length = int.from_bytes(octets, "big")
        if bound is not None and self._position + (length or 0) > bound:
            raise Malformed("an element is longer than what holds it")
        return Header(tag, length, raw)
