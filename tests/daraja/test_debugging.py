"""What the client logs where somebody debugs."""

import io
import json

import pytest
import structlog

from hakika.daraja.client import open_client
from hakika.logs import configure_logs
from tests.daraja.loopback import PUSH_PATH, Clock, Vault, open_loopback
from tests.daraja.recordings import ORDER

pytestmark = pytest.mark.anyio


async def test_who_debugs_sees_what_passes_without_its_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Request and answer, as seed 004's debug mode logs them; password, tokens and phone are masked."""
    written = io.StringIO()
    before = structlog.get_config()
    monkeypatch.setattr("sys.stderr", written)
    configure_logs("json", "debug")
    structlog.configure(cache_logger_on_first_use=False, logger_factory=structlog.PrintLoggerFactory(written))
    clock = Clock()
    async with open_loopback() as daraja, open_client(clock, Vault(clock)) as client:
        await client.push("till-1", daraja.shortcode, ORDER, 1)
    structlog.configure(**before)
    token, push = [json.loads(line) for line in written.getvalue().splitlines()]
    assert (token["event"], push["event"], push["status"]) == ("daraja", "daraja", 200)
    assert push["url"].endswith(PUSH_PATH)
    assert '"BusinessShortCode"' in push["asked"]
    assert '"ResponseCode"' in push["answer"]
    sent = json.loads(daraja.requests[-1][2])
    for secret in (sent["Password"], sent["PhoneNumber"], daraja.requests[-1][1]["Authorization"].partition(" ")[2]):
        assert str(secret) not in written.getvalue()
