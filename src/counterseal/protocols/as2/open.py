"""Opening a received message in one pass, whatever is around what (RFC 4130, RFC 5402, RFC 8551 3.6).

Each layer pulls its octets from the one around it; nobody holds a payload:

    body -> decrypt -> decompress -> split -+-> first part -> [digests] -> ... -> PartSink
                                            +-> signature -> verify(digests)

Nothing is to be trusted before ``open_message`` returns: signatures and authentication tags stand behind the content.

The MIC is taken where RFC 4130 7.3.1 and RFC 5402 4 say, over the octets that came: the part that the outermost signature
covers; else, below encryption or compression, the entity with its headers; else the content alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.keys import Decrypter, Digest
from counterseal.kernel.mime import Chunk, Chunks, ContentType, Headers, open_entity, split
from counterseal.kernel.x509 import Certificate
from counterseal.protocols import cms
from counterseal.protocols.as2.delivery import Delivery
from counterseal.protocols.as2.errors import InvalidMessageID, MalformedMessage, NotOpened, TooComplex
from counterseal.protocols.as2.headers import SIGNED, MessageHead, content_type_of
from counterseal.protocols.as2.leniency import Leniency
from counterseal.protocols.as2.limits import Limits
from counterseal.protocols.as2.mic import Digests, choose_digest, parse_micalg
from counterseal.protocols.as2.opened import (
    CompressedLayer,
    EncryptedLayer,
    Layer,
    OpenedMessage,
    PartSink,
    Progress,
    SignedLayer,
)
from counterseal.protocols.as2.signatures import embedded_certificates, read_signature, verify
from counterseal.protocols.as2.streams import exhaust, peek, starts_with_header, tapped, unclosable
from counterseal.protocols.as2.transfer import decoded_cms

CMS_TYPES: Final = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SMIME_TYPES: Final = {
    cms.ContentKind.ENVELOPED: "enveloped-data",
    cms.ContentKind.AUTH_ENVELOPED: "authenveloped-data",
    cms.ContentKind.COMPRESSED: "compressed-data",
    cms.ContentKind.SIGNED: "signed-data",
}
_VISIBLE: Final = frozenset(
    {
        "cms.decryption-failed",
        "cms.signature-invalid",
        "cms.signer-unknown",
        "cms.no-signer",
        "cms.unsupported-algorithm",
        "as2.needs-digest",
    }
)
"""Faults that may be told to the sender although they were found inside an unauthenticated cipher. Whoever can reach them
has a whole signed message inside; anything about structure would tell good padding from bad (RFC 3218)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strictness:
    """What the agreement tolerates beyond what is always tolerated."""

    headerless_documents: bool
    """Take decrypted content without MIME headers for the document (as2-peers P-5). To be off where the agreement asks for
    signatures: such content is not signed, and refusing it for *that* would answer a padding oracle."""


def open_message(
    head: MessageHead,
    body: Chunks,
    *,
    keys: Sequence[Decrypter],
    signers: Sequence[Certificate],
    sink: PartSink,
    limits: Limits,
    strictness: Strictness,
    also_digest: frozenset[Digest] = frozenset(),
) -> OpenedMessage:
    """Opens every layer, verifies every signature against ``signers``, gives the parts to ``sink``. Raises ``NotOpened``
    around whatever ``PeerFault`` it was; the sink's own faults pass through.

    A signature may use digests that its micalg does not name: ``NotOpened.fault`` is then ``NeedsDigest``, and a second call
    over the same bytes with ``also_digest=fault.digests`` decides. Whether a message *must* be signed or encrypted is the
    agreement's matter and not looked at here.
    """
    opening = _Opening(
        head=head, keys=keys, signers=signers, sink=sink, limits=limits, strictness=strictness, also_digest=also_digest
    )
    try:
        return opening.run(body)
    except PeerFault as fault:
        raise NotOpened(opening.outward(fault), opening.progress()) from fault


