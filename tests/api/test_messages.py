"""`/v1/message-channels`, `/v1/messages`, `/v1/opt-outs` and what payers reply."""

from typing import Any

import pytest

from hakika.engine.ids import system_entropy
from hakika.engine.keys import create_key
from tests.api.house import Open, result
from tests.engine.payers import mailing

pytestmark = pytest.mark.anyio
SMS = {"kind": "sms", "url": "atalk://wanjiru@atsk_1a2b?from=WANJIRU"}
NOBODY = "mch_00000000000000000000000000"


async def add(hakika: Open, **fields: Any) -> dict[str, Any]:
    """Add a channel."""
    answer = await hakika.api.post("/v1/message-channels", json={**SMS, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def pay(hakika: Open, **fields: Any) -> str:
    """Have a payment paid. → its id."""
    payment, path = await hakika.prompt(**fields)
    await hakika.post(path, result(payment["checkout_request_id"], receipt=f"SFF{payment['id'][-7:].upper()}"))
    return str(payment["id"])


async def test_a_channel_from_its_making_to_its_end(hakika: Open) -> None:
    """Off by default, its secret shown nowhere, neither in the database; changed, read, and deleted."""
    made = await add(hakika, opt_out={"en": "Reply STOP."})
    assert (made["active"], made["in_test_mode"], made["mode"], made["language"]) == (False, False, "test", "en")
    assert made["event_types"] == ["payment.completed", "payment.failed"]
    assert made["replies_url"].startswith("https://pay.example.com/m/")
    assert "atsk_1a2b" not in str(made)
    again = await hakika.api.post("/v1/message-channels", json=SMS)
    assert (again.status_code, again.json()["code"]) == (409, "channel_exists")
    path = f"/v1/message-channels/{made['id']}"
    texts = {"payment.completed": {"sw": "Asante!"}}
    changed = (await hakika.api.patch(path, json={"active": True, "language": "sw", "templates": texts})).json()
    assert changed == {**made, "active": True, "language": "sw", "templates": texts}
    assert (await hakika.api.get(path)).json() == changed
    assert (await hakika.api.get("/v1/message-channels")).json()["data"] == [changed]
    row = await hakika.house.store.read(lambda tx: hakika.state.channels.find(tx, made["id"]))
    assert b"atsk" not in bytes(row.secret)
    assert (await hakika.api.delete(path)).json()["deleted"]
    assert (await hakika.api.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "mailto://u:p@smtp.example.com"),
        ("url", "atalk://wanjiru@key?to=254712345678"),
        ("kind", "pigeon"),
        ("event_types", []),
        ("event_types", ["payment.unresolved"]),
        ("templates", {"payment.completed": {"en": "{secret}"}}),
        ("templates", {"payment.completed": {"fr": "Merci"}}),
        ("subjects", {"payment.completed": {"en": "An SMS has none"}}),
        ("opt_out", {"en": "x" * 101}),
        ("send_within_s", 5),
        ("account", "nobody"),
    ],
)
async def test_what_makes_no_channel_is_refused(lite: Open, field: str, value: object) -> None:
    """422, naming the field."""
    answer = await lite.api.post("/v1/message-channels", json={**SMS, field: value})
    assert answer.status_code == 422, answer.text
    assert field in answer.text
    assert (await lite.api.get("/v1/message-channels")).json()["data"] == []


async def test_a_key_for_live_opens_no_test_channel(lite: Open) -> None:
    """Nor its messages, nor its opt-outs."""
    made = await add(lite)
    out = (await lite.api.post("/v1/opt-outs", json={"recipient": "0712345678"})).json()
    key, _ = await lite.house.store.write(lambda tx: create_key(tx, "live", "live", lite.clock, system_entropy))
    live = lite.visit(headers={"Authorization": f"Bearer {key}"})
    assert (await live.get("/v1/message-channels")).json()["data"] == []
    assert (await live.get(f"/v1/message-channels/{made['id']}")).status_code == 404
    assert (await live.delete(f"/v1/opt-outs/{out['id']}")).status_code == 404
    assert (await live.get("/v1/opt-outs")).json()["data"] == []
    assert (await live.post("/v1/opt-outs", json={"recipient": "0712345678", "mode": "test"})).status_code == 422


