"""Reads of one transaction: configuration, certificates and people here, conversations and documents in ``records.py``."""

import functools
from collections.abc import Callable, Collection, Hashable
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Executable, Select, Table, bindparam, select
from sqlalchemy.engine import CursorResult

from counterseal.adapters.storage import codec, faults, schema
from counterseal.adapters.storage.codec import Codec
from counterseal.adapters.storage.memory import Memory, assignments_key
from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.certificate import HeldCertificate, SealedKey
from counterseal.domain.community import Community, Partner, Station
from counterseal.domain.draft import Draft
from counterseal.domain.people import ApiToken, BrowserSession, OneTimeLink, User
from counterseal.domain.trusted_root import TrustedRoot
from counterseal.domain.usage import AssignmentState, Protocol, Side, Usage
from counterseal.engine.ports import NotFound, Window
from counterseal.kernel.clock import utc
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import (
    AgreementId,
    CommunityId,
    DraftId,
    Fingerprint,
    KeyId,
    ListenerId,
    PartnerId,
    StationId,
    UserId,
)

Value = TypeVar("Value")
MAX_WINDOW = 500


class InvalidWindow(CallerFault):
    """A page of more than 500 rows, or one that begins before the first."""

    code = "store.invalid-window"


class TransactionOver(CallerFault):
    """A reader or writer was used after its context had been left, or after a conflict."""

    code = "store.transaction-over"


def paged(query: Select[Any], window: Window) -> Select[Any]:
    if not 1 <= window.limit <= MAX_WINDOW or window.offset < 0:
        raise InvalidWindow(f"a page of {window.limit} rows from {window.offset}: ask for 1 to {MAX_WINDOW}, from 0 on")
    return query.limit(window.limit).offset(window.offset)


def values_of(members: Collection[StrEnum]) -> list[str]:
    return [member.value for member in members]


class Reads:
    """What every reader stands on: one connection inside one transaction."""

    def __init__(self, connection: Connection, *, locks: bool, memory: Memory) -> None:
        self._connection = connection
        self._locks = locks
        self._memory = memory
        self._token: str | None = None
        """``None``: not read yet; empty: nothing is taken from memory in this transaction."""
        self._over = ""

    def _remembered(self, key: Hashable, load: Callable[[], Value]) -> Value:
        """What memory holds for this generation of the configuration, else what ``load`` reads."""
        token = self._read_token()
        return self._memory.recall(token, key, load) if token else load()

    def _read_token(self) -> str:
        if self._token is None:
            self._token = "" if self._locks else self._execute(_TOKEN).scalar() or ""
        elif self._over:
            raise TransactionOver(self._over)
        return self._token

    def _execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        if self._over:
            raise TransactionOver(self._over)
        with faults.mapped():
            return self._connection.execute(statement, parameters)

    def _list(self, kind: Codec[Value], *where: ColumnElement[bool], order: Any = ()) -> list[Value]:
        query = select(kind.table).where(*where).order_by(*order, kind.table.c.seq)
        return self._values(kind, query)

    def _values(self, kind: Codec[Value], query: Select[Any]) -> list[Value]:
        return [kind.value(row) for row in self._execute(query).mappings()]

    def _find(self, kind: Codec[Value], *where: ColumnElement[bool]) -> Value | None:
        row = self._execute(select(kind.table).where(*where).limit(1)).mappings().first()
        return None if row is None else kind.value(row)

    def _find_to_change(self, kind: Codec[Value], *where: ColumnElement[bool]) -> Value | None:
        """As ``_find``; inside a writer the row is locked until commit: what works once must not work twice at the same time."""
        query = select(kind.table).where(*where).limit(1)
        row = self._execute(query.with_for_update() if self._locks else query).mappings().first()
        return None if row is None else kind.value(row)

    def _by_id(self, kind: Codec[Value], identity: str) -> Value:
        row = self._execute(_row_by_id(kind.table, self._locks), {"identity": identity}).mappings().first()
        if row is None:
            raise NotFound(f"there is no {kind.table.name[:-1].replace('_', ' ')} with the id {identity!r}")
        return kind.value(row)


_TOKEN = select(schema.generation.c.token).where(schema.generation.c.id == 1)


@functools.cache
def _row_by_id(table: Table, locks: bool) -> Select[Any]:
    """Built once: SQLAlchemy takes longer to build this statement than SQLite to answer it."""
    query = select(table).where(table.c.id == bindparam("identity"))
    return query.with_for_update() if locks else query


