"""`verify_webhook` agrees with the specification, and with the library that is its reference."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from standardwebhooks import WebhookVerificationError as TheirError

from hakika.client import WebhookVerificationError, verify_webhook
from tests.client.wire import PAYMENT, event

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
NOW = 1_790_000_000
BODY = json.dumps(event(7)).encode()


def signed(body: bytes = BODY, secret: str = SECRET, at: int = NOW, message_id: str = "evt_7") -> dict[str, str]:
    """The headers of a webhook, as the reference library signs it."""
    signature = Webhook(secret).sign(message_id, datetime.fromtimestamp(at, UTC), body.decode())
    return {"webhook-id": message_id, "webhook-timestamp": str(at), "webhook-signature": signature}


def test_what_the_reference_signs_is_an_event() -> None:
    """Read and typed; the body as bytes or as text."""
    told = verify_webhook(BODY, signed(), SECRET, now=NOW)
    assert (told.id, told.type, told.number) == ("evt_7", "payment.completed", 7)
    assert told.data == PAYMENT
    assert verify_webhook(BODY.decode(), signed(), SECRET, now=NOW) == told


def test_the_specifications_vector_is_understood() -> None:
    """The known signature of a known body and secret is found right: only then is the body looked at."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    with pytest.raises(WebhookVerificationError, match="signed, but no event"):
        verify_webhook(b'{"test": 2432232314}', headers, SECRET, now=1614265330)


@given(
    body=st.dictionaries(st.text(), st.text()),
    key=st.binary(min_size=24, max_size=64),
    message_id=st.from_regex(r"[a-z0-9_]{1,64}", fullmatch=True),
    at=st.integers(NOW - 299, NOW + 299),
    mangled=st.sampled_from(["", "body", "id", "time", "key"]),
)
def test_it_agrees_with_the_reference(body: Any, key: bytes, message_id: str, at: int, mangled: str) -> None:
    """Whatever is signed, and whatever of it is changed on the way: both accept it, or both refuse it."""
    secret = "whsec_" + base64.b64encode(key).decode()
    raw = json.dumps({"id": "evt_1", "type": "t", "data": body}).encode()
    headers = signed(raw, secret, at, message_id)
    raw += b" " if mangled == "body" else b""
    headers["webhook-id"] += "x" if mangled == "id" else ""
    headers["webhook-timestamp"] = str(at + 1) if mangled == "time" else str(at)
    secret = OTHER if mangled == "key" else secret
    try:
        accepted = verify_webhook(raw, headers, secret, now=NOW).id == "evt_1"
    except WebhookVerificationError:
        accepted = False
    # The reference has no clock handed in: what it checks of the time is compared in the next test.
    their = Webhook(secret).sign(
        headers["webhook-id"], datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC), raw.decode()
    )
    assert accepted == (their == headers["webhook-signature"]) == (mangled == "")


@pytest.mark.parametrize("age_s", [0, 200, -200, 400, -400, 86_400])
def test_ages_are_judged_as_the_reference_does(age_s: int) -> None:
    """Five minutes, either way."""
    at = int(datetime.now(UTC).timestamp()) - age_s
    headers, verdicts = signed(at=at), []
    for verify in (lambda: Webhook(SECRET).verify(BODY, headers), lambda: verify_webhook(BODY, headers, SECRET)):
        try:
            verify()
            verdicts.append("ok")
        except (TheirError, WebhookVerificationError):
            verdicts.append("refused")
    assert verdicts == ["ok" if abs(age_s) < 300 else "refused"] * 2


@pytest.mark.parametrize(("age_s", "passes"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_the_tolerance_is_a_setting(age_s: int, passes: bool) -> None:
    """Its edges belong to it."""
    headers = signed(at=NOW - age_s)
    if passes:
        verify_webhook(BODY, headers, SECRET, now=NOW)
    else:
        with pytest.raises(WebhookVerificationError, match=r"301 s (ago|ahead)"):
            verify_webhook(BODY, headers, SECRET, now=NOW)
        verify_webhook(BODY, headers, SECRET, now=NOW, tolerance_s=600)


def test_a_secret_may_be_rotated() -> None:
    """Two signatures: the one that fits counts, first or second; signatures of other versions do not."""
    ours, others = signed()["webhook-signature"], signed(secret=OTHER)["webhook-signature"]
    for signatures in (f"{ours} {others}", f"{others} {ours}", f"v1a,xxxx {others} {ours} v2,yyyy"):
        verify_webhook(BODY, signed() | {"webhook-signature": signatures}, SECRET, now=NOW)
    for signatures in (others, ours.replace("v1,", "v1a,"), ours.replace("v1,", ""), ours[:-1], "v1,", "v1", ",", "é"):
        with pytest.raises(WebhookVerificationError):
            verify_webhook(BODY, signed() | {"webhook-signature": signatures}, SECRET, now=NOW)


def test_headers_are_found_however_they_are_spelled() -> None:
    """Frameworks differ in the case of names."""
    for spell in (str.upper, str.title):
        verify_webhook(BODY, {spell(name): value for name, value in signed().items()}, SECRET, now=NOW)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", [None, "", "nonsense", "-1", "1e9", "9" * 400, "\u0661"])
def test_headers_that_are_wrong_are_refused(name: str, value: str | None) -> None:
    """Missing, empty or nonsense: never another exception."""
    headers = signed()
    del headers[name]
    if value is not None:
        headers[name] = value
    with pytest.raises(WebhookVerificationError):
        verify_webhook(BODY, headers, SECRET, now=NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!", "not base64", "whsec_é", "whsec_a"])
def test_a_secret_that_is_none_is_refused(secret: str) -> None:
    """An empty one above all: with it anybody could sign."""
    with pytest.raises(WebhookVerificationError, match="whsec_"):
        verify_webhook(BODY, signed(), secret, now=NOW)


def test_the_prefix_may_be_missing() -> None:
    """As in the specification."""
    verify_webhook(BODY, signed(), SECRET.removeprefix("whsec_"), now=NOW)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b"{", b'{"id": 1, "type": "t"}'])
def test_what_is_signed_and_no_event_is_refused(body: bytes) -> None:
    """As an error of the same kind: a receiver has one thing to catch."""
    with pytest.raises(WebhookVerificationError):
        verify_webhook(body, signed(body), SECRET, now=NOW)
