"""`GET /v1/payments/{id}/explanation`, and the same in the timeline."""

from datetime import UTC, datetime

import pytest

from hakika.api.explanation_shapes import ExplanationShape
from tests.api.house import Open, result

pytestmark = pytest.mark.anyio


async def test_a_payment_is_explained(hakika: Open) -> None:
    """From the phone that rings, past a callback that does not come, to the money: what is said fits the time."""
    payment, path = await hakika.prompt()
    explained = f"/v1/payments/{payment['id']}/explanation"
    ringing = (await hakika.api.get(explained)).json()
    assert (ringing["cause"], ringing["status"], ringing["also"]) == ("ringing", "pending", [])
    hakika.clock.pass_s(80)
    missing = (await hakika.api.get(explained)).json()
    assert (missing["cause"], missing["checks"][0]) == ("callback-missing", "callers.arrival")
    assert "80 s ago" in missing["happened"]
    await hakika.post(path, result("ws_CO_1"))
    paid = (await hakika.api.get(explained)).json()
    assert (paid["cause"], paid["money"]) == ("paid", "KES 100 arrived.")
    ExplanationShape.model_validate(paid, strict=True)


async def test_the_timeline_has_the_explanation(hakika: Open) -> None:
    """One answer has all evidence and what it comes to."""
    payment, path = await hakika.prompt()
    await hakika.post(path, result("ws_CO_1", code=2001))
    told = (await hakika.api.get(f"/v1/payments/{payment['id']}/timeline")).json()
    alone = (await hakika.api.get(f"/v1/payments/{payment['id']}/explanation")).json()
    assert told["explanation"] == alone
    assert (alone["cause"], alone["payment"]) == ("wrong-pin", payment["id"])
    assert datetime.fromisoformat(told["data"][-1]["at"]).tzinfo == UTC


async def test_a_payer_is_told_nothing_of_the_merchant_s_set_up(hakika: Open) -> None:
    """A client secret opens the payment, not its explanation."""
    asked = await hakika.ask()
    payer = hakika.visit(headers={"Authorization": f"Bearer {asked['client_secret']}"})
    answer = await payer.get(f"/v1/payments/{asked['id']}/explanation")
    assert answer.status_code in {401, 403}
