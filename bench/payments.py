"""Payments to measure with: prompted, pending, waiting for their callbacks."""

import random
from pathlib import Path
from typing import NamedTuple

import msgspec
from sqlalchemy import Engine, create_engine, insert, text

from hakika.config import read_settings
from hakika.domain.facts import Facts, Push
from hakika.engine.admission import open_payment
from hakika.engine.orders import read_order
from hakika.main import build_house, sync_default_account
from hakika.store.opening import driver_url
from hakika.store.payments import PaymentRow
from hakika.store.tables import endpoints, metadata, payments, reference_claims

SIMULATED = {
    "environment": "simulator",
    "consumer_key": "sim-key",
    "consumer_secret": "sim-secret",
    "shortcode": "174379",
    "passkey": "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919",
}
ROWS_AN_INSERT = 500
ASKED_APART_MS = 5  # one after the other, as a busy shop asks: ids sort by time


class Prompted(NamedTuple):
    """What a callback about a payment must carry."""

    token: str
    checkout_request_id: str
    receipt: str
    payment: str


def fill_store(url: str, count: int, secret_key_file: Path, *, fresh: bool) -> list[Prompted]:
    """Fill a database with prompted payments and one endpoint. `fresh`: empty it first."""
    if fresh:
        engine = create_engine(driver_url(url))
        metadata.drop_all(engine)
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    house = build_house(read_settings(database_url=url, data_dir=secret_key_file.parent, **SIMULATED))
    chance = random.Random(count)  # noqa: S311 - a bench wants the same payments each time
    house.store.write_now(lambda tx: sync_default_account(house, tx))
    account, now_ms = house.accounts.choose(None), house.clock()
    rows, found = [], []
    for place in range(count):
        order = read_order(amount=100, phone="0712345678", reference=f"order-{place}")
        asked_at_ms = now_ms - (count - place) * ASKED_APART_MS
        row = open_payment(order, account, asked_at_ms, chance.randbytes, verified=True)
        checkout_id = f"ws_CO_21112026093000{place:09d}"
        facts = Facts(push=(1, Push.ACCEPTED), checkout_ids=(checkout_id,), merchant_ids=("29115-34620561-1",))
        rows.append(_prompt(row, facts, asked_at_ms))
        found.append(Prompted(row.token, checkout_id, f"UKL{place:07d}", row.id))
    engine = create_engine(driver_url(url))
    with engine.begin() as connection:
        for first in range(0, count, ROWS_AN_INSERT):
            connection.execute(insert(payments), [row._asdict() for row in rows[first : first + ROWS_AN_INSERT]])
        claims = [{"account": row.account, "reference": row.reference, "payment": row.id} for row in rows]
        connection.execute(insert(reference_claims), claims)
        endpoint = {"id": "end_bench", "url": "http://127.0.0.1:9/", "active": True, "created_at_ms": now_ms}
        connection.execute(insert(endpoints), endpoint)
    if engine.dialect.name == "postgresql":
        _checkpoint(engine)
    engine.dispose()
    return found


def _checkpoint(engine: Engine) -> None:
    """As in a database that has run for a while: its log files are recycled, not created (50 ms each) as it goes."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))


def _prompt(row: PaymentRow, facts: Facts, now_ms: int) -> PaymentRow:
    return row._replace(
        facts=msgspec.json.encode(facts).decode(),
        stage="prompted",
        checkout_request_id=facts.checkout_ids[0],
        merchant_request_id=facts.merchant_ids[0],
        sending_at_ms=now_ms,
        prompted_at_ms=now_ms,
        due_at_ms=now_ms + 3_600_000,
        holds_reference=True,
    )
