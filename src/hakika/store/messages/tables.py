"""The tables of messages to payers: channels, messages, who wants none, and how far the log was read. See `tables`."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, Text, text

from hakika.store.tables import metadata

message_channels = Table(
    "message_channels",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("mode", String(8), nullable=False),
    Column("account", String(40), nullable=False),
    Column("kind", String(16), nullable=False),  # sms, email, whatsapp
    Column("url", Text, nullable=False),  # masked: for people
    Column("secret", LargeBinary, nullable=False),  # the whole URL, encrypted
    Column("active", Boolean, nullable=False),
    Column("in_test_mode", Boolean, nullable=False),  # whether it tells of test payments, whose money is not real
    Column("event_types", Text, nullable=False),  # ",payment.completed,payment.failed,"
    Column("language", String(4), nullable=False),  # where neither payment nor checkout says one
    Column("templates", Text, nullable=False),  # JSON: {type: {language: text}}; what is absent is as shipped
    Column("subjects", Text, nullable=False),  # likewise, of e-mails
    Column("opt_out", Text, nullable=False),  # JSON: {language: how to get no more}
    Column("token", String(64), nullable=False, unique=True),  # of the path on which payers' replies come in
    Column("send_within_ms", BigInteger, nullable=False),
    Column("after", BigInteger, nullable=False),  # the last event before it was turned on
    Column("created_at_ms", BigInteger, nullable=False),
    Index("uq_message_channels_account", "account", "kind", unique=True),
)

messages = Table(
    "messages",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("channel", String(40), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("mode", String(8), nullable=False),
    Column("account", String(40), nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("event_id", String(40), nullable=False),
    Column("type", String(40), nullable=False),
    Column("payment", String(40), nullable=False),
    Column("recipient", Text, nullable=False),  # a phone or an address; "" where there was none
    Column("language", String(4), nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("status", String(16), nullable=False),  # queued, sending, sent, failed, unknown, skipped
    Column("detail", Text, nullable=False),  # why
    Column("attempts", Integer, nullable=False),
    Column("reference", String(128), nullable=False),  # the channel's own id of it
    Column("cost", String(32), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("event_at_ms", BigInteger, nullable=False),
    Column("sending_at_ms", BigInteger, nullable=False),  # when it was marked, before it was sent
    Column("ended_at_ms", BigInteger, nullable=False),
    Column("due_at_ms", BigInteger),  # when to send it; while it is sending, when to ask who died with it
    Index("uq_messages_event", "event", "channel", unique=True),
    Index("ix_messages_payment", "payment"),
    Index("ix_messages_created", "created_at_ms", "id"),
    Index(
        "ix_messages_due",
        "due_at_ms",
        postgresql_where=text("due_at_ms IS NOT NULL"),
        sqlite_where=text("due_at_ms IS NOT NULL"),
    ),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("mode", String(8), nullable=False),
    Column("account", String(40), nullable=False),  # "" is every account
    Column("recipient", String(254), nullable=False),
    Column("source", String(16), nullable=False),  # operator, payer
    Column("reason", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Index("uq_opt_outs_recipient", "mode", "recipient", "account", unique=True),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False),  # everything up to this event was read
)
