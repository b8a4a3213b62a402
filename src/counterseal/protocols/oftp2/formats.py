"""The field formats of RFC 5024 §5.3 (X, 9, U, T, F), each with a builder that is strict and a parser that forgives.

Parsers return the value and the quirk that they tolerated, if any; what cannot be forgiven is an ``InvalidField``.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from counterseal.protocols.oftp2.errors import InvalidField, InvalidValue
from counterseal.protocols.oftp2.quirks import Quirk

Value: TypeAlias = str | int | bytes | bool
CR: Final = b"\r"
CR_VALUES: Final = (0x0D, 0x8D)  # the second is the first with its parity bit (§5.3.1)
ALPHABET: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-.&() ")
LONGEST_TEXT: Final = 999  # a T field's length has three digits


class Kind(StrEnum):
    """How a field is written."""

    CODE = "command code"
    TEXT = "X(n)"
    NUMBER = "9(n)"
    DIGITS = "9(n), leading zeros kept"
    FLAG = "Y/N"
    BINARY = "U(n)"
    UTF8 = "T(n)"
    NUMERIC_LENGTH = "9(n), length of the next field"
    BINARY_LENGTH = "U(n), length of the next field"
    RESERVED = "X(n), spaces"
    READY = "fixed text"
    CARRIAGE_RETURN = "CR"


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a field table: position (``None`` when it floats), name, format, width, and the values of an F field."""

    position: int | None
    name: str
    kind: Kind
    width: int
    values: frozenset[str] | None = None

    @property
    def attribute(self) -> str:
        """The command's attribute: the wire name without the command's four letters (SFIDDSN: ``dsn``)."""
        return self.name[3:].lower() if self.name.startswith("CDT") else self.name[4:].lower()


def outside_alphabet(text: str) -> str:
    """The characters of ``text`` that X(n) does not have (§5.3), in order and once each."""
    return "".join(dict.fromkeys(c for c in text if c not in ALPHABET))


def build_field(field: Field, value: Value) -> bytes:
    """The field on the wire. Raises ``InvalidValue`` for what does not fit."""
    match field.kind:
        case Kind.TEXT if isinstance(value, str):
            built = _build_text(field, value)
        case Kind.NUMBER if isinstance(value, int):
            built = f"{value:0{field.width}d}".encode("ascii") if value >= 0 else b""
        case Kind.DIGITS if isinstance(value, str) and value.isascii() and value.isdigit():
            built = value.encode("ascii")
        case Kind.FLAG if isinstance(value, bool):
            built = b"Y" if value else b"N"
        case Kind.BINARY if isinstance(value, bytes):
            return _build_binary(field, value)
        case Kind.UTF8 if isinstance(value, str):
            return _build_utf8(field, value)
        case _:
            raise InvalidValue(f"{field.name} does not take a value of this type or form; its format is {field.kind}")
    if len(built) != field.width:
        raise InvalidValue(f"{field.name} holds {field.width} octets; the value does not fit")
    if field.values is not None and built.decode("ascii").rstrip(" ") not in field.values:
        raise InvalidValue(f"{field.name} allows {', '.join(sorted(field.values))}")
    return built


def _build_text(field: Field, value: str) -> bytes:
    if not value.isascii() or not value.isprintable() or value != value.rstrip(" "):
        raise InvalidValue(f"{field.name} takes printable ASCII without trailing blanks (§5.3)")
    return value.encode("ascii").ljust(field.width)


def _build_binary(field: Field, value: bytes) -> bytes:
    if field.width and len(value) != field.width:
        raise InvalidValue(f"{field.name} holds exactly {field.width} octets, got {len(value)}")
    return value


def _build_utf8(field: Field, value: str) -> bytes:
    built = value.encode("utf-8", "replace")
    if len(built) > LONGEST_TEXT:
        raise InvalidValue(f"{field.name} holds at most {LONGEST_TEXT} octets of UTF-8, got {len(built)}")
    return built


def clip_text(text: str) -> str:
    """``text`` cut to 999 octets of UTF-8 between two characters; control characters become blanks."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain.encode("utf-8", "replace")[:LONGEST_TEXT].decode("utf-8", "ignore")


def parse_field(field: Field, octets: bytes) -> tuple[Value, Quirk | None]:
    """The field's value and the deviation that was tolerated. Raises ``InvalidField``."""
    match field.kind:
        case Kind.TEXT:
            return _parse_text(field, octets)
        case Kind.NUMBER | Kind.NUMERIC_LENGTH:
            digits, quirk = _parse_digits(field, octets)
            return int(digits), quirk
        case Kind.DIGITS:
            return _checked(field, *_parse_digits(field, octets))
        case Kind.FLAG:
            return _parse_flag(field, octets)
        case Kind.BINARY_LENGTH:
            return int.from_bytes(octets, "big"), None
        case Kind.UTF8:
            return _parse_utf8(octets)
        case Kind.READY | Kind.RESERVED | Kind.CODE | Kind.CARRIAGE_RETURN | Kind.BINARY:
            return octets, None


def _parse_text(field: Field, octets: bytes) -> tuple[str, Quirk | None]:
    try:
        text = octets.decode("ascii").rstrip(" ")
    except UnicodeDecodeError:
        raise InvalidField(f"{field.name} holds octets outside ASCII (§5.1.2)") from None
    if not text.isprintable():
        raise InvalidField(f"{field.name} holds control characters (§5.3)")
    return _checked(field, text, None)


def _parse_digits(field: Field, octets: bytes) -> tuple[str, Quirk | None]:
    if octets.isdigit():
        return octets.decode("ascii"), None
    bare = octets.strip(b" ")
    if bare and not bare.isdigit():
        raise InvalidField(f"{field.name} takes digits only (§5.3)")
    return bare.decode("ascii").rjust(field.width, "0"), Quirk.BLANK_NUMBER


def _parse_flag(field: Field, octets: bytes) -> tuple[bool, Quirk | None]:
    if octets in {b"Y", b"N"}:
        return octets == b"Y", None
    if octets == b" ":
        return False, Quirk.BLANK_FLAG
    raise InvalidField(f"{field.name} takes Y or N")


def _parse_utf8(octets: bytes) -> tuple[str, Quirk | None]:
    try:
        return octets.decode("utf-8"), None
    except UnicodeDecodeError:
        return octets.decode("utf-8", "replace"), Quirk.INVALID_UTF8


def _checked(field: Field, text: str, quirk: Quirk | None) -> tuple[str, Quirk | None]:
    if field.values is not None and text not in field.values:
        raise InvalidField(f"{field.name} allows {', '.join(sorted(field.values))}")
    return text, quirk
