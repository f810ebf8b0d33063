"""What the tests of PostgreSQL's connections share: a store on it alone, and somebody who is in its way."""

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from hakika.store import Store, open_store


@pytest.fixture
async def store(postgres_url: str, anyio_backend: str) -> AsyncIterator[Store]:
    """A store on PostgreSQL."""
    opened = open_store(postgres_url)
    yield opened
    await opened.close()


@pytest.fixture
async def holder(postgres_url: str, anyio_backend: str) -> AsyncIterator["psycopg.AsyncConnection[Any]"]:
    """Somebody who holds a name."""
    address = postgres_url.replace("postgresql+psycopg", "postgresql")
    async with await psycopg.AsyncConnection.connect(address) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('held', 0))")
        yield connection
