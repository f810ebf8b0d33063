"""What nodes tell each other through PostgreSQL: LISTEN on a connection of its own, and again when it breaks.

A notification is a hint to look, never the truth: whoever hears none finds the same in the log a second later.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection, sql
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import make_url

CHANNEL = "hakika"
AGAIN_AFTER_S = 1.0
CONNECT_WITHIN_S = 4

log = structlog.get_logger("hakika.store")


class Channel:
    """One node's ear; its own words it does not hear."""

    def __init__(self, url: str) -> None:
        self.node = secrets.token_hex(4)
        self._url = url

    async def listen(self, heard: Callable[[str], None]) -> None:
        """Hear what other nodes tell, until cancelled; `""` after each time that some may have been missed."""
        told = False
        while True:
            try:
                await self._listen_once(heard)
            except (psycopg.Error, OSError) as error:
                if not told:
                    log.warning("not_listening", error=str(error).strip())
                told = True
            else:
                told = False
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _listen_once(self, heard: Callable[[str], None]) -> None:
        dialect: Any = PGDialect_psycopg
        arguments, options = dialect().create_connect_args(make_url(self._url))
        options = {"connect_timeout": CONNECT_WITHIN_S, "keepalives_idle": 10, **options}
        async with await AsyncConnection.connect(*arguments, autocommit=True, **options) as connection:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
            heard("")
            async for notification in connection.notifies():
                node, _, message = notification.payload.partition(" ")
                if node != self.node:
                    heard(message)
