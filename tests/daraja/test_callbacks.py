"""Callbacks in every spelling, and bytes that are none."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakika.daraja.callbacks import read_callback
from hakika.domain.evidence import CallbackReceived, CallbackUnreadable
from tests.daraja.recordings import load

_PAID = CallbackReceived(
    at_ms=9,
    code="0",
    trusted=True,
    checkout_request_id="ws_CO_191220191020363925",
    merchant_request_id="29115-34620561-1",
    description="The service request is processed successfully.",
    amount=1,
    receipt="NLJ7RT61SV",
    paid_at_ms=1_576_740_075_000,  # 2019-12-19 10:21:15 in Nairobi
    phone="254708374149",
)


def _read(body: bytes) -> CallbackReceived | CallbackUnreadable:
    return read_callback(body, 9, trusted=True)


def _received(body: bytes) -> CallbackReceived:
    reading = _read(body)
    assert isinstance(reading, CallbackReceived)
    return reading


def _unreadable(body: bytes) -> CallbackUnreadable:
    reading = _read(body)
    assert isinstance(reading, CallbackUnreadable)
    return reading


def _with(code: Any = 0, *, checkout_request_id: Any = "ws_CO_1", **items: Any) -> bytes:
    """A callback with these items, through the standard library: it writes NaN and the like."""
    return json.dumps(
        {
            "Body": {
                "stkCallback": {
                    "MerchantRequestID": "1",
                    "CheckoutRequestID": checkout_request_id,
                    "ResultCode": code,
                    "ResultDesc": "",
                    "CallbackMetadata": {"Item": [{"Name": name, "Value": value} for name, value in items.items()]},
                }
            }
        }
    ).encode()


@pytest.mark.parametrize("name", ["callback_paid", "callback_paid_in_strings", "callback_paid_extra"])
def test_a_success_in_any_spelling_is_the_same_fact(name: str) -> None:
    """Numbers or strings, items in any order or without Value, extra fields (daraja.md §7, Callbacks)."""
    assert _read(load(f"{name}.json")) == _PAID


def test_keys_in_another_case() -> None:
    """Keys and names in lower or upper case are the same keys."""
    lower = _received(load("callback_lower_case.json"))
    assert (lower.code, lower.amount, lower.receipt) == ("0", 1, "NLJ7RT61SV")
    upper = _received(load("callback_upper_case.json"))
    assert (upper.code, upper.amount, upper.receipt) == ("0", 1, "NLJ7RT61SV")


def test_the_documented_examples() -> None:
    """The seeds' own curl body reads as it says."""
    seed = _received(load("callback_seed.json"))
    assert (seed.amount, seed.receipt, seed.phone) == (100, "TEST123XYZ", "254712345678")
    assert seed.checkout_request_id == "test-checkout-456"


@pytest.mark.parametrize(
    ("name", "code"),
    [("callback_cancelled", "1032"), ("callback_unreachable", "1037"), ("callback_wrong_type", "SFC_IC0003")],
)
def test_a_decline_has_no_metadata(name: str, code: str) -> None:
    """A failure names its code and nothing of money."""
    reading = _received(load(f"{name}.json"))
    assert (reading.code, reading.amount, reading.receipt, reading.flags) == (code, 0, "", ())


def test_a_success_that_states_less() -> None:
    """Missing metadata, one item that is no list, no amount: what is not stated is 0 or empty."""
    bare = _received(load("callback_paid_no_metadata.json"))
    assert (bare.code, bare.amount, bare.receipt) == ("0", 0, "")
    assert _received(load("callback_paid_one_item.json")).amount == 100
    assert _received(load("callback_paid_no_amount.json")).receipt == "NLJ7RT61SV"


def test_a_masked_phone_stays_masked() -> None:
    """A masked phone (daraja.md §7, Callbacks) is kept as it is, for people only."""
    assert _received(load("callback_paid_masked.json")).phone == "0722000***"


def test_what_is_no_stk_callback() -> None:
    """Another API's result, an empty body, HTML and lists are unreadable, and say why."""
    assert _unreadable(load("result_envelope.json")).reason == "no stkCallback in it"
    assert _unreadable(b"").reason == "empty"
    assert _unreadable(load("bad_gateway.html")).reason == "not JSON"
    assert _unreadable(b"[1]").reason == "JSON, but not an object"
    assert _unreadable(b'{"Body":' * 50_000).reason == "nested too deep"
    assert _unreadable(load("callback_paid.json")[:-20]).reason == "not JSON"


