"""What a payment looks like, and whose keys see it."""

import pytest

from hakika.engine.ids import system_entropy
from hakika.engine.keys import create_key
from tests.api.house import PHONE, Open, result

pytestmark = pytest.mark.anyio


async def test_a_paid_payment_says_what_m_pesa_stated(hakika: Open) -> None:
    """The payer's phone, the time and the receipt are M-Pesa's; there is no failure and nothing late."""
    asked, path = await hakika.prompt()
    await hakika.post(path, result(asked["checkout_request_id"]))
    paid = await hakika.read(asked["id"])
    assert (paid["mode"], paid["status"], paid["result_code"], paid["failure"]) == ("test", "completed", "0", None)
    assert (paid["payer_phone"], paid["paid_at"], paid["late"]) == (PHONE, "2026-09-21T09:00:00.000Z", False)


async def test_a_failure_speaks_the_callers_language(hakika: Open) -> None:
    """English unless Swahili is preferred; code, advice and whether to ask again are the same."""
    asked, path = await hakika.prompt()
    await hakika.post(path, result(asked["checkout_request_id"], code=1032))
    english = await hakika.read(asked["id"])
    swahili = (await hakika.api.get(f"/v1/payments/{asked['id']}", headers={"Accept-Language": "sw-KE"})).json()
    assert english["result_code"] == english["failure"]["code"] == "1032"
    assert english["failure"]["message"] != swahili["failure"]["message"]
    assert english["failure"]["advice"] == swahili["failure"]["advice"]
    assert english["failure"]["retryable"] is True


async def test_late_money_says_so(hakika: Open) -> None:
    """Proof after a decline completes the payment, marked as late and contradicted."""
    asked, path = await hakika.prompt()
    await hakika.post(path, result(asked["checkout_request_id"], code=1037))
    hakika.clock.now_ms += 1_000
    await hakika.post(path, result(asked["checkout_request_id"]))
    paid = await hakika.read(asked["id"])
    assert (paid["status"], paid["late"]) == ("completed", True)
    assert paid["flags"] == ["contradicted", "late"]


async def test_a_key_opens_the_payments_of_its_mode_alone(hakika: Open) -> None:
    """To a live key a test payment does not exist, in any verb, and no test account can be charged with it."""
    asked = await hakika.ask()
    key, _ = await hakika.house.store.write(lambda tx: create_key(tx, "shop", "live", hakika.clock, system_entropy))
    assert key.startswith("hk_live_")
    stranger, headers = hakika.visit(), {"Authorization": f"Bearer {key}"}
    for method, verb in (("GET", ""), ("GET", "/timeline"), ("GET", "/wait?timeout=0"), ("POST", "/cancel")):
        answer = await stranger.request(method, f"/v1/payments/{asked['id']}{verb}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await stranger.get("/v1/payments", headers=headers)).json()["data"] == []
    assert (await stranger.get("/v1/accounts", headers=headers)).json()["data"] == []
    body = {"amount": 100, "phone": "0712345999", "reference": "live-1"}
    refused = await stranger.post("/v1/payments", headers=headers, json=body)
    assert (refused.status_code, refused.json()["field"]) == (422, "account")


@pytest.mark.parametrize("search", ["amount=100", "account_reference=order-1", "account=default", "phone=0712345678"])
async def test_payments_are_found_by_what_people_know(hakika: Open, search: str) -> None:
    """By amount, account reference, account name and phone; and not by another amount."""
    asked = await hakika.ask(phone="0712345678")
    found = (await hakika.api.get(f"/v1/payments?{search}")).json()["data"]
    assert [payment["id"] for payment in found] == [asked["id"]]
    assert (await hakika.api.get("/v1/payments?amount=7")).json()["data"] == []
