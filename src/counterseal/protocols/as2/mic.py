"""The message integrity check: its digests, its spellings, and whether two are the same (RFC 4130 7.3.1, 7.4.3)."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from counterseal.kernel.keys import Digest
from counterseal.kernel.mime import Chunk
from counterseal.protocols.as2.errors import UnsupportedMICAlgorithm


class Hash(Protocol):
    def update(self, data: Chunk, /) -> None: ...
    def digest(self) -> bytes: ...


COMPUTED: Final[Mapping[Digest, Callable[[], Hash]]] = {
    Digest.SHA1: lambda: hashlib.sha1(usedforsecurity=False),
    Digest.SHA256: hashlib.sha256,
    Digest.SHA384: hashlib.sha384,
    Digest.SHA512: hashlib.sha512,
}
"""MD5, which RFC 4130 7.3 lists too, is on purpose not among them (as2-bis.md BIS-3, BIS-4)."""

_BARE: Final[Mapping[str, Digest]] = {
    "md5": Digest.MD5,
    "sha": Digest.SHA1,
    "sha1": Digest.SHA1,
    "sha256": Digest.SHA256,
    "sha2256": Digest.SHA256,
    "sha384": Digest.SHA384,
    "sha512": Digest.SHA512,
}
_WRITTEN: Final[Mapping[Digest, str]] = {Digest.SHA1: "sha1", Digest.MD5: "md5"}
"""RFC 4130 7.3 spells these two without a hyphen; RFC 5751 3.4.3.2 gives the others."""

_SPELLING: Final = re.compile(r"[A-Za-z0-9-]{1,32}")


def parse_micalg(text: str) -> Digest | None:
    """``sha1``, ``sha-1``, ``SHA256``, ``"sha-256"``, ``rsa-sha1`` ...; ``None``: unknown. Interop: as2-lib asks for the MIC by
    the name of its signature, ``rsassa-pss-sha-256``."""
    bare = re.sub(r"[^a-z0-9]", "", text.lower()).removeprefix("rsassapss").removeprefix("rsa")
    return _BARE.get(bare)


def format_micalg(digest: Digest) -> str:
    return _WRITTEN.get(digest, digest.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class MIC:
    """A digest with its algorithm."""

    digest: Digest
    octets: bytes
    spelled: str = ""
    """How the partner writes the algorithm; empty: as the standards do."""

    @classmethod
    def parse(cls, text: str) -> "MIC | None":
        """A Received-content-MIC: ``base64, micalg``, with or without the blank. ``None``: it cannot be read."""
        encoded, comma, name = text.strip().strip('"').rpartition(",")
        digest = parse_micalg(name)
        if not comma or digest is None:
            return None
        try:
            return cls(digest=digest, octets=base64.b64decode(re.sub(r"\s", "", encoded), validate=True))
        except (binascii.Error, ValueError):
            return None

    def format(self) -> str:
        return f"{base64.b64encode(self.octets).decode('ascii')}, {self.spelled or format_micalg(self.digest)}"


class MICVerdict(StrEnum):
    """What the MIC of a receipt proves."""

    EQUAL = "equal"
    DIFFERENT = "different"
    ENVELOPE = "envelope"
    """The digest of the CMS envelope: the known fault of as2-peers P-28. Never equal by itself."""
    ABSENT = "absent"
    NOT_COMPARABLE = "not-comparable"
    """Another algorithm than those asked for."""


def compare_mic(sent: Mapping[Digest, bytes], received: MIC | None, *, envelope: Mapping[Digest, bytes]) -> MICVerdict:
    """``sent`` are the digests of the message as it left; ``envelope`` those of its encrypted body, empty where there is
    none."""
    if received is None:
        return MICVerdict.ABSENT
    if (ours := sent.get(received.digest)) is not None and hmac.compare_digest(ours, received.octets):
        return MICVerdict.EQUAL
    if (outer := envelope.get(received.digest)) is not None and hmac.compare_digest(outer, received.octets):
        return MICVerdict.ENVELOPE
    return MICVerdict.NOT_COMPARABLE if ours is None else MICVerdict.DIFFERENT


def choose_digest(requested: tuple[str, ...], *, signature: Digest | None) -> Digest:
    """Which digest the receipt's MIC uses: the first requested one that is computed here (BIS-14); where none was requested
    the signature's (RFC 4130 7.4.3), else SHA-256 (BIS-15). Raises ``UnsupportedMICAlgorithm``.

    RFC 4130 7.4.3 and 7.3 can disagree when a partner requests another digest than it signs with: the requested one wins,
    because it is the one that the partner is sure to compare (BIS-15).
    """
    if requested:
        for name in requested:
            if (digest := parse_micalg(name)) in COMPUTED and digest is not None:
                return digest
        raise UnsupportedMICAlgorithm(
            "none of the requested MIC algorithms is supported: sha-256, sha-384, sha-512, sha1"
        )
    return signature if signature in COMPUTED and signature is not None else Digest.SHA256


def spelling_of(digest: Digest, requested: tuple[str, ...]) -> str:
    """The partner's own word for it, to be repeated in the MIC: some compare the words too. Empty: none that is safe."""
    return next((name for name in requested if parse_micalg(name) is digest and _SPELLING.fullmatch(name)), "")


class Digests:
    """Several digests over one stream."""

    def __init__(self, algorithms: Iterable[Digest]) -> None:
        self._running = {a: COMPUTED[a]() for a in algorithms if a in COMPUTED}

    def update(self, chunk: Chunk) -> None:
        for running in self._running.values():
            running.update(chunk)

    def values(self) -> dict[Digest, bytes]:
        return {algorithm: running.digest() for algorithm, running in self._running.items()}
