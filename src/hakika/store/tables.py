"""The schema. Times are UTC milliseconds (`…_at_ms`), money whole shillings, JSON is text as we wrote it.

What must be unique is unique here: a token, a proven receipt, the claim on a reference, an idempotency key
per API key, one piece of evidence per payment and identity.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only in a column that is exactly INTEGER.
RowNumber = BigInteger().with_variant(Integer, "sqlite")

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("environment", String(16), nullable=False),
    Column("base_url", Text, nullable=False),
    Column("shortcode", String(16), nullable=False),
    Column("till", String(16), nullable=False, server_default=""),
    Column("secrets", LargeBinary, nullable=False),  # encrypted: consumer key and secret, passkey
    Column("calls_per_minute", Float, nullable=False),
    Column("queries_per_minute", Float, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("display_name", Text, nullable=False, server_default=""),  # what payers read
    Column("return_hosts", Text, nullable=False, server_default=""),  # where payers may be sent, commas between
)

tokens = Table(
    "tokens",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("secret", LargeBinary),  # encrypted access token
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("leased_until_ms", BigInteger, nullable=False),
)

budgets = Table(
    "budgets",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("state", Text, nullable=False),  # domain.budget.Budget as JSON
)

RECEIPT_IS_CLAIMED = text("""flags LIKE '%"receipt_claimed"%'""")
"""Of a payment: nobody owns the receipt that it shows (domain.payment). A query that says just this finds the index."""

payments = Table(
    "payments",
    metadata,
    # what was asked: never changes
    Column("id", String(40), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("environment", String(16), nullable=False),
    Column("reference", String(64), nullable=False),
    Column("amount", Integer, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("phone", String(16), nullable=False),
    Column("description", Text, nullable=False),
    Column("account_reference", String(20), nullable=False),
    Column("metadata", Text, nullable=False),
    Column("allow_repeat", Boolean, nullable=False),
    Column("token", String(64), nullable=False, unique=True),
    Column("client_secret", String(64), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("checkout", String(40), nullable=False, server_default=""),  # the checkout that it is an attempt of
    # what is known, and what it therefore is: written by engine.ledger alone
    Column("facts", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("receipt", String(40), nullable=False),
    Column("amount_received", Integer, nullable=False),
    Column("code", String(64), nullable=False),  # Daraja's own are longer than M-Pesa's
    Column("confirmed_by", String(16), nullable=False),
    Column("paid_at_ms", BigInteger, nullable=False),
    Column("payer_phone", String(32), nullable=False),
    Column("flags", Text, nullable=False),
    Column("checkout_request_id", String(128)),
    Column("merchant_request_id", String(128), nullable=False),
    Column("holds_reference", Boolean, nullable=False),
    Column("frozen", Text, nullable=False),  # the invariant that it broke; "" is well
    Column("sequence", Integer, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    # when things happened, and when to act next
    Column("sending_at_ms", BigInteger, nullable=False),
    Column("prompted_at_ms", BigInteger, nullable=False),
    Column("called_back_at_ms", BigInteger, nullable=False),
    Column("queried_at_ms", BigInteger, nullable=False),
    Column("queries", Integer, nullable=False),
    Column("final_at_ms", BigInteger, nullable=False),
    Column("awaited_until_ms", BigInteger, nullable=False),
    Column("due_at_ms", BigInteger),
    Index(
        "ix_payments_due",
        "account",
        "due_at_ms",
        postgresql_where=text("due_at_ms IS NOT NULL"),
        sqlite_where=text("due_at_ms IS NOT NULL"),
    ),
    Index("ix_payments_phone", "phone", "created_at_ms"),
    Index("ix_payments_reference", "reference", "created_at_ms"),
    Index("ix_payments_created", "created_at_ms", "id"),
    Index(
        "ix_payments_claimed_receipt",
        "receipt",
        postgresql_where=RECEIPT_IS_CLAIMED,
        sqlite_where=RECEIPT_IS_CLAIMED,
    ),
    Index("ix_payments_checkout", "checkout_request_id"),
    Index(
        "ix_payments_troubled",
        "status",
        "account",
        "created_at_ms",
        postgresql_where=text("status IN ('unresolved', 'mispaid')"),
        sqlite_where=text("status IN ('unresolved', 'mispaid')"),
    ),
    Index(
        "ix_payments_frozen",
        "account",
        postgresql_where=text("frozen <> ''"),
        sqlite_where=text("frozen <> ''"),
    ),
    Index(
        "ix_payments_attempt",
        "checkout",
        postgresql_where=text("checkout <> ''"),
        sqlite_where=text("checkout <> ''"),
    ),
)

evidence = Table(
    "evidence",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("payment", String(40), nullable=False),
    Column("identity", String(64), nullable=False),
    Column("source", String(16), nullable=False),
    Column("at_ms", BigInteger, nullable=False),  # when it was stored
    Column("reading", Text, nullable=False),
    Column("raw", LargeBinary),  # as it came
    Column("origin", Text, nullable=False),  # who sent it: address, path, headers (JSON)
    Column("copies", Integer, nullable=False, server_default="1"),
    UniqueConstraint("payment", "identity"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("identity", String(64), nullable=False, unique=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("checkout_request_id", String(128), nullable=False, index=True),
    Column("reading", Text, nullable=False),
    Column("raw", LargeBinary),
    Column("origin", Text, nullable=False),
    Column("adopted_by", String(40), nullable=False, server_default=""),
    Column("copies", Integer, nullable=False, server_default="1"),
    Index("ix_quarantine_at", "at_ms"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("receipt", String(40), primary_key=True),
    Column("payment", String(40), nullable=False),
    sqlite_with_rowid=False,
)

reference_claims = Table(
    "reference_claims",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("reference", String(64), primary_key=True),
    Column("payment", String(40), nullable=False),
    sqlite_with_rowid=False,
)

event_counter = Table(
    "event_counter",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("store", String(8), nullable=False, server_default=""),  # names this database in cursors
)

events = Table(
    "events",
    metadata,
    Column("number", RowNumber, primary_key=True, autoincrement=False),
    Column("id", String(40), nullable=False, unique=True),
    Column("payment", String(40), nullable=False),  # "" where it is about none
    Column("type", String(40), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("snapshot", Text, nullable=False),
    Column("mode", String(8), nullable=False, server_default="test"),
    Column("checkout", String(40), nullable=False, server_default=""),
    Index("ix_events_payment", "payment", "sequence"),
)

endpoints = Table(
    "endpoints",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("mode", String(8), nullable=False, server_default="test"),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    # "" is every type but test.*; else ",payment.completed,payment.failed," so that one LIKE finds a type
    Column("event_types", Text, nullable=False, server_default=""),
    Column("active", Boolean, nullable=False),  # where it is off, its events are owed and wait
    Column("off_reason", Text, nullable=False, server_default=""),
    Column("secret", LargeBinary),  # encrypted
    Column("old_secret", LargeBinary),  # encrypted; signs beside the new one until…
    Column("old_secret_until_ms", BigInteger, nullable=False, server_default="0"),
    Column("created_at_ms", BigInteger, nullable=False),
    # its lane
    Column("failures", Integer, nullable=False, server_default="0"),  # attempts in a row
    Column("failing_since_ms", BigInteger, nullable=False, server_default="0"),
    Column("next_at_ms", BigInteger, nullable=False, server_default="0"),  # nothing is sent before
    Column("told_at_ms", BigInteger, nullable=False, server_default="0"),  # when the operator was told
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("event", BigInteger, primary_key=True, autoincrement=False),
    Column("endpoint", String(40), primary_key=True),
    Column("status", String(16), nullable=False),  # waiting, delivered, exhausted
    Column("attempts", Integer, nullable=False),
    Column("due_at_ms", BigInteger),
    Index(
        "ix_deliveries_due",
        "endpoint",
        "due_at_ms",
        postgresql_where=text("due_at_ms IS NOT NULL"),
        sqlite_where=text("due_at_ms IS NOT NULL"),
    ),
    Index(
        "ix_deliveries_exhausted",
        "endpoint",
        "event",
        postgresql_where=text("status = 'exhausted'"),
        sqlite_where=text("status = 'exhausted'"),
    ),
    sqlite_with_rowid=False,
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("event", BigInteger, nullable=False),
    Column("endpoint", String(40), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("took_ms", Integer, nullable=False),
    Column("status_code", Integer, nullable=False),  # 0: no answer
    Column("error", Text, nullable=False),
    Column("answer", LargeBinary),  # its first 4 KiB
    Index("ix_delivery_attempts_event", "event", "endpoint"),
    Index("ix_delivery_attempts_endpoint", "endpoint", "id"),
)

checkouts = Table(
    "checkouts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("mode", String(8), nullable=False),
    Column("account", String(40), nullable=False),
    Column("reference", String(64), nullable=False),
    Column("amount", Integer, nullable=False),  # 0: the payer chooses
    Column("amount_least", Integer, nullable=False),
    Column("amount_most", Integer, nullable=False),
    Column("description", Text, nullable=False),
    Column("return_url", Text, nullable=False),
    Column("cancel_url", Text, nullable=False),
    Column("language", String(4), nullable=False),  # "": as the browser says
    Column("metadata", Text, nullable=False),
    Column("ask_again", Text, nullable=False),  # JSON: {"times", "within_s"} or {}
    Column("link", String(40), nullable=False, index=True),  # the link that it was made from, or ""
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),  # open, completed, expired, cancelled
    Column("payment", String(40), nullable=False),  # the latest attempt, or ""
    Column("attempts", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("ended_at_ms", BigInteger, nullable=False),
    Column("due_at_ms", BigInteger),  # when to expire it or to ask again
    Index("ix_checkouts_reference", "reference", "created_at_ms"),
    Index(
        "ix_checkouts_due",
        "due_at_ms",
        postgresql_where=text("due_at_ms IS NOT NULL"),
        sqlite_where=text("due_at_ms IS NOT NULL"),
    ),
)

links = Table(
    "links",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("mode", String(8), nullable=False),
    Column("account", String(40), nullable=False),
    Column("reference", String(64), nullable=False),
    Column("template", Text, nullable=False),  # JSON: what its checkouts are made with
    Column("single_use", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("used", Integer, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("mode", String(8), nullable=False),  # test or live: which payments it opens
    Column("hint", String(16), nullable=False),  # its last characters, to recognise it by
    Column("created_at_ms", BigInteger, nullable=False),
    Column("revoked_at_ms", BigInteger),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("api_key", String(40), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False, index=True),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
