"""SCX: which exchange a document belongs to, what came for a Request, how a partner was seen to match. Expands only."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("documents", sa.Column("exchange_id", sa.Text(), nullable=True))
    op.add_column("exchanges", sa.Column("delivered", sa.JSON(), nullable=True))
    op.add_column("agreements", sa.Column("scx_learned", sa.Text(), nullable=True))
