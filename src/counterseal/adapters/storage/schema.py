"""The tables: a column for every field, JSON for nested values, and what must be unique.

Every table has ``seq``, the order of insertion: it breaks ties of equal instants and costs nothing (SQLite's rowid). A column has
the name of the field that it holds; ``codec.py`` relies on that. There are no foreign keys: what refers to what is the table
``REFERRED_BY`` below, looked at when something is removed, so that values can be stored in any order inside a transaction.

Literals in the conditions of partial indexes stand as text: neither database can use such an index for a bound parameter.
"""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

SCHEMA: Final = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant; SQLite keeps it as text of fixed width, which sorts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


_JSON: Final = JSON()
"""On PostgreSQL json, not jsonb: the text comes back as it was written, also where partner text holds an escaped NUL."""


def _seq() -> Column[Any]:
    return Column("seq", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True)


def _text(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, Text, nullable=null)


def _number(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False)


def _flag(name: str) -> Column[Any]:
    return Column(name, Boolean, nullable=False)


def _octets(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, LargeBinary, nullable=null)


def _at(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, Instant, nullable=null)


def _json(name: str) -> Column[Any]:
    return Column(name, _JSON, nullable=False)


communities = Table(
    "communities",
    SCHEMA,
    _seq(),
    _text("id"),
    _text("slug"),
    _text("name"),
    _text("time_zone"),
    _text("contact_email"),
    _json("rules"),
    _json("default_certificates"),
    _at("created_at"),
    UniqueConstraint("id"),
    UniqueConstraint("slug"),
)

stations = Table(
    "stations",
    SCHEMA,
    _seq(),
    _text("id"),
    _text("community_id"),
    _text("protocol"),
    _text("identity"),
    _text("name"),
    _text("url"),
    _text("email"),
    _flag("enabled"),
    UniqueConstraint("id"),
    UniqueConstraint("protocol", "identity"),
    Index(None, "community_id"),
)

partners = Table(
    "partners",
    SCHEMA,
    _seq(),
    _text("id"),
    _text("community_id"),
    _text("slug"),
    _text("name"),
    _text("owner"),
    _text("contact_name"),
    _text("contact_email"),
    _text("note"),
    _at("created_at"),
    UniqueConstraint("id"),
    UniqueConstraint("community_id", "slug"),
)

agreements = Table(
    "agreements",
    SCHEMA,
    _seq(),
    _text("id"),
    _text("community_id"),
    _text("station_id"),
    _text("partner_id"),
    _text("protocol"),
    _text("partner_identity"),
    _flag("active"),
    _json("terms"),
    _json("exchange"),
    _json("seen"),
    _text("cem_capability"),
    _at("created_at"),
    UniqueConstraint("id"),
    UniqueConstraint("station_id", "partner_identity"),
    Index(None, "community_id"),
    Index(None, "partner_id"),
)

certificates = Table(
    "certificates",
    SCHEMA,
    _seq(),
    _text("community_id"),
    _text("fingerprint"),
    _octets("certificate"),
    _at("not_after"),
    _text("side"),
    _text("key_id", null=True),
    _text("partner_id", null=True),
    _text("label"),
    _json("chain"),
    _text("origin"),
    _text("added_by"),
    _at("added_at"),
    UniqueConstraint("community_id", "fingerprint"),
    Index(None, "community_id", "not_after"),
)

keys = Table(
    "keys",
    SCHEMA,
    _seq(),
    _text("id"),
    _text("community_id"),
    _octets("sealed"),
    _text("kind"),
    _octets("spki"),
    _at("created_at"),
    UniqueConstraint("id"),
)

assignments = Table(
    "assignments",
    SCHEMA,
    _seq(),
    _text("id"),
    _text("community_id"),
    _text("agreement_id", null=True),
    _text("listener_id", null=True),
    _text("fingerprint"),
    _text("side"),
    _text("usage"),
    _text("state"),
    _at("since"),
    _at("activated_at", null=True),
    _text("exchange_id", null=True),
    _at("first_seen_at", null=True),
    _at("last_seen_at", null=True),
    _at("created_at"),
    UniqueConstraint("id"),
    Index(None, "community_id", "fingerprint"),
    Index(None, "agreement_id"),
    Index(None, "listener_id"),
)
# product.md section 3: at most one active per agreement (or listener), side and usage.
Index(
    "uq_assignments_active_of_agreement",
    assignments.c.agreement_id,
    assignments.c.side,
    assignments.c.usage,
    unique=True,
    sqlite_where=text("state = 'active' AND agreement_id IS NOT NULL"),
    postgresql_where=text("state = 'active' AND agreement_id IS NOT NULL"),
)
Index(
    "uq_assignments_active_of_listener",
    assignments.c.listener_id,
    assignments.c.side,
    assignments.c.usage,
    unique=True,
    sqlite_where=text("state = 'active' AND listener_id IS NOT NULL"),
    postgresql_where=text("state = 'active' AND listener_id IS NOT NULL"),
)

