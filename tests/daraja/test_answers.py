"""What Daraja answers, shape by shape."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakika.daraja.answers import read_push_answer, read_query_answer, read_token_answer
from hakika.daraja.codes import CodeClass, look_up
from hakika.daraja.errors import TokenUnavailable, WrongKeyOrSecret
from hakika.daraja.protocol import Answer
from hakika.domain.evidence import PushAccepted, PushLost, PushRefused, QueryAnswered, QueryUnanswered
from tests.daraja.recordings import ASKED_ID, CHECKOUT_REQUEST_ID, answer, load

# HTTP status, payload, code of the refusal, worth re-sending, token invalid, pressure.
_REFUSALS = [
    (400, "error_invalid_phone.json", "400.002.02", False, False, False),
    (400, "error_invalid_callback_url.json", "400.002.02", False, False, False),
    (400, "error_invalid_remarks.json", "400.002.02", False, False, False),
    (200, "error_invalid_phone.json", "400.002.02", False, False, False),
    (500, "error_invalid_phone.json", "400.002.02", False, False, False),
    (400, "error_bad_payload.json", "400.002.05", False, False, False),
    (404, "error_invalid_access_token.json", "404.001.03", True, True, False),
    (200, "error_invalid_access_token.json", "404.001.03", True, True, False),
    (400, "error_token_400_003_01.json", "400.003.01", True, True, False),
    (401, "error_token_401_002_01.json", "401.002.01", True, True, False),
    (400, "error_auth_type.json", "400.008.01", True, True, False),
    (400, "error_grant_type.json", "400.008.02", True, True, False),
    (401, "fault_invalid_token.json", "401", True, True, False),
    (401, "empty.txt", "401", True, True, False),
    (401, "bad_gateway.html", "401", True, True, False),
    (400, "error_400_008_02_phone.json", "400.008.02", False, False, False),
    (401, "error_no_apiproduct.json", "401.003.01", False, False, False),
    (404, "error_no_path.json", "404.001.01", False, False, False),
    (405, "error_method.json", "405.001", False, False, False),
    (500, "error_wrong_credentials.json", "500.001.1001", False, False, False),
    (200, "error_wrong_credentials.json", "500.001.1001", False, False, False),
    (400, "error_merchant_unknown.json", "500.001.1001", False, False, False),
    (500, "error_500_invalid_field.json", "500.001.1001", False, False, False),
    (500, "error_subscriber_locked.json", "500.001.1001", False, False, False),
    (500, "error_spike_arrest.json", "500.003.02", True, False, True),
    (500, "error_quota.json", "500.003.03", True, False, True),
    (429, "fault_spike_arrest.json", "policies.ratelimit.SpikeArrestViolation", True, False, True),
    (429, "fault_quota.json", "policies.ratelimit.QuotaViolation", True, False, True),
    (429, "error_busy.json", "429", True, False, True),
    (429, "empty.txt", "429", True, False, True),
    (429, "bad_gateway.html", "429", True, False, True),
]

# HTTP status, payload, pressure.
_LOSSES = [
    (500, "error_busy.json", True),
    (503, "error_busy.json", True),
    (200, "error_busy.json", True),
    (500, "error_internal.json", False),
    (500, "error_system_internal.json", False),
    (500, "error_500_invalid_response.json", False),
    (500, "error_maintenance.json", False),
    (200, "error_maintenance.json", False),
    (200, "error_empty_message.json", False),
    (500, "query_being_processed.json", False),
    (400, "error_undocumented_400.json", False),
    (500, "fault_upstream.json", False),
    (401, "fault_no_apiproduct.json", False),
    (500, "soap_fault.json", False),
    (200, "soap_fault.json", False),
    (503, "incapsula.html", True),
    (403, "incapsula.html", False),
    (502, "bad_gateway.html", False),
    (200, "bad_gateway.html", False),
    (302, "bad_gateway.html", False),
    (307, "empty.txt", False),
    (400, "empty.txt", False),
    (200, "empty.txt", False),
    (204, "empty.txt", False),
    (200, "garbage.txt", False),
    (200, "push_without_id.json", False),
    (200, "push_response_code_1.json", False),
]


@pytest.mark.parametrize("status", [200, 201, 500])
def test_an_accepted_push(status: int) -> None:
    """ResponseCode 0 with a CheckoutRequestID is an acceptance, even beside a wrong status."""
    outcome = read_push_answer(answer(status, "push_accepted.json"), 2, 77)
    assert outcome.reading == PushAccepted(77, 2, CHECKOUT_REQUEST_ID, "29115-34620561-1")
    assert (outcome.http_status, outcome.raw) == (status, load("push_accepted.json"))
    assert (outcome.token_invalid, outcome.pressure, outcome.retry_after_s) == (False, False, 0)


@pytest.mark.parametrize("response_code", [b"0", b'"00000000"', b'" 0 "'])
def test_a_response_code_in_other_clothes(response_code: bytes) -> None:
    """Number, padded or eight zeros: still accepted (daraja.md §7, Acks)."""
    body = load("push_accepted.json").replace(b'"ResponseCode": "0"', b'"ResponseCode": ' + response_code)
    assert isinstance(read_push_answer(Answer(200, {}, body), 1, 1).reading, PushAccepted)


@pytest.mark.parametrize(("status", "name", "code", "resend", "token_invalid", "pressure"), _REFUSALS)
def test_a_refused_push(status: int, name: str, code: str, resend: bool, token_invalid: bool, pressure: bool) -> None:
    """What Daraja surely did not process, and whether sending it again may help (daraja.md §1, §7)."""
    outcome = read_push_answer(answer(status, name), 1, 77)
    reading = outcome.reading
    assert isinstance(reading, PushRefused)
    assert (reading.at_ms, reading.attempt, reading.code, reading.resend) == (77, 1, code, resend)
    assert (outcome.token_invalid, outcome.pressure) == (token_invalid, pressure)


def test_an_error_beside_an_id_is_no_refusal() -> None:
    """A push that has a CheckoutRequestID may be on the phone, whatever the error beside it says."""
    body = load("error_invalid_phone.json").replace(b"{", b'{"CheckoutRequestID": "ws_CO_1",', 1)
    assert isinstance(read_push_answer(Answer(400, {}, body), 1, 1).reading, PushLost)


def test_a_refusal_in_unknown_clothes_has_the_plain_code() -> None:
    """An invalid token or a spike arrest under a code that we do not know goes by its plain status."""
    for message, code in (("Invalid Access Token", "401"), ("Spike arrest violation", "429")):
        body = msgspec.json.encode({"errorCode": "403.999.99", "errorMessage": message})
        reading = read_push_answer(Answer(403, {}, body), 1, 1).reading
        assert isinstance(reading, PushRefused)
        assert (reading.code, reading.resend) == (code, True)


@pytest.mark.parametrize(("status", "name", "pressure"), _LOSSES)
def test_a_lost_push(status: int, name: str, pressure: bool) -> None:
    """Whatever does not say in documented words that it was not processed, may have been."""
    outcome = read_push_answer(answer(status, name), 3, 77)
    reading = outcome.reading
    assert isinstance(reading, PushLost)
    assert (reading.at_ms, reading.attempt) == (77, 3)
    assert reading.reason.startswith(f"HTTP {status}: ")
    assert (outcome.token_invalid, outcome.pressure) == (False, pressure)


@pytest.mark.parametrize(("status", "name", "code", "resend", "token_invalid", "pressure"), _REFUSALS)
def test_every_documented_refusal_has_advice(
    status: int, name: str, code: str, resend: bool, token_invalid: bool, pressure: bool
) -> None:
    """The code and message of a refusal lead to a meaning that is no shrug."""
    reading = read_push_answer(answer(status, name), 1, 1).reading
    assert isinstance(reading, PushRefused)
    assert look_up(reading.code, reading.message).kind is not CodeClass.PENDING


def test_a_locked_subscriber_waits_a_minute() -> None:
    """The wait that the documents ask for goes with the refusal (daraja.md §1, 500.001.1001)."""
    assert read_push_answer(answer(500, "error_subscriber_locked.json"), 1, 1).retry_after_s == 60


@pytest.mark.parametrize(("header", "wait_s"), [("7", 7), ("999999", 3600), ("soon", 0), ("-1", 0)])
def test_retry_after_is_heard_within_reason(header: str, wait_s: int) -> None:
    """The seconds that Daraja asks for, bounded; a date or nonsense is no number of seconds."""
    read = answer(429, "fault_spike_arrest.json", **{"Retry-After": header})
    assert read_push_answer(read, 1, 1).retry_after_s == wait_s
    assert read_query_answer(read, ASKED_ID, 1, False).retry_after_s == wait_s  # noqa: FBT003


def test_a_long_answer_is_kept_in_part() -> None:
    """Beside the reading stand the first 4 KiB; texts are short and of one line."""
    body = msgspec.json.encode({"errorCode": "400.002.02", "errorMessage": "a\x00\r\n\u202e" + "b" * 70_000})
    outcome = read_push_answer(Answer(400, {}, body), 1, 1)
    assert len(outcome.raw) == 4096
    assert isinstance(outcome.reading, PushRefused)
    assert len(outcome.reading.message) <= 256
    assert outcome.reading.message.isprintable()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("query_paid.json", "0"),
        ("query_cancelled.json", "1032"),
        ("query_cancelled_number.json", "1032"),
        ("query_unreachable.json", "1037"),
        ("query_pending.json", "4999"),
        ("query_wrong_type.json", "SFC_IC0003"),
    ],
)
@pytest.mark.parametrize("last_word", [True, False])
def test_an_answered_query(name: str, code: str, last_word: bool) -> None:
    """A ResultCode, text or number, about the id that was asked, dated when it was asked (daraja.md §2.2)."""
    outcome = read_query_answer(answer(200, name), ASKED_ID, 55, last_word)
    reading = outcome.reading
    assert isinstance(reading, QueryAnswered)
    assert (reading.at_ms, reading.code, reading.last_word) == (55, code, last_word)
    assert reading.checkout_request_id == ASKED_ID
    assert reading.description
    assert outcome.raw == load(name)


@pytest.mark.parametrize(
    ("status", "name", "code", "token_invalid", "pressure"),
    [
        (200, "query_of_another.json", "", False, False),
        (200, "query_not_accepted.json", "0", False, False),
        (500, "query_paid.json", "", False, False),
        (500, "query_being_processed.json", "500.001.1001", False, False),
        (500, "query_no_such.json", "500.001.1001", False, False),
        (400, "query_invalid_id.json", "400.002.02", False, False),
        (200, "error_empty_message.json", "500.001.1001", False, False),
        (500, "error_busy.json", "500.003.02", False, True),
        (500, "error_spike_arrest.json", "500.003.02", False, True),
        (429, "fault_spike_arrest.json", "policies.ratelimit.SpikeArrestViolation", False, True),
        (404, "error_invalid_access_token.json", "404.001.03", True, False),
        (401, "fault_invalid_token.json", "keymanagement.service.invalid_access_token", True, False),
        (503, "incapsula.html", "", False, True),
        (502, "bad_gateway.html", "", False, False),
        (302, "empty.txt", "", False, False),
        (200, "empty.txt", "", False, False),
        (200, "garbage.txt", "", False, False),
        (200, "push_accepted.json", "", False, False),
        (200, "soap_fault.json", "", False, False),
    ],
)
def test_an_unanswered_query(status: int, name: str, code: str, token_invalid: bool, pressure: bool) -> None:
    """An error, another payment's answer or a page of HTML teaches nothing, and never declines."""
    outcome = read_query_answer(answer(status, name), ASKED_ID, 55, True)  # noqa: FBT003
    reading = outcome.reading
    assert isinstance(reading, QueryUnanswered)
    assert (reading.at_ms, reading.code) == (55, code)
    assert reading.reason
    assert (outcome.token_invalid, outcome.pressure) == (token_invalid, pressure)


