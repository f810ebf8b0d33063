"""A receipt is looked up where it is owned: the index on payments went, which each callback had to write."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.drop_index("ix_payments_receipt", table_name="payments")


def downgrade() -> None:
    """Undo."""
    held = sa.text("receipt <> ''")
    op.create_index("ix_payments_receipt", "payments", ["receipt"], postgresql_where=held, sqlite_where=held)
