"""A header block as an ordered list of names and values, looked up without regard to case (RFC 5322 2.2)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from counterseal.kernel.mime.errors import IllegalMIME, MalformedMIME, MIMELimitExceeded
from counterseal.kernel.mime.limits import MIMELimits

# RFC 5322 3.6.8: field-name = 1*ftext, every printable US-ASCII character but ":".
_NAME: Final = re.compile(r"[!-9;-~]+")
_FORBIDDEN_IN_VALUE: Final = re.compile(r"[\x00\r\n]")
_LINE_BREAK: Final = re.compile(rb"\r?\n")


@dataclass(frozen=True, slots=True)
class Headers:
    """Names and values in the order of the wire; values are unfolded and stripped. Build with ``of`` or ``parse``."""

    items: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, items: Iterable[tuple[str, str]]) -> "Headers":
        """Headers to be written. Raises ``IllegalMIME`` for a line break in a value or a name that is no token."""
        found = tuple(items)
        for name, value in found:
            if not _NAME.fullmatch(name):
                raise IllegalMIME(f"{name!r} is no header name")
            if _FORBIDDEN_IN_VALUE.search(value):
                raise IllegalMIME(f"the value of {name} must not contain line breaks or NUL")
        return cls(found)

    @classmethod
    def parse(cls, block: bytes, *, limits: MIMELimits) -> "Headers":
        """The headers of ``block``: CRLF or LF lines, folded with blank or tab, with or without the blank line behind.

        Bytes are read as UTF-8, or as Latin-1 where they are not. Raises ``MalformedMIME``, ``MIMELimitExceeded``.
        """
        if len(block) > limits.max_header_bytes:
            raise MIMELimitExceeded(f"a header block of more than {limits.max_header_bytes} bytes")
        unfolded: list[bytes] = []
        for line in _LINE_BREAK.split(block):
            if not line:
                continue
            if line[:1] in (b" ", b"\t"):
                if not unfolded:
                    raise MalformedMIME("the header block begins with a continuation line")
                unfolded[-1] += b" " + line.lstrip(b" \t")
            elif len(unfolded) == limits.max_headers:
                raise MIMELimitExceeded(f"more than {limits.max_headers} header fields")
            else:
                unfolded.append(line)
        return cls(tuple(_field(line) for line in unfolded))

    def get(self, name: str) -> str | None:
        """The first value of ``name``; ``None`` where it is absent."""
        wanted = name.lower()
        return next((value for key, value in self.items if key.lower() == wanted), None)

    def all(self, name: str) -> tuple[str, ...]:
        wanted = name.lower()
        return tuple(value for key, value in self.items if key.lower() == wanted)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.items)

    def without(self, *names: str) -> "Headers":
        dropped = {name.lower() for name in names}
        return Headers(tuple(item for item in self.items if item[0].lower() not in dropped))

    def encode(self) -> bytes:
        """The block as it is written: one CRLF line per field, and the blank line."""
        return b"".join(f"{name}: {value}\r\n".encode() for name, value in self.items) + b"\r\n"


def _field(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    text = _decoded(name.rstrip(b" \t"))
    if not colon or not _NAME.fullmatch(text):
        raise MalformedMIME("a header line is not of the form 'name: value'")
    if b"\x00" in value or b"\r" in value:
        raise MalformedMIME(f"the value of {text[:64]} contains a control character")
    return text, _decoded(value.strip(b" \t"))


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
