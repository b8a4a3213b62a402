"""Zip files around certificates: one product documents them (oftp2-scx.md section 10, LOB). Off unless an agreement asks for it.

Entry names are never used for anything. Sizes that the file claims are not believed: reading stops at the limit.
"""

import zipfile
import zlib
from io import BytesIO
from typing import Final

from counterseal.protocols.scx.errors import NotACertificate, TooLarge, ZipNotAllowed
from counterseal.protocols.scx.limits import Limits

_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


def is_zip(octets: bytes) -> bool:
    """Whether the file begins as a zip; other places for its header are not looked for."""
    return octets.startswith(b"PK\x03\x04")


def read_zip(octets: bytes, limits: Limits, *, allowed: bool) -> list[bytes]:
    """The files inside, folders left out. Raises ``ZipNotAllowed``, ``TooLarge``, ``NotACertificate``."""
    if not allowed:
        raise ZipNotAllowed("the file is a zip, which is not taken here; expected X.509 in DER")
    try:
        with zipfile.ZipFile(BytesIO(octets)) as archive:
            return _entries(archive, limits)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError) as error:
        # What the standard library raises for damaged, encrypted and unsupported archives.
        raise NotACertificate("the zip file cannot be read") from error


def _entries(archive: zipfile.ZipFile, limits: Limits) -> list[bytes]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > limits.max_zip_entries:
        raise TooLarge(f"{len(entries)} files in a zip; at most {limits.max_zip_entries} are read")
    found: list[bytes] = []
    left = limits.max_inflated_bytes
    for entry in entries:
        if entry.compress_type not in _METHODS:
            raise NotACertificate("the zip file uses a compression that is not read")
        with archive.open(entry) as content:
            octets = content.read(left + 1)
        left -= len(octets)
        if left < 0:
            raise TooLarge(f"a zip with more than {limits.max_inflated_bytes} octets inside")
        found.append(octets)
    return found
