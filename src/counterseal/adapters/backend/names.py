"""File names out of partner text: recognisable for a person, harmless for every file system.

Kept: letters and digits of any script, ``.``, ``-``, ``_``. Everything else (path separators, control characters, direction marks, spaces)
becomes ``_``; leading dots go, so that nothing is hidden or climbs; names that Windows reserves get a ``_`` in front; the length is
limited in octets, because that is what file systems count.
"""

import re
import unicodedata
from typing import Final

_MAX_OCTETS: Final = 120
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def safe_name(text: str, *, fallback: str) -> str:
    """One path component that holds no separator and is never empty, hidden, ``.`` or ``..``."""
    normal = unicodedata.normalize("NFC", text)
    kept = "".join(c if c in ".-_" or c.isalnum() else "_" for c in normal)
    kept = re.sub(r"_{2,}", "_", kept).strip("._")
    kept = _shortened(kept) or fallback
    return f"_{kept}" if _RESERVED.fullmatch(kept) else kept


def _shortened(name: str) -> str:
    """Cut in the middle of the stem, so that a short ending survives."""
    if len(name.encode()) <= _MAX_OCTETS:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending.encode()) > 16:
        stem, dot, ending = name, "", ""
    room = _MAX_OCTETS - len((dot + ending).encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip("._") + dot + ending
