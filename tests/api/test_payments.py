"""Asking for money and following it over HTTP."""

from typing import Any

import pytest

from hakika.api.account_shapes import AccountList, AccountShape
from hakika.api.shapes import PaymentList, PaymentShape, Timeline
from tests.api.house import PHONE, Open, result

pytestmark = pytest.mark.anyio


def fits(shape: Any, answer: dict[str, Any]) -> dict[str, Any]:
    """Check an answer against its documented shape, in which nothing may be undocumented."""
    shape.model_validate(answer, strict=True)
    optional = {name for name, field in shape.model_fields.items() if not field.is_required()}
    assert set(answer) | optional == set(shape.model_fields), "the documented fields are not those of the answer"
    return answer


async def test_a_payment_lives_from_asking_to_its_receipt(hakika: Open) -> None:
    """Asked, prompted, called back, completed: each answer has the documented shape, to the field."""
    asked = fits(PaymentShape, await hakika.ask(description="Two coffees", metadata={"cart": "c-88"}))
    assert (asked["status"], asked["stage"], asked["phone"]) == ("pending", "queued", PHONE)
    await hakika.worker.run_once()
    prompted = fits(PaymentShape, await hakika.read(asked["id"]))
    assert (prompted["stage"], prompted["checkout_request_id"]) == ("prompted", "ws_CO_1")
    path = hakika.daraja.pushes[0].callback_url.removeprefix("https://pay.example.com")
    await hakika.post(path, result("ws_CO_1"))
    paid = fits(PaymentShape, await hakika.read(asked["id"]))
    assert (paid["status"], paid["receipt"], paid["amount_received"]) == ("completed", "NLJ7RT61SV", 100)
    assert paid["metadata"] == {"cart": "c-88"}


async def test_a_timeline_tells_all_in_order(hakika: Open) -> None:
    """Evidence and events, with who said it; no entry has the secret token of the callback path."""
    payment, path = await hakika.prompt()
    await hakika.post(path, result("ws_CO_1"))
    answer = await hakika.api.get(f"/v1/payments/{payment['id']}/timeline")
    fits(Timeline, answer.json())
    kinds = [entry["kind"] for entry in answer.json()["data"]]
    assert kinds[0] == "payment.created"
    assert kinds[-2:] == ["callback", "payment.completed"]
    assert path.rpartition("/")[2] not in answer.text


async def test_lists_filter_page_and_fit_their_shape(hakika: Open) -> None:
    """Every filter finds what it names; pages follow each other by cursor, newest first, and end."""
    paid, path = await hakika.prompt()
    await hakika.post(path, result("ws_CO_1"))
    for number in range(2, 5):
        await hakika.ask(reference=f"order-{number}", phone=f"25471234567{number}")
    for query in (
        "reference=order-1", "phone=0712345678", "receipt=nlj7rt61sv", "checkout_request_id=ws_CO_1",
        "status=completed",
    ):  # fmt: skip
        found = fits(PaymentList, (await hakika.api.get(f"/v1/payments?{query}")).json())
        assert [one["id"] for one in found["data"]] == [paid["id"]], query
    first = (await hakika.api.get("/v1/payments?limit=3")).json()
    second = (await hakika.api.get(f"/v1/payments?limit=3&cursor={first['next_cursor']}")).json()
    references = [one["reference"] for one in first["data"] + second["data"]]
    assert set(references) == {f"order-{number}" for number in range(1, 5)}
    assert (first["has_more"], second["has_more"], second["next_cursor"]) == (True, False, None)


async def test_lists_filter_by_time_and_account(hakika: Open) -> None:
    """`created_after` is inclusive, `created_before` is not; an unknown account has no payments."""
    asked = await hakika.ask()
    for query, count in (
        ({"created_after": asked["created_at"]}, 1),
        ({"created_before": asked["created_at"]}, 0),
        ({"created_after": "2026-01-01"}, 1),
        ({"created_after": "2026-01-01T00:00:00"}, 1),
        ({"account": asked["account"]}, 1),
        ({"account": "nobody"}, 0),
    ):
        found = (await hakika.api.get("/v1/payments", params=query)).json()
        assert len(found["data"]) == count, query


async def test_a_reference_is_found_as_it_was_given(hakika: Open) -> None:
    """Spaces and composed letters are kept in one spelling, which the search uses as well."""
    asked = await hakika.ask(reference="  cafe\u0301   7 ")
    assert asked["reference"] == "caf\u00e9 7"
    again = await hakika.api.get("/v1/payments", params={"reference": "cafe\u0301  7"})
    assert [one["id"] for one in again.json()["data"]] == [asked["id"]]
    refused = await hakika.api.post(
        "/v1/payments", json={"amount": 5, "phone": "0799999999", "reference": "caf\u00e9 7"}
    )
    assert refused.json()["code"] == "reference_in_use"


