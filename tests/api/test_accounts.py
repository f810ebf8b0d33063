"""Accounts and lists over HTTP: what may be changed, what is refused, and what a person can find."""

from typing import Any

import pytest
from sqlalchemy import update

from hakika.domain.sandbox import PUBLIC_PASSKEY
from hakika.engine.ids import system_entropy
from hakika.engine.keys import create_key
from hakika.store.tables import payments
from tests.api.house import Open, result, unused_phone

pytestmark = pytest.mark.anyio
SHOP = {"name": "shop", "shortcode": "600000", "consumer_key": "k", "consumer_secret": "s", "passkey": "p"}


async def test_an_account_is_changed_in_part(hakika: Open) -> None:
    """Only what is given; secrets that are not given stay, and are never shown."""
    added = (await hakika.api.post("/v1/accounts", json=SHOP)).json()
    changed = await hakika.api.patch("/v1/accounts/shop", json={"name": "stall", "calls_per_minute": 9})
    assert (changed.status_code, changed.json()) == (200, added | {"name": "stall", "calls_per_minute": 9})
    kept = {account.id: account for account in hakika.house.accounts.known()}[added["id"]].shortcode
    assert (kept.consumer_key, kept.consumer_secret, kept.passkey) == ("k", "s", "p")
    assert (await hakika.api.patch(f"/v1/accounts/{added['id']}", json={"passkey": "q"})).json()["name"] == "stall"


async def test_an_account_is_put_out_of_use_and_into_it_again(hakika: Open) -> None:
    """An inactive account is named in the refusal; PUT leaves it as it is."""
    await hakika.api.post("/v1/accounts", json=SHOP)
    asking: dict[str, Any] = {"amount": 100, "phone": unused_phone(), "reference": "a", "account": "shop"}
    assert (await hakika.api.patch("/v1/accounts/shop", json={"active": False})).json()["active"] is False
    refused = await hakika.api.post("/v1/payments", json=asking)
    assert (refused.status_code, refused.json()["field"]) == (422, "account")
    assert "is not active" in refused.json()["detail"]
    assert (await hakika.api.put("/v1/accounts/shop", json=SHOP)).json()["active"] is False
    assert (await hakika.api.patch("/v1/accounts/shop", json={"active": True})).json()["active"] is True
    assert (await hakika.api.post("/v1/payments", json=asking)).status_code == 201


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_an_account_stays_in_its_environment(hakika: Open, method: str) -> None:
    """Another environment is another account, whoever asks."""
    await hakika.api.post("/v1/accounts", json=SHOP)
    body = {**SHOP, "environment": "simulator"}
    refused = await hakika.api.request(method, "/v1/accounts/shop", json=body)
    assert (refused.status_code, refused.json()["field"]) == (422, "environment")
    assert "sandbox account and stays one" in refused.json()["detail"]


async def test_a_change_is_refused_as_an_addition_is(hakika: Open) -> None:
    """Names are unique, what is unknown is not found, another mode's account does not exist, no field is made up."""
    await hakika.api.post("/v1/accounts", json=SHOP)
    assert (await hakika.api.patch("/v1/accounts/shop", json={"name": "default"})).json()["code"] == "account_exists"
    assert (await hakika.api.patch("/v1/accounts/nobody", json={"active": False})).status_code == 404
    assert (await hakika.api.patch("/v1/accounts/shop", json={"id": "acc_1"})).status_code == 422
    key, _ = await hakika.house.store.write(lambda tx: create_key(tx, "live", "live", hakika.clock, system_entropy))
    headers = {"Authorization": f"Bearer {key}"}
    assert (await hakika.visit().patch("/v1/accounts/shop", json={}, headers=headers)).status_code == 404
    public = {**SHOP, "name": "live", "environment": "production", "passkey": PUBLIC_PASSKEY}
    refused = await hakika.visit().post("/v1/accounts", json=public, headers=headers)
    assert (refused.status_code, refused.json()["field"]) == (422, "passkey")


async def test_payments_that_wait_for_a_person_are_found(hakika: Open) -> None:
    """By flags (all of them), late, code, who confirmed it, and frozen; and nothing else is."""
    late, path = await hakika.prompt(reference="late", phone=unused_phone())
    await hakika.post(path, result(late["checkout_request_id"], code=1037))
    hakika.clock.now_ms += 1_000
    await hakika.post(path, result(late["checkout_request_id"]))
    failed, path = await hakika.prompt(reference="failed", phone=unused_phone())
    await hakika.post(path, result(failed["checkout_request_id"], code=1032))
    frozen = await hakika.ask(reference="frozen", phone=unused_phone())
    broken = update(payments).where(payments.c.id == frozen["id"]).values(frozen="completed may not become failed")
    await hakika.house.store.write(lambda tx: tx.execute(broken))
    expected = {
        "flags=contradicted": [late],
        "flags=contradicted&flags=late": [late],
        "flags=late&flags=paid_twice": [],
        "flags=contra_icted": [],
        "late=true": [late],
        "late=false": [frozen, failed],
        "result_code=1032": [failed],
        "result_code=0": [late],
        "confirmed_by=callback": [failed, late],
        "confirmed_by=query": [],
        "frozen=true": [frozen],
        "frozen=false": [failed, late],
        "frozen=false&late=false&status=cancelled": [failed],
    }
    for query, found in expected.items():
        listed = (await hakika.api.get(f"/v1/payments?{query}")).json()["data"]
        assert {one["id"] for one in listed} == {one["id"] for one in found}, query  # of one millisecond: in any order


@pytest.mark.parametrize("path", ["/v1/payments/", "/v1/accounts/", "/health/", "/ready/"])
async def test_a_slash_too_many_leads_nowhere_else(lite: Open, path: str) -> None:
    """404 as a problem: a redirect would lead to whatever host the caller named."""
    answer = await lite.api.get(path, headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "location" not in answer.headers