trust_requests = Table(
    "trust_requests",
    SCHEMA,
    _seq(),
    _text("id"),
    _text("community_id"),
    _number("number"),
    _text("fingerprint"),
    _json("usages"),
    _text("scx_type", null=True),
    _at("respond_by"),
    _text("time_zone"),
    _text("created_by"),
    _at("created_at"),
    _at("withdrawn_at", null=True),
    UniqueConstraint("id"),
    UniqueConstraint("community_id", "number"),
)

exchanges = Table(
    "exchanges",
    SCHEMA,
    _seq(),
    _text("id"),
    _text("community_id"),
    _text("trust_request_id"),
    _text("agreement_id"),
    _text("partner_id"),
    _text("channel"),
    _text("scx_type", null=True),
    _text("fingerprint"),
    _text("state"),
    _text("request_reference"),
    _text("document_id", null=True),
    _at("queued_at"),
    _at("sent_at", null=True),
    _at("received_at", null=True),
    _at("answered_at", null=True),
    _text("reason"),
    _text("answered_by"),
    _text("answer_message_id"),
    _number("reminders"),
    UniqueConstraint("id"),
    Index(None, "trust_request_id"),
    Index(None, "agreement_id", "request_reference"),
    Index(None, "document_id"),
    Index(None, "fingerprint"),
    Index(None, "partner_id"),
)

offers = Table(
    "offers",
    SCHEMA,
    _seq(),
    _text("id"),
    _text("community_id"),
    _text("agreement_id"),
    _text("partner_id"),
    _text("channel"),
    _text("scx_type", null=True),
    _text("document_id"),
    _text("request_reference", null=True),
    _at("respond_by", null=True),
    _text("response_url"),
    _at("originated_at", null=True),
    _flag("signed"),
    _at("received_at"),
    _text("refused"),
    UniqueConstraint("id"),
    Index(None, "community_id", "received_at"),
    Index(None, "agreement_id", "request_reference"),
    Index(None, "partner_id"),
)

offered_certificates = Table(
    "offered_certificates",
    SCHEMA,
    _seq(),
    _text("id"),
    _text("offer_id"),
    _octets("certificate", null=True),
    _json("chain"),
    _json("usages"),
    _text("issuer_name"),
    _text("serial_text"),
    _text("state"),
    _json("findings"),
    _json("replaces"),
    _text("reason"),
    _text("first_approver"),
    _text("decided_by"),
    _at("decided_at", null=True),
    UniqueConstraint("id"),
    Index(None, "offer_id"),
)

documents = Table(
    "documents",
    SCHEMA,
    _seq(),
    _text("id"),
    _text("community_id"),
    _text("agreement_id", null=True),
    _text("direction"),
    _text("kind"),
    _text("state"),
    _text("file_name"),
    _text("content_type"),
    _number("size"),
    _text("digest"),
    _text("payload", null=True),
    _json("attachments"),
    _text("subject"),
    _text("created_by"),
    _at("created_at"),
    _at("settled_at", null=True),
    _number("tries"),
    _text("reason"),
    _json("findings"),
    UniqueConstraint("id"),
    Index(None, "community_id", "created_at", "seq"),
    Index(None, "agreement_id", "created_at", "seq"),
)

messages = Table(
    "messages",
    SCHEMA,
    _seq(),
    _text("id"),
    _text("community_id"),
    _text("document_id", null=True),
    _text("agreement_id", null=True),
    _text("direction"),
    _text("kind"),
    _text("wire_id"),
    _text("refers_to"),
    _json("headers"),
    _text("wire", null=True),
    _number("wire_size"),
    _text("content_digest"),
    _text("mic"),
    _text("signer", null=True),
    _text("recipient", null=True),
    _text("disposition"),
    _text("receipt_url"),
    _json("layers"),
    _json("findings"),
    _at("at"),
    UniqueConstraint("id"),
    Index(None, "document_id"),
    Index(None, "wire_id"),
    Index(None, "refers_to"),
)

transfers = Table(
    "transfers",
    SCHEMA,
    _seq(),
    _text("message_id"),
    _text("document_id", null=True),
    _at("started_at"),
    _at("ended_at"),
    _text("outcome"),
    _text("status"),
    _text("detail"),
    _text("remote"),
    UniqueConstraint("message_id", "started_at"),
    Index(None, "document_id"),
)

