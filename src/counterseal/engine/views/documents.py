"""Documents: the list, and one with its story, its certificates and its MIC evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from counterseal.domain.community import Community
from counterseal.domain.document import (
    OUT_TRANSITIONS,
    Cancelled,
    Direction,
    Document,
    DocumentKind,
    DocumentState,
    Message,
    MessageKind,
    Requeued,
    Transfer,
    TransferOutcome,
)
from counterseal.domain.exchange import Exchange
from counterseal.engine.ports import NotFound, Reader, Window
from counterseal.engine.views.names import AgreementName, CertificateName, Names, gather
from counterseal.engine.views.paging import PAGE_ROWS, Page, window_of
from counterseal.engine.views.sessions import Kept, held, kept
from counterseal.kernel.conversation import allows
from counterseal.kernel.ids import DocumentId, OfferId

RECEIPTS: Final = frozenset({MessageKind.MDN, MessageKind.EERP, MessageKind.NERP})


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRow:
    document: Document
    agreement: AgreementName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentList:
    page: Page[DocumentRow]
    counts: Mapping[DocumentState, int]
    total: int
    search: str
    state: DocumentState | None
    direction: Direction | None
    kind: DocumentKind | None


class StoryKind(StrEnum):
    TAKEN = "taken"
    PACKED = "packed"
    """Signed, compressed, encrypted: the message as it left or came."""
    ATTEMPT = "attempt"
    RECEIPT = "receipt"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryEntry:
    """One thing that happened, oldest first on the page."""

    at: datetime
    kind: StoryKind
    message: Message | None = None
    transfer: Transfer | None = None
    attempt: int = 0

    @property
    def went_well(self) -> bool:
        if self.transfer is not None:
            return self.transfer.outcome is TransferOutcome.OK
        return True


class CertificateRole(StrEnum):
    """What a certificate did for this document."""

    OURS_SIGNED = "ours, signed with"
    OURS_DECRYPTED = "ours, decrypted with"
    OURS_SIGNED_RECEIPT = "ours, signed the receipt"
    THEIRS_SIGNED = "theirs, signed with"
    THEIRS_ENCRYPTED = "theirs, encrypted for"
    THEIRS_SIGNED_RECEIPT = "theirs, signed the receipt"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedCertificate:
    role: CertificateRole
    certificate: CertificateName


@dataclass(frozen=True, slots=True, kw_only=True)
class MICEvidence:
    """Our digest beside the returned one. ``equal`` is ``None`` while one of them is missing."""

    ours: str
    theirs: str
    equal: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentView:
    document: Document
    agreement: AgreementName | None
    story: tuple[StoryEntry, ...]
    certificates: tuple[UsedCertificate, ...]
    mic: MICEvidence
    exchange: Exchange | None
    """The certificate exchange that it carries, if it does."""
    trust_request_number: int | None
    offer_id: OfferId | None
    can_resend: bool
    can_cancel: bool
    receipt_held: bool
    """OFTP2: a person decides between EERP and NERP."""
    kept: Kept | None
    """OFTP2: how far it is, where broken sessions left it."""

    @property
    def file(self) -> Mapping[str, str]:
        """OFTP2: the fields of its SFID by their name in the standard, without a restart position; else empty."""
        found = next((m for m in self.messages if m.kind is MessageKind.OFTP2_FILE), None)
        return dict(found.headers) if found is not None else {}

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(e.message for e in self.story if e.message is not None)


def documents(
    reader: Reader,
    community: Community,
    *,
    state: DocumentState | None = None,
    direction: Direction | None = None,
    kind: DocumentKind | None = None,
    search: str = "",
    page: int = 1,
) -> DocumentList:
    """Newest first. Behind a search the total is only known to be at least what is shown."""
    names = gather(reader, community)
    kinds = (kind,) if kind else None
    counts = reader.count_documents(community_id=community.id, direction=direction, kinds=kinds)
    window = window_of(page)
    found = reader.documents(
        community_id=community.id,
        window=Window(limit=window.limit + 1, offset=window.offset),
        direction=direction,
        states=(state,) if state else None,
        kinds=kinds,
        search=search,
    )
    total = counts.get(state, 0) if state else sum(counts.values())
    if search:
        total = window.offset + len(found)
    rows = tuple(DocumentRow(document=d, agreement=names.agreement(d.agreement_id)) for d in found[:PAGE_ROWS])
    return DocumentList(
        page=Page(rows=rows, number=max(1, page), total=total),
        counts=counts,
        total=sum(counts.values()),
        search=search,
        state=state,
        direction=direction,
        kind=kind,
    )


def document(reader: Reader, community: Community, document_id: DocumentId) -> DocumentView:
    """One document with everything that happened to it. Raises ``NotFound``."""
    found = reader.document(document_id)
    if found.community_id != community.id:
        raise NotFound(f"{community.name} has no document {document_id}")
    names = gather(reader, community)
    messages = reader.messages(found.id)
    exchange = reader.exchange(found.exchange_id) if found.exchange_id else reader.find_exchange_by_document(found.id)
    out = found.direction is Direction.OUT
    return DocumentView(
        document=found,
        agreement=names.agreement(found.agreement_id),
        story=_story(found, messages, reader.transfers(found.id)),
        certificates=_used(names, found, messages),
        mic=_mic(messages),
        exchange=exchange,
        trust_request_number=reader.trust_request(exchange.trust_request_id).number if exchange else None,
        offer_id=_offer_of(reader, found),
        can_resend=out and allows(OUT_TRANSITIONS, found.state, Requeued),
        can_cancel=out and allows(OUT_TRANSITIONS, found.state, Cancelled),
        receipt_held=not out and held(reader, found),
        kept=kept(reader, found, messages),
    )


def _offer_of(reader: Reader, document: Document) -> OfferId | None:
    incoming = {DocumentKind.CEM_REQUEST, DocumentKind.SCX}
    if document.direction is not Direction.IN or document.kind not in incoming or document.agreement_id is None:
        return None
    offers = reader.offers(document.community_id, window=Window(limit=500), agreement_id=document.agreement_id)
    return next((o.id for o in offers if o.document_id == document.id), None)


def _story(document: Document, messages: Sequence[Message], transfers: Sequence[Transfer]) -> tuple[StoryEntry, ...]:
    entries = [StoryEntry(at=document.created_at, kind=StoryKind.TAKEN)]
    for message in messages:
        kind = StoryKind.RECEIPT if message.kind in RECEIPTS else StoryKind.PACKED
        entries.append(StoryEntry(at=message.at, kind=kind, message=message))
    entries.extend(
        StoryEntry(at=t.started_at, kind=StoryKind.ATTEMPT, transfer=t, attempt=number)
        for number, t in enumerate(sorted(transfers, key=lambda t: t.started_at), start=1)
    )
    if document.settled_at is not None:
        entries.append(StoryEntry(at=document.settled_at, kind=StoryKind.SETTLED))
    order = list(StoryKind)
    return tuple(sorted(entries, key=lambda e: (e.at, order.index(e.kind))))


def _used(names: Names, document: Document, messages: Sequence[Message]) -> tuple[UsedCertificate, ...]:
    out = document.direction is Direction.OUT
    found: dict[tuple[CertificateRole, str], UsedCertificate] = {}
    for message in messages:
        receipt = message.kind in RECEIPTS
        ours = message.direction is Direction.OUT
        if receipt:
            signed = CertificateRole.OURS_SIGNED_RECEIPT if ours else CertificateRole.THEIRS_SIGNED_RECEIPT
        else:
            signed = CertificateRole.OURS_SIGNED if ours else CertificateRole.THEIRS_SIGNED
        opened = CertificateRole.THEIRS_ENCRYPTED if out else CertificateRole.OURS_DECRYPTED
        for role, fingerprint in ((signed, message.signer), (opened, message.recipient)):
            if fingerprint:
                used = UsedCertificate(role=role, certificate=names.certificate(fingerprint))
                found.setdefault((role, fingerprint), used)
    return tuple(found.values())


def _mic(messages: Sequence[Message]) -> MICEvidence:
    ours = next((m.mic for m in reversed(messages) if m.kind not in RECEIPTS and m.mic), "")
    theirs = next((m.mic for m in reversed(messages) if m.kind in RECEIPTS and m.mic), "")
    equal = _normal(ours) == _normal(theirs) if ours and theirs else None
    return MICEvidence(ours=ours, theirs=theirs, equal=equal)


def _normal(mic: str) -> tuple[str, str]:
    """Digest and algorithm; the spelling of the algorithm is free (sha-256, sha256, SHA-256)."""
    digest, _, algorithm = mic.partition(",")
    return digest.strip(), algorithm.strip().lower().replace("-", "")
