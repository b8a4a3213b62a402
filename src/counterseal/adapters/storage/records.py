"""Reads of what happened: trust requests, exchanges, offers, documents, messages, the audit trail, the outbox."""

import json
from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, Text, bindparam, cast, func, or_, select

from counterseal.adapters.storage import chain, codec, schema
from counterseal.adapters.storage.reader import Reads, paged, values_of
from counterseal.domain.audit import SealedEntry
from counterseal.domain.document import Direction, Document, DocumentKind, DocumentState, Message, MessageKind, Transfer
from counterseal.domain.exchange import Exchange, ExchangeState
from counterseal.domain.offer import Offer, OfferedCertificate
from counterseal.domain.oftp_session import OFTPSession
from counterseal.domain.trust_request import TrustRequest
from counterseal.domain.unfinished import OwedReceipt, RestartPosition
from counterseal.domain.work import Work, WorkKind, WorkState
from counterseal.engine.ports import Window
from counterseal.kernel.ids import (
    AgreementId,
    BlobId,
    CommunityId,
    DocumentId,
    ExchangeId,
    Fingerprint,
    MessageRowId,
    OfferedCertificateId,
    OfferId,
    SessionId,
    TrustRequestId,
)

_CHAIN_PAGE = 1000


_M = schema.messages.c
# Asked for with every message; built once.
_MESSAGES_OF_DOCUMENT = (
    select(schema.messages).where(_M.document_id == bindparam("document_id")).order_by(_M.at, _M.seq)
)
_MESSAGES_OF_WIRE_ID = (
    select(schema.messages)
    .where(
        _M.wire_id == bindparam("wire_id"),
        _M.agreement_id.is_not_distinct_from(bindparam("agreement_id")),
        _M.direction == bindparam("direction"),
        _M.kind == bindparam("kind"),
    )
    .order_by(_M.at, _M.seq)
)


class Conversations(Reads):
    """Trust requests and exchanges, offers and what was offered."""

    def trust_requests(self, community_id: CommunityId, *, window: Window) -> list[TrustRequest]:
        columns = schema.trust_requests.c
        query = select(schema.trust_requests).where(columns.community_id == community_id)
        query = query.order_by(columns.created_at.desc(), columns.seq.desc())
        return self._values(codec.TRUST_REQUEST, paged(query, window))

    def trust_request(self, trust_request_id: TrustRequestId) -> TrustRequest:
        return self._by_id(codec.TRUST_REQUEST, trust_request_id)

    def find_trust_request(self, community_id: CommunityId, number: int) -> TrustRequest | None:
        columns = schema.trust_requests.c
        return self._find(codec.TRUST_REQUEST, columns.community_id == community_id, columns.number == number)

    def next_trust_request_number(self, community_id: CommunityId) -> int:
        if self._locks:
            # Two writers must not find the same highest number: the community's row makes the second one wait.
            communities = schema.communities
            self._execute(select(communities.c.seq).where(communities.c.id == community_id).with_for_update())
        columns = schema.trust_requests.c
        highest = self._execute(select(func.max(columns.number)).where(columns.community_id == community_id)).scalar()
        return int(highest or 0) + 1

    def exchanges(
        self,
        *,
        trust_request_ids: Collection[TrustRequestId] | None = None,
        agreement_id: AgreementId | None = None,
        fingerprint: Fingerprint | None = None,
        states: Collection[ExchangeState] | None = None,
    ) -> list[Exchange]:
        columns = schema.exchanges.c
        where: list[ColumnElement[bool]] = []
        if trust_request_ids is not None:
            where.append(columns.trust_request_id.in_(list(trust_request_ids)))
        if agreement_id is not None:
            where.append(columns.agreement_id == agreement_id)
        if fingerprint is not None:
            where.append(columns.fingerprint == fingerprint)
        if states is not None:
            where.append(columns.state.in_(values_of(states)))
        return self._list(codec.EXCHANGE, *where)

    def exchange(self, exchange_id: ExchangeId) -> Exchange:
        return self._by_id(codec.EXCHANGE, exchange_id)

    def find_exchanges(self, agreement_id: AgreementId, request_reference: str) -> list[Exchange]:
        columns = schema.exchanges.c
        return self._list(
            codec.EXCHANGE, columns.agreement_id == agreement_id, columns.request_reference == request_reference
        )

    def find_exchange_by_document(self, document_id: DocumentId) -> Exchange | None:
        return self._find(codec.EXCHANGE, schema.exchanges.c.document_id == document_id)

    def offers(
        self, community_id: CommunityId, *, window: Window, agreement_id: AgreementId | None = None
    ) -> list[Offer]:
        columns = schema.offers.c
        query = select(schema.offers).where(columns.community_id == community_id)
        if agreement_id is not None:
            query = query.where(columns.agreement_id == agreement_id)
        query = query.order_by(columns.received_at.desc(), columns.seq.desc())
        return self._values(codec.OFFER, paged(query, window))

    def offer(self, offer_id: OfferId) -> Offer:
        return self._by_id(codec.OFFER, offer_id)

    def find_offers(self, agreement_id: AgreementId, request_reference: str) -> list[Offer]:
        columns = schema.offers.c
        return self._list(
            codec.OFFER, columns.agreement_id == agreement_id, columns.request_reference == request_reference
        )

    def offered(self, offer_ids: Collection[OfferId]) -> list[OfferedCertificate]:
        return self._list(codec.OFFERED, schema.offered_certificates.c.offer_id.in_(list(offer_ids)))

    def offered_certificate(self, offered_id: OfferedCertificateId) -> OfferedCertificate:
        return self._by_id(codec.OFFERED, offered_id)


