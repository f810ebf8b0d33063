"""Every error, as a caller meets it: a problem document that says what it means for the money and what to do."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from hakika.api.door import ACTS
from hakika.api.health import error_kinds
from hakika.api.problems import Problem
from hakika.domain.errors import StoreUnavailable
from tests.api.house import API_KEY, PHONE, Open, result

pytestmark = pytest.mark.anyio
BODY = {"amount": 100, "phone": PHONE, "reference": "order-1"}
NOBODY = f"pay_{'0' * 26}"
# What no request brings about: the roots of branches, what stops a start, what freezes a payment.
# `link_used` is a page for payers (tests/pages), the others are never raised to a caller.
NOT_BY_HTTP = {"conflict", "unavailable", "setting", "invariant_broken", "link_used"}

Provocation = Callable[[Open, pytest.MonkeyPatch], Awaitable[httpx2.Response]]
PROVOCATIONS: dict[str, Provocation] = {}


def provokes(code: str) -> Callable[[Provocation], Provocation]:
    """Note that the function provokes that error."""
    return lambda function: PROVOCATIONS.setdefault(code, function)


@provokes("invalid_request")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    return await hakika.api.post("/v1/payments", json=BODY | {"colour": "red"})


@provokes("unknown_nonce")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    return await hakika.visit().get("/doctor/echo/made-up")


@provokes("invalid_phone")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    return await hakika.api.post("/v1/payments", json=BODY | {"phone": "0512345678"})


@provokes("invalid_amount")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    return await hakika.api.post("/v1/payments", json=BODY | {"amount": 250_001})


@provokes("not_authenticated")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    return await hakika.visit().get("/v1/payments")


@provokes("too_many_requests")
async def _(hakika: Open, monkeypatch: pytest.MonkeyPatch) -> httpx2.Response:
    monkeypatch.setattr(hakika.asgi._others._app.state.door, "_to_anyone", True)  # type: ignore[attr-defined]
    stranger = hakika.visit("203.0.113.9")
    for _attempt in range(ACTS):
        await stranger.post("/payment/query", json={})
    return await stranger.post("/payment/query", json={})


@provokes("prompt_refused")
async def _(hakika: Open, monkeypatch: pytest.MonkeyPatch) -> httpx2.Response:
    monkeypatch.setattr("hakika.api.compat.PUSH_ANSWERED_WITHIN_MS", 0)
    shown = {"row": await hakika.cashier.read((await hakika.ask())["id"])}

    async def refused(*_: Any) -> Any:
        return shown["row"]._replace(status="failed", stage="", code="400.002.02")

    monkeypatch.setattr(hakika.cashier, "wait", refused)
    asked = {"order_id": "order-2", "phone": "0712345679", "amount": 1}
    return await hakika.api.post("/api/v1/payments/mpesa/initiate", json=asked)


@provokes("not_found")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    return await hakika.api.get(f"/v1/payments/{NOBODY}")


@provokes("method_not_allowed")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    return await hakika.api.delete("/v1/payments")


@provokes("request_too_large")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    return await hakika.api.post("/v1/payments", content=b" " * 65_537)


@provokes("not_local")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    return await hakika.api.get("/local/keys")


@provokes("reference_in_use")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    await hakika.ask()
    return await hakika.api.post("/v1/payments", json=BODY | {"phone": "0799999999"})


@provokes("payer_busy")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    await hakika.ask()
    return await hakika.api.post("/v1/payments", json=BODY | {"reference": "order-2"})


@provokes("repeated_too_soon")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    _payment, path = await hakika.prompt()
    await hakika.post(path, result("ws_CO_1", code=1032))
    return await hakika.api.post("/v1/payments", json=BODY)


@provokes("idempotency_key_reused")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    await hakika.api.post("/v1/payments", json=BODY, headers={"Idempotency-Key": "k"})
    return await hakika.api.post("/v1/payments", json=BODY | {"amount": 1}, headers={"Idempotency-Key": "k"})


@provokes("idempotency_key_in_flight")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    hakika.cashier._once._in_flight.add(("HAKIKA_API_KEY", "k"))
    return await hakika.api.post("/v1/payments", json=BODY, headers={"Idempotency-Key": "k"})


@provokes("cannot_cancel")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    payment, _path = await hakika.prompt()
    return await hakika.api.post(f"/v1/payments/{payment['id']}/cancel")


@provokes("already_ended")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    payment = await hakika.ask()
    await hakika.api.post(f"/v1/payments/{payment['id']}/cancel")
    return await hakika.api.post(f"/v1/payments/{payment['id']}/cancel")


@provokes("cannot_query")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    payment = await hakika.ask()
    return await hakika.api.post(f"/v1/payments/{payment['id']}/query")


@provokes("cannot_resolve")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    payment, _path = await hakika.prompt()
    return await hakika.api.post(
        f"/v1/payments/{payment['id']}/resolve", json={"outcome": "reversed", "reason": "Sent back."}
    )


@provokes("already_registered")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    await hakika.prompt()
    return await hakika.api.post("/v1/payments/register", json=BODY | {"checkout_request_id": "ws_CO_1"})


@provokes("account_exists")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    body = {"name": "default", "shortcode": "600000", "consumer_key": "k", "consumer_secret": "s", "passkey": "p"}
    return await hakika.api.post("/v1/accounts", json=body)


@provokes("channel_exists")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    body = {"kind": "sms", "url": "atalk://wanjiru@key"}
    await hakika.api.post("/v1/message-channels", json=body)
    return await hakika.api.post("/v1/message-channels", json=body)


@provokes("checkout_ended")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    made = (await hakika.api.post("/v1/checkouts", json={"reference": "order-1", "amount": 1})).json()
    await hakika.api.post(f"/v1/checkouts/{made['id']}/cancel")
    return await hakika.api.post(f"/v1/checkouts/{made['id']}/cancel")


@provokes("checkout_busy")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    made = (await hakika.api.post("/v1/checkouts", json={"reference": "order-1", "amount": 1})).json()
    await hakika.visit().post(f"/pay/{made['id']}", data={"phone": PHONE})
    return await hakika.api.post(f"/v1/checkouts/{made['id']}/cancel")


@provokes("invalid_cursor")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    return await hakika.api.get("/v1/events?after=00000000-1")


@provokes("client_secret_refused")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    secret = (await hakika.ask())["client_secret"]
    return await hakika.visit(headers={"Authorization": f"Bearer {secret}"}).get("/v1/payments")


@provokes("budget_spent")
async def _(hakika: Open, _: pytest.MonkeyPatch) -> httpx2.Response:
    payment, _path = await hakika.prompt()
    url = f"/v1/payments/{payment['id']}/query"
    while (answer := await hakika.api.post(url)).status_code == 200:
        pass
    return answer


@provokes("store_unavailable")
async def _(hakika: Open, monkeypatch: pytest.MonkeyPatch) -> httpx2.Response:
    async def fail(_: object) -> None:
        raise StoreUnavailable("SQLite: disk I/O error")

    monkeypatch.setattr(hakika.house.store, "write", fail)
    return await hakika.api.post("/v1/payments", json=BODY)


@provokes("internal")
async def _(hakika: Open, monkeypatch: pytest.MonkeyPatch) -> httpx2.Response:
    async def fail(_: object) -> None:
        raise ZeroDivisionError("Traceback: the secret of the vault")

    monkeypatch.setattr(hakika.house.store, "write", fail)
    return await hakika.api.post("/v1/payments", json=BODY)


def test_every_error_is_provoked() -> None:
    """The list above is complete: a new error needs its provocation here."""
    assert {kind.code for kind in error_kinds()} - NOT_BY_HTTP == set(PROVOCATIONS)


@pytest.mark.parametrize("code", PROVOCATIONS)
async def test_each_error_is_a_problem_with_money_and_cure(
    lite: Open, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its media type, its status in head and body, what it means for the money, what to do; and its type is a page."""
    answer = await PROVOCATIONS[code](lite, monkeypatch)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(answer.json(), strict=True)
    assert (problem.code, problem.status, problem.type) == (code, answer.status_code, f"/v1/errors/{code}")
    assert all((problem.title, problem.detail, problem.money, problem.cure))
    assert "Traceback" not in answer.text
    page = (await lite.visit().get(problem.type)).json()
    assert {name: page[name] for name in ("code", "title", "status", "money", "cure")} == {
        "code": code, "title": problem.title, "status": problem.status, "money": problem.money, "cure": problem.cure,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "least", "most"),
    [
        ("payer_busy", 1, 120),
        ("repeated_too_soon", 1, 120),
        ("budget_spent", 1, 60),
        ("idempotency_key_in_flight", 1, 1),
        ("store_unavailable", 2, 2),
    ],
)
async def test_what_passes_says_when_to_come_again(
    lite: Open, code: str, least: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Retry-After, whole seconds."""
    answer = await PROVOCATIONS[code](lite, monkeypatch)
    assert least <= int(answer.headers["retry-after"]) <= most


@pytest.mark.parametrize("code", ["reference_in_use", "payer_busy", "repeated_too_soon", "already_registered"])
async def test_a_conflict_names_the_payment(lite: Open, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the caller can read it."""
    answer = await PROVOCATIONS[code](lite, monkeypatch)
    assert (await lite.read(answer.json()["payment"]))["reference"] == "order-1"


async def test_a_wrong_method_is_told_all_that_work(lite: Open) -> None:
    """`Allow` names the methods of every route of that path, not those of the first alone."""
    answer = await lite.api.delete("/v1/payments")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "POST"}
    assert set((await lite.api.patch("/v1/payments/register")).headers["allow"].split(", ")) == {"GET", "POST"}
    assert (await lite.visit().post("/health")).headers["allow"] == "GET"


