"""Asks programs on this machine about themselves: quickly, and never through a proxy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp

WITHIN_S = 1.0  # a program on the same machine: longer means that it is busy, or that something else has its port
ANSWER_LIMIT_BYTES = 256 * 1024


class Absent(Exception):
    """Nobody listens there."""


class Mute(Exception):
    """Somebody listens, and did not answer in time."""


class Reply(NamedTuple):
    """An answer, whatever its status."""

    status: int
    body: bytes


class LocalApi:
    """Open one with `open_local_api`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, address: str, path: str) -> Reply:
        """Ask. Raises Absent, Mute."""
        try:
            async with self._session.get(f"http://{address}{path}", allow_redirects=False) as answer:
                return Reply(answer.status, await answer.content.read(ANSWER_LIMIT_BYTES))
        except aiohttp.ClientConnectorError as error:
            raise Absent(str(error)) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Mute(str(error)) from None


@asynccontextmanager
async def open_local_api() -> AsyncIterator[LocalApi]:
    """Open one for as long as the block lasts."""
    timeout = aiohttp.ClientTimeout(total=WITHIN_S)
    connector = aiohttp.TCPConnector(force_close=True)  # a program that was started again is another one
    headers = {"Accept": "application/json"}
    async with aiohttp.ClientSession(timeout=timeout, connector=connector, headers=headers, trust_env=False) as session:
        yield LocalApi(session)