class Documents(Reads):
    """Documents, their messages, their attempts."""

    def documents(
        self,
        *,
        community_id: CommunityId | None,
        window: Window,
        direction: Direction | None = None,
        states: Collection[DocumentState] | None = None,
        kinds: Collection[DocumentKind] | None = None,
        agreement_id: AgreementId | None = None,
        search: str = "",
    ) -> list[Document]:
        columns = schema.documents.c
        where = _document_filter(community_id, direction, kinds)
        if states is not None:
            where.append(columns.state.in_(values_of(states)))
        if agreement_id is not None:
            where.append(columns.agreement_id == agreement_id)
        if search:
            where.append(_document_search(search))
        query = select(schema.documents).where(*where).order_by(columns.created_at.desc(), columns.seq.desc())
        return self._values(codec.DOCUMENT, paged(query, window))

    def count_documents(
        self,
        *,
        community_id: CommunityId | None,
        direction: Direction | None = None,
        kinds: Collection[DocumentKind] | None = None,
    ) -> dict[DocumentState, int]:
        state = schema.documents.c.state
        query = (
            select(state, func.count().label("documents"))
            .where(*_document_filter(community_id, direction, kinds))
            .group_by(state)
        )
        return {DocumentState(row["state"]): row["documents"] for row in self._execute(query).mappings()}

    def document(self, document_id: DocumentId) -> Document:
        return self._by_id(codec.DOCUMENT, document_id)

    def messages(self, document_id: DocumentId) -> list[Message]:
        rows = self._execute(_MESSAGES_OF_DOCUMENT, {"document_id": document_id}).mappings()
        return [codec.MESSAGE.value(row) for row in rows]

    def find_messages(
        self, agreement_id: AgreementId | None, *, direction: Direction, kind: MessageKind, wire_id: str
    ) -> list[Message]:
        wanted = {
            "agreement_id": agreement_id,
            "direction": direction.value,
            "kind": kind.value,
            "wire_id": wire_id,
        }
        return [codec.MESSAGE.value(row) for row in self._execute(_MESSAGES_OF_WIRE_ID, wanted).mappings()]

    def find_receipts(self, agreement_id: AgreementId, *, direction: Direction, refers_to: str) -> list[Message]:
        columns = schema.messages.c
        return self._list(
            codec.MESSAGE,
            columns.refers_to == refers_to,
            columns.agreement_id == agreement_id,
            columns.direction == direction.value,
            order=(columns.at,),
        )

    def transfers(self, document_id: DocumentId) -> list[Transfer]:
        columns = schema.transfers.c
        return self._list(codec.TRANSFER, columns.document_id == document_id, order=(columns.started_at,))


class Files(Reads):
    """What OFTP2 sessions move, leave behind and owe."""

    def waiting_documents(self, agreement_ids: Collection[AgreementId], *, limit: int) -> list[Document]:
        columns = schema.documents.c
        query = (
            select(schema.documents)
            .where(columns.agreement_id.in_(list(agreement_ids)), schema.WAITING_OUT)
            .order_by(columns.created_at, columns.seq)
            .limit(limit)
        )
        return self._values(codec.DOCUMENT, query)

    def find_restart_position(
        self, direction: Direction, agreement_id: AgreementId, wire_id: str
    ) -> RestartPosition | None:
        columns = schema.restart_positions.c
        return self._find(
            codec.RESTART_POSITION,
            columns.direction == direction.value,
            columns.agreement_id == agreement_id,
            columns.wire_id == wire_id,
        )

    def restart_positions(self, *, before: datetime) -> list[RestartPosition]:
        return self._list(codec.RESTART_POSITION, schema.restart_positions.c.at < before)

    def owed_receipts(self, agreement_ids: Collection[AgreementId], *, held: bool, limit: int) -> list[OwedReceipt]:
        columns = schema.owed_receipts.c
        query = (
            select(schema.owed_receipts)
            .where(columns.agreement_id.in_(list(agreement_ids)), columns.held == held)
            .order_by(columns.seq)
            .limit(limit)
        )
        return self._values(codec.OWED_RECEIPT, query)

    def find_owed_receipt(self, document_id: DocumentId) -> OwedReceipt | None:
        return self._find(codec.OWED_RECEIPT, schema.owed_receipts.c.document_id == document_id)

    def message(self, message_id: MessageRowId) -> Message:
        return self._by_id(codec.MESSAGE, message_id)

    def oftp_sessions(
        self, *, community_id: CommunityId | None, window: Window, agreement_id: AgreementId | None = None
    ) -> list[OFTPSession]:
        columns = schema.oftp_sessions.c
        query = select(schema.oftp_sessions)
        if community_id is not None:
            query = query.where(or_(columns.community_id == community_id, columns.community_id.is_(None)))
        if agreement_id is not None:
            query = query.where(columns.agreement_id == agreement_id)
        query = query.order_by(columns.started_at.desc(), columns.seq.desc())
        return self._values(codec.OFTP_SESSION, paged(query, window))

    def oftp_session(self, session_id: SessionId) -> OFTPSession:
        return self._by_id(codec.OFTP_SESSION, session_id)

    def open_oftp_sessions(self) -> list[OFTPSession]:
        return self._list(codec.OFTP_SESSION, schema.oftp_sessions.c.ended_at.is_(None))

    def transfers_of_session(self, session_id: SessionId) -> list[Transfer]:
        columns = schema.transfers.c
        return self._list(codec.TRANSFER, columns.session_id == session_id, order=(columns.started_at,))


