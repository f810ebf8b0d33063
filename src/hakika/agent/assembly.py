"""Putting an agent's tools together: the client, the purse, the grant."""

import secrets
from collections.abc import Callable
from pathlib import Path

from hakika.agent.consents import Consents
from hakika.agent.fallback import Query, query_with
from hakika.agent.grants import Grant
from hakika.agent.purse import Purse
from hakika.agent.spending import Spender
from hakika.agent.tools import Toolbox, now_ms
from hakika.client import AsyncHakika
from hakika.config import Settings, parse_settings
from hakika.doctor.daraja import own_shortcode

FILE = "agent.db"
CODE_DIGITS = 6


def build_toolbox(
    client: AsyncHakika,
    grant: Grant | None = None,
    *,
    data_dir: Path,
    clock: Callable[[], int] = now_ms,
    query: Query | None = None,
) -> Toolbox:
    """Put the tools together. What was spent under the grant is kept in `data_dir`: the same one for each start."""
    if grant is None:
        return Toolbox(client, query=query)
    purse = Purse(data_dir / FILE)
    code = grant.code or f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    return Toolbox(
        client,
        spender=Spender(client, grant, purse, clock),
        consents=Consents(purse, clock, code),
        query=query,
    )


def open_toolbox(
    grant: Grant | None = None, *, server: str | None = None, api_key: str | None = None, data_dir: Path | None = None
) -> Toolbox:
    """Put the tools together as the settings say: HAKIKA_SERVER, HAKIKA_API_KEY, HAKIKA_DATA_DIR.

    With MPESA_* credentials at hand, Daraja is asked where the server does not answer.
    """
    settings = parse_settings()
    client = AsyncHakika(api_key or settings.api_key or None, server or settings.server or None)
    return build_toolbox(client, grant, data_dir=data_dir or settings.data_dir, query=query_of(settings))


def query_of(settings: Settings, clock: Callable[[], int] = now_ms) -> Query | None:
    """→ how Daraja is asked with the settings' own credentials; None without them."""
    if not (settings.consumer_key and settings.consumer_secret and settings.shortcode and settings.passkey):
        return None
    return query_with(own_shortcode(settings), clock)
