"""The drop-in routes ring phones: without a key they are open to this machine alone, unless a setting says so."""

from pathlib import Path
from typing import Any

import pytest

from hakika.api import door
from hakika.api.door import ACTS, PROMPTS, READS, Limit, is_drop_in
from hakika.config import parse_settings
from hakika.domain.errors import SettingError, TooManyRequests
from tests.api.house import API_KEY, Open, open_house, settings_for

pytestmark = pytest.mark.anyio
ROUTES = [
    ("POST", "/api/v1/payments/mpesa/initiate"),
    ("GET", "/api/v1/payments/order-1/status"),
    ("POST", "/api/payments/mpesa/query"),
    ("POST", "/api/payment/query"),
    ("POST", "/payment/query"),
    ("POST", "/payment/register"),
    ("GET", "/payment/status/ws_CO_1"),
    ("GET", "/payment/wait/ws_CO_1"),
    ("DELETE", "/api/anything"),
]
STATUS = "/api/v1/payments/order-1/status"
KNOWINGLY = "i-know-anyone-can-ring-phones"


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_elsewhere_they_need_a_key(shared_lite: Open, method: str, path: str) -> None:
    """401 before the body is looked at; with a key they answer."""
    stranger = shared_lite.visit("203.0.113.9", {"Host": "localhost"})
    refused = await stranger.request(method, path, content=b"{broken")
    assert (refused.status_code, refused.json()["code"]) == (401, "not_authenticated")
    known = shared_lite.visit("203.0.113.9", {"Authorization": f"Bearer {API_KEY}"})
    assert (await known.request(method, path, content=b"{broken")).status_code in {404, 405, 422}


def test_what_is_drop_in() -> None:
    """Everything under their two roots, and nothing beside them."""
    assert all(is_drop_in(path) for _, path in ROUTES)
    assert not any(map(is_drop_in, ["/v1/payments", "/payments", "/apis", "/health", "/", "/paymenthistory"]))


HERE: list[tuple[str, dict[str, str]]] = [
    ("127.0.0.1", {}),
    ("127.0.0.9", {"Host": "127.0.0.1:8000"}),
    ("::1", {"Host": "[::1]:8000"}),
    ("::ffff:127.0.0.1", {"Host": "shop.localhost"}),
    ("127.0.0.1", {"Origin": "http://localhost:3000"}),
    ("127.0.0.1", {"Authorization": "Bearer of-an-app-that-is-gone"}),
]
NOT_HERE: list[tuple[str, dict[str, str]]] = [
    ("203.0.113.9", {}),
    ("", {}),
    ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}),
    ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}),  # no proxy is configured: nobody is believed
    ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}),
    ("127.0.0.1", {"X-Real-IP": "203.0.113.9"}),  # seed 002's nginx adds this one, and no other
    ("127.0.0.1", {"CF-Connecting-IP": "127.0.0.1"}),
    ("127.0.0.1", {"Via": "1.1 proxy"}),
    ("127.0.0.1", {"Host": "pay.example.com"}),  # a proxy that adds nothing, or DNS that was bent to us
    ("127.0.0.1", {"Host": "localhost.evil.example"}),
    ("127.0.0.1", {"Host": ""}),
    ("127.0.0.1", {"Origin": "https://evil.example"}),  # another site's page in a developer's browser
    ("127.0.0.1", {"Origin": "null"}),
]


@pytest.mark.parametrize(("client", "headers"), HERE)
async def test_a_program_on_this_machine_needs_none(shared_lite: Open, client: str, headers: dict[str, str]) -> None:
    """Loopback, by a name of this machine: the order is not found, but the door is open."""
    answer = await shared_lite.visit(client, {"Host": "localhost:8000"} | headers).get(STATUS)
    assert answer.status_code == 404


@pytest.mark.parametrize(("client", "headers"), NOT_HERE)
async def test_who_is_handed_on_is_not_here(shared_lite: Open, client: str, headers: dict[str, str]) -> None:
    """Proxies, tunnels, and browsers that another site steers come from loopback, and are strangers all the same."""
    answer = await shared_lite.visit(client, {"Host": "localhost:8000"} | headers).get(STATUS)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("client", "headers", "status"),
    [
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("10.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}, 401),  # forged by who came to our proxy
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 401),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "203.0.113.9"}, 401),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=203.0.113.9"}, 401),
        ("127.0.0.1", {"X-Forwarded-For": " , "}, 401),
        ("127.0.0.1", {"X-Real-IP": "127.0.0.1"}, 401),  # it does not say for whom in the header that is read
        ("203.0.113.9", {"X-Forwarded-For": "127.0.0.1"}, 401),
    ],
)
async def test_a_trusted_proxy_says_who_is_here(
    sqlite_url: str, tmp_path: Path, client: str, headers: dict[str, str], status: int
) -> None:
    """Only by X-Forwarded-For, only as far back as our own proxies wrote it."""
    settings = settings_for(sqlite_url, tmp_path, trusted_proxies=("127.0.0.1", "10.0.0.0/8"))
    async with open_house(settings) as hakika:
        answer = await hakika.visit(client, {"Host": "pay.example.com"} | headers).get(STATUS)
        assert answer.status_code == status