class Trails(Reads):
    """The sealed audit trail and the outbox, to be looked at."""

    def audit(
        self, *, window: Window, subject: str = "", event: str = "", community_id: CommunityId | None = None
    ) -> list[SealedEntry]:
        columns = schema.audit.c
        query = select(schema.audit).where(columns.sequence.is_not(None)).order_by(columns.sequence.desc())
        for column, wanted in (
            (columns.subject, subject),
            (columns.event, event),
            (columns.community_id, community_id),
        ):
            if wanted:
                query = query.where(column == wanted)
        return [chain.entry_of(row) for row in self._execute(paged(query, window)).mappings()]

    def audit_chain(self, *, after: int) -> Iterator[SealedEntry]:
        columns = schema.audit.c
        while True:
            query = select(schema.audit).where(columns.sequence > after).order_by(columns.sequence).limit(_CHAIN_PAGE)
            rows = self._execute(query).mappings().all()
            for row in rows:
                yield chain.entry_of(row)
            if len(rows) < _CHAIN_PAGE:
                return
            after = rows[-1]["sequence"]

    def claimed_payloads(self, shelf: str) -> frozenset[BlobId]:
        documents, messages, positions = schema.documents.c, schema.messages.c, schema.restart_positions.c
        found: set[str] = set()
        for column in (documents.payload, messages.wire, positions.blob):
            found.update(self._execute(select(column).where(column.startswith(shelf, autoescape=True))).scalars())
        more = select(documents.attachments).where(
            cast(documents.attachments, Text).contains(f'"{shelf}', autoescape=True)
        )
        for attachments in self._execute(more).scalars():
            found.update(one for one in json.loads(attachments) if one.startswith(shelf))
        return frozenset(BlobId(one) for one in found)

    def work(
        self, *, kinds: Collection[WorkKind] | None = None, subject: str = "", open_only: bool = True
    ) -> list[Work]:
        columns = schema.work.c
        where: list[ColumnElement[bool]] = []
        if kinds is not None:
            where.append(columns.kind.in_(values_of(kinds)))
        if subject:
            where.append(columns.subject == subject)
        if open_only:
            where.append(schema.work.c.state == WorkState.WAITING.value)
        return self._list(codec.WORK, *where)

    def next_due(self) -> datetime | None:
        """For a row that somebody holds: when its lease ends."""
        columns = schema.work.c
        free = select(func.min(columns.due)).where(schema.FREE)
        held = select(func.min(columns.lease_until)).where(schema.HELD)
        moments = [m for m in (self._execute(free).scalar(), self._execute(held).scalar()) if m is not None]
        return min(moments, default=None)


def _document_filter(
    community_id: CommunityId | None, direction: Direction | None, kinds: Collection[DocumentKind] | None
) -> list[ColumnElement[bool]]:
    columns = schema.documents.c
    where: list[ColumnElement[bool]] = []
    if community_id is not None:
        where.append(columns.community_id == community_id)
    if direction is not None:
        where.append(columns.direction == direction.value)
    if kinds is not None:
        where.append(columns.kind.in_(values_of(kinds)))
    return where


def _document_search(search: str) -> ColumnElement[bool]:
    """Case does not count; ``%`` and ``_`` mean themselves."""
    columns = schema.documents.c
    messages = schema.messages.c
    named = select(messages.document_id).where(messages.wire_id.icontains(search, autoescape=True))
    return or_(
        columns.file_name.icontains(search, autoescape=True),
        columns.subject.icontains(search, autoescape=True),
        columns.id.in_(named),
    )