async def test_unknown_paths_are_problems(lite: Open) -> None:
    """Under /v1 and beside it, whatever is in them."""
    for path in ("/v1/nothing", "/nothing", "/", "/v1/payments/x/y", "/%00", "/v1/payments/%00", "/c", "/%F0%9F%98%80"):
        answer = await lite.api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


async def test_the_wrong_fields_are_named(lite: Open) -> None:
    """Each with what is wrong with it; of very many, the first twenty."""
    answer = await lite.api.post("/v1/payments", json={"amount": 1, "phone": 7, "colour": "red"})
    assert {fault["field"] for fault in answer.json()["errors"]} == {"phone", "reference", "colour"}
    many = await lite.api.post("/v1/payments", json=BODY | {f"field-{number}": 1 for number in range(100)})
    assert len(many.json()["errors"]) == 20
    odd = await lite.api.post("/v1/payments", content=json.dumps(BODY | {"\ud800" * 500: 1}))
    assert odd.status_code == 422


async def test_not_ready_without_database_or_worker(lite: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 that says which; /health answers all the same."""
    lite.clock.pass_s(31)
    late = await lite.visit().get("/ready")
    assert (late.status_code, late.json()["checks"]["worker"]) == (503, "late")

    async def fail(_: object) -> None:
        raise StoreUnavailable("SQLite: disk I/O error")

    monkeypatch.setattr(lite.house.store, "read", fail)
    gone: dict[str, Any] = (await lite.visit().get("/ready")).json()
    assert (gone["status"], gone["checks"]["database"]) == ("not_ready", "SQLite: disk I/O error")
    assert (await lite.visit().get("/health", headers={"Authorization": API_KEY})).status_code == 200
