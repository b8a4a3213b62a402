"""Tag, length, value: DER out, BER trees in (X.690), for elements that are held in memory.

``Node`` reads lazily: a definite element is looked into only where its children are asked for; an indefinite one is scanned
once to find its end. Tags stay one octet, as everywhere in CMS: a high tag number is refused.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from counterseal.protocols.cms.errors import LimitExceeded, Malformed

INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31
CONSTRUCTED: Final = 0x20
SEGMENTED_OCTETS: Final = OCTET_STRING | CONSTRUCTED
END_OF_CONTENTS: Final = b"\x00\x00"
INDEFINITE: Final = b"\x80"

MAX_NODE_DEPTH: Final = 32


def context(number: int) -> int:
    """The tag of a constructed context-specific element: ``[number]``."""
    return 0xA0 | number


# --- writing


def length_octets(length: int) -> bytes:
    if length < 0x80:
        return bytes((length,))
    count = (length.bit_length() + 7) // 8
    return bytes((0x80 | count,)) + length.to_bytes(count, "big")


def header(tag: int, length: int) -> bytes:
    return bytes((tag,)) + length_octets(length)


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return header(tag, len(body)) + body


def sequence(*parts: bytes) -> bytes:
    return tlv(SEQUENCE, *parts)


def set_of(*parts: bytes) -> bytes:
    """DER: the elements in ascending order of their encodings (X.690 11.6)."""
    return tlv(SET, *sorted(parts))


def integer(value: int) -> bytes:
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def octet_string(value: bytes) -> bytes:
    return tlv(OCTET_STRING, value)


def null() -> bytes:
    return b"\x05\x00"


@lru_cache(maxsize=256)
def oid(dotted: str) -> bytes:
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    body = bytearray()
    for arc in (first * 40 + second, *rest):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(0x80 | arc & 0x7F)
        body += bytes(reversed(septets))
    return tlv(OID, bytes(body))


# --- reading


class Node:
    """One element within ``data``; nothing is copied until it is asked for."""

    __slots__ = ("_after", "_body", "_data", "_depth", "_end", "_start", "tag")

    def __init__(self, data: bytes, start: int, stop: int, depth: int) -> None:
        if depth > MAX_NODE_DEPTH:
            raise LimitExceeded("elements are nested too deeply")
        if stop - start < 2:
            raise Malformed("an element is cut off")
        self._data, self._start, self._depth = data, start, depth
        self.tag = data[start]
        if self.tag & 0x1F == 0x1F:
            raise Malformed("a tag number above 30 has no place in CMS")
        first = data[start + 1]
        self._body = start + 2
        if first == 0x80:
            if not self.constructed:
                raise Malformed("a primitive element of indefinite length")
            self._end = self._find_end(stop)
            self._after = self._end + 2
            return
        length = first
        if first & 0x80:
            count = first & 0x7F
            self._body += count
            if count > 8 or self._body > stop:
                raise Malformed("an element's length cannot be read")
            length = int.from_bytes(data[start + 2 : self._body], "big")
        self._end = self._after = self._body + length
        if self._end > stop:
            raise Malformed("an element is longer than what holds it")

    @property
    def constructed(self) -> bool:
        return bool(self.tag & CONSTRUCTED)

    @property
    def raw(self) -> bytes:
        """The whole element as it was sent."""
        return self._data[self._start : self._after]

    @property
    def body(self) -> bytes:
        """The content octets as they were sent, the end-of-contents mark left out."""
        return self._data[self._body : self._end]

    @property
    def after(self) -> int:
        """The offset of what follows this element."""
        return self._after

    def children(self) -> Iterator["Node"]:
        if not self.constructed:
            raise Malformed("expected a constructed element")
        at = self._body
        while at < self._end:
            child = Node(self._data, at, self._end, self._depth + 1)
            yield child
            at = child.after

    def octets(self) -> bytes:
        """The value of an OCTET STRING (or of an implicitly tagged one), its segments joined."""
        if not self.constructed:
            return self.body
        parts = []
        for child in self.children():
            if child.tag not in (OCTET_STRING, SEGMENTED_OCTETS):
                raise Malformed("a segmented octet string holds something else")
            parts.append(child.octets())
        return b"".join(parts)

    def der(self) -> bytes:
        """This element re-encoded: definite lengths, octet strings in one piece, SET OF sorted (X.690 10, 11.6)."""
        if not self.constructed:
            return tlv(self.tag, self.body)
        if self.tag == SEGMENTED_OCTETS:
            return octet_string(self.octets())
        parts = [child.der() for child in self.children()]
        return set_of(*parts) if self.tag == SET else tlv(self.tag, *parts)

    def _find_end(self, stop: int) -> int:
        at = self._body
        while self._data[at : at + 2] != END_OF_CONTENTS:
            at = Node(self._data, at, stop, self._depth + 1).after
        if at + 2 > stop:
            raise Malformed("an element of indefinite length has no end")
        return at


def parse(data: bytes) -> Node:
    """The one element that ``data`` consists of. Raises ``Malformed``, ``LimitExceeded``."""
    node = Node(data, 0, len(data), 0)
    if node.after != len(data):
        raise Malformed("octets stand behind an element")
    return node


class Fields:
    """The children of a SEQUENCE, taken in order; what is missing or left over is ``Malformed``."""

    __slots__ = ("_next", "_nodes", "_what")

    def __init__(self, node: Node, what: str) -> None:
        self._nodes = node.children()
        self._next = next(self._nodes, None)
        self._what = what

    def optional(self, *tags: int) -> Node | None:
        """The next child if it has one of these tags."""
        node = self._next
        if node is None or node.tag not in tags:
            return None
        self._next = next(self._nodes, None)
        return node

    def take(self, *tags: int) -> Node:
        node = self.optional(*tags)
        if node is None:
            raise Malformed(f"{self._what}: a field is missing or of another type")
        return node

    def any(self) -> Node | None:
        node = self._next
        if node is not None:
            self._next = next(self._nodes, None)
        return node

    def end(self) -> None:
        if self._next is not None:
            raise Malformed(f"{self._what}: unexpected field")


def read_oid(node: Node) -> str:
    body = node.body
    if node.tag != OID or not 1 <= len(body) <= 64 or body[-1] & 0x80:
        raise Malformed("expected an object identifier")
    return _dotted(body)


@lru_cache(maxsize=256)
def _dotted(body: bytes) -> str:
    arcs, arc = [], 0
    for octet in body:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - first * 40, *arcs[1:])))


def read_integer(node: Node) -> int:
    body = node.body
    if node.tag != INTEGER or not 1 <= len(body) <= 64:
        raise Malformed("expected an integer of at most 64 octets")
    return int.from_bytes(body, "big", signed=True)