@pytest.mark.parametrize("amount", [1, 1.0, "1", "1.00", " 1 "])
def test_one_shilling_in_any_clothes(amount: object) -> None:
    """Amount is a float, a number or a string (daraja.md §2.3)."""
    assert _received(_with(Amount=amount)).amount == 1


@pytest.mark.parametrize(
    "amount",
    [
        0,
        -1,
        1.5,
        "1.5",
        "",
        "KES 1",
        "1,000",
        True,
        float("nan"),
        float("inf"),
        1e300,
        10**30,
        [1],
        {},
        "1e3",
    ],
)
def test_a_success_with_an_unreadable_amount_proves_nothing(amount: object) -> None:
    """An amount that is there but cannot be read must not pass for one that is not stated."""
    reading = _unreadable(_with(Amount=amount, MpesaReceiptNumber="NLJ7RT61SV"))
    assert reading.flags == ("amount_unreadable",)
    assert reading.trusted


def test_a_decline_with_an_unreadable_amount_is_still_a_decline() -> None:
    """Where no money is claimed, the amount decides nothing: flagged."""
    reading = _received(_with(1032, Amount="x"))
    assert (reading.code, reading.amount, reading.flags) == ("1032", 0, ("amount_unreadable",))


def test_two_amounts_are_none() -> None:
    """An item that comes twice with two values cannot be read; twice the same, it can."""
    items = [{"Name": "Amount", "Value": 100}, {"Name": "Amount", "Value": 1}]
    document = json.loads(_with())
    document["Body"]["stkCallback"]["CallbackMetadata"]["Item"] = items
    assert _unreadable(json.dumps(document).encode()).flags == ("amount_unreadable",)
    items[1]["Value"] = 100
    assert _received(json.dumps(document).encode()).amount == 100


@pytest.mark.parametrize("receipt", ["", "NLJ-7", "x" * 33, "NLJ7\u0000", "ÄÖÜ", 1.5, True, {"a": 1}])
def test_an_unreadable_receipt_is_flagged_and_not_taken(receipt: object) -> None:
    """Only 1 to 32 letters and digits are a receipt."""
    reading = _received(_with(Amount=1, MpesaReceiptNumber=receipt))
    assert (reading.amount, reading.receipt, reading.flags) == (1, "", ("receipt_unreadable",))


@pytest.mark.parametrize("date", [20191219102115, 20191219102115.0, "20191219102115", " 20191219102115 "])
def test_the_date_is_nairobis(date: object) -> None:
    """TransactionDate is East African Time, as a number or text (daraja.md §2.3)."""
    assert _received(_with(TransactionDate=date)).paid_at_ms == 1_576_740_075_000


_IMPOSSIBLE_DATES: list[object] = [
    0,
    -1,
    20191319102115,
    20190229000000,
    20191219242115,
    20191219106015,
    20191219102160,
    19700101000000,
    99991231235959,
    10**40,
    float("nan"),
    True,
    "yesterday",
    "19.12.2019 11:45:50",
    "２０１９１２１９１０２１１５",
]


@pytest.mark.parametrize("date", _IMPOSSIBLE_DATES)
def test_an_impossible_date_is_flagged(date: object) -> None:
    """A day that is not in the calendar, or from before M-Pesa, is no time of payment."""
    reading = _received(_with(TransactionDate=date))
    assert (reading.paid_at_ms, reading.flags) == (0, ("date_unreadable",))


@pytest.mark.parametrize(
    ("phone", "kept", "flags"),
    [
        (254708374149, "254708374149", ()),
        ("0708374149", "254708374149", ()),
        ("+254 708 374 149", "254708374149", ()),
        (254708374149.0, "254708374149", ()),
        ("2547 ***** 126", "2547 ***** 126", ()),
        ("Wanjiku", "", ("phone_unreadable",)),
        ("", "", ("phone_unreadable",)),
        ("7" * 40, "", ("phone_unreadable",)),
    ],
)
def test_phones(phone: object, kept: str, flags: tuple[str, ...]) -> None:
    """Read where it can be, kept masked where it is masked, never a reason to doubt the money."""
    reading = _received(_with(PhoneNumber=phone))
    assert (reading.phone, reading.flags) == (kept, flags)


@pytest.mark.parametrize(
    ("code", "read"),
    [(0, "0"), ("0", "0"), (" 1032 ", "1032"), (1032.0, "1032"), ("sfc_ic0003", "SFC_IC0003")],
)
def test_codes_as_text_or_number(code: object, read: str) -> None:
    """ResultCode is a number, and a string in SFC_… (daraja.md §2.2)."""
    assert _received(_with(code)).code == read


