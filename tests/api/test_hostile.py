"""What nobody should send: refused with a clear word or kept as it is, never an error of ours."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from tests.api.house import API_KEY, PHONE, Open, unused_phone
from tests.api.test_wait import until

pytestmark = pytest.mark.anyio
BODY = {"amount": 100, "phone": PHONE, "reference": "order-1"}
HARMLESS = {
    "SQL": "'; DROP TABLE payments; --",
    "LIKE": "%_\\",
    "HTML": "<script>alert(1)</script>&amp;",
    "format": "{0} %s ${jndi:ldap://x}",
    "Arabic": "\u0637\u0644\u0628 \u0661",
    "emoji": "\U0001f355 x 2",
    "Swahili": "Ng'ombe wa Ali \u2013 5",
}
UNSHOWABLE = {
    "NUL": "a\0b",
    "newline in the middle is a space": "a\x07b",
    "right-to-left override": "a\u202eb",
    "zero width": "a\u200bb",
    "half a character": "a\ud800b",
    "escape": "a\x1b[31mb",
    "private": "a\ue000b",
}
ODD_AMOUNTS = ["1e400", "1e2x", '"100"', "true", "false", "null", "0", "-1", "0.5", "100.01", str(2**70), "1" * 400]
ODD_AMOUNTS += ["250001", "NaN", "Infinity", "-Infinity", "[]", "{}", '"KES 100"', "-0", "1e-9"]
ODD_PHONES = [
    "", " ", "0512345678", "071234567", "07123456789", "255712345678", "+1 202 555 0100", "not a phone", "0712345678x",
    "\u0660\u0667\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668", "254712345678\0", "0712345678;0712345679", "+" * 40,
]  # fmt: skip
ODD_METADATA: dict[str, str] = {
    "a list": "[1]",
    "a string": '"x"',
    "NaN": '{"a": NaN}',
    "Infinity": '{"a": [1, -Infinity]}',
    "huge int": f'{{"a": {2**64}}}',
    "more digits than Python reads": f'{{"a": {"9" * 5000}}}',
    "too deep": '{"a":' * 17 + "1" + "}" * 17,
    "very deep": '{"a":' * 900 + "1" + "}" * 900,
    "deeper than JSON is read": '{"a":' * 9_000 + "1" + "}" * 9_000,
    "half a character": '{"a": "\\ud800"}',
    "half a character in a name": '{"\\udfff": 1}',
    "NUL": '{"a": "x\\u0000y"}',
    "NUL in a name": '{"\\u0000": 1}',
    "too many names": json.dumps({str(number): 1 for number in range(51)}),
    "too large": json.dumps({"a": "x" * 8_192}),
}


async def ask(hakika: Open, body: str | bytes) -> Any:
    """Ask with these bytes."""
    return await hakika.api.post("/v1/payments", content=body, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS)
async def test_harmless_text_comes_back_as_it_was(shared: Open, text: str) -> None:
    """In reference, description and metadata; it is found again, and what Daraja gets is safe."""
    asked = await shared.ask(reference=text, description=text, metadata={text: [text]}, phone=unused_phone())
    assert (asked["reference"], asked["description"], asked["metadata"]) == (text, text, {text: [text]})
    found = (await shared.api.get("/v1/payments", params={"reference": text})).json()["data"]
    assert [one["id"] for one in found] == [asked["id"]]
    assert all(letter.isascii() and letter not in "<>'\"%{}" for letter in asked["account_reference"])


@pytest.mark.parametrize("text", UNSHOWABLE.values(), ids=UNSHOWABLE)
@pytest.mark.parametrize("field", ["reference", "description"])
async def test_text_that_cannot_be_shown_is_refused(shared: Open, field: str, text: str) -> None:
    """Two references that look alike must be alike; and NUL does not fit in PostgreSQL."""
    refused = await ask(shared, json.dumps(BODY | {field: text}))
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("path", ["query", "cancel", "resolve"])
async def test_nul_is_refused_wherever_text_goes(hakika: Open, path: str) -> None:
    """In every field of every body, in ids, in filters and cursors: 404 or 422, on both databases."""
    payment = await hakika.ask()
    word = {"outcome": "failed", "reason": "a\0b", "operator": "\0"} if path == "resolve" else {"reason": "a\0b"}
    if path != "query":
        refused = await hakika.api.post(f"/v1/payments/{payment['id']}/{path}", json=word)
        assert refused.status_code == 422
    assert (await hakika.api.post(f"/v1/payments/{payment['id']}%00/{path}", json={})).status_code in {404, 422}
    for name in (
        "reference",
        "phone",
        "receipt",
        "checkout_request_id",
        "status",
        "account",
        "result_code",
        "confirmed_by",
        "flags",
        "late",
        "frozen",
        "cursor",
        "created_after",
    ):
        assert (await hakika.api.get(f"/v1/payments?{name}=a%00b")).status_code == 422, name


@pytest.mark.parametrize(
    "change",
    [
        {"checkout_request_id": "ws\0"}, {"checkout_request_id": ""}, {"checkout_request_id": "x" * 129},
        {"merchant_request_id": "a\0b"}, {"merchant_request_id": "caf\u00e9"}, {"reference": "\0"}, {"account": "\0"},
    ],
)  # fmt: skip
async def test_odd_registrations_are_refused(shared: Open, change: dict[str, Any]) -> None:
    """422, and nothing is followed."""
    body = BODY | {"checkout_request_id": "ws_CO_1"} | change
    assert (await shared.api.post("/v1/payments/register", json=body)).status_code == 422


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a\0b"}, {"name": ""}, {"shortcode": "12"}, {"till": "x"}, {"consumer_key": "a\nb"}, {"passkey": ""},
        {"calls_per_minute": True}, {"calls_per_minute": 0}, {"environment": "moon"}, {"calls_per_minute": 1e-320},
        {"queries_per_minute": 0.01}, {"name": "a/b"}, {"name": "-a"}, {"name": "a" * 65}, {"name": "a b"},
        {"shortcode": "\u0661\u0662\u0663\u0664\u0665"}, {"till": "\u0661\u0662\u0663\u0664\u0665"},
    ],
)  # fmt: skip
async def test_odd_accounts_are_refused(shared: Open, change: dict[str, Any]) -> None:
    """422: a line break in a credential would be one in a header."""
    body = {"name": "a", "shortcode": "600000", "consumer_key": "k", "consumer_secret": "s", "passkey": "p"} | change
    assert (await shared.api.post("/v1/accounts", json=body)).status_code == 422


@pytest.mark.parametrize("amount", ODD_AMOUNTS)
async def test_odd_amounts_are_refused(shared_lite: Open, amount: str) -> None:
    """422, `invalid_amount` for whatever JSON reads: no string, no truth, no fraction, nothing below 1 or too large."""
    body = json.dumps(BODY).replace("100", amount, 1)
    refused = await ask(shared_lite, body)
    expected = "invalid_request" if amount == "1e2x" else "invalid_amount"
    assert (refused.status_code, refused.json()["code"]) == (422, expected)


@pytest.mark.parametrize(("amount", "read"), [("100.0", 100), ("1e2", 100), ("1", 1), ("250000", 250_000)])
async def test_whole_amounts_in_any_spelling_are_taken(lite: Open, amount: str, read: int) -> None:
    """JSON does not tell 100 from 100.0."""
    taken = await ask(lite, json.dumps(BODY).replace("100", amount, 1))
    assert (taken.status_code, taken.json()["amount"]) == (201, read)


@pytest.mark.parametrize("phone", ODD_PHONES)
async def test_odd_phones_are_refused(shared_lite: Open, phone: str) -> None:
    """422 `invalid_phone`; the answer does not repeat the whole number."""
    refused = await shared_lite.api.post("/v1/payments", json=BODY | {"phone": phone})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_phone")
    assert len(phone.strip()) < 10 or phone not in refused.text


@pytest.mark.parametrize("metadata", ODD_METADATA.values(), ids=ODD_METADATA)
async def test_odd_metadata_is_refused(shared: Open, metadata: str) -> None:
    """What would not come back as it was given."""
    body = json.dumps(BODY)[:-1] + f', "metadata": {metadata}}}'
    refused = await ask(shared, body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


async def test_metadata_comes_back_as_it_was_given(hakika: Open) -> None:
    """Up to its limits: 64-bit numbers, nested, with any characters."""
    metadata = {"id": 2**63 - 1, "deep": [[[{"x": [None, True, 1.5, "\u202e \U0001f355"]}]]], "": ""}
    assert (await hakika.ask(metadata=metadata))["metadata"] == metadata


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=101", "limit=x", "limit=1.5", "limit=", f"limit={2**70}", "cursor=zzz", "cursor=",
        "cursor='--", "created_after=yesterday",
        f"created_after={'9' * 30}", "status=paid", "phone=12", "receipt=a%20b", "reference=", "reference=%20",
        "flags=", "flags=%25", "flags=Late", "late=perhaps", "frozen=", "confirmed_by=nobody", "result_code=a%20b",
    ],
)  # fmt: skip
async def test_odd_searches_are_refused(shared: Open, query: str) -> None:
    """422: a filter that is not understood must not give everything."""
    assert (await shared.api.get(f"/v1/payments?{query}")).status_code == 422


@pytest.mark.parametrize(
    "query", ["created_after=0001-01-01", "created_before=9999-12-31", "created_after=0001-01-01T00:00:00%2B14:00"]
)
async def test_extreme_dates_are_dates(shared: Open, query: str) -> None:
    """They find, or do not."""
    assert (await shared.api.get(f"/v1/payments?{query}")).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b"{}" * 9, b"[" * 50_000, b"\0"])
async def test_bodies_that_are_no_objects_are_refused(shared_lite: Open, body: bytes) -> None:
    """422, with the content type of JSON and without."""
    for content_type in ("application/json", "text/plain", "application/x-www-form-urlencoded", ""):
        answer = await shared_lite.api.post("/v1/payments", content=body, headers={"Content-Type": content_type})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_flags_are_no_words(lite: Open) -> None:
    """`allow_repeat: "no"` must not charge twice."""
    for value in ("no", "yes", 1, "true"):
        assert (await lite.api.post("/v1/payments", json=BODY | {"allow_repeat": value})).status_code == 422


async def test_large_bodies_are_refused_before_they_are_read(lite: Open) -> None:
    """413 by the stated length alone, and for a body in pieces once it is too long; 64 KiB are still read."""
    fits = await ask(lite, b" " * (65_536 - 2) + b"{}")
    assert fits.status_code == 422
    assert (await ask(lite, b" " * 65_537)).json()["code"] == "request_too_large"
    sent = await speak(lite, [{"type": "http.request", "body": b"x" * 9_000, "more_body": True}] * 9)
    assert sent["status"] == 413
    unread = await speak(lite, [], (b"content-length", b"99999999"))
    assert unread["status"] == 413


async def speak(
    hakika: Open, coming: list[MutableMapping[str, Any]], *headers: tuple[bytes, bytes]
) -> MutableMapping[str, Any]:
    """Post a body piece by piece. → how the answer starts."""
    pieces, answers = iter(coming), []

    async def receive() -> MutableMapping[str, Any]:
        return next(pieces)

    async def send(message: MutableMapping[str, Any]) -> None:
        answers.append(message)

    await hakika.asgi(scope_of(*headers), receive, send)
    return answers[0]


def scope_of(*headers: tuple[bytes, bytes]) -> MutableMapping[str, Any]:
    """A POST of a payment."""
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/v1/payments", "raw_path": b"/v1/payments", "query_string": b"", "root_path": "",
        "headers": [(b"authorization", f"Bearer {API_KEY}".encode()), *headers],
        "client": ("127.0.0.1", 1), "server": ("hakika.test", 80),
    }  # fmt: skip


async def test_a_body_that_hangs_holds_nothing(hakika: Open) -> None:
    """Fifty senders stop in the middle: no connection to the database is held, and others are served."""
    hang = asyncio.Event()
    started = 0

    async def receive() -> MutableMapping[str, Any]:
        nonlocal started
        started += 1
        await hang.wait()
        return {"type": "http.disconnect"}

    async def send(_: MutableMapping[str, Any]) -> None:
        raise AssertionError("there is nobody to answer")

    hanging = [asyncio.ensure_future(hakika.asgi(scope_of(), receive, send)) for _ in range(50)]
    await until(lambda: started == 50)
    engine = hakika.house.store._read_engine  # type: ignore[attr-defined]
    assert engine.pool.checkedout() == 0
    assert (await hakika.ask())["status"] == "pending"
    hang.set()
    await asyncio.gather(*hanging)