async def test_what_a_payer_was_told_is_listed_masked(hakika: Open) -> None:
    """By payment, channel and status; a mail without an address is skipped; this machine is not sent to."""
    async with mailing() as (mailbox, url):
        made = await add(hakika, kind="email", url=url, active=True, in_test_mode=True)
        told = await pay(hakika, metadata={"email": "asha@example.com"})
        assert await hakika.state.postman.run_once() == {"failed": 1}
        assert mailbox.mails == []
    hakika.clock.pass_s(200)
    untold = await pay(hakika, reference="order-2", phone="254711000111")
    await hakika.state.postman.run_once()
    listed = (await hakika.api.get("/v1/messages", params={"payment": told})).json()["data"]
    assert [(one["status"], one["recipient"], one["kind"]) for one in listed] == [
        ("failed", "a***@example.com", "email")
    ]
    assert "HAKIKA_WEBHOOK_ALLOW_PRIVATE" in listed[0]["detail"]
    assert (await hakika.api.get(f"/v1/messages/{listed[0]['id']}")).json() == listed[0]
    (skipped,) = (await hakika.api.get("/v1/messages", params={"status": "skipped"})).json()["data"]
    assert (skipped["payment"], skipped["recipient"]) == (untold, None)
    first = (await hakika.api.get("/v1/messages", params={"limit": 1, "channel": made["id"]})).json()
    rest = (await hakika.api.get("/v1/messages", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [page["data"][0]["payment"] for page in (first, rest)] == [untold, told]
    assert (first["has_more"], rest["has_more"]) == (True, False)


async def test_a_channel_is_tried_before_it_is_turned_on(lite: Open) -> None:
    """With a sample, to whom one says; what is tried is real, and said to be a test."""
    async with mailing() as (_, url):
        made = await add(lite, kind="email", url=url)
        path = f"/v1/message-channels/{made['id']}/try"
        said = (await lite.api.post(path, json={"recipient": "asha@example.com", "language": "sw"})).json()
        assert (said["outcome"], said["object"]) == ("failed", "trial")  # loopback: not sent to
        assert said["text"].startswith("TEST, no real money. ")
        assert "tumepokea KES 100" in said["text"]
        wrong = await lite.api.post(path, json={"recipient": "0712345678"})
        assert (wrong.status_code, wrong.json()["field"]) == (422, "recipient")
    assert (await lite.api.post(f"/v1/message-channels/{NOBODY}/try", json={"recipient": "x@y.zz"})).status_code == 404


async def test_who_wants_none_is_listed_and_allowed_again(hakika: Open) -> None:
    """Said twice is said once; found by the phone in any spelling; of one account or of all."""
    body = {"recipient": "0712 345 678", "reason": "asked on the telephone"}
    out = (await hakika.api.post("/v1/opt-outs", json=body)).json()
    assert (out["recipient"], out["account"], out["source"]) == ("254712345678", None, "operator")
    assert (await hakika.api.post("/v1/opt-outs", json=body)).json()["id"] == out["id"]
    mail = (await hakika.api.post("/v1/opt-outs", json={"recipient": "Asha@Example.com", "account": "default"})).json()
    assert (mail["recipient"], mail["account"]) == ("asha@example.com", hakika.house.accounts.known()[0].id)
    found = (await hakika.api.get("/v1/opt-outs", params={"recipient": "+254712345678"})).json()["data"]
    assert found == [out]
    assert len((await hakika.api.get("/v1/opt-outs", params={"limit": 1})).json()["data"]) == 1
    assert (await hakika.api.delete(f"/v1/opt-outs/{out['id']}")).json()["deleted"]
    assert (await hakika.api.get("/v1/opt-outs")).json()["data"] == [mail]
    assert (await hakika.api.post("/v1/opt-outs", json={"recipient": "asha"})).status_code == 422


async def test_a_payers_stop_needs_no_key_but_the_channels_own_path(hakika: Open) -> None:
    """As Africa's Talking posts it; whatever comes to another path is answered alike, and does nothing."""
    made = await add(hakika)
    path = made["replies_url"].removeprefix("https://pay.example.com")
    stranger = hakika.visit("203.0.113.7")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    many = "&".join(f"a{number}=1" for number in range(99))
    for where, body in (
        ("/m/" + "0" * 32, "from=%2B254712345678&text=STOP"),
        ("/m/x", ""),
        (path, many),
        (path, "text=STOP"),
    ):
        answer = await stranger.post(where, content=body, headers=form)
        assert (answer.status_code, answer.text) == (200, "OK")
    assert (await hakika.api.get("/v1/opt-outs")).json()["data"] == []
    await stranger.post(path, content="from=%2B254712345678&text=Stop+please&to=22384&id=1", headers=form)
    (out,) = (await hakika.api.get("/v1/opt-outs")).json()["data"]
    assert (out["recipient"], out["source"], out["account"]) == ("254712345678", "payer", made["account"])
