"""The spine: payments, evidence, events, accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("environment", sa.String(length=16), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("shortcode", sa.String(length=16), nullable=False),
        sa.Column("till", sa.String(length=16), server_default="", nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=False),
        sa.Column("calls_per_minute", sa.Float(), nullable=False),
        sa.Column("queries_per_minute", sa.Float(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("name", name=op.f("uq_accounts_name")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("hint", sa.String(length=16), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
    )
    op.create_table(
        "budgets",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_budgets")),
    )
    op.create_table(
        "deliveries",
        sa.Column("event", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("endpoint", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("event", "endpoint", name=op.f("pk_deliveries")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_deliveries_due",
            ["due_at_ms"],
            unique=False,
            postgresql_where=sa.text("due_at_ms IS NOT NULL"),
            sqlite_where=sa.text("due_at_ms IS NOT NULL"),
        )

    op.create_table(
        "endpoints",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoints")),
    )
    op.create_table(
        "event_counter",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_counter")),
    )
    op.create_table(
        "events",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("payment", sa.String(length=40), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_events")),
        sa.UniqueConstraint("id", name=op.f("uq_events_id")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("ix_events_payment", ["payment", "sequence"], unique=False)

    op.create_table(
        "evidence",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("payment", sa.String(length=40), nullable=False),
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("reading", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("copies", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
        sa.UniqueConstraint("payment", "identity", name=op.f("uq_evidence_payment_identity")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("api_key", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("api_key", "key", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_keys_created_at_ms"), ["created_at_ms"], unique=False)

    op.create_table(
        "payments",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("environment", sa.String(length=16), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("phone", sa.String(length=16), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("account_reference", sa.String(length=20), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("allow_repeat", sa.Boolean(), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("client_secret", sa.String(length=64), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("receipt", sa.String(length=40), nullable=False),
        sa.Column("amount_received", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("confirmed_by", sa.String(length=16), nullable=False),
        sa.Column("paid_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("payer_phone", sa.String(length=32), nullable=False),
        sa.Column("flags", sa.Text(), nullable=False),
        sa.Column("checkout_request_id", sa.String(length=128), nullable=True),
        sa.Column("merchant_request_id", sa.String(length=128), nullable=False),
        sa.Column("holds_reference", sa.Boolean(), nullable=False),
        sa.Column("frozen", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("sending_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("prompted_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("called_back_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("queried_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("queries", sa.Integer(), nullable=False),
        sa.Column("final_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("awaited_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("token", name=op.f("uq_payments_token")),
    )
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.create_index("ix_payments_checkout", ["checkout_request_id"], unique=False)
        batch_op.create_index("ix_payments_created", ["created_at_ms", "id"], unique=False)
        batch_op.create_index(
            "ix_payments_due",
            ["account", "due_at_ms"],
            unique=False,
            postgresql_where=sa.text("due_at_ms IS NOT NULL"),
            sqlite_where=sa.text("due_at_ms IS NOT NULL"),
        )
        batch_op.create_index("ix_payments_phone", ["phone", "created_at_ms"], unique=False)
        batch_op.create_index(
            "ix_payments_receipt",
            ["receipt"],
            unique=False,
            postgresql_where=sa.text("receipt <> ''"),
            sqlite_where=sa.text("receipt <> ''"),
        )
        batch_op.create_index("ix_payments_reference", ["reference", "created_at_ms"], unique=False)

    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("checkout_request_id", sa.String(length=128), nullable=False),
        sa.Column("reading", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("adopted_by", sa.String(length=40), server_default="", nullable=False),
        sa.Column("copies", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("identity", name=op.f("uq_quarantine_identity")),
    )
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_quarantine_checkout_request_id"), ["checkout_request_id"], unique=False)

    op.create_table(
        "receipts",
        sa.Column("receipt", sa.String(length=40), nullable=False),
        sa.Column("payment", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("receipt", name=op.f("pk_receipts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reference_claims",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("payment", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("account", "reference", name=op.f("pk_reference_claims")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tokens",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("leased_until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_tokens")),
    )
    op.execute("INSERT INTO event_counter (id, number) VALUES (1, 0)")


def downgrade() -> None:
    """Undo."""
    op.drop_table("tokens")
    op.drop_table("reference_claims")
    op.drop_table("receipts")
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_quarantine_checkout_request_id"))

    op.drop_table("quarantine")
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.drop_index("ix_payments_reference")
        batch_op.drop_index(
            "ix_payments_receipt", postgresql_where=sa.text("receipt <> ''"), sqlite_where=sa.text("receipt <> ''")
        )
        batch_op.drop_index("ix_payments_phone")
        batch_op.drop_index(
            "ix_payments_due",
            postgresql_where=sa.text("due_at_ms IS NOT NULL"),
            sqlite_where=sa.text("due_at_ms IS NOT NULL"),
        )
        batch_op.drop_index("ix_payments_created")
        batch_op.drop_index("ix_payments_checkout")

    op.drop_table("payments")
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_keys_created_at_ms"))

    op.drop_table("idempotency_keys")
    op.drop_table("evidence")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index("ix_events_payment")

    op.drop_table("events")
    op.drop_table("event_counter")
    op.drop_table("endpoints")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_deliveries_due",
            postgresql_where=sa.text("due_at_ms IS NOT NULL"),
            sqlite_where=sa.text("due_at_ms IS NOT NULL"),
        )

    op.drop_table("deliveries")
    op.drop_table("budgets")
    op.drop_table("api_keys")
    op.drop_table("accounts")