drafts = Table(
    "drafts",
    SCHEMA,
    _seq(),
    _text("id"),
    _text("community_id"),
    _text("owner"),
    _octets("sealed"),
    _at("created_at"),
    _at("expires_at"),
    UniqueConstraint("id"),
)

users = Table(
    "users",
    SCHEMA,
    _seq(),
    _text("id"),
    _text("name"),
    _text("full_name"),
    _text("email"),
    _text("role"),
    _text("password_hash"),
    _flag("enabled"),
    _at("created_at"),
    _at("last_seen_at", null=True),
    UniqueConstraint("id"),
    UniqueConstraint("name"),
)

one_time_links = Table(
    "one_time_links",
    SCHEMA,
    _seq(),
    _text("digest"),
    _text("user_id", null=True),
    _text("purpose"),
    _at("expires_at"),
    _at("used_at", null=True),
    UniqueConstraint("digest"),
)

browser_sessions = Table(
    "browser_sessions",
    SCHEMA,
    _seq(),
    _text("digest"),
    _text("user_id"),
    _text("csrf"),
    _at("created_at"),
    _at("expires_at"),
    UniqueConstraint("digest"),
)

api_tokens = Table(
    "api_tokens",
    SCHEMA,
    _seq(),
    _text("id"),
    _text("name"),
    _text("digest"),
    _json("scopes"),
    _text("created_by"),
    _at("created_at"),
    _at("expires_at", null=True),
    _at("last_used_at", null=True),
    _at("revoked_at", null=True),
    UniqueConstraint("id"),
    UniqueConstraint("digest"),
)

work = Table(
    "work",
    SCHEMA,
    _seq(),
    _text("id"),
    _text("kind"),
    _text("key"),
    _text("lane"),
    _number("lane_limit"),
    _text("subject"),
    _json("facts"),
    _text("state"),
    _at("due"),
    _text("owner"),
    _at("lease_until", null=True),
    _number("tries"),
    _at("created_at"),
    UniqueConstraint("id"),
    UniqueConstraint("key"),
    Index(None, "subject"),
)
WAITING: Final = text("work.state = 'waiting'")
HELD: Final = text("work.state = 'waiting' AND work.owner <> ''")
FREE: Final = text("work.state = 'waiting' AND work.owner = ''")
_WAITING_INDEX: Final = text("state = 'waiting'")
_FREE_INDEX: Final = text("state = 'waiting' AND owner = ''")
_HELD_INDEX: Final = text("state = 'waiting' AND owner <> ''")
# The head of each lane, what is due next and what is held now, without touching what is done.
Index(
    "ix_work_waiting_lanes",
    work.c.lane,
    work.c.due,
    work.c.created_at,
    work.c.seq,
    sqlite_where=_WAITING_INDEX,
    postgresql_where=_WAITING_INDEX,
)
Index("ix_work_free_due", work.c.due, sqlite_where=_FREE_INDEX, postgresql_where=_FREE_INDEX)
Index("ix_work_held", work.c.lane, sqlite_where=_HELD_INDEX, postgresql_where=_HELD_INDEX)

audit = Table(
    "audit",
    SCHEMA,
    _seq(),
    _at("at"),
    _text("actor"),
    _text("event"),
    _text("subject"),
    _text("community_id", null=True),
    _json("facts"),
    Column("sequence", BigInteger, nullable=True),
    _text("previous", null=True),
    _text("hash", null=True),
    # Two entries with the same place or the same predecessor would be a fork: the database refuses it.
    UniqueConstraint("sequence"),
    UniqueConstraint("previous"),
    Index(None, "subject"),
)
UNSEALED: Final = text("audit.sequence IS NULL")
Index(
    "ix_audit_unsealed",
    audit.c.seq,
    sqlite_where=text("sequence IS NULL"),
    postgresql_where=text("sequence IS NULL"),
)

REFERRED_BY: Final[dict[Table, tuple[Column[Any], ...]]] = {
    communities: (
        stations.c.community_id,
        partners.c.community_id,
        agreements.c.community_id,
        certificates.c.community_id,
        trust_requests.c.community_id,
        documents.c.community_id,
    ),
    stations: (agreements.c.station_id,),
    partners: (agreements.c.partner_id, exchanges.c.partner_id, offers.c.partner_id),
    agreements: (
        documents.c.agreement_id,
        exchanges.c.agreement_id,
        offers.c.agreement_id,
        assignments.c.agreement_id,
    ),
}
"""What keeps a row from being removed: what happened with a partner stays readable."""
