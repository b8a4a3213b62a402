"""Stream transmission buffers (RFC 5024 §8) and commands (§5.3) as octets, both ways.

    stream --Reassembler--> exchange buffers (octets) --parse_command--> command
    command --build_command--> exchange buffer --frame--> stream

A reader never allocates by a length that it was told: it keeps what has come, at most one buffer of 100,003 octets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from counterseal.protocols.oftp2.commands import LAYOUTS, READY_MESSAGE, SSRM, Command, Layout
from counterseal.protocols.oftp2.errors import BufferSizeError, InvalidField, InvalidValue, UnknownCommand
from counterseal.protocols.oftp2.formats import (
    CR,
    CR_VALUES,
    Field,
    Kind,
    Value,
    build_field,
    outside_alphabet,
    parse_field,
)
from counterseal.protocols.oftp2.quirks import Quirk

HEADER_OCTETS: Final = 4
VERSION_AND_FLAGS: Final = 0x10  # version 1, flags 0 (§8.2)
SHORTEST_STB: Final = 5
LONGEST_STB: Final = 100_003
LONGEST_BUFFER: Final = LONGEST_STB - HEADER_OCTETS
DATA: Final = 0x44  # 'D' (§5.3.6)

BY_CODE: Final[dict[int, Layout]] = {ord(layout.code): layout for layout in LAYOUTS}
BY_TYPE: Final[dict[object, Layout]] = {layout.make: layout for layout in LAYOUTS}
_LENGTH_KINDS: Final = frozenset({Kind.NUMERIC_LENGTH, Kind.BINARY_LENGTH})
_VARIABLE_KINDS: Final = frozenset({Kind.BINARY, Kind.UTF8})
_MAY_BE_MISSING: Final = _LENGTH_KINDS | _VARIABLE_KINDS | {Kind.RESERVED, Kind.CARRIAGE_RETURN}


class HeaderOnly(BufferSizeError):
    """A header that announces no buffer (length 4), as some peers send just before they close (spec C 28)."""

    code = "oftp2.header-only"


def header(buffer_octets: int) -> bytes:
    """The stream transmission header of an exchange buffer of this length."""
    return (VERSION_AND_FLAGS << 24 | buffer_octets + HEADER_OCTETS).to_bytes(4, "big")


def frame(buffer: bytes) -> bytes:
    """The stream transmission buffer around one exchange buffer."""
    if not 1 <= len(buffer) <= LONGEST_BUFFER:
        raise InvalidValue(f"an exchange buffer has 1 to {LONGEST_BUFFER} octets (§8.2), got {len(buffer)}")
    return header(len(buffer)) + buffer


class Reassembler:
    """Exchange buffers from a stream that comes in pieces of any size (§8.1)."""

    __slots__ = ("_part",)

    def __init__(self) -> None:
        self._part = bytearray()

    @property
    def pending_octets(self) -> int:
        """Octets of a buffer that is not whole yet."""
        return len(self._part)

    def feed(self, octets: bytes) -> Iterator[bytes]:
        """Every exchange buffer that is whole now, in order; the rest waits for the next call.

        The iterator must be exhausted unless the session ends. Raises ``BufferSizeError`` or ``InvalidField`` at a header
        that cannot be one; nothing after it can be read.
        """
        at = 0
        if self._part:
            # Only the buffer that straddles two pieces is copied together; the piece itself is read in place.
            at = self._complete(octets)
            if len(self._part) < HEADER_OCTETS or len(self._part) < _stb_octets(self._part, 0):
                return
            whole = bytes(self._part[HEADER_OCTETS:])
            self._part.clear()
            yield whole
        end = len(octets)
        while end - at >= HEADER_OCTETS:
            stop = at + _stb_octets(octets, at)
            if stop > end:
                break
            yield octets[at + HEADER_OCTETS : stop]
            at = stop
        self._part += octets[at:]

    def _complete(self, octets: bytes) -> int:
        """Take from ``octets`` what the waiting buffer lacks; how many octets that was."""
        taken = 0
        if len(self._part) < HEADER_OCTETS:
            taken = HEADER_OCTETS - len(self._part)
            self._part += octets[:taken]
        if len(self._part) >= HEADER_OCTETS:
            missing = _stb_octets(self._part, 0) - len(self._part)
            self._part += octets[taken : taken + missing]
            taken += missing
        return min(taken, len(octets))


def _stb_octets(stream: bytes | bytearray, at: int) -> int:
    first = stream[at]
    if first != VERSION_AND_FLAGS:
        raise InvalidField(f"a stream transmission header starts with octet 10, got {first:02X} (§8.2)")
    length = int.from_bytes(stream[at + 1 : at + 4], "big")
    if length == HEADER_OCTETS:
        raise HeaderOnly("a stream transmission header announces an empty buffer (§8.2)")
    if not SHORTEST_STB <= length <= LONGEST_STB:
        raise BufferSizeError(f"a stream transmission buffer has 5 to {LONGEST_STB} octets (§8.2), got {length}")
    return length


def build_command(command: Command) -> bytes:
    """The exchange buffer of a command. Raises ``InvalidValue`` for a value that does not fit its field."""
    layout = BY_TYPE[type(command)]
    parts: list[bytes] = []
    for position, field in enumerate(layout.fields):
        if field.kind in _LENGTH_KINDS:
            octets = _value(command, layout.fields[position + 1])
            parts.append(_build_length(field, len(octets)))
        else:
            parts.append(_value(command, field))
    return b"".join(parts)


def _build_length(field: Field, length: int) -> bytes:
    if field.kind is Kind.NUMERIC_LENGTH:
        return f"{length:0{field.width}d}".encode("ascii")
    if length > 0xFFFF:
        raise InvalidValue(f"{field.name} counts at most 65535 octets, got {length}")
    return length.to_bytes(2, "big")


def _value(command: Command, field: Field) -> bytes:
    match field.kind:
        case Kind.CODE:
            return next(iter(field.values or ())).encode("ascii")
        case Kind.READY:
            return READY_MESSAGE
        case Kind.RESERVED:
            return b" " * field.width
        case Kind.CARRIAGE_RETURN:
            return CR
        case _:
            return build_field(field, getattr(command, field.attribute))


@dataclass(slots=True)
class _Cursor:
    octets: bytes
    at: int = 1

    @property
    def left(self) -> int:
        return len(self.octets) - self.at

    def take(self, field: Field, width: int) -> bytes:
        if self.left < width:
            raise BufferSizeError(
                f"the buffer ends inside {field.name}: {width} octets expected, {self.left} there (§5.3.11 reason 07)"
            )
        self.at += width
        return self.octets[self.at - width : self.at]


def parse_command(buffer: bytes) -> tuple[Command, tuple[Quirk, ...]]:
    """The command in an exchange buffer, and the deviations that were tolerated to read it.

    Raises ``UnknownCommand`` (01), ``InvalidField`` (06) or ``BufferSizeError`` (07), by §5.3.11.
    """
    layout = BY_CODE.get(buffer[0])
    if layout is None:
        raise UnknownCommand(f"octet {buffer[0]:02X} is no command of OFTP2 (§5.3)")
    if layout.make is SSRM:
        return _parse_ready(buffer)
    cursor = _Cursor(buffer)
    values: dict[str, Value] = {}
    quirks: list[Quirk] = []
    length = 0
    for field in layout.fields[1:]:
        if _omitted(field, cursor):
            length = 0
            if field.kind in _VARIABLE_KINDS:
                values[field.attribute] = b"" if field.kind is Kind.BINARY else ""
            else:
                quirks.append(Quirk.MISSING_CR if field.kind is Kind.CARRIAGE_RETURN else Quirk.SHORT_COMMAND)
            continue
        variable = field.kind in _VARIABLE_KINDS and not field.width
        octets = cursor.take(field, length if variable else field.width)
        value, quirk = parse_field(field, octets)
        if quirk is not None:
            quirks.append(quirk)
        length = _note(field, value, values)
    if cursor.left:
        raise BufferSizeError(f"{layout.name} is {cursor.left} octets longer than its fields (§5.3.11 reason 07)")
    return layout.make(**values), tuple(dict.fromkeys(quirks))


def _note(field: Field, value: Value, values: dict[str, Value]) -> int:
    """Keep the value of a named field; the value of a length field is the length of the next."""
    if field.kind in _LENGTH_KINDS:
        assert isinstance(value, int)
        return value
    if field.kind is Kind.CARRIAGE_RETURN:
        assert isinstance(value, bytes)
        if value[0] not in CR_VALUES:
            raise InvalidField(f"{field.name} is 0D or 8D, got {value.hex().upper()} (§5.3.1)")
    elif field.kind is not Kind.RESERVED:  # unknown content of reserved fields is ignored (§8.2, robustness)
        values[field.attribute] = value
    return 0


def _omitted(field: Field, cursor: _Cursor) -> bool:
    """True where a trailing field was left out: lengths with what they count, reserved octets, the CR (spec C 3)."""
    if field.kind not in _MAY_BE_MISSING or (field.kind is Kind.BINARY and field.width):
        return False
    if field.kind is Kind.RESERVED:
        # CDT ends in a reserved field; inside other commands a buffer that stops there is simply too short.
        return field.name == "CDTRSV1" and cursor.left < field.width and cursor.take(field, cursor.left) is not None
    if field.name == "ESIDREASL" and cursor.left == 1 and cursor.octets[-1] in CR_VALUES:
        return True  # ESID of older levels: code, reason, CR
    if field.name == "ESIDREAST":
        return False
    return cursor.left == 0


def _parse_ready(buffer: bytes) -> tuple[Command, tuple[Quirk, ...]]:
    text = buffer[1:]
    quirks: list[Quirk] = []
    if text and text[-1] in CR_VALUES:
        text = text[:-1]
    else:
        quirks.append(Quirk.MISSING_CR)
    if len(buffer) > len(READY_MESSAGE) + 2:
        raise BufferSizeError("SSRM is longer than its fields (§5.3.11 reason 07)")
    if text != READY_MESSAGE:
        if text.rstrip(b" ") != READY_MESSAGE.rstrip(b" "):
            raise InvalidField("SSRMMSG is 'ODETTE FTP READY ' (§5.3.1)")
        quirks.append(Quirk.READY_TEXT)
    return SSRM(), tuple(quirks)


def name_quirk(dsn: str) -> Quirk | None:
    """The quirk of a dataset name outside the alphabet of §5.3, as the reserved names with ``_`` are (spec C 1)."""
    return Quirk.NAME_ALPHABET if outside_alphabet(dsn) else None
