"""A receipt that is only claimed is owned by no payment: the few that show one are looked up by an index of theirs."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    claimed = sa.text("""flags LIKE '%"receipt_claimed"%'""")
    op.create_index(
        "ix_payments_claimed_receipt", "payments", ["receipt"], postgresql_where=claimed, sqlite_where=claimed
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_payments_claimed_receipt", table_name="payments")