class _Opening:
    """One message being opened."""

    def __init__(
        self,
        *,
        head: MessageHead,
        keys: Sequence[Decrypter],
        signers: Sequence[Certificate],
        sink: PartSink,
        limits: Limits,
        strictness: Strictness,
        also_digest: frozenset[Digest],
    ) -> None:
        self._head = head
        self._keys = keys
        self._signers = signers
        self._limits = limits
        self._strictness = strictness
        self._leniencies = set(head.leniencies)
        self._delivery = Delivery(sink=sink, limits=limits, leniencies=self._leniencies)
        self._layers: list[Layer] = []
        self._mics: dict[Digest, bytes] = {}
        self._mic_settled = False
        self._embedded: tuple[bytes, ...] = ()
        self._wanted = {Digest.SHA256, *also_digest}
        request = head.receipt_request
        if request is not None and request.digests:
            self._wanted.add(choose_digest(request.micalgs, signature=None))

    def run(self, body: Chunks) -> OpenedMessage:
        if self._head.message_id is None:
            raise InvalidMessageID("the Message-ID is missing or malformed")
        source = iter(body)
        self._outermost(source)
        exhaust(source)
        signers = tuple(s for layer in self._layers if isinstance(layer, SignedLayer) for s in layer.signers)
        return OpenedMessage(progress=self.progress(), parts=tuple(self._delivery.parts), signers=signers)

    def progress(self) -> Progress:
        return Progress(
            head=self._head,
            layers=tuple(self._layers),
            mics=dict(self._mics),
            leniencies=frozenset(self._leniencies),
            embedded=self._embedded,
        )

    def outward(self, fault: PeerFault) -> PeerFault:
        """``fault``, or the one face of everything that went wrong inside an unauthenticated cipher."""
        hidden = any(isinstance(layer, EncryptedLayer) and not layer.authenticated for layer in self._layers)
        if hidden and fault.code not in _VISIBLE:
            return cms.DecryptionFailed(str(fault))
        return fault

    def _outermost(self, source: Iterator[Chunk]) -> None:
        """The HTTP body. A body with a compressed-data header in front of it is that, whatever HTTP says (P-6)."""
        headers = self._head.headers
        if self._head.content_type.media_type in CMS_TYPES or self._head.content_type.is_multipart:
            self._entity(headers, b"", source)
            return
        first, whole = peek(source, 2048)
        if first[:8].lower() == b"content-" and b"compressed-data" in first.lower():
            found, whole = starts_with_header(whole, limits=self._limits.mime)
            if found:
                self._leniencies.add(Leniency.COMPRESSED_HEADER_IN_BODY)
                entity = open_entity(whole, limits=self._limits.mime)
                self._entity(entity.headers, entity.header_bytes, entity.body)
                return
        self._entity(headers, b"", whole)

    def _inside(self, octets: Iterator[Chunk]) -> None:
        """What stands inside a layer: an entity, or the bare document (P-5)."""
        found, whole = starts_with_header(octets, limits=self._limits.mime)
        if found:
            entity = open_entity(whole, limits=self._limits.mime)
            self._entity(entity.headers, entity.header_bytes, entity.body)
        elif self._strictness.headerless_documents:
            self._leniencies.add(Leniency.HEADERLESS_DOCUMENT)
            self._entity(Headers(), b"", whole)
        else:
            raise MalformedMessage("the content inside a layer has no MIME header")
        exhaust(octets)

    def _entity(self, headers: Headers, header_bytes: bytes, body: Iterator[Chunk]) -> None:
        content_type = content_type_of(headers, self._leniencies)
        if content_type.media_type == SIGNED:
            self._multipart_signed(content_type, body)
        elif content_type.media_type in CMS_TYPES:
            self._cms(headers, header_bytes, content_type, body)
        else:
            self._content(headers, header_bytes, body)

    def _add(self, layer: Layer) -> int:
        if len(self._layers) >= self._limits.max_layers:
            raise TooComplex(f"more than {self._limits.max_layers} layers around the document")
        self._layers.append(layer)
        return len(self._layers) - 1

    # --- RFC 8551 3.5.3: multipart/signed ------------------------------------------------------------------------------

    def _multipart_signed(self, content_type: ContentType, body: Iterator[Chunk]) -> None:
        micalg = content_type.parameter("micalg") or ""
        declared = {d for d in map(parse_micalg, micalg.split(",")) if d is not None}
        if not declared:
            self._leniencies.add(Leniency.MICALG_MISSING)
        digests = Digests(declared | self._wanted)
        place = self._add(SignedLayer(signers=(), unknown_count=0, embedded=(), micalg=micalg[:64]))
        outermost, self._mic_settled = not self._mic_settled, True
        signature: bytes | None = None
        for number, part in enumerate(split(body, content_type.parameter("boundary") or "", limits=self._limits.mime)):
            if number == 0:
                self._inside(tapped(part, digests))
                if outermost:
                    self._mics = digests.values()
            elif number == 1:
                signature = read_signature(part, limits=self._limits, leniencies=self._leniencies)
            else:
                raise MalformedMessage("a multipart/signed has two parts; a third one came")
        if signature is None:
            raise MalformedMessage("a multipart/signed without a signature part")
        self._embedded = embedded_certificates(signature, limits=self._limits)
        signed = verify(signature, digests.values(), candidates=self._signers, limits=self._limits)
        if any(signer.digest not in declared for signer in signed.signers) and declared:
            self._leniencies.add(Leniency.MICALG_WRONG)
        self._verified(place, signed)

    def _verified(self, place: int, signed: cms.Signed) -> None:
        layer = self._layers[place]
        if isinstance(layer, SignedLayer):
            self._layers[place] = replace(
                layer, signers=signed.signers, unknown_count=len(signed.unknown), embedded=signed.certificates
            )

    # --- RFC 8551 3.3, 3.4, 3.5.2, 3.6: application/pkcs7-mime -----------------------------------------------------------

    def _cms(self, headers: Headers, header_bytes: bytes, content_type: ContentType, body: Iterator[Chunk]) -> None:
        smime_type = (content_type.parameter("smime-type") or "").lower()
        if smime_type == "certs-only":
            # A P7C is a document: whoever gets it decides what it is worth.
            self._content(headers, header_bytes, body)
            return
        first, octets = peek(decoded_cms(headers, body, self._leniencies), 64)
        kind = cms.content_kind(first)
        if smime_type != _SMIME_TYPES.get(kind, ""):
            self._leniencies.add(Leniency.SMIME_TYPE_WRONG)
        match kind:
            case cms.ContentKind.ENVELOPED | cms.ContentKind.AUTH_ENVELOPED:
                self._encrypted(octets)
            case cms.ContentKind.COMPRESSED:
                self._add(CompressedLayer())
                self._inside(iter(cms.decompress(octets, limits=self._limits.cms)))
            case cms.ContentKind.SIGNED:
                self._attached(octets)
            case _:
                raise MalformedMessage("an application/pkcs7-mime body that is no CMS message of a known type")
        exhaust(octets)

    def _encrypted(self, octets: Iterator[Chunk]) -> None:
        stream = cms.decrypt(octets, self._keys, limits=self._limits.cms)
        self._add(
            EncryptedLayer(
                key=stream.key, cipher=stream.cipher, transport=stream.transport, authenticated=stream.authenticated
            )
        )
        octets = unclosable(stream.chunks())
        try:
            self._inside(octets)
        except PeerFault:
            # Padding and tag stand behind the content and are judged first all the same: what was found wrong inside is worth
            # telling only where the ciphertext was the sender's, and must not depend on how the octets were cut.
            exhaust(octets)
            raise

    def _attached(self, octets: Iterator[Chunk]) -> None:
        stream = cms.open_signed(octets, limits=self._limits.cms)
        if stream.detached:
            raise MalformedMessage("a detached signature where a signed message was expected")
        digests = Digests(stream.digests | self._wanted)
        place = self._add(SignedLayer(signers=(), unknown_count=0, embedded=(), micalg=""))
        outermost, self._mic_settled = not self._mic_settled, True
        self._inside(tapped(stream.chunks(), digests))
        if outermost:
            self._mics = digests.values()
        self._embedded = stream.embedded_certificates
        self._verified(place, stream.verify(self._signers))

    # --- the document ------------------------------------------------------------------------------------------------------

    def _content(self, headers: Headers, header_bytes: bytes, body: Iterator[Chunk]) -> None:
        if self._mic_settled:
            self._delivery.deliver(headers, body)
            return
        digests = Digests(self._wanted)
        if self._layers:
            digests.update(header_bytes)
            raw = tapped(body, digests)
            self._delivery.deliver(headers, raw)
            exhaust(raw)
        else:
            self._delivery.deliver(headers, body, content_digests=digests)
        self._mics = digests.values()
