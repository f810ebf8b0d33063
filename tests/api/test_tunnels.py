"""The public address is asked for each time: pushes and payers' pages follow it, with no restart and no edited file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hakika.config import NOWHERE
from hakika.engine.tunnel import Tunnel
from hakika.main import follow_tunnel, read_addresses
from tests.api.house import ACCEPTED, SAFARICOM, Open, open_house, result, settings_for, unused_phone

pytestmark = pytest.mark.anyio

OWN, FIRST, SECOND = "http://127.0.0.1:8000", "https://first.trycloudflare.com", "https://second.trycloudflare.com"


@pytest.fixture
async def followed(migrated_database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Open, Tunnel]]:
    """Give a house whose public address is a tunnel's, which opens later."""
    settings = settings_for(migrated_database_url, tmp_path, tunnel="auto")  # the fixed address is still set, and stale
    async with open_house(settings) as opened:
        tunnel = Tunnel("auto", opened.clock)
        origin = follow_tunnel(opened.house, tunnel, OWN)
        opened.cashier, opened.worker = opened.house.hire(opened.daraja, OWN, origin)
        opened.state.cashier = opened.cashier
        yield opened, tunnel


async def push(hakika: Open) -> str:
    """Ask, and let the worker push. → the callback URL that the push carried."""
    asked = await hakika.ask(phone=unused_phone(), reference=unused_phone())
    await hakika.worker.run_once()
    assert hakika.daraja.pushes[-1].phone == asked["phone"]
    return hakika.daraja.pushes[-1].callback_url


async def test_each_push_carries_the_address_of_its_time(followed: tuple[Open, Tunnel]) -> None:
    """None yet, the first, another, none again: the next payment takes it up; the stale setting is never used."""
    hakika, tunnel = followed
    assert (await push(hakika)).startswith(f"{NOWHERE}/c/")
    tunnel.open(FIRST, "cloudflared")
    assert (await push(hakika)).startswith(f"{FIRST}/c/")
    tunnel.open(SECOND, "cloudflared")
    assert (await push(hakika)).startswith(f"{SECOND}/c/")
    tunnel.close("cloudflared ended", "")
    assert (await push(hakika)).startswith(f"{NOWHERE}/c/")


async def test_a_callback_by_the_old_address_still_counts(followed: tuple[Open, Tunnel]) -> None:
    """The path is the payment's own, whatever the address before it: what comes late is believed."""
    hakika, tunnel = followed
    tunnel.open(FIRST, "cloudflared")
    path = (await push(hakika)).removeprefix(FIRST)
    tunnel.open(SECOND, "cloudflared")
    answer = await hakika.post(path, result("ws_CO_1"))
    assert (answer.status_code, answer.content) == (200, ACCEPTED)
    (payment,) = (await hakika.api.get("/v1/payments")).json()["data"]
    assert (payment["status"], payment["confirmed_by"]) == ("completed", "callback")


async def test_payers_pages_are_where_the_tunnel_is(followed: tuple[Open, Tunnel]) -> None:
    """What a payer is sent to follows as well; while there is no tunnel it is this machine."""
    hakika, tunnel = followed
    urls: list[str] = []
    for address in ("", FIRST, ""):
        if address:
            tunnel.open(address, "ngrok")
        elif urls:
            tunnel.close("gone", "")
        body = {"amount": 100, "reference": unused_phone()}
        urls.append((await hakika.api.post("/v1/checkouts", json=body)).json()["url"].partition("/pay/")[0])
    assert urls == [OWN, FIRST, OWN]


@pytest.mark.parametrize(("tunnel", "seen"), [("auto", SAFARICOM), ("ngrok", SAFARICOM), ("", "127.0.0.1")])
async def test_who_comes_through_a_tunnel_is_seen_behind_it(tunnel: str, seen: str, tmp_path: Path) -> None:
    """The program on this machine says who came to its other end; what that one wrote before it is not believed."""
    addresses = read_addresses(settings_for("sqlite://", tmp_path, tunnel=tunnel))
    forwarded = [(b"x-forwarded-for", f"127.0.0.1, {SAFARICOM}".encode())]
    assert addresses.find_sender({"client": ("127.0.0.1", 4711), "headers": forwarded}) == seen
    assert addresses.find_sender({"client": ("127.0.0.1", 4711), "headers": []}) == "127.0.0.1"