class Configuration(Reads):
    """Community, station, partner, agreement; certificates, keys and their assignments; people and drafts."""

    def communities(self) -> list[Community]:
        return self._list(codec.COMMUNITY, order=(schema.communities.c.name,))

    def community(self, community_id: CommunityId) -> Community:
        return self._remembered(community_id, lambda: self._by_id(codec.COMMUNITY, community_id))

    def find_community(self, slug: str) -> Community | None:
        return self._find(codec.COMMUNITY, schema.communities.c.slug == slug)

    def stations(self, community_id: CommunityId) -> list[Station]:
        return self._list(codec.STATION, schema.stations.c.community_id == community_id)

    def station(self, station_id: StationId) -> Station:
        return self._remembered(station_id, lambda: self._by_id(codec.STATION, station_id))

    def find_station(self, protocol: Protocol, identity: str) -> Station | None:
        columns = schema.stations.c
        return self._remembered(
            (protocol, identity),
            lambda: self._find(codec.STATION, columns.protocol == protocol.value, columns.identity == identity),
        )

    def partners(self, community_id: CommunityId) -> list[Partner]:
        columns = schema.partners.c
        return self._list(codec.PARTNER, columns.community_id == community_id, order=(columns.name,))

    def partner(self, partner_id: PartnerId) -> Partner:
        return self._remembered(partner_id, lambda: self._by_id(codec.PARTNER, partner_id))

    def find_partner(self, community_id: CommunityId, slug: str) -> Partner | None:
        columns = schema.partners.c
        return self._find(codec.PARTNER, columns.community_id == community_id, columns.slug == slug)

    def agreements(
        self,
        community_id: CommunityId,
        *,
        partner_id: PartnerId | None = None,
        station_id: StationId | None = None,
        protocol: Protocol | None = None,
    ) -> list[Agreement]:
        columns = schema.agreements.c
        where = [columns.community_id == community_id]
        if partner_id is not None:
            where.append(columns.partner_id == partner_id)
        if station_id is not None:
            where.append(columns.station_id == station_id)
        if protocol is not None:
            where.append(columns.protocol == protocol.value)
        return self._list(codec.AGREEMENT, *where)

    def agreement(self, agreement_id: AgreementId) -> Agreement:
        return self._remembered(agreement_id, lambda: self._by_id(codec.AGREEMENT, agreement_id))

    def find_agreement(self, station_id: StationId, partner_identity: str) -> Agreement | None:
        columns = schema.agreements.c
        return self._remembered(
            (station_id, partner_identity),
            lambda: self._find(
                codec.AGREEMENT, columns.station_id == station_id, columns.partner_identity == partner_identity
            ),
        )

    def find_agreements_of_node(self, ssid_code: str) -> list[Agreement]:
        return self._list(codec.AGREEMENT, schema.agreements.c.node == ssid_code)

    def agreements_over(self, protocol: Protocol) -> list[Agreement]:
        return self._list(codec.AGREEMENT, schema.agreements.c.protocol == protocol.value)

    def certificates(self, community_id: CommunityId, *, side: Side | None = None) -> list[HeldCertificate]:
        columns = schema.certificates.c
        where = [columns.community_id == community_id]
        if side is not None:
            where.append(columns.side == side.value)
        return self._list(codec.CERTIFICATE, *where, order=(columns.not_after,))

    def find_certificate(self, community_id: CommunityId, fingerprint: Fingerprint) -> HeldCertificate | None:
        columns = schema.certificates.c
        return self._remembered(
            (community_id, fingerprint),
            lambda: self._find(
                codec.CERTIFICATE, columns.community_id == community_id, columns.fingerprint == fingerprint
            ),
        )

    def trusted_roots(self, community_id: CommunityId) -> list[TrustedRoot]:
        return self._list(codec.TRUSTED_ROOT, schema.trusted_roots.c.community_id == community_id)

    def key(self, key_id: KeyId) -> SealedKey:
        return self._remembered(key_id, lambda: self._by_id(codec.KEY, key_id))

    def assignments(
        self,
        *,
        community_id: CommunityId | None = None,
        agreement_id: AgreementId | None = None,
        listener_id: ListenerId | None = None,
        fingerprint: Fingerprint | None = None,
        side: Side | None = None,
        usage: Usage | None = None,
        states: Collection[AssignmentState] | None = None,
    ) -> list[Assignment]:
        columns = schema.assignments.c
        equal = {
            columns.community_id: community_id,
            columns.agreement_id: agreement_id,
            columns.listener_id: listener_id,
            columns.fingerprint: fingerprint,
            columns.side: None if side is None else side.value,
            columns.usage: None if usage is None else usage.value,
        }
        where = [column == wanted for column, wanted in equal.items() if wanted is not None]
        if states is not None:
            where.append(columns.state.in_(values_of(states)))
        query = select(schema.assignments).where(*where).order_by(columns.created_at.desc(), columns.seq.desc())
        whole_agreement = states is None and [c for c, wanted in equal.items() if wanted is not None] == [
            columns.agreement_id
        ]
        if not whole_agreement:
            return self._values(codec.ASSIGNMENT, query)
        key = assignments_key(agreement_id)
        return list(self._remembered(key, lambda: tuple(self._values(codec.ASSIGNMENT, query))))

    def draft(self, draft_id: DraftId) -> Draft:
        return self._by_id(codec.DRAFT, draft_id)

    def expired_drafts(self, now: datetime) -> list[Draft]:
        return self._list(codec.DRAFT, schema.drafts.c.expires_at <= utc(now))

    def users(self) -> list[User]:
        return self._list(codec.USER)

    def user(self, user_id: UserId) -> User:
        return self._by_id(codec.USER, user_id)

    def find_user(self, name: str) -> User | None:
        return self._find_to_change(codec.USER, schema.users.c.name == name)

    def find_link(self, digest: str) -> OneTimeLink | None:
        return self._find_to_change(codec.LINK, schema.one_time_links.c.digest == digest)

    def find_session(self, digest: str) -> BrowserSession | None:
        return self._find_to_change(codec.SESSION, schema.browser_sessions.c.digest == digest)

    def tokens(self) -> list[ApiToken]:
        return self._list(codec.TOKEN)

    def find_token(self, digest: str) -> ApiToken | None:
        return self._find_to_change(codec.TOKEN, schema.api_tokens.c.digest == digest)
