"""`/v1/endpoints`: made, shown, changed, turned off and on, rotated, pinged and deleted."""

from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from hakika.engine.ids import system_entropy
from hakika.engine.keys import create_key
from tests.api.house import Open
from tests.engine.receiver import Receiver, receiving

pytestmark = pytest.mark.anyio
URL = "https://shop.example/hooks"
NOBODY = "ep_00000000000000000000000000"


async def add(hakika: Open, **fields: Any) -> dict[str, Any]:
    """Add an endpoint."""
    answer = await hakika.api.post("/v1/endpoints", json={"url": URL, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def listen(hakika: Open, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    """Add an endpoint that leads to a receiver on this machine, which its rule is made to allow."""
    store = hakika.house.store
    made = await add(hakika, **fields)
    url = f"http://127.0.0.1:{receiver.port}/hook"
    from hakika.store.webhooks.endpoints import change_endpoint  # noqa: PLC0415

    await store.write(lambda tx: change_endpoint(tx, made["id"], {"url": url}))
    return made


async def test_a_secret_is_shown_once(hakika: Open) -> None:
    """In the answer that made it, and nowhere after."""
    made = await add(hakika, description="The shop", event_types=["payment.completed"])
    assert made["secret"].startswith("whsec_")
    shown = (await hakika.api.get(f"/v1/endpoints/{made['id']}")).json()
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert (await hakika.api.get("/v1/endpoints")).json()["data"] == [shown]
    assert (shown["status"], shown["mode"], shown["owed"]) == ("healthy", "test", 0)


async def test_a_secret_is_encrypted_in_the_database(hakika: Open) -> None:
    """Who reads a copy of the database cannot sign."""
    from hakika.store.webhooks.endpoints import find_endpoint  # noqa: PLC0415

    made = await add(hakika)
    row = await hakika.house.store.read(lambda tx: find_endpoint(tx, made["id"]))
    assert row is not None
    assert made["secret"].encode() not in bytes(row.secret or b"")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://shop.example/x", "https://", "shop.example/hook", "https://asha:secret@shop.example/", "http://[::1]/",
        "https://shop.example/#x", "http://127.0.0.1:3000/hook", "https://169.254.169.254/", "https://shop.example/ x",
        "https://shop.example:99999/",
    ],
)  # fmt: skip
async def test_a_url_that_cannot_be_is_refused(lite: Open, url: str) -> None:
    """With the field named, before anything is stored."""
    answer = await lite.api.post("/v1/endpoints", json={"url": url})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_request", "url")
    assert (await lite.api.get("/v1/endpoints")).json()["data"] == []


async def test_a_type_that_does_not_exist_is_refused(lite: Open) -> None:
    """A misspelt type would never be delivered, and nobody would know."""
    answer = await lite.api.post("/v1/endpoints", json={"url": URL, "event_types": ["payment.complete"]})
    assert (answer.status_code, answer.json()["field"]) == (422, "event_types")


async def test_what_is_given_is_changed(hakika: Open) -> None:
    """And nothing else; off it is shown as off, with a reason, and on again without."""
    made = await add(hakika, description="The shop")
    path = f"/v1/endpoints/{made['id']}"
    off = (await hakika.api.patch(path, json={"active": False})).json()
    assert (off["status"], off["off_reason"], off["description"]) == ("off", "It was turned off by hand.", "The shop")
    on = (await hakika.api.patch(path, json={"active": True, "event_types": ["payment.failed"]})).json()
    assert (on["status"], on["off_reason"], on["event_types"]) == ("healthy", None, ["payment.failed"])
    assert (await hakika.api.patch(path, json={"url": "nonsense"})).status_code == 422


async def test_a_key_of_the_other_mode_sees_nothing(hakika: Open) -> None:
    """Neither the endpoint nor that there is one."""
    made = await add(hakika)
    house = hakika.house
    key, _ = await house.store.write(lambda tx: create_key(tx, "live", "live", house.clock, system_entropy))
    live = hakika.visit(headers={"Authorization": f"Bearer {key}"})
    assert (await live.get("/v1/endpoints")).json()["data"] == []
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/ping")):
        answer = await live.request(method, f"/v1/endpoints/{made['id']}{path}", json={})
        assert answer.status_code == 404, path
    answer = await live.post("/v1/endpoints", json={"url": "http://shop.example/hook"})
    assert (answer.status_code, answer.json()["field"]) == (422, "url")


async def test_rotation_gives_a_new_secret_once(hakika: Open) -> None:
    """And says until when the old one signs."""
    made = await add(hakika)
    rotated = (await hakika.api.post(f"/v1/endpoints/{made['id']}/rotate", json={"overlap_s": 60})).json()
    assert rotated["secret"] != made["secret"]
    assert rotated["old_secret_until"] is not None
    assert "secret" not in (await hakika.api.get(f"/v1/endpoints/{made['id']}")).json()


async def test_a_ping_says_what_came_of_it(hakika: Open) -> None:
    """Refused by our own rule: not delivered, with the reason; allowed: delivered, signed, and logged."""
    async with receiving() as receiver:
        made = await listen(hakika, receiver)
        refused = (await hakika.api.post(f"/v1/endpoints/{made['id']}/ping")).json()
        assert (refused["delivered"], receiver.got) == (False, [])
        assert "127.0.0.1 is this machine's own" in refused["attempt"]["error"]
        hakika.deliverer._sender._rule = hakika.house.rule._replace(everything=True)
        pinged = (await hakika.api.post(f"/v1/endpoints/{made['id']}/ping")).json()
        assert (pinged["delivered"], pinged["attempt"]["status_code"]) == (True, 200)
        assert receiver.got[0].event["type"] == "test.ping"
        Webhook(made["secret"]).verify(receiver.got[0].body, receiver.got[0].headers)
        told = (await hakika.api.get(f"/v1/endpoints/{made['id']}/deliveries")).json()["data"]
        assert [one["status"] for one in told] == ["delivered", "exhausted"]


async def test_what_is_deleted_is_gone(hakika: Open) -> None:
    """With what it was owed; a second time there is nothing to delete."""
    made = await add(hakika)
    await hakika.ask()
    assert (await hakika.api.get(f"/v1/endpoints/{made['id']}")).json()["owed"] == 1
    assert (await hakika.api.delete(f"/v1/endpoints/{made['id']}")).json()["deleted"] is True
    assert (await hakika.api.delete(f"/v1/endpoints/{made['id']}")).status_code == 404
    assert (await hakika.api.get("/v1/deliveries")).json()["data"] == []
    assert (await hakika.api.get(f"/v1/endpoints/{NOBODY}")).status_code == 404
