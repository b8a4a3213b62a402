"""Text from a partner made safe to show, to store and to name a file with."""

import re
import unicodedata
from typing import Final

MAX_FILE_NAME_BYTES: Final = 200
"""File systems take 255; a delivery folder adds something of its own."""

_WHITE: Final = re.compile(r"\s+")
_RESERVED: Final = re.compile(r'[<>:"|?*/\\]')
_WINDOWS_DEVICE: Final = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def clean_text(text: str, limit: int) -> str:
    """``text`` on one line, without control, format and surrogate characters (bidirectional overrides are format
    characters), cut to ``limit`` characters."""
    kept = "".join(c for c in _WHITE.sub(" ", text[: 4 * limit]) if unicodedata.category(c) not in _INVISIBLE)
    return kept.strip()[:limit]


_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean_file_name(text: str) -> str | None:
    """The last component of a file name a partner sent, safe as a name in a folder of ours; ``None`` where nothing is left.

    Directories, drive letters, leading dots, device names and characters that a file system reserves are gone; the
    extension stays when the name is cut.
    """
    last = re.split(r"[/\\]", clean_text(text, 1024))[-1]
    name = _RESERVED.sub("_", last).strip(" ").lstrip(". ").rstrip(". ")
    if not name:
        return None
    if _WINDOWS_DEVICE.fullmatch(name):
        name = f"_{name}"
    if len(name.encode()) <= MAX_FILE_NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    tail = (dot + extension).encode() if dot and len(extension) <= 16 else b""
    head = (stem if tail else name).encode()[: MAX_FILE_NAME_BYTES - len(tail)]
    return head.decode(errors="ignore") + tail.decode()
