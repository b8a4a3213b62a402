"""OFTP2 for pages: sessions with what they moved, receipts that wait for a person, and how far a file is that was cut off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from counterseal.domain.community import Community
from counterseal.domain.document import Document, DocumentKind, Message, MessageKind, Transfer
from counterseal.domain.oftp_session import OFTPSession
from counterseal.domain.usage import Protocol
from counterseal.engine.ports import NotFound, Reader, Window
from counterseal.engine.views.names import AgreementName, Names, gather
from counterseal.engine.views.paging import PAGE_ROWS, Page, window_of
from counterseal.kernel.ids import AgreementId, SessionId

HELD_SHOWN: Final = 50
HELD_READ: Final = 500
MOVED_SHOWN: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    session: OFTPSession
    agreement: AgreementName | None
    """``None`` for a stranger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """A received file whose receipt waits for a person."""

    document: Document
    agreement: AgreementName | None
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionList:
    page: Page[SessionRow]
    held: tuple[HeldRow, ...]
    of: AgreementName | None
    """The agreement whose sessions these are; ``None``: all of the community, and those of strangers."""
    can_call: tuple[AgreementName, ...]
    """Whom we may dial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One file or receipt of a session."""

    transfer: Transfer
    document: Document | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    row: SessionRow
    moved: tuple[Moved, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How far a file is that broken sessions left: what the next one starts from."""

    octets: int
    of: int
    """Of the file as it goes over the wire."""
    at: datetime

    @property
    def percent(self) -> int:
        return min(100, self.octets * 100 // self.of) if self.of else 0


def sessions(reader: Reader, community: Community, *, agreement: str = "", page: int = 1) -> SessionList:
    """Newest first. The total is only known to be at least what is shown. Raises ``NotFound``."""
    names = gather(reader, community)
    of = names.agreement(AgreementId(agreement)) if agreement else None
    if agreement and of is None:
        raise NotFound(f"{community.name} has no agreement {agreement!r}")
    window = window_of(page)
    found = reader.oftp_sessions(
        community_id=community.id,
        window=Window(limit=window.limit + 1, offset=window.offset),
        agreement_id=of.id if of else None,
    )
    rows = tuple(_row(names, one) for one in found[:PAGE_ROWS])
    return SessionList(
        page=Page(rows=rows, number=max(1, page), total=window.offset + len(found)),
        held=held_receipts(reader, names),
        of=of,
        can_call=_callable(names),
    )


def session(reader: Reader, community: Community, session_id: SessionId) -> SessionView:
    """One session with everything that it moved, oldest first. Raises ``NotFound``."""
    found = reader.oftp_session(session_id)
    if found.community_id not in {None, community.id}:
        raise NotFound(f"{community.name} has no session {session_id}")
    moved = reader.transfers_of_session(found.id)[:MOVED_SHOWN]
    return SessionView(
        row=_row(gather(reader, community), found),
        moved=tuple(Moved(transfer=t, document=_document(reader, t)) for t in moved),
    )


def held(reader: Reader, document: Document) -> bool:
    """Whether its receipt waits for a person here; that of a certificate file waits on the Received page."""
    if document.kind is DocumentKind.SCX:
        return False
    owed = reader.find_owed_receipt(document.id)
    return owed is not None and owed.held


def kept(reader: Reader, document: Document, messages: Sequence[Message]) -> Kept | None:
    """``None``: nothing was cut off, or it has arrived."""
    file = next((m for m in messages if m.kind is MessageKind.OFTP2_FILE), None)
    if file is None or document.agreement_id is None:
        return None
    position = reader.find_restart_position(document.direction, document.agreement_id, file.wire_id)
    if position is None:
        return None
    return Kept(octets=position.octets, of=file.wire_size, at=position.at)


def _row(names: Names, found: OFTPSession) -> SessionRow:
    return SessionRow(session=found, agreement=names.agreement(found.agreement_id))


def held_receipts(reader: Reader, names: Names) -> tuple[HeldRow, ...]:
    """Those of one community, at most fifty. Certificate files are not among them: they wait on the Received page."""
    ids = [a.id for a in names.agreements.values() if a.protocol is Protocol.OFTP2]
    found = reader.owed_receipts(ids, held=True, limit=HELD_READ) if ids else []
    rows = (
        HeldRow(document=document, agreement=names.agreement(owed.agreement_id), since=owed.created_at)
        for owed in found
        if (document := reader.document(owed.document_id)).kind is not DocumentKind.SCX
    )
    return tuple(islice(rows, HELD_SHOWN))


def _callable(names: Names) -> tuple[AgreementName, ...]:
    wanted = [a.id for a in names.agreements.values() if a.protocol is Protocol.OFTP2 and a.active and a.oftp2.may_call]
    found = [name for agreement_id in wanted if (name := names.agreement(agreement_id)) is not None]
    return tuple(sorted(found, key=lambda n: (n.partner_name.casefold(), n.partner_identity)))


def _document(reader: Reader, transfer: Transfer) -> Document | None:
    return reader.document(transfer.document_id) if transfer.document_id else None
