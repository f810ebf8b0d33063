"""The tables of what watches: alerts, their rules, and whose turn it is. One schema with `tables`."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text, text

from hakika.store.tables import metadata

alerts = Table(
    "alerts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("mode", String(8), nullable=False),
    Column("rule", String(32), nullable=False),
    Column("subject", String(64), nullable=False),  # an account's id, an endpoint's, or "" for all of us
    Column("severity", String(16), nullable=False),
    Column("status", String(8), nullable=False),  # open, closed
    Column("summary", Text, nullable=False),
    Column("evidence", Text, nullable=False),  # JSON: the count, the first ids, …
    Column("opened_at_ms", BigInteger, nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False),  # when its rule last held
    Column("told_at_ms", BigInteger, nullable=False),
    Column("told", Integer, nullable=False),  # how often
    Column("closed_at_ms", BigInteger, nullable=False),
    Index("ix_alerts_opened", "opened_at_ms", "id"),
    Index(
        "uq_alerts_open",
        "mode",
        "rule",
        "subject",
        unique=True,
        postgresql_where=text("status = 'open'"),
        sqlite_where=text("status = 'open'"),
    ),
)

alert_rules = Table(
    "alert_rules",
    metadata,
    Column("mode", String(8), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("active", Boolean, nullable=False),
    Column("thresholds", Text, nullable=False),  # JSON: only those that were changed
    Column("updated_at_ms", BigInteger, nullable=False),
)

# What one node does for all: whoever moves the time on has the turn.
turns = Table(
    "turns",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("due_at_ms", BigInteger, nullable=False),
)