@pytest.mark.parametrize("code", [None, True, "", "no spaces", "x" * 40, 10**40, {}, [0], "\ud800", 0.5, float("nan")])
def test_no_code_no_callback(code: object) -> None:
    """Without a readable ResultCode there is no result."""
    reading = _read(_with(code))
    assert isinstance(reading, CallbackUnreadable) or reading.code not in {"0", "1032"}


@pytest.mark.parametrize("checkout_request_id", [None, "", "  ", 7, "x" * 129, "ws\u0000CO", "ws\nCO", "wsé"])
def test_no_id_no_callback(checkout_request_id: object) -> None:
    """A CheckoutRequestID is 1 to 128 printable characters."""
    reading = _unreadable(_with(checkout_request_id=checkout_request_id))
    assert reading.reason == "its CheckoutRequestID is missing or unreadable"


def test_a_key_twice_with_two_values_says_nothing() -> None:
    """`ResultCode` beside a contrary `resultcode` is no result."""
    body = _with(1032).replace(b'"ResultCode"', b'"resultcode": 0, "RESULTCODE"')
    assert _unreadable(body).reason == "its ResultCode is missing or unreadable"


def test_texts_are_bounded_and_of_one_line() -> None:
    """No control character and no lone surrogate reaches the database, nor more than 256 characters."""
    body = _with(1).replace(b'"ResultDesc": ""', b'"ResultDesc": "a\\u0000\\ud800\\r\\n' + b"b" * 900 + b'"')
    description = _received(body).description
    assert len(description) == 256
    assert description.startswith("a b")
    assert description.encode()


def test_trust_is_the_callers_to_know() -> None:
    """The bytes never say whether they came on the secret path."""
    claim = read_callback(load("callback_paid.json"), 9, trusted=False)
    assert claim == msgspec.structs.replace(_PAID, trusted=False)
    assert not read_callback(b"", 9, trusted=False).trusted


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.sampled_from(["Amount", "MpesaReceiptNumber", "Balance", "TransactionDate", "PhoneNumber", "AMOUNT", ""])
_ITEMS = st.lists(st.fixed_dictionaries({"Name": _NAMES}, optional={"Value": _VALUES}) | _VALUES, max_size=6)
_CALLBACKS = st.fixed_dictionaries(
    {
        "CheckoutRequestID": st.just("ws_CO_1") | _VALUES,
        "ResultCode": st.sampled_from([0, "0", 1032, "SFC_IC0003"]) | _VALUES,
    },
    optional={
        "MerchantRequestID": _VALUES,
        "ResultDesc": _VALUES,
        "CallbackMetadata": st.fixed_dictionaries({"Item": _ITEMS | _VALUES}) | _VALUES,
    },
).map(lambda fields: {"Body": {"stkCallback": fields}})


def _check_bounds(reading: CallbackReceived | CallbackUnreadable) -> None:
    assert msgspec.json.encode(reading)
    if isinstance(reading, CallbackUnreadable):
        assert 0 < len(reading.reason) <= 100
        return
    assert 1 <= len(reading.code) <= 32
    assert 1 <= len(reading.checkout_request_id) <= 128
    assert 0 <= reading.amount < 10**12
    assert len(reading.receipt) <= 32
    assert 0 <= reading.paid_at_ms < 2**53
    texts = (reading.description, reading.phone, reading.merchant_request_id, reading.receipt)
    assert all(text.isprintable() and len(text) <= 256 for text in texts)
    assert reading.code != "0" or "amount_unreadable" not in reading.flags


@given(st.binary(max_size=400))
def test_no_bytes_raise(body: bytes) -> None:
    """Whatever the bytes, there is a reading, and nothing in it exceeds its bounds."""
    _check_bounds(_read(body))


@given(_VALUES | _CALLBACKS)
def test_no_json_raises(value: object) -> None:
    """Whatever the JSON, there is a reading within its bounds."""
    _check_bounds(_read(json.dumps(value).encode()))


@given(st.integers(0, 9), st.binary(max_size=3), st.integers(0, 500))
def test_a_damaged_callback_never_states_another_amount_silently(cut: int, noise: bytes, at: int) -> None:
    """A callback with a few bytes changed still gives a reading within its bounds."""
    body = load("callback_paid.json")
    _check_bounds(_read(body[:at] + noise + body[at + cut :]))
