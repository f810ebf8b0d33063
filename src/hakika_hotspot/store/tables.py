"""The tables. Times are milliseconds since 1970; MACs are as `domain/mac.py` spells them."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

kept = Table(
    "kept",  # one value a name: the version of the schema, the cursor in Hakika's events, the webhook's secret
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)

entitlements = Table(
    "entitlements",  # what somebody has: the sum of its grants
    metadata,
    Column("id", String(32), primary_key=True),
    Column("code", String(16), nullable=False, unique=True),  # opens it on another device, as a voucher does
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),  # when all of it is over, as its grants now are
    Column("turns_at_ms", BigInteger),  # when the network has to be told next; None: nothing more will come
    Index("entitlements_turning", "turns_at_ms"),
)

grants = Table(
    "grants",  # `source` is its primary key: one payment, one voucher, one word of the owner's grants once
    metadata,
    Column("source", String(80), primary_key=True),
    Column("entitlement", String(32), ForeignKey("entitlements.id"), nullable=False, index=True),
    Column("package", Text, nullable=False),  # as it was when it was bought
    Column("granted_at_ms", BigInteger, nullable=False),
    Column("seconds", BigInteger, nullable=False),
    Column("bytes_limit", BigInteger),
    Column("bytes_used", BigInteger, nullable=False, default=0),
    Column("exhausted_at_ms", BigInteger),
    Column("revoked_at_ms", BigInteger),
    Column("revoked_because", String(200), nullable=False, default=""),
)

devices = Table(
    "devices",  # which entitlement a MAC goes by
    metadata,
    Column("mac", String(17), primary_key=True),
    Column("entitlement", String(32), ForeignKey("entitlements.id"), nullable=False, index=True),
    Column("browser", String(64), nullable=False, default="", index=True),  # hash of its cookie
    Column("router", String(64), nullable=False, default=""),  # where it was last seen
    Column("address", String(45), nullable=False, default=""),
    Column("bound_at_ms", BigInteger, nullable=False),
)

purchases = Table(
    "purchases",  # a package that somebody asked for on the portal, and what became of its payment
    metadata,
    Column("id", String(32), primary_key=True),  # Hakika's reference
    Column("token", String(64), nullable=False, unique=True),  # hash of what its form carried: two clicks are one
    Column("browser", String(64), nullable=False, default="", index=True),
    Column("package_id", String(40), nullable=False),
    Column("package", Text, nullable=False),
    Column("price", Integer, nullable=False),
    Column("phone", String(12), nullable=False, index=True),
    Column("mac", String(17), nullable=False, default="", index=True),
    Column("site", String(40), nullable=False, default=""),
    Column("router", String(64), nullable=False, default=""),
    Column("address", String(45), nullable=False, default=""),
    Column("payment", String(40), unique=True),
    Column("status", String(16), nullable=False),  # asking, then Hakika's words
    Column("sequence", Integer, nullable=False, default=0),  # of the newest event heard of its payment
    Column("receipt", String(20), index=True),
    Column("failure", Text, nullable=False, default=""),
    Column("mode", String(4), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False, index=True),
    Column("ended_at_ms", BigInteger),
    Column("entitlement", String(32), ForeignKey("entitlements.id")),
)

vouchers = Table(
    "vouchers",
    metadata,
    Column("code", String(16), primary_key=True),
    Column("batch", String(40), nullable=False, index=True),
    Column("package", Text, nullable=False),
    Column("made_at_ms", BigInteger, nullable=False),
    Column("use_by_ms", BigInteger),
    Column("used_at_ms", BigInteger),
    Column("withdrawn_at_ms", BigInteger),
    Column("entitlement", String(32), ForeignKey("entitlements.id")),
)

sessions = Table(
    "sessions",  # what routers told: one row a session
    metadata,
    Column("router", String(64), primary_key=True),
    Column("session_id", String(80), primary_key=True),
    Column("mac", String(17), nullable=False, index=True),
    Column("username", String(64), nullable=False, default=""),
    Column("address", String(45), nullable=False, default="", index=True),
    Column("nas_address", String(45), nullable=False, default=""),
    Column("site", String(40), nullable=False, default=""),
    Column("entitlement", String(32), nullable=False, default="", index=True),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("stopped_at_ms", BigInteger),
    Column("bytes_up", BigInteger, nullable=False, default=0),
    Column("bytes_down", BigInteger, nullable=False, default=0),
    Column("cause", String(40), nullable=False, default=""),
    Column("superseded", Boolean, nullable=False, default=False),  # the same phone has come with another MAC
)

network_tasks = Table(
    "network_tasks",  # what a router has yet to do: kept until it confirmed
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(8), nullable=False),  # open, change, close
    Column("router", String(64), nullable=False),
    Column("mac", String(17), nullable=False),
    Column("session_id", String(80), nullable=False, default=""),  # of a change or close
    Column("username", String(64), nullable=False, default=""),
    Column("address", String(45), nullable=False, default=""),
    Column("nas_address", String(45), nullable=False, default=""),
    Column("entitlement", String(32), nullable=False, default=""),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("due_at_ms", BigInteger),  # None: done, or overtaken by a newer one
    Column("tries", Integer, nullable=False, default=0),
    Column("error", String(300), nullable=False, default=""),
    Column("ended_at_ms", BigInteger),
    Column("outcome", String(20), nullable=False, default=""),  # done, overtaken, given up
    Index("network_tasks_due", "due_at_ms"),
)

tries = Table(
    "tries",  # wrong codes, by who tried and by what was tried
    metadata,
    Column("whose", String(100), primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
)
