"""The layers of a message opened, its parts laid down as payloads; a refusal is a value, and leaves no payload."""

from dataclasses import dataclass, replace

from counterseal.domain.document import DocumentKind
from counterseal.engine.as2.incoming import Incoming, Party
from counterseal.engine.as2.parts import Part, Parts
from counterseal.engine.ports import Ports
from counterseal.engine.translate import cem as translate_cem
from counterseal.kernel.errors import PeerFault
from counterseal.kernel.ids import Fingerprint
from counterseal.kernel.keys import Digest
from counterseal.kernel.x509 import fingerprint_of
from counterseal.protocols import as2
from counterseal.protocols.as2 import OpenedMessage, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the layers held."""

    progress: Progress
    opened: OpenedMessage | None
    fault: PeerFault | None
    parts: tuple[Part, ...]
    content_digest: str
    package: translate_cem.Package | None
    kind: DocumentKind

    @property
    def signature(self) -> Digest | None:
        return self.opened.signature_digest if self.opened else None

    @property
    def signer(self) -> Fingerprint | None:
        return self.opened.signers[0].certificate.fingerprint if self.opened and self.opened.signers else None

    @property
    def recipient(self) -> Fingerprint | None:
        keys = self.progress.keys
        return fingerprint_of(keys[0].certificate_der) if keys else None


def open_layers(ports: Ports, incoming: Incoming, gathered: Party) -> Taken:
    also: frozenset[Digest] = frozenset()
    terms = gathered.around.agreement.as2
    while True:
        parts = Parts(ports, None)
        try:
            opened = as2.open_message(
                incoming.known.head,
                incoming.body(),
                keys=gathered.keys,
                signers=gathered.signers,
                sink=parts,
                limits=as2.DEFAULT_LIMITS,
                strictness=as2.Strictness(headerless_documents=not terms.require_signed),
                also_digest=also,
            )
        except as2.NotOpened as failure:
            parts.discard()
            if isinstance(failure.fault, as2.NeedsDigest) and not also:
                also = failure.fault.digests
                continue
            return _refused(failure.progress, failure.fault)
        except BaseException:
            parts.discard()
            raise
        return _taken(opened, parts, gathered)


def _refused(progress: Progress, fault: PeerFault) -> Taken:
    return Taken(
        progress=progress,
        opened=None,
        fault=fault,
        parts=(),
        content_digest="",
        package=None,
        kind=DocumentKind.BUSINESS,
    )


def _taken(opened: OpenedMessage, sink: Parts, gathered: Party) -> Taken:
    """The opened message; a certificate message is read here, because what it says may refuse all of it (channel M)."""
    parts = sink.keep()
    digest = sink.digest.hexdigest()
    certificate = next((part for part in parts if part.head.cem), None)
    taken = Taken(
        progress=opened.progress,
        opened=opened,
        fault=None,
        parts=parts,
        content_digest=digest,
        package=None,
        kind=DocumentKind.BUSINESS,
    )
    if certificate is None:
        return taken
    try:
        package = translate_cem.open_package(certificate, sender=gathered.around.agreement.partner_identity)
    except PeerFault as fault:
        return replace(taken, fault=fault, kind=DocumentKind.CEM_REQUEST)
    kind = DocumentKind.CEM_REQUEST if translate_cem.is_request(package) else DocumentKind.CEM_RESPONSE
    return replace(taken, package=package, kind=kind)
