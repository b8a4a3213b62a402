"""Files of OFTP2: where a document says what it is as a file, restart positions, owed receipts, sessions. Expands only."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True)
_WAITING_OUT = sa.text("direction = 'out' AND state IN ('queued', 'sending')")


def upgrade() -> None:
    _agreements()
    op.add_column("documents", sa.Column("virtual_file", sa.JSON(), nullable=True))
    op.create_index(
        "ix_documents_waiting_out",
        "documents",
        ["agreement_id", "created_at", "seq"],
        sqlite_where=_WAITING_OUT,
        postgresql_where=_WAITING_OUT,
    )
    op.add_column("transfers", sa.Column("session_id", sa.Text(), nullable=True))
    op.create_index("ix_transfers_session_id", "transfers", ["session_id"])
    _restart_positions()
    _owed_receipts()
    _oftp_sessions()


def _agreements() -> None:
    op.add_column("agreements", sa.Column("node", sa.Text(), nullable=True))
    op.create_index("ix_agreements_node", "agreements", ["node"])
    agreements = sa.table("agreements", sa.column("id"), sa.column("protocol"), sa.column("terms"), sa.column("node"))
    connection = op.get_bind()
    query = sa.select(agreements.c.id, agreements.c.terms).where(agreements.c.protocol == "oftp2")
    for identity, text in connection.execute(query).all():
        terms = json.loads(text) if isinstance(text, str) else text
        terms = json.loads(terms) if isinstance(terms, str) else terms
        changed = sa.update(agreements).where(agreements.c.id == identity).values(node=terms["ssid_code"])
        connection.execute(changed)


def _restart_positions() -> None:
    op.create_table(
        "restart_positions",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("agreement_id", sa.Text(), nullable=False),
        sa.Column("wire_id", sa.Text(), nullable=False),
        sa.Column("blob", sa.Text(), nullable=True),
        sa.Column("octets", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("shape", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint(
            "direction", "agreement_id", "wire_id", name="uq_restart_positions_direction_agreement_id_wire_id"
        ),
    )


def _owed_receipts() -> None:
    op.create_table(
        "owed_receipts",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("agreement_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("document_id", name="uq_owed_receipts_document_id"),
    )
    op.create_index("ix_owed_receipts_agreement_id", "owed_receipts", ["agreement_id"])


def _oftp_sessions() -> None:
    words = ("remote", "partner_code", "tls")
    counts = (
        "files_sent",
        "files_received",
        "receipts_sent",
        "receipts_received",
        "octets_sent",
        "octets_received",
    )
    op.create_table(
        "oftp_sessions",
        sa.Column("seq", _SEQ, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("community_id", sa.Text(), nullable=True),
        sa.Column("agreement_id", sa.Text(), nullable=True),
        sa.Column("we_called", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in words),
        sa.Column("authenticated", sa.Boolean(), nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("outcome", "reason", "detail")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in counts),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_oftp_sessions_id"),
    )
    op.create_index("ix_oftp_sessions_started_at", "oftp_sessions", ["started_at"])
    op.create_index("ix_oftp_sessions_agreement_id_started_at", "oftp_sessions", ["agreement_id", "started_at"])
