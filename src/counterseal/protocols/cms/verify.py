"""Reading SignedData (RFC 5652 section 5): the content streams out, then the signers are judged."""

from collections.abc import Iterator, Mapping, Sequence

from cryptography.hazmat.primitives import hashes

from counterseal.kernel.errors import CallerFault
from counterseal.kernel.keys import Digest
from counterseal.kernel.x509 import Certificate
from counterseal.protocols.cms import algorithms, envelope, tlv
from counterseal.protocols.cms.errors import LimitExceeded, Malformed, NoSigner, SignatureInvalid, UnsupportedAlgorithm
from counterseal.protocols.cms.limits import Chunk, Chunks, Limits
from counterseal.protocols.cms.reader import Header, Reader
from counterseal.protocols.cms.signatures import Signed, judge
from counterseal.protocols.cms.signer_info import SignerInfo, read_signer_info

_ATTRIBUTES_START = tlv.oid("1.2.840.113549.1.9.3")[:10]


def signature_digests(signature: bytes, *, limits: Limits) -> frozenset[Digest]:
    """Which digests over the content ``verify_detached`` needs. Raises ``NoSigner``; ``UnsupportedAlgorithm`` where no
    signer uses a digest that is read here."""
    infos = _drained(signature, limits).signer_infos
    if not infos:
        raise NoSigner("the message has no signer")
    digests = frozenset(info.digest for info in infos if info.digest is not None)
    if not digests:
        raise UnsupportedAlgorithm("no signer uses a digest algorithm that is read")
    return digests


def verify_detached(
    signature: bytes, digests: Mapping[Digest, bytes], *, candidates: Sequence[Certificate], limits: Limits
) -> Signed:
    """The signers of content with these digests. ``candidates`` are the certificates that the caller's trust allows; those
    embedded are never used by themselves. A copy of the content inside the signature is passed over: the digests decide.
    Raises ``NoSigner``, ``SignerUnknown``, ``SignatureInvalid`` (any known signer's signature that does not hold),
    ``UnsupportedAlgorithm``, ``Malformed``, ``LimitExceeded``."""
    stream = _drained(signature, limits)
    return judge(
        stream.signer_infos,
        digests,
        content_type=stream.content_type,
        candidates=candidates,
        certificates=stream.embedded_certificates,
    )


def open_signed(source: Chunks, *, limits: Limits) -> "SignedStream":
    """Reads up to the content. Raises ``Malformed``, ``LimitExceeded``."""
    return SignedStream(source, limits)


class SignedStream:
    """A SignedData being read: first ``chunks()`` to its end, then ``verify()``. Made by ``open_signed``."""

    def __init__(self, source: Chunks, limits: Limits) -> None:
        self._limits = limits
        self._reader = reader = Reader(source, limits)
        envelope.open_envelope(reader, envelope.SIGNED_DATA)
        envelope.read_version(reader)
        named = tlv.parse(reader.whole(reader.expect(tlv.SET))).children()
        self._digests = frozenset(d for d in map(algorithms.read_digest, named) if d is not None)
        reader.enter(reader.expect(tlv.SEQUENCE))
        self.content_type = envelope.read_oid(reader)
        self._content = envelope.open_explicit_octets(reader)
        self._running = {digest: hashes.Hash(algorithms.HASHES[digest]) for digest in self._digests}
        self._results: dict[Digest, bytes] = {}
        self._begin = b""
        self._certificates: list[bytes] = []
        self._infos: list[SignerInfo] = []
        self._started = self._exhausted = False

    @property
    def detached(self) -> bool:
        """Whether the content is absent (then ``verify_detached`` over the same octets is the way)."""
        return self._content is None

    @property
    def digests(self) -> frozenset[Digest]:
        """The digests announced in front of the content that are read here."""
        return self._digests

    def chunks(self) -> Iterator[Chunk]:
        """The content, not yet verified: discard it unless ``verify`` returns."""
        if self._started:
            raise CallerFault("the content of a signed message can be read once")
        self._started = True
        running = tuple(self._running.values())
        if self._content is not None:
            for chunk in self._reader.content(self._content):
                if len(self._begin) < 32:
                    self._begin += bytes(chunk[:32])
                for digest in running:
                    digest.update(chunk)
                yield chunk
            self._reader.end()
            self._reader.end()
        self._read_tail()

    @property
    def embedded_certificates(self) -> tuple[bytes, ...]:
        """DER as sent. Raises ``CallerFault`` before ``chunks()`` is exhausted."""
        self._require_exhausted()
        return tuple(self._certificates)

    @property
    def signer_infos(self) -> tuple[SignerInfo, ...]:
        """Raises ``CallerFault`` before ``chunks()`` is exhausted."""
        self._require_exhausted()
        return tuple(self._infos)

    def verify(self, candidates: Sequence[Certificate]) -> Signed:
        """As ``verify_detached``. Raises ``CallerFault`` before ``chunks()`` is exhausted."""
        infos = self.signer_infos
        if infos and self.detached:
            raise Malformed("the signed message holds no content")
        if any(info.digest is not None and info.digest not in self._digests for info in infos):
            raise Malformed("a signer uses a digest that the message did not announce")
        if any(info.attributes is None for info in infos) and self._reads_like_attributes():
            raise SignatureInvalid("the content is a set of signed attributes, presented as content")
        return judge(
            infos,
            self._results,
            content_type=self.content_type,
            candidates=candidates,
            certificates=self.embedded_certificates,
        )

    def _read_tail(self) -> None:
        """certificates [0], crls [1], signerInfos."""
        reader = self._reader
        header = reader.expect(tlv.context(0), tlv.context(1), tlv.SET)
        if header.tag == tlv.context(0):
            self._read_certificates(header)
            header = reader.expect(tlv.context(1), tlv.SET)
        if header.tag == tlv.context(1):
            reader.skip(header)
            header = reader.expect(tlv.SET)
        reader.enter(header)
        while (child := reader.child()) is not None:
            if len(self._infos) >= self._limits.max_signers:
                raise LimitExceeded(f"more than {self._limits.max_signers} signers")
            self._infos.append(read_signer_info(reader.whole(child)))
        reader.end()
        envelope.close_envelope(reader)
        self._results = {digest: running.finalize() for digest, running in self._running.items()}
        self._exhausted = True

    def _read_certificates(self, header: Header) -> None:
        self._reader.enter(header)
        count = 0
        while (child := self._reader.child()) is not None:
            count += 1
            if count > self._limits.max_certificates:
                raise LimitExceeded(f"more than {self._limits.max_certificates} certificates")
            if child.tag == tlv.SEQUENCE:
                self._certificates.append(self._reader.whole(child))
            else:
                # Attribute and other certificates (RFC 5652 10.2.2) are of no use here.
                self._reader.skip(child)

    def _reads_like_attributes(self) -> bool:
        """A signature over attributes would also fit content that consists of those very attributes, sent without any
        (draft-vangeest-lamps-cms-euf-cma-signeddata). No document begins like a set of attributes."""
        return self._begin[:1] == b"\x31" and _ATTRIBUTES_START[:9] in self._begin

    def _require_exhausted(self) -> None:
        if not self._exhausted:
            raise CallerFault("read the content of a signed message to its end first")


def _drained(signature: bytes, limits: Limits) -> SignedStream:
    stream = open_signed((signature,), limits=limits)
    for _ in stream.chunks():
        pass
    return stream
