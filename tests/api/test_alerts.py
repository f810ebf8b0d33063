"""`/v1/alerts` and `/v1/alert-rules`: listed, read, set; and an endpoint that tells people shows no secret."""

from typing import Any

import pytest
import structlog

from hakika.engine.alerts.lookout import Lookout
from hakika.engine.alerts.rulebook import RULES
from hakika.engine.ids import system_entropy
from hakika.engine.keys import create_key
from tests.api.house import Open, unused_phone

pytestmark = pytest.mark.anyio
NOBODY = "alr_00000000000000000000000000"
TELEGRAM = "tgram://123456789:AAF-the-token-of-a-bot-9xyz/12315544/"


@pytest.fixture
async def told(hakika: Open) -> Open:
    """A house with an alert."""
    await hakika.ask()
    await look(hakika, after_s=301)
    return hakika


async def look(hakika: Open, *, after_s: float) -> None:
    """Let time pass, and look."""
    house = hakika.house
    hakika.clock.pass_s(after_s)
    await Lookout(house.store, house.ledger.notices, house.clock, house.entropy).run_once()


async def visit_live(hakika: Open) -> Any:
    """Whoever has a key for live payments."""
    house = hakika.house
    key, _ = await house.store.write(lambda tx: create_key(tx, "live", "live", house.clock, system_entropy))
    return hakika.visit(headers={"Authorization": f"Bearer {key}"})


async def test_alerts_are_listed_and_read(told: Open) -> None:
    """With what they mean for the money and what to do; by status and rule; page by page; by keys of their mode."""
    (alert,) = (await told.api.get("/v1/alerts")).json()["data"]
    assert (alert["rule"], alert["status"], alert["mode"], alert["told"]) == ("pending-long", "open", "test", 1)
    assert (alert["evidence"]["account"], alert["evidence"]["count"]) == ("default", 1)
    assert all(alert[name] for name in ("title", "summary", "meaning", "cure", "hint", "opened_at"))
    assert (await told.api.get(f"/v1/alerts/{alert['id']}")).json() == alert
    for query, count in (("status=open", 1), ("status=closed", 0), ("rule=disk", 0), ("rule=pending-long", 1)):
        assert len((await told.api.get(f"/v1/alerts?{query}")).json()["data"]) == count, query
    live = await visit_live(told)
    assert (await live.get("/v1/alerts")).json()["data"] == []
    assert (await live.get(f"/v1/alerts/{alert['id']}")).status_code == 404
    for name in (NOBODY, "alr_", "pay_1"):
        assert (await told.api.get(f"/v1/alerts/{name}")).status_code == 404
    assert (await told.api.get("/v1/alerts?cursor=nonsense")).status_code == 422
    assert (await told.visit().get("/v1/alerts")).status_code == 401


async def test_alerts_come_page_by_page(told: Open) -> None:
    """The newest first, each once."""
    await told.ask(reference="order-2", phone=unused_phone())
    path = "/v1/alert-rules/pending-long"
    for active in (False, True, False):
        await told.api.patch(path, json={"active": active})
        await look(told, after_s=31)
    seen, query = [], "/v1/alerts?limit=1"
    while query:
        page = (await told.api.get(query)).json()
        seen += [alert["opened_at"] for alert in page["data"]]
        query = f"/v1/alerts?limit=1&cursor={page['next_cursor']}" if page["has_more"] else ""
    assert len(seen) == 2
    assert seen == sorted(seen, reverse=True)


async def test_rules_are_shown_and_set(hakika: Open) -> None:
    """On or off, thresholds, and back to as shipped; each mode has its own."""
    rules = (await hakika.api.get("/v1/alert-rules")).json()["data"]
    assert [rule["name"] for rule in rules] == list(RULES)
    assert all(rule["active"] and rule["thresholds"] == rule["shipped"] for rule in rules)
    path = "/v1/alert-rules/pending-long"
    changed = (await hakika.api.patch(path, json={"thresholds": {"minutes": 10}})).json()
    assert (changed["active"], changed["thresholds"], changed["shipped"]) == (True, {"minutes": 10}, {"minutes": 5})
    assert (await hakika.api.patch(path, json={"active": False})).json()["thresholds"] == {"minutes": 10}
    assert (await hakika.api.get(path)).json()["active"] is False
    assert (await (await visit_live(hakika)).get(path)).json()["active"] is True
    back = (await hakika.api.patch(path, json={"active": True, "thresholds": {"minutes": None}})).json()
    assert (back["active"], back["thresholds"]) == (True, {"minutes": 5})


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("weather", {"active": False}, 404),
        ("pending-long", {}, 422),
        ("pending-long", {"thresholds": {}}, 422),
        ("pending-long", {"thresholds": {"minutes": 0}}, 422),
        ("pending-long", {"thresholds": {"hours": 1}}, 422),
        ("pending-long", {"thresholds": {"minutes": "10"}}, 422),
        ("pending-long", {"active": False, "mode": "live"}, 422),
    ],
)
async def test_a_change_that_cannot_be_is_refused(lite: Open, name: str, body: dict[str, Any], status: int) -> None:
    """And nothing is changed."""
    assert (await lite.api.patch(f"/v1/alert-rules/{name}", json=body)).status_code == status
    assert (await lite.api.get("/v1/alert-rules/pending-long")).json()["thresholds"] == {"minutes": 5}


# ── people ──────────────────────────────


async def test_the_url_of_a_person_is_shown_nowhere(hakika: Open) -> None:
    """Not when it is made, read, listed or changed, nor where it fails, nor in the log; there is nothing to rotate."""
    with structlog.testing.capture_logs() as lines:
        made = (await hakika.api.post("/v1/endpoints", json={"url": TELEGRAM})).json()
        assert (made["url"], made["secret"]) == ("tgram://…", None)
        assert made["event_types"] == ["alert.opened", "alert.closed"]
        path = f"/v1/endpoints/{made['id']}"
        answers = [
            await hakika.api.get(path),
            await hakika.api.get("/v1/endpoints"),
            await hakika.api.patch(path, json={"url": TELEGRAM.replace("9xyz", "8xyz")}),
            await hakika.api.patch(path, json={"url": f"{TELEGRAM}?verify=no"}),
            await hakika.api.patch(path, json={"url": "https://shop.example/hooks"}),
            await hakika.api.post(f"{path}/rotate", json={}),
            await hakika.api.post(f"{path}/ping"),
            await hakika.api.post("/v1/endpoints", json={"url": f"{TELEGRAM}?verify=no"}),
            await hakika.api.post("/v1/endpoints", json={"url": f"tgram://{'AAF-the-token' * 200}"}),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 422, 422, 422, 200, 422, 422]
    assert answers[6].json()["delivered"] is False
    told = "".join([repr(made), repr(lines), *(answer.text for answer in answers)])
    assert "AAF" not in told
    assert "12315544" not in told
