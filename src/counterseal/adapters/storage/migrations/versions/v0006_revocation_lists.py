"""The revocation list of a trusted CA. Expands only."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trusted_roots", sa.Column("revocation_list", sa.LargeBinary(), nullable=True))