async def test_a_key_opens_the_payments_of_its_mode(shared_lite: Open) -> None:
    """Whoever has a key is who the key says, on this machine too."""
    headers = {"Host": "localhost", "Authorization": f"Bearer {API_KEY}"}
    assert (await shared_lite.visit(headers=headers).get(STATUS)).status_code == 404


async def open_to_anyone(hakika: Open, address: str, phone: int, **fields: Any) -> int:
    """Register nothing, ring nothing: ask for a prompt with an amount that no rule lets through."""
    body = {"order_id": f"o-{phone}", "phone": f"2547{phone:08}", "amount": 1} | fields
    answer = await hakika.visit(address).post("/api/v1/payments/mpesa/initiate", json=body)
    return int(answer.status_code)


async def test_a_setting_that_names_the_risk_opens_them_to_anyone(sqlite_url: str, tmp_path: Path) -> None:
    """Within limits for each address: reads many, acts few; then 429 with the seconds to wait. A key has no limit."""
    async with open_house(settings_for(sqlite_url, tmp_path, open_compat_routes=KNOWINGLY)) as hakika:
        stranger = hakika.visit("203.0.113.9")
        for _ in range(READS):
            assert (await stranger.get(STATUS)).status_code == 404
        refused = await stranger.get(STATUS)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert int(refused.headers["retry-after"]) == refused.json()["retry_after"] == 1
        assert (await hakika.visit("203.0.113.10").get(STATUS)).status_code == 404
        hakika.clock.pass_s(1)
        assert (await stranger.get(STATUS)).status_code == 404
        for _ in range(ACTS):
            assert await open_to_anyone(hakika, "2001:db8::1", 1, amount=0) == 422
        assert await open_to_anyone(hakika, "2001:db8::ffff", 1, amount=0) == 429, "the same network"
        known = hakika.visit("203.0.113.9", {"Authorization": f"Bearer {API_KEY}"})
        for _ in range(ACTS + 1):
            assert (await known.post("/payment/query", json={})).status_code == 422


async def test_nobody_rings_one_phone_again_and_again(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three prompts in ten minutes for each phone, from however many addresses; other phones are free."""
    monkeypatch.setattr("hakika.api.compat.PUSH_ANSWERED_WITHIN_MS", 0)
    async with open_house(settings_for(sqlite_url, tmp_path, open_compat_routes=KNOWINGLY)) as hakika:
        answers = [await open_to_anyone(hakika, f"203.0.113.{number}", 7) for number in range(PROMPTS + 1)]
        assert answers == [202, *[409] * (PROMPTS - 1), 429]
        assert await open_to_anyone(hakika, "203.0.113.1", 8) == 202
        hakika.clock.pass_s(200)
        assert await open_to_anyone(hakika, "203.0.113.1", 7) != 429


def test_a_limit_forgets_and_never_grows_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It fills again evenly; names that were quiet are forgotten; too many at once are all made to wait."""
    monkeypatch.setattr(door, "NAMES_KEPT", 10)
    now_ms = 1_000_000
    limit = Limit(2, 10_000, lambda: now_ms)
    limit.take("a")
    limit.take("a")
    with pytest.raises(TooManyRequests) as refused:
        limit.take("a")
    assert refused.value.extra == {"retry_after": 5}
    for number in range(9):
        limit.take(f"b{number}")
    with pytest.raises(TooManyRequests):
        limit.take("c")
    now_ms += 10_000
    limit.take("c")
    assert set(limit._spent_until_ms) == {"c"}


def test_the_setting_says_the_whole_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`1` or `yes` opens nothing: the server does not start."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HAKIKA_OPEN_COMPAT_ROUTES", "yes")
    with pytest.raises(SettingError, match="HAKIKA_OPEN_COMPAT_ROUTES"):
        parse_settings()
    monkeypatch.setenv("HAKIKA_OPEN_COMPAT_ROUTES", KNOWINGLY)
    assert parse_settings().open_compat_routes == KNOWINGLY
