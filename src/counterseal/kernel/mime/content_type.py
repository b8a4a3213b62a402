"""Content-Type and Content-Disposition with their parameters: quoted, bare, and in the forms of RFC 2231."""

import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from counterseal.kernel.mime.errors import IllegalMIME, MalformedMIME
from counterseal.kernel.mime.headers import Headers

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+")
# A parameter as real peers write it: blanks around "=", bare values with "/" or blanks in them, a missing closing quote.
_PARAMETER: Final = re.compile(
    r"""\s*;+\s*(?:(?P<name>[^=;"\s]+)\s*=\s*(?:"(?P<quoted>(?:\\.|[^"\\])*)(?:"|$)|(?P<bare>[^;]*))|(?P<junk>[^;]+))?""",
    re.DOTALL,
)
_ENCODED_WORD: Final = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?([^?\s]*)\?=")
_MAX_PARAMETERS: Final = 64

Parameters = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ContentType:
    """A media type: lower case, with its parameters in order (names lower case)."""

    media_type: str
    parameters: Parameters = ()

    @classmethod
    def parse(cls, value: str) -> "ContentType":
        """Raises ``MalformedMIME`` where no ``type/subtype`` stands first."""
        first, parameters = _read(value)
        major, slash, minor = first.partition("/")
        if not slash or not _TOKEN.fullmatch(major) or not _TOKEN.fullmatch(minor):
            raise MalformedMIME("a Content-Type is not of the form type/subtype")
        return cls(first.lower(), parameters)

    @classmethod
    def of(cls, headers: Headers, *, default: str) -> "ContentType":
        """The type that ``headers`` declare, or ``default`` (RFC 2045 5.2 says text/plain; AS2 says the document's)."""
        return cls.parse(headers.get("Content-Type") or default)

    def parameter(self, name: str) -> str | None:
        return _first(self.parameters, name)

    @property
    def is_multipart(self) -> bool:
        return self.media_type.startswith("multipart/")

    def format(self) -> str:
        """The header value; non-ASCII parameters in the form of RFC 2231. Raises ``IllegalMIME``."""
        return "; ".join((self.media_type, *(_written(name, value) for name, value in self.parameters)))


@dataclass(frozen=True, slots=True)
class Disposition:
    """A Content-Disposition (RFC 2183)."""

    kind: str
    parameters: Parameters = ()

    @classmethod
    def parse(cls, value: str) -> "Disposition":
        first, parameters = _read(value)
        return cls(first.lower(), parameters)

    def parameter(self, name: str) -> str | None:
        return _first(self.parameters, name)

    def format(self) -> str:
        return "; ".join((self.kind, *(_written(name, value) for name, value in self.parameters)))


def file_name_of(headers: Headers) -> str | None:
    """The name that an entity carries: Content-Disposition's ``filename``, else Content-Type's ``name``. Hostile text: to be
    cleaned before it names a file."""
    disposition = headers.get("Content-Disposition")
    if disposition is not None and (found := Disposition.parse(disposition).parameter("filename")):
        return found
    content_type = headers.get("Content-Type")
    if content_type is not None:
        return _first(_read(content_type)[1], "name") or None
    return None


def _first(parameters: Parameters, name: str) -> str | None:
    wanted = name.lower()
    return next((value for key, value in parameters if key == wanted), None)


def _read(value: str) -> tuple[str, Parameters]:
    """What stands in front of the first ``;``, and the parameters, RFC 2231 forms joined and decoded."""
    first, _, _ = value.partition(";")
    plain: list[tuple[str, str]] = []
    for count, match in enumerate(_PARAMETER.finditer(value, len(first))):
        if count == _MAX_PARAMETERS:
            raise MalformedMIME(f"more than {_MAX_PARAMETERS} parameters in one header")
        if match["name"] is not None:
            found = _unquoted(match["quoted"]) if match["quoted"] is not None else match["bare"].strip()
            plain.append((match["name"].lower(), found))
    return first.strip(), _joined(plain)


def _unquoted(text: str) -> str:
    """Quoted pairs undone only for quote and backslash: file names from Windows come with single backslashes."""
    return re.sub(r'\\(["\\])', r"\1", text)


def _joined(plain: Iterable[tuple[str, str]]) -> Parameters:
    """``name*``, ``name*0``, ``name*1*`` ... as one ``name`` (RFC 2231 3 and 4), which wins over a plain ``name``."""
    result: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for name, value in plain:
        stem, star, section = name.partition("*")
        if not star:
            result.setdefault(name, decode_words(value))
            continue
        number = section.rstrip("*")
        if number and not (number.isascii() and number.isdigit() and len(number) <= 3):
            continue
        pieces.setdefault(stem, {}).setdefault(int(number or "0"), (value, section.endswith("*") or not number))
        result.setdefault(stem, "")
    for stem, sections in pieces.items():
        result[stem] = _decoded(sections)
    return tuple(result.items())


def _decoded(sections: Mapping[int, tuple[str, bool]]) -> str:
    charset, raw = "utf-8", bytearray()
    for place, (_, (value, extended)) in enumerate(sorted(sections.items())):
        text = value
        if place == 0 and extended and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        raw += unquote_to_bytes(text) if extended else text.encode(errors="replace")
    return _text(bytes(raw), charset)


def _text(raw: bytes, charset: str) -> str:
    for candidate in (charset or "utf-8", "utf-8"):
        try:
            return raw.decode(candidate)
        except (LookupError, ValueError):
            continue
    return raw.decode("latin-1")


def decode_words(value: str) -> str:
    """RFC 2047's encoded words as text. The RFC forbids them in parameters; mail libraries write them for file names all the same."""

    def decode(match: re.Match[str]) -> str:
        charset, kind, text = match[1], match[2].lower(), match[3].encode("ascii", "replace")
        try:
            raw = binascii.a2b_base64(text) if kind == "b" else binascii.a2b_qp(text, header=True)
        except binascii.Error:
            return match[0]
        return _text(raw, charset)

    return _ENCODED_WORD.sub(decode, value)


def _written(name: str, value: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise IllegalMIME(f"{name!r} is no parameter name")
    if any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise IllegalMIME(f"the parameter {name} must not contain control characters")
    if not value.isascii():
        return f"{name}*=UTF-8''{quote(value, safe='')}"
    if _TOKEN.fullmatch(value):
        return f"{name}={value}"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'