async def test_register_follows_a_push_made_elsewhere(hakika: Open) -> None:
    """It counts as prompted; once a query says that it was paid, its amount is flagged as unverified."""
    body = {"checkout_request_id": "ws_CO_other", "phone": "0712345678", "amount": 100, "reference": "order-7"}
    registered = await hakika.api.post("/v1/payments/register", json=body)
    assert registered.status_code == 201
    payment = fits(PaymentShape, registered.json())
    assert payment["stage"] == "prompted"
    hakika.daraja.code = "0"
    asked = (await hakika.api.post(f"/v1/payments/{payment['id']}/query")).json()
    assert (asked["status"], "amount_unverified" in asked["flags"]) == ("completed", True)
    again = await hakika.api.post("/v1/payments/register", json=body)
    assert (again.json()["code"], again.json()["payment"]) == ("already_registered", payment["id"])


async def test_query_asks_daraja_now(hakika: Open) -> None:
    """A success learned by query completes without a receipt; asking again changes nothing."""
    payment, _ = await hakika.prompt()
    hakika.daraja.code = "0"
    answer = await hakika.api.post(f"/v1/payments/{payment['id']}/query")
    asked = fits(PaymentShape, answer.json())
    assert (asked["status"], asked["receipt"], asked["confirmed_by"]) == ("completed", None, "query")
    assert (await hakika.api.post(f"/v1/payments/{payment['id']}/query")).json() == asked


async def test_cancel_stops_only_what_was_not_sent(hakika: Open) -> None:
    """Queued: cancelled, with or without a body. Prompted: 409 that says the payer decides."""
    queued = await hakika.ask()
    cancelled = await hakika.api.post(f"/v1/payments/{queued['id']}/cancel")
    assert fits(PaymentShape, cancelled.json())["status"] in {"cancelled", "failed"}
    prompted, _ = await hakika.prompt(reference="order-2", phone="0712345679")
    refused = await hakika.api.post(f"/v1/payments/{prompted['id']}/cancel", json={"reason": "The customer left."})
    assert (refused.status_code, refused.json()["code"]) == (409, "cannot_cancel")


async def test_resolve_takes_an_operators_word(hakika: Open) -> None:
    """Completed with a receipt, then reversed; what does not fit the state is refused."""
    payment, _ = await hakika.prompt()
    path = f"/v1/payments/{payment['id']}/resolve"
    early = await hakika.api.post(path, json={"outcome": "failed", "reason": "Nobody paid."})
    assert early.json()["code"] == "cannot_resolve"
    word = {"outcome": "completed", "receipt": "nlj7rt61sv", "reason": "On the statement.", "operator": "asha"}
    done = fits(PaymentShape, (await hakika.api.post(path, json=word)).json())
    assert (done["status"], done["receipt"], done["confirmed_by"]) == ("completed", "NLJ7RT61SV", "operator")
    back = await hakika.api.post(path, json={"outcome": "reversed", "reason": "Sent back by hand."})
    assert back.json()["status"] == "reversed"


async def test_accounts_are_added_changed_and_listed_without_their_secrets(hakika: Open) -> None:
    """No answer has a credential; a payment may name the new account, and must once there is no default."""
    body = {
        "name": "westlands", "shortcode": "600000", "till": "5550001", "environment": "simulator",
        "consumer_key": "ck-9", "consumer_secret": "cs-9", "passkey": "pk-9",
    }  # fmt: skip
    hakika.clock.pass_s(1)
    added = await hakika.api.post("/v1/accounts", json=body)
    assert added.status_code == 201
    account = fits(AccountShape, added.json())
    changed = await hakika.api.put("/v1/accounts/westlands", json=body | {"name": "karen", "calls_per_minute": 60})
    assert (changed.json()["id"], changed.json()["name"], changed.json()["calls_per_minute"]) == (
        account["id"],
        "karen",
        60,
    )
    listed = await hakika.api.get("/v1/accounts")
    assert [one["name"] for one in fits(AccountList, listed.json())["data"]] == ["default", "karen"]
    assert not any(secret in added.text + changed.text + listed.text for secret in ("ck-9", "cs-9", "pk-9"))
    assert (await hakika.ask(account="karen"))["account"] == account["id"]


async def test_two_accounts_never_get_one_name(hakika: Open) -> None:
    """Neither by adding nor by renaming, which was an internal error."""
    body = {"name": "a", "shortcode": "600000", "consumer_key": "k", "consumer_secret": "s", "passkey": "p"}
    assert (await hakika.api.post("/v1/accounts", json=body)).status_code == 201
    assert (await hakika.api.post("/v1/accounts", json=body)).json()["code"] == "account_exists"
    assert (await hakika.api.put("/v1/accounts/a", json=body | {"name": "default"})).json()["code"] == "account_exists"
    assert (await hakika.api.put("/v1/accounts/nobody", json=body)).json()["code"] == "not_found"
