"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _communities()
    _stations()
    _partners()
    _agreements()
    _certificates()
    _keys()
    _assignments()
    _trust_requests()
    _exchanges()
    _offers()
    _offered_certificates()
    _documents()
    _messages()
    _transfers()
    _drafts()
    _users()
    _one_time_links()
    _browser_sessions()
    _api_tokens()
    _work()
    _audit()


def _communities() -> None:
    op.create_table(
        "communities",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("contact_email", sa.Text(), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("default_certificates", sa.JSON(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_communities_id"),
        sa.UniqueConstraint("slug", name="uq_communities_slug"),
    )


def _stations() -> None:
    op.create_table(
        "stations",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("community_id", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_stations_id"),
        sa.UniqueConstraint("protocol", "identity", name="uq_stations_protocol_identity"),
    )
    op.create_index("ix_stations_community_id", "stations", ["community_id"])


def _partners() -> None:
    op.create_table(
        "partners",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("community_id", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("contact_name", sa.Text(), nullable=False),
        sa.Column("contact_email", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("community_id", "slug", name="uq_partners_community_id_slug"),
        sa.UniqueConstraint("id", name="uq_partners_id"),
    )


def _agreements() -> None:
    op.create_table(
        "agreements",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("community_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("partner_identity", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("exchange", sa.JSON(), nullable=False),
        sa.Column("seen", sa.JSON(), nullable=False),
        sa.Column("cem_capability", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_agreements_id"),
        sa.UniqueConstraint("station_id", "partner_identity", name="uq_agreements_station_id_partner_identity"),
    )
    op.create_index("ix_agreements_community_id", "agreements", ["community_id"])
    op.create_index("ix_agreements_partner_id", "agreements", ["partner_id"])


def _certificates() -> None:
    op.create_table(
        "certificates",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("community_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("not_after", _INSTANT, nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("partner_id", sa.Text(), nullable=True),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("chain", sa.JSON(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("community_id", "fingerprint", name="uq_certificates_community_id_fingerprint"),
    )
    op.create_index("ix_certificates_community_id_not_after", "certificates", ["community_id", "not_after"])


def _keys() -> None:
    op.create_table(
        "keys",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("community_id", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("spki", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_keys_id"),
    )


def _assignments() -> None:
    op.create_table(
        "assignments",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("community_id", sa.Text(), nullable=False),
        sa.Column("agreement_id", sa.Text(), nullable=True),
        sa.Column("listener_id", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("usage", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", _INSTANT, nullable=False),
        sa.Column("activated_at", _INSTANT, nullable=True),
        sa.Column("exchange_id", sa.Text(), nullable=True),
        sa.Column("first_seen_at", _INSTANT, nullable=True),
        sa.Column("last_seen_at", _INSTANT, nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_assignments_id"),
    )
    op.create_index("ix_assignments_agreement_id", "assignments", ["agreement_id"])
    op.create_index("ix_assignments_community_id_fingerprint", "assignments", ["community_id", "fingerprint"])
    op.create_index("ix_assignments_listener_id", "assignments", ["listener_id"])
    op.create_index(
        "uq_assignments_active_of_agreement",
        "assignments",
        ["agreement_id", "side", "usage"],
        unique=True,
        sqlite_where=sa.text("state = 'active' AND agreement_id IS NOT NULL"),
        postgresql_where=sa.text("state = 'active' AND agreement_id IS NOT NULL"),
    )
    op.create_index(
        "uq_assignments_active_of_listener",
        "assignments",
        ["listener_id", "side", "usage"],
        unique=True,
        sqlite_where=sa.text("state = 'active' AND listener_id IS NOT NULL"),
        postgresql_where=sa.text("state = 'active' AND listener_id IS NOT NULL"),
    )


def _trust_requests() -> None:
    op.create_table(
        "trust_requests",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("community_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("usages", sa.JSON(), nullable=False),
        sa.Column("scx_type", sa.Text(), nullable=True),
        sa.Column("respond_by", _INSTANT, nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("withdrawn_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("community_id", "number", name="uq_trust_requests_community_id_number"),
        sa.UniqueConstraint("id", name="uq_trust_requests_id"),
    )


def _exchanges() -> None:
    op.create_table(
        "exchanges",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("community_id", sa.Text(), nullable=False),
        sa.Column("trust_request_id", sa.Text(), nullable=False),
        sa.Column("agreement_id", sa.Text(), nullable=False),
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("scx_type", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("request_reference", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Text(), nullable=True),
        sa.Column("queued_at", _INSTANT, nullable=False),
        sa.Column("sent_at", _INSTANT, nullable=True),
        sa.Column("received_at", _INSTANT, nullable=True),
        sa.Column("answered_at", _INSTANT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=False),
        sa.Column("answer_message_id", sa.Text(), nullable=False),
        sa.Column("reminders", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_exchanges_id"),
    )
    op.create_index("ix_exchanges_agreement_id_request_reference", "exchanges", ["agreement_id", "request_reference"])
    op.create_index("ix_exchanges_document_id", "exchanges", ["document_id"])
    op.create_index("ix_exchanges_fingerprint", "exchanges", ["fingerprint"])
    op.create_index("ix_exchanges_partner_id", "exchanges", ["partner_id"])
    op.create_index("ix_exchanges_trust_request_id", "exchanges", ["trust_request_id"])


def _offers() -> None:
    op.create_table(
        "offers",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("community_id", sa.Text(), nullable=False),
        sa.Column("agreement_id", sa.Text(), nullable=False),
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("scx_type", sa.Text(), nullable=True),
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("request_reference", sa.Text(), nullable=True),
        sa.Column("respond_by", _INSTANT, nullable=True),
        sa.Column("response_url", sa.Text(), nullable=False),
        sa.Column("originated_at", _INSTANT, nullable=True),
        sa.Column("signed", sa.Boolean(), nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.Column("refused", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_offers_id"),
    )
    op.create_index("ix_offers_agreement_id_request_reference", "offers", ["agreement_id", "request_reference"])
    op.create_index("ix_offers_community_id_received_at", "offers", ["community_id", "received_at"])
    op.create_index("ix_offers_partner_id", "offers", ["partner_id"])


def _offered_certificates() -> None:
    op.create_table(
        "offered_certificates",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Text(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=True),
        sa.Column("chain", sa.JSON(), nullable=False),
        sa.Column("usages", sa.JSON(), nullable=False),
        sa.Column("issuer_name", sa.Text(), nullable=False),
        sa.Column("serial_text", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("replaces", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("first_approver", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_offered_certificates_id"),
    )
    op.create_index("ix_offered_certificates_offer_id", "offered_certificates", ["offer_id"])


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("community_id", sa.Text(), nullable=False),
        sa.Column("agreement_id", sa.Text(), nullable=True),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("attachments", sa.JSON(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("settled_at", _INSTANT, nullable=True),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_documents_id"),
    )
    op.create_index("ix_documents_agreement_id_created_at_seq", "documents", ["agreement_id", "created_at", "seq"])
    op.create_index("ix_documents_community_id_created_at_seq", "documents", ["community_id", "created_at", "seq"])


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("community_id", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Text(), nullable=True),
        sa.Column("agreement_id", sa.Text(), nullable=True),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("wire_id", sa.Text(), nullable=False),
        sa.Column("refers_to", sa.Text(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("wire", sa.Text(), nullable=True),
        sa.Column("wire_size", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("content_digest", sa.Text(), nullable=False),
        sa.Column("mic", sa.Text(), nullable=False),
        sa.Column("signer", sa.Text(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("receipt_url", sa.Text(), nullable=False),
        sa.Column("layers", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_messages_id"),
    )
    op.create_index("ix_messages_document_id", "messages", ["document_id"])
    op.create_index("ix_messages_refers_to", "messages", ["refers_to"])
    op.create_index("ix_messages_wire_id", "messages", ["wire_id"])


def _transfers() -> None:
    op.create_table(
        "transfers",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Text(), nullable=True),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("remote", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("message_id", "started_at", name="uq_transfers_message_id_started_at"),
    )
    op.create_index("ix_transfers_document_id", "transfers", ["document_id"])


def _drafts() -> None:
    op.create_table(
        "drafts",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("community_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_drafts_id"),
    )


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("last_seen_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_users_id"),
        sa.UniqueConstraint("name", name="uq_users_name"),
    )


def _one_time_links() -> None:
    op.create_table(
        "one_time_links",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("used_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("digest", name="uq_one_time_links_digest"),
    )


def _browser_sessions() -> None:
    op.create_table(
        "browser_sessions",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("digest", name="uq_browser_sessions_digest"),
    )


def _api_tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=True),
        sa.Column("last_used_at", _INSTANT, nullable=True),
        sa.Column("revoked_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("digest", name="uq_api_tokens_digest"),
        sa.UniqueConstraint("id", name="uq_api_tokens_id"),
    )


def _work() -> None:
    op.create_table(
        "work",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("lane_limit", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due", _INSTANT, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("lease_until", _INSTANT, nullable=True),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_work_id"),
        sa.UniqueConstraint("key", name="uq_work_key"),
    )
    op.create_index(
        "ix_work_held",
        "work",
        ["lane"],
        sqlite_where=sa.text("state = 'waiting' AND owner <> ''"),
        postgresql_where=sa.text("state = 'waiting' AND owner <> ''"),
    )
    op.create_index("ix_work_subject", "work", ["subject"])
    op.create_index(
        "ix_work_free_due",
        "work",
        ["due"],
        sqlite_where=sa.text("state = 'waiting' AND owner = ''"),
        postgresql_where=sa.text("state = 'waiting' AND owner = ''"),
    )
    op.create_index(
        "ix_work_waiting_lanes",
        "work",
        ["lane", "due", "created_at", "seq"],
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("community_id", sa.Text(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("previous", sa.Text(), nullable=True),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("previous", name="uq_audit_previous"),
        sa.UniqueConstraint("sequence", name="uq_audit_sequence"),
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])
    op.create_index(
        "ix_audit_unsealed",
        "audit",
        ["seq"],
        sqlite_where=sa.text("sequence IS NULL"),
        postgresql_where=sa.text("sequence IS NULL"),
    )
