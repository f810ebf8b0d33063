"""No key, no access."""

import inspect

import pytest
from sqlalchemy import select

from hakika.api import access
from hakika.domain.errors import StoreUnavailable
from hakika.engine import ids
from hakika.engine.ids import hash_secret, system_entropy
from hakika.engine.keys import create_key
from hakika.store.keys import revoke_api_key
from hakika.store.tables import api_keys
from tests.api.house import API_KEY, Open

pytestmark = pytest.mark.anyio
WRONG = {
    "no header": None,
    "empty": "",
    "the scheme alone": "Bearer",
    "the scheme and nothing": "Bearer   ",
    "another scheme": "Basic aGFraWthOmhha2lrYQ==",
    "no scheme": API_KEY,
    "unknown": "Bearer hk_0000000000000000000000000000000",
    "almost": f"Bearer {API_KEY}x",
    "not ASCII": "Bearer caf\u00e9",
    "very long": "Bearer " + "x" * 10_000,
}
GUARDED = [
    ("GET", "/v1/payments"),
    ("POST", "/v1/payments"),
    ("POST", "/v1/payments/register"),
    ("GET", "/v1/payments/pay_1"),
    ("GET", "/v1/payments/pay_1/timeline"),
    ("GET", "/v1/payments/pay_1/explanation"),
    ("GET", "/v1/payments/pay_1/wait"),
    ("POST", "/v1/payments/pay_1/query"),
    ("POST", "/v1/payments/pay_1/cancel"),
    ("POST", "/v1/payments/pay_1/resolve"),
    ("GET", "/v1/accounts"),
    ("POST", "/v1/accounts"),
    ("PUT", "/v1/accounts/default"),
    ("PATCH", "/v1/accounts/default"),
    ("DELETE", "/v1/payments"),
    ("GET", "/v1/nothing-here"),
    ("GET", "/v1"),
    ("GET", "/v1/errorsome"),
]
OPEN = ["/health", "/ready", "/mpesa/callback/health", "/v1/errors", "/v1/errors/not_found", "/openapi.json", "/docs"]


@pytest.mark.parametrize("header", WRONG.values(), ids=WRONG)
async def test_without_a_known_key_nobody_enters(shared_lite: Open, header: str | None) -> None:
    """401 as a problem, with WWW-Authenticate."""
    headers = {} if header is None else {b"Authorization": header.encode()}
    refused = await shared_lite.visit().get("/v1/payments", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "not_authenticated")
    assert refused.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_everything_under_v1_is_guarded(shared_lite: Open, method: str, path: str) -> None:
    """Before the path, the method, and the body are looked at: a stranger learns nothing from a wrong one."""
    refused = await shared_lite.visit().request(method, path, content=b"{broken")
    assert refused.status_code == 401


@pytest.mark.parametrize("path", OPEN)
async def test_health_errors_and_the_contract_are_open(shared_lite: Open, path: str) -> None:
    """They say nothing about anybody's money."""
    assert (await shared_lite.visit().get(path)).status_code == 200


async def test_a_key_works_until_it_is_revoked(hakika: Open) -> None:
    """Made, used in any case of the scheme, revoked, refused at the next request."""
    key, row = await hakika.house.store.write(lambda tx: create_key(tx, "shop", "test", hakika.clock, system_entropy))
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = {"Authorization": f"{scheme} {key}"}
        assert (await hakika.visit().get("/v1/payments", headers=headers)).status_code == 200
    assert await hakika.house.store.write(lambda tx: revoke_api_key(tx, row.id, hakika.clock()))
    refused = await hakika.visit().get("/v1/payments", headers={"Authorization": f"Bearer {key}"})
    assert refused.status_code == 401


async def test_keys_are_kept_as_hashes(hakika: Open) -> None:
    """The database has the SHA-256 and the last four characters, never the key."""
    key, _ = await hakika.house.store.write(lambda tx: create_key(tx, "shop", "test", hakika.clock, system_entropy))
    rows = await hakika.house.store.read(lambda tx: tx.all(select(api_keys)))
    assert rows[0].hash == hash_secret(key)
    assert not any(key in str(value) for value in rows[0])


def test_the_configured_key_is_compared_in_constant_time() -> None:
    """By hmac.compare_digest, through same_secret; keys in the database are found by their hash."""
    assert "same_secret(key, self._configured)" in inspect.getsource(access.Gate)
    assert "hmac.compare_digest" in inspect.getsource(ids.same_secret)


async def test_the_database_away_is_no_wrong_key(lite: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with Retry-After: who has a good key must not throw it away."""

    async def fail(_: object) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(lite.house.store, "glance", fail)
    answer = await lite.visit().get("/v1/payments", headers={"Authorization": "Bearer hk_perhaps-a-good-one"})
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "store_unavailable", "2")
