"""What a document is as a virtual file of OFTP2 (RFC 5024 §5.3.3): its names and format, and what was wished for it."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from counterseal.kernel.errors import CallerFault

NAME_OCTETS: Final = 26
MAX_DESCRIPTION_OCTETS: Final = 999
LONGEST_RECORD: Final = 99_999
RECORD_HEAD_OCTETS: Final = 4
"""In the payload of a V file each record stands behind its length: four octets, big-endian."""
_OUTSIDE: Final = re.compile(r"[^A-Z0-9/.&()-]+")
_NAME: Final = re.compile(r"[A-Z0-9/.&()-]{1,26}")


class InvalidVirtualFile(CallerFault):
    """What was asked of a file contradicts itself or the standard; the sentence says how."""

    code = "domain.invalid-virtual-file"


class RecordFormat(StrEnum):
    """SFIDFMT (RFC 5024 §5.3.3)."""

    UNSTRUCTURED = "U"
    TEXT = "T"
    FIXED = "F"
    VARIABLE = "V"


RECORDED: Final = frozenset({RecordFormat.FIXED, RecordFormat.VARIABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualFile:
    """What a document says of itself as a file. ``None``: as the agreement says."""

    dataset_name: str
    format: RecordFormat = RecordFormat.UNSTRUCTURED
    record_length: int = 0
    description: str = ""
    sign: bool | None = None
    compress: bool | None = None
    encrypt: bool | None = None
    receipt_signed: bool | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.dataset_name) <= NAME_OCTETS or not self.dataset_name.isascii():
            raise InvalidVirtualFile(
                f"a dataset name has 1 to {NAME_OCTETS} characters of ASCII, got {self.dataset_name!r}"
            )
        if len(self.description.encode("utf-8", "replace")) > MAX_DESCRIPTION_OCTETS:
            raise InvalidVirtualFile(f"a file description has at most {MAX_DESCRIPTION_OCTETS} octets of UTF-8")
        if (self.format in RECORDED) != (self.record_length > 0):
            raise InvalidVirtualFile(
                f"format {self.format.value} {'needs a' if self.format in RECORDED else 'has no'} record length"
            )
        if not 0 <= self.record_length <= LONGEST_RECORD:
            raise InvalidVirtualFile(f"a record length is at most {LONGEST_RECORD}, got {self.record_length}")


def check_name(name: str) -> str:
    """A dataset name as the standard spells it. Raises ``InvalidVirtualFile``; nothing is changed silently."""
    if not _NAME.fullmatch(name):
        raise InvalidVirtualFile(
            f"a dataset name has 1 to {NAME_OCTETS} of the characters A-Z 0-9 / - . & ( ) without blanks, got {name[:60]!r}"
        )
    return name


def name_from(file_name: str) -> str:
    """A dataset name for a file that brings none: upper case, other characters become hyphens, at most 26."""
    return _OUTSIDE.sub("-", file_name.upper()).strip("-")[:NAME_OCTETS].rstrip("-") or "FILE"
