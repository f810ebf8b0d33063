"""Everyone who waits knows: endpoints and their lanes, attempts, checkouts, links."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "checkouts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("amount_least", sa.Integer(), nullable=False),
        sa.Column("amount_most", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("return_url", sa.Text(), nullable=False),
        sa.Column("cancel_url", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=4), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("ask_again", sa.Text(), nullable=False),
        sa.Column("link", sa.String(length=40), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("payment", sa.String(length=40), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkouts")),
    )
    with op.batch_alter_table("checkouts", schema=None) as batch_op:
        batch_op.create_index(
            "ix_checkouts_due",
            ["due_at_ms"],
            unique=False,
            postgresql_where=sa.text("due_at_ms IS NOT NULL"),
            sqlite_where=sa.text("due_at_ms IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_checkouts_link"), ["link"], unique=False)
        batch_op.create_index("ix_checkouts_reference", ["reference", "created_at_ms"], unique=False)

    op.create_table(
        "delivery_attempts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("event", sa.BigInteger(), nullable=False),
        sa.Column("endpoint", sa.String(length=40), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_attempts")),
    )
    with op.batch_alter_table("delivery_attempts", schema=None) as batch_op:
        batch_op.create_index("ix_delivery_attempts_endpoint", ["endpoint", "id"], unique=False)
        batch_op.create_index("ix_delivery_attempts_event", ["event", "endpoint"], unique=False)

    op.create_table(
        "links",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("single_use", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deliveries_due"), sqlite_where=sa.text("due_at_ms IS NOT NULL"))
        batch_op.create_index(
            "ix_deliveries_due",
            ["endpoint", "due_at_ms"],
            unique=False,
            postgresql_where=sa.text("due_at_ms IS NOT NULL"),
            sqlite_where=sa.text("due_at_ms IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_deliveries_exhausted",
            ["endpoint", "event"],
            unique=False,
            postgresql_where=sa.text("status = 'exhausted'"),
            sqlite_where=sa.text("status = 'exhausted'"),
        )

    with op.batch_alter_table("endpoints", schema=None) as batch_op:
        batch_op.add_column(sa.Column("mode", sa.String(length=8), server_default="test", nullable=False))
        batch_op.add_column(sa.Column("description", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("event_types", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("off_reason", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("secret", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("old_secret", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("old_secret_until_ms", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("failing_since_ms", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("next_at_ms", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("told_at_ms", sa.BigInteger(), server_default="0", nullable=False))

    with op.batch_alter_table("event_counter", schema=None) as batch_op:
        batch_op.add_column(sa.Column("store", sa.String(length=8), server_default="", nullable=False))
    counter = sa.table("event_counter", sa.column("store"))
    op.execute(counter.update().values(store=secrets.token_hex(4)))

    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.add_column(sa.Column("mode", sa.String(length=8), server_default="test", nullable=False))
        batch_op.add_column(sa.Column("checkout", sa.String(length=40), server_default="", nullable=False))
    op.execute(
        "UPDATE events SET mode = 'live' WHERE payment IN (SELECT id FROM payments WHERE environment = 'production')"
    )

    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("display_name", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("return_hosts", sa.Text(), server_default="", nullable=False))

    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("checkout", sa.String(length=40), server_default="", nullable=False))
        batch_op.create_index(
            "ix_payments_attempt",
            ["checkout"],
            unique=False,
            postgresql_where=sa.text("checkout <> ''"),
            sqlite_where=sa.text("checkout <> ''"),
        )


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.drop_column("return_hosts")
        batch_op.drop_column("display_name")
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.drop_index("ix_payments_attempt")
        batch_op.drop_column("checkout")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_column("checkout")
        batch_op.drop_column("mode")
    with op.batch_alter_table("event_counter", schema=None) as batch_op:
        batch_op.drop_column("store")
    with op.batch_alter_table("endpoints", schema=None) as batch_op:
        for name in (
            "told_at_ms",
            "next_at_ms",
            "failing_since_ms",
            "failures",
            "old_secret_until_ms",
            "old_secret",
            "secret",
            "off_reason",
            "event_types",
            "description",
            "mode",
        ):
            batch_op.drop_column(name)
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index("ix_deliveries_exhausted")
        batch_op.drop_index("ix_deliveries_due")
        batch_op.create_index(
            "ix_deliveries_due",
            ["due_at_ms"],
            postgresql_where=sa.text("due_at_ms IS NOT NULL"),
            sqlite_where=sa.text("due_at_ms IS NOT NULL"),
        )
    for table in ("links", "checkouts", "delivery_attempts"):
        op.drop_table(table)
