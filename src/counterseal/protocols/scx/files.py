"""The three virtual files and the SFID values that go with them (oftp2-scx.md 6.1), as plain data.

The names have exactly 26 characters, a full SFIDDSN, and contain ``_``, which RFC 5024's alphabet lacks: strict stacks may answer
SFNA 01. Since the name is constant a file is unique by its date and time alone.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from counterseal.protocols.scx.errors import IllegalValue


class SCXType(StrEnum):
    """What a certificate file asks for; the value is its SFIDDSN."""

    REQUEST = "ODETTE_CERTIFICATE_REQUEST"
    """Here is mine, send me yours."""
    DELIVER = "ODETTE_CERTIFICATE_DELIVER"
    """A new one, or the answer to a Request; the old one stays valid."""
    REPLACE = "ODETTE_CERTIFICATE_REPLACE"
    """The old one must not be used any more."""


MAX_DESCRIPTION: Final = 999
"""Octets of SFIDDESC, and of a NERP's reason text (RFC 5024 5.3.3, 5.3.14)."""
NERP_REASON: Final = "99"
"""What we answer with a rejection; 34 would do as well, any code is read as one (6.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileValues:
    """The SFID fields that a certificate file fixes; names as in RFC 5024 5.3.3 without the prefix."""

    dsn: SCXType
    fmt: str = "U"
    lrecl: int = 0
    sec: str = "00"
    ciph: str = "00"
    comp: str = "0"
    env: str = "0"
    sign: bool = False
    desc: str
    """Empty, or the logical identity of the certificate that is replaced (6.3)."""

    def __post_init__(self) -> None:
        if len(self.desc.encode()) > MAX_DESCRIPTION:
            raise IllegalValue(f"SFIDDESC: {len(self.desc.encode())} octets; at most {MAX_DESCRIPTION} fit")


def file_values(kind: SCXType, *, description: str) -> FileValues:
    """Never signed, encrypted or compressed, whatever the agreement demands: the peer may not have our certificate yet."""
    return FileValues(dsn=kind, desc=description)


def scx_type(dsn: str) -> SCXType | None:
    """Which certificate file a dataset name means; ``None``: none of them. Blanks around and case do not count (SCX-1)."""
    name = dsn.strip().upper()
    return next((kind for kind in SCXType if kind.value == name), None)


def reason_text(text: str) -> str:
    """A reason as NERPREAST takes it: at most 999 octets of UTF-8, never cut inside a character (SCX-8)."""
    return text.encode()[:MAX_DESCRIPTION].decode(errors="ignore")
