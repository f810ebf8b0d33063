"""The schema: what the migrations make is what the tables say, and what the rows say."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from hakika.domain.errors import SettingError
from hakika.store import tables
from hakika.store.accounts import AccountRow, TokenRow
from hakika.store.alerts import tables as alert_tables
from hakika.store.alerts.records import AlertRow, RuleRow
from hakika.store.checkouts import CheckoutRow, LinkRow
from hakika.store.events import EventRow
from hakika.store.evidence import EvidenceRow, QuarantineRow
from hakika.store.keys import ApiKeyRow, IdempotencyRow
from hakika.store.messages import tables as message_tables
from hakika.store.messages.channels import ChannelRow, OptOutRow
from hakika.store.messages.records import MessageRow
from hakika.store.migrations import find_version, newest_version, upgrade
from hakika.store.opening import driver_url
from hakika.store.payments import PaymentRow
from hakika.store.search import _showing

ROWS: list[tuple[Any, Any]] = [
    (PaymentRow, tables.payments),
    (EvidenceRow, tables.evidence),
    (QuarantineRow, tables.quarantine),
    (EventRow, tables.events),
    (AccountRow, tables.accounts),
    (TokenRow, tables.tokens),
    (ApiKeyRow, tables.api_keys),
    (IdempotencyRow, tables.idempotency_keys),
    (CheckoutRow, tables.checkouts),
    (LinkRow, tables.links),
    (AlertRow, alert_tables.alerts),
    (RuleRow, alert_tables.alert_rules),
    (ChannelRow, message_tables.message_channels),
    (OptOutRow, message_tables.opt_outs),
    (MessageRow, message_tables.messages),
]


def test_the_schema_is_the_sum_of_its_migrations(database_url: str) -> None:
    """Running all migrations on an empty database makes exactly the tables that the code knows."""
    upgrade(database_url)
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": connection.dialect.name != "sqlite"}
        )
        assert compare_metadata(context, tables.metadata) == []


def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    """A database that is at the newest version is left alone."""
    assert find_version(database_url) is None
    upgrade(database_url)
    assert find_version(database_url) == newest_version()
    upgrade(database_url)
    assert find_version(database_url) == newest_version()


@pytest.mark.parametrize(("row", "table"), ROWS, ids=lambda one: getattr(one, "__name__", ""))
def test_rows_follow_their_tables(row: Any, table: Any) -> None:
    """A row's fields are its table's columns, in their order, and optional where a column may be NULL."""
    assert list(row._fields) == [column.name for column in table.columns]
    optional = {name for name, kind in row.__annotations__.items() if "None" in str(kind)}
    assert optional == {column.name for column in table.columns if column.nullable}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("sqlite:///hakika.db", "sqlite:///hakika.db"),
        ("sqlite:////var/lib/hakika.db", "sqlite:////var/lib/hakika.db"),
        ("postgres://u:p@host/db?sslmode=require", "postgresql+psycopg://u:p@host/db?sslmode=require"),
        ("postgresql+psycopg2://host/db", "postgresql+psycopg://host/db"),
    ],
)
def test_the_url_chooses_the_database(written: str, read: str) -> None:
    """Usual spellings of a database's URL are understood."""
    assert driver_url(written) == read


@pytest.mark.parametrize("url", ["hakika.db", "sqlite://", "sqlite:///:memory:", "mysql://host/db"])
def test_a_url_that_names_no_database_is_refused(url: str) -> None:
    """What we do not speak, or could not keep, is refused with the setting and the cure."""
    with pytest.raises(SettingError, match="DATABASE_URL"):
        driver_url(url)


def test_a_receipt_is_looked_up_by_indexes_alone(migrated_database_url: str) -> None:
    """That it is owned, or only claimed: no row is read in vain."""
    engine = create_engine(driver_url(migrated_database_url), poolclass=NullPool)
    with engine.connect() as connection:
        if engine.name == "postgresql":
            connection.exec_driver_sql("SET enable_seqscan = off")  # empty tables are quicker to read as they stand
        asked = _showing("SFF6XYZ123").compile(engine, compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN " if engine.name == "postgresql" else "EXPLAIN QUERY PLAN "
        plan = "\n".join(str(row) for row in connection.execute(text(f"{explain}{asked}".replace("%%", "%"))))
    assert "ix_payments_claimed_receipt" in plan
    assert "Seq Scan" not in plan
    assert "SCAN payments" not in plan