@pytest.mark.parametrize("name", ["token.json", "token_number.json"])
def test_a_token_with_its_end(name: str) -> None:
    """`expires_in` is a number or a text (daraja.md §1, OAuth), counted from when it was asked for."""
    token = read_token_answer(answer(200, name), 1_000)
    assert token.access_token == "c9SQxWWhmdVRlyh0zh8gZDTkubVF"
    assert token.expires_at_ms == 1_000 + 3_599_000


@pytest.mark.parametrize(
    ("expires_in", "life_s"), [(b'"soon"', 300), (b"null", 300), (b"-5", 300), (b"999999999", 3600)]
)
def test_a_token_of_unreadable_life_is_soon_renewed(expires_in: bytes, life_s: int) -> None:
    """No answer makes us believe in a token for longer than an hour."""
    body = b'{"access_token":"abc","expires_in":' + expires_in + b"}"
    assert read_token_answer(Answer(200, {}, body), 0).expires_at_ms == life_s * 1000


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "empty.txt"),
        (401, "empty.txt"),
        (400, "error_auth_type.json"),
        (400, "error_grant_type.json"),
        (401, "error_token_401_002_01.json"),
    ],
)
def test_wrong_key_or_secret(status: int, name: str) -> None:
    """An empty 400 is how production says it (daraja.md §1, OAuth): explained, and not worth re-sending."""
    with pytest.raises(WrongKeyOrSecret, match="consumer key and secret") as caught:
        read_token_answer(answer(status, name), 0)
    assert not caught.value.resend
    assert look_up(caught.value.code).kind is CodeClass.CONFIG


