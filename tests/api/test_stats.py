"""`GET /v1/stats`: how payments fare, over HTTP."""

import pytest

from hakika.engine.ids import system_entropy
from hakika.engine.keys import create_key
from tests.api.clients import call_back
from tests.api.house import Open, result, unused_phone

pytestmark = pytest.mark.anyio


async def test_stats_of_today_and_of_other_days(hakika: Open) -> None:
    """One paid, one cancelled, one pending: by themselves the figures are of seven days, up to today in Nairobi."""
    for number, code in enumerate((0, 1032, None), 1):
        await hakika.prompt(phone=unused_phone(), reference=f"order-{number}")
        hakika.clock.pass_s(4)
        if code is not None:
            await call_back(hakika, result(f"ws_CO_{number}", code=code))
    answer = await hakika.api.get("/v1/stats")
    told = answer.json()
    assert (answer.status_code, told["from"], told["to"], len(told["by_day"])) == (200, "2026-09-15", "2026-09-21", 7)
    assert (told["mode"], told["account"], told["at"]) == ("test", None, "2026-09-21T14:13:32.000Z")
    assert {name: told["payments"][name] for name in ("asked", "known", "completed", "success_rate")} == {
        "asked": 3,
        "known": 2,
        "completed": 1,
        "success_rate": 0.5,
    }
    assert told["time_to_certainty"] == {"payments": 2, "p50_s": 4.0, "p99_s": 4.0}
    assert [reason["code"] for reason in told["by_reason"]] == ["1032"]
    assert told["by_hour"][17]["asked"] == 3
    for asked, number in (("days=1", 3), ("mode=test&account=default", 3), ("to=2026-09-20", 0)):
        told = (await hakika.api.get(f"/v1/stats?{asked}")).json()
        assert told["payments"]["asked"] == number, asked


@pytest.mark.parametrize(
    "asked", ["days=0", "days=93", "from=2026-02-30", "from=2026-09-22", "from=2026-09-20&days=2", "account=nobody"]
)
async def test_what_is_no_period_is_a_problem(shared_lite: Open, asked: str) -> None:
    """422, naming the field: never a long read, never a guess."""
    answer = await shared_lite.api.get(f"/v1/stats?{asked}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert asked.partition("=")[0] in answer.text


async def test_a_key_sees_its_own_mode_alone(shared_lite: Open) -> None:
    """A key for live payments counts no test payments, nor the reverse; without a key there are no figures."""
    house = shared_lite.house
    await shared_lite.ask(phone=unused_phone(), reference="seen-by-test-alone")
    key, _ = await house.store.write(lambda tx: create_key(tx, "live", "live", house.clock, system_entropy))
    live = shared_lite.visit(headers={"Authorization": f"Bearer {key}"})
    told = (await live.get("/v1/stats")).json()
    assert (told["mode"], told["payments"]["asked"]) == ("live", 0)
    assert (await shared_lite.api.get("/v1/stats")).json()["payments"]["asked"] == 1
    assert (await live.get("/v1/stats?mode=test")).status_code == 422
    assert (await shared_lite.api.get("/v1/stats?mode=live")).status_code == 422
    assert (await shared_lite.visit().get("/v1/stats")).status_code == 401
