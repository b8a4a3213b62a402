"""What opening a message gives: its layers, its MICs, and what was known when it failed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from counterseal.kernel.keys import Decrypter, Digest, KeyTransport
from counterseal.kernel.mime import Chunk, ContentType, Headers
from counterseal.protocols.as2.headers import MessageHead
from counterseal.protocols.as2.leniency import Leniency
from counterseal.protocols.cms import ContentCipher, VerifiedSigner


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedLayer:
    key: Decrypter
    """The key that opened it."""
    cipher: ContentCipher
    transport: KeyTransport
    authenticated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedLayer:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedLayer:
    signers: tuple[VerifiedSigner, ...]
    """Those of the candidates whose signature holds; empty only in ``Progress``, while nothing is verified."""
    unknown_count: int
    """Further signers that no candidate fits: they prove nothing."""
    embedded: tuple[bytes, ...]
    """Certificates in the signature, DER as sent: offered, never trusted by themselves."""
    micalg: str
    """As declared; empty where it was not, or for an attached signature."""


Layer = EncryptedLayer | CompressedLayer | SignedLayer


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is known of a message; in ``NotOpened`` of one that failed."""

    head: MessageHead
    layers: tuple[Layer, ...]
    """Outermost first, as far as they were found."""
    mics: Mapping[Digest, bytes]
    """Over the bytes received, within the scope of RFC 4130 7.3.1 and RFC 5402 4; empty while they were not complete."""
    leniencies: frozenset[Leniency]
    embedded: tuple[bytes, ...]
    """The certificates of the last signature that was looked at, for showing who it was. Trusted in nothing."""

    @property
    def encrypted(self) -> bool:
        return any(isinstance(layer, EncryptedLayer) for layer in self.layers)

    @property
    def compressed(self) -> bool:
        return any(isinstance(layer, CompressedLayer) for layer in self.layers)

    @property
    def keys(self) -> tuple[Decrypter, ...]:
        return tuple(layer.key for layer in self.layers if isinstance(layer, EncryptedLayer))


@dataclass(frozen=True, slots=True, kw_only=True)
class PartHead:
    """One part as it is delivered to the sink."""

    index: int
    path: tuple[int, ...]
    """Places in the multiparts around it, from 0; empty: the message has one part."""
    headers: Headers
    """Its own; for a message without any layer those of HTTP."""
    content_type: ContentType
    file_name: str | None
    """Cleaned: safe as a name in a folder."""
    content_id: str
    """Without brackets, cleaned; empty where there is none."""
    cem: bool
    """A certificate exchange message: the whole multipart as raw bytes in one piece, ``headers`` being those of the
    multipart. Everything else comes decoded."""


class PartSink(Protocol):
    """Where the parts go. What it got is void unless ``open_message`` returns."""

    def begin(self, part: PartHead) -> None: ...

    def write(self, chunk: Chunk) -> None:
        """The chunk is valid only during this call."""

    def end(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedMessage:
    """A message whose every layer was opened and verified."""

    progress: Progress
    parts: tuple[PartHead, ...]
    signers: tuple[VerifiedSigner, ...]
    """All verified signers, outermost signature first; empty: the message is not signed."""

    @property
    def signature_digest(self) -> Digest | None:
        return self.signers[0].digest if self.signers else None
