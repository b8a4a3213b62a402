"""Flat records of OFTP2 sessions and listeners, shared by command line and API (see records.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from counterseal.domain.community import Community
from counterseal.domain.oftp_session import OFTPSession
from counterseal.engine.listeners import LISTENERS, presented
from counterseal.engine.ports import NotFound, Reader, Window
from counterseal.engine.views.records import FindingRecord, finding
from counterseal.kernel.ids import SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    id: str
    community: str
    """Slug; empty for a stranger."""
    agreement: str
    partner: str
    """Slug."""
    we_called: bool
    remote: str
    partner_code: str
    """SSIDCODE."""
    tls: str
    authenticated: bool
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    reason: str
    detail: str
    files_sent: int
    files_received: int
    receipts_sent: int
    receipts_received: int
    octets_sent: int
    octets_received: int
    findings: list[FindingRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTransferRecord:
    document: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    status: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStory:
    """A session with everything that it moved."""

    session: SessionRecord
    transfers: list[SessionTransferRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerRecord:
    id: str
    certificate: str
    """Fingerprint of what it presents; empty: nothing is assigned."""
    subject: str
    not_after: datetime | None


def sessions(reader: Reader, of: Community | None, window: Window) -> list[SessionRecord]:
    """Newest first."""
    found = reader.oftp_sessions(community_id=of.id if of is not None else None, window=window)
    return session_records(reader, found)


def session_records(reader: Reader, found: Sequence[OFTPSession]) -> list[SessionRecord]:
    slugs: dict[str, str] = {c.id: c.slug for c in reader.communities()}
    partners: dict[str, str] = {}
    for agreement_id in {s.agreement_id for s in found if s.agreement_id is not None}:
        partners[agreement_id] = reader.partner(reader.agreement(agreement_id).partner_id).slug
    return [_session(one, slugs, partners) for one in found]


def _session(found: OFTPSession, slugs: dict[str, str], partners: dict[str, str]) -> SessionRecord:
    return SessionRecord(
        id=found.id,
        community=slugs.get(found.community_id or "", ""),
        agreement=found.agreement_id or "",
        partner=partners.get(found.agreement_id or "", ""),
        we_called=found.we_called,
        remote=found.remote,
        partner_code=found.partner_code,
        tls=found.tls,
        authenticated=found.authenticated,
        started_at=found.started_at,
        ended_at=found.ended_at,
        outcome=found.outcome.value,
        reason=found.reason,
        detail=found.detail,
        files_sent=found.files_sent,
        files_received=found.files_received,
        receipts_sent=found.receipts_sent,
        receipts_received=found.receipts_received,
        octets_sent=found.octets_sent,
        octets_received=found.octets_received,
        findings=[finding(f) for f in found.findings],
    )


def session_story(reader: Reader, name: str) -> SessionStory:
    """By id. Raises ``NotFound``."""
    if len(name) > 80:
        raise NotFound(f"nothing has an id of {len(name)} characters")
    found = reader.oftp_session(SessionId(name))
    moved = reader.transfers_of_session(found.id)
    return SessionStory(
        session=session_records(reader, [found])[0],
        transfers=[
            SessionTransferRecord(
                document=t.document_id or "",
                started_at=t.started_at,
                ended_at=t.ended_at,
                outcome=t.outcome.value,
                status=t.status,
                detail=t.detail,
            )
            for t in moved
        ],
    )


def listeners(reader: Reader) -> list[ListenerRecord]:
    """What each presents now."""
    found = [(listener_id, presented(reader, listener_id)) for listener_id in LISTENERS]
    return [
        ListenerRecord(
            id=listener_id,
            certificate=held.fingerprint if held else "",
            subject=held.certificate.subject if held else "",
            not_after=held.certificate.not_after if held else None,
        )
        for listener_id, held in found
    ]