@pytest.mark.parametrize(
    ("status", "name", "pressure"),
    [
        (503, "incapsula.html", True),
        (500, "error_internal.json", False),
        (500, "error_spike_arrest.json", True),
        (429, "fault_spike_arrest.json", True),
        (200, "garbage.txt", False),
        (200, "bad_gateway.html", False),
        (400, "bad_gateway.html", False),
        (200, "push_accepted.json", False),
        (302, "empty.txt", False),
    ],
)
def test_no_token_for_now(status: int, name: str, pressure: bool) -> None:
    """Anything else is an outage: worth another try."""
    with pytest.raises(TokenUnavailable) as caught:
        read_token_answer(answer(status, name), 0)
    assert caught.value.resend
    assert caught.value.pressure == pressure


@pytest.mark.parametrize("text", ["a b", "a\\r\\nHost: evil", "", "é", "x" * 3000])
def test_a_token_that_is_no_header_is_no_token(text: str) -> None:
    """What would break out of the Authorization header is refused."""
    with pytest.raises(TokenUnavailable):
        read_token_answer(Answer(200, {}, f'{{"access_token":"{text}","expires_in":3599}}'.encode()), 0)


_KEYS = st.sampled_from(
    ["errorCode", "errorMessage", "fault", "faultstring", "detail", "Envelope", "ResponseCode", "ResultCode"]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)
_BODIES = st.binary(max_size=200) | _JSON.map(msgspec.json.encode)


@given(st.integers(100, 599), _BODIES)
def test_no_answer_whatever_breaks_the_reading(status: int, body: bytes) -> None:
    """Each answer is read into one of the outcomes; a refusal or an acceptance is never made of noise."""
    came = Answer(status, {"Retry-After": body[:8].decode("latin-1")}, body)
    push = read_push_answer(came, 1, 1)
    assert not isinstance(push.reading, PushAccepted)
    if isinstance(push.reading, PushRefused):
        assert status in {401, 429} or b"error" in body or b"fault" in body
        assert look_up(push.reading.code, push.reading.message).kind is not CodeClass.PENDING
    query = read_query_answer(came, ASKED_ID, 1, False)  # noqa: FBT003
    assert isinstance(query.reading, QueryUnanswered)
    with contextlib.suppress(TokenUnavailable):
        assert read_token_answer(came, 0).access_token
