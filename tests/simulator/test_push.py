"""The checks of a push request, and what an accepted one is answered."""

import re
from typing import Any

import pytest

from hakika.simulator import PAYBILL, TILL, Account, Network, Settings
from tests.simulator.merchant import PUSH, TIMESTAMP, Merchant, callback, document, password, push_body


def refusal(merchant: Merchant, **fields: Any) -> str:
    """Push with some fields changed, and read the message of the refusal."""
    read = document(merchant.push(**fields))
    assert read["requestId"]
    return str(read["errorMessage"])


def test_an_accepted_push_is_answered_with_its_identities(merchant: Merchant) -> None:
    """ResponseCode is the string "0"; the CheckoutRequestID holds Nairobi's time and the phone."""
    read = document(merchant.push())
    assert read["ResponseCode"] == "0"
    assert re.fullmatch(r"ws_CO_18112026\d{9}712345678", read["CheckoutRequestID"])
    assert re.fullmatch(r"\d{5}-\d{8}-1", read["MerchantRequestID"])
    assert read["ResponseDescription"] == read["CustomerMessage"] == "Success. Request accepted for processing"


def test_two_pushes_in_one_millisecond_have_two_identities(merchant: Merchant) -> None:
    """Daraja has no idempotency: the same request twice is two pushes."""
    assert merchant.accepted() != merchant.accepted()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"BusinessShortCode": ""}, "BusinessShortCode"),
        ({"BusinessShortCode": None}, "BusinessShortCode"),
        ({"Password": ""}, "Password"),
        ({"Timestamp": "2026"}, "Timestamp"),
        ({"Timestamp": "20261340000000"}, "Timestamp"),
        ({"TransactionType": "CustomerPaybillOnline"}, "TransactionType"),
        ({"amount": 0}, "Amount"),
        ({"amount": 250_001}, "Amount"),
        ({"amount": "1.50"}, "Amount"),
        ({"amount": 10.5}, "Amount"),
        ({"amount": True}, "Amount"),
        ({"amount": "9" * 5000}, "Amount"),
        ({"PartyA": "0712345678"}, "PartyA"),
        ({"PartyB": "x"}, "PartyB"),
        ({"PhoneNumber": "254812345678"}, "PhoneNumber"),
        ({"PhoneNumber": ["254712345678"]}, "PhoneNumber"),
        ({"CallBackURL": "not a url"}, "CallBackURL"),
        ({"CallBackURL": "ftp://example.com/c"}, "CallBackURL"),
        ({"CallBackURL": "http://[1/c"}, "CallBackURL"),
        ({"AccountReference": ""}, "AccountReference"),
        ({"AccountReference": "x" * 16}, "AccountReference"),
        ({"TransactionDesc": None}, "Remarks"),
        ({"TransactionDesc": "x" * 14}, "Remarks"),
    ],
)
def test_a_bad_field_is_refused_under_daraja_s_name_for_it(
    merchant: Merchant, fields: dict[str, Any], named: str
) -> None:
    """400.002.02 names the field; a missing TransactionDesc is called Remarks."""
    answer = merchant.push(**fields)
    assert (answer.status, document(answer)["errorCode"]) == (400, "400.002.02")
    assert document(answer)["errorMessage"] == f"Bad Request - Invalid {named}"


def test_a_wrong_content_type_shows_as_a_missing_shortcode(merchant: Merchant) -> None:
    """A form-encoded body is "Invalid BusinessShortCode", as in Daraja."""
    headers = {"Authorization": f"Bearer {merchant.token}", "Content-Type": "application/x-www-form-urlencoded"}
    answer = merchant.send("POST", PUSH, b"BusinessShortCode=174379", headers)
    assert document(answer)["errorMessage"] == "Bad Request - Invalid BusinessShortCode"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"\xff"])
def test_a_body_that_is_no_object_is_a_bad_payload(merchant: Merchant, body: bytes) -> None:
    """What is not a JSON object is 400.002.05."""
    headers = {"Authorization": f"Bearer {merchant.token}", "Content-Type": "application/json;charset=UTF-8"}
    assert document(merchant.send("POST", PUSH, body, headers))["errorCode"] == "400.002.05"


def test_a_wrong_password_is_wrong_credentials(merchant: Merchant) -> None:
    """A password of another passkey is 500.001.1001 with HTTP 500."""
    answer = merchant.push(Password=password(Account("174379", passkey="other")))
    assert (answer.status, document(answer)["errorMessage"]) == (500, "Wrong credentials")


def test_the_timestamp_in_the_password_must_be_the_one_beside_it(merchant: Merchant) -> None:
    """One second between the two timestamps is "Wrong credentials"."""
    later = str(int(TIMESTAMP) + 1)
    assert refusal(merchant, Password=password(PAYBILL, later)) == "Wrong credentials"


def test_a_timestamp_in_utc_is_accepted(merchant: Merchant) -> None:
    """Three hours behind Nairobi is as good as Nairobi."""
    utc = str(int(TIMESTAMP) - 30_000)
    assert merchant.push(Timestamp=utc, Password=password(PAYBILL, utc)).status == 200


def test_an_unknown_shortcode_does_not_exist(merchant: Merchant) -> None:
    """Only the shortcodes of its accounts are merchants, and a till's number is not one of them."""
    assert refusal(merchant, BusinessShortCode="999999") == "Merchant does not exist"
    assert refusal(merchant, BusinessShortCode=TILL.till) == "Merchant does not exist"


def test_another_app_s_shortcode_does_not_exist() -> None:
    """A token opens only the shortcodes of its own app."""
    network = Network(Settings(accounts=(PAYBILL, Account("600100", key="k2", secret="s2"))))
    body = push_body(Account("600100"))
    assert document(Merchant(network).post(PUSH, body))["errorMessage"] == "Merchant does not exist"


def test_numbers_and_numeric_strings_are_both_accepted(merchant: Merchant) -> None:
    """Safaricom's own samples mix the two."""
    merchant.accepted("254712000001", 1, BusinessShortCode=174379, PartyB=174379)
    merchant.accepted("254112000002", "250000", PartyA=254112000002, PhoneNumber=254112000002)


def test_a_reference_of_fifteen_characters_is_accepted(merchant: Merchant) -> None:
    """Twelve are documented; fifteen were seen to pass."""
    merchant.accepted(AccountReference="x" * 15)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.invalid/c/1",
        "https://localhost/c/1",
        "https://127.0.0.1/c/1",
        "https://[::1]/c/1",
        "https://192.168.1.4/c/1",
        "https://shop.local/c/1",
        "https://hakika/c/1",
        "https://mydomain.com/c/1",
        "https://abc.ngrok-free.app/c/1",
    ],
)
def test_strict_refuses_callback_urls_that_safaricom_refuses(url: str) -> None:
    """Strict wants https and a public name; otherwise one's own machine will do."""
    assert refusal(Merchant(Network(Settings(strict=True))), CallBackURL=url).endswith("Invalid CallBackURL")
    Merchant(Network(Settings())).accepted(CallBackURL=url)


@pytest.mark.parametrize("url", ["https://example.invalid/c/1", "https://8.8.8.8/c", "https://pay.shop.co.ke:8443/c"])
def test_strict_does_not_ask_whether_anybody_answers(url: str) -> None:
    """A well-formed public address that leads nowhere is accepted."""
    Merchant(Network(Settings(strict=True))).accepted(CallBackURL=url)


def test_a_till_is_charged_through_its_store_number(network: Network) -> None:
    """Store number as BusinessShortCode, till as PartyB, BuyGoods as type."""
    merchant = Merchant(network, TILL)
    merchant.accepted()
    merchant.answer("pay")
    (post,) = merchant.wait(10_000)
    assert (callback(post)["ResultCode"], post.headers["Businessshortcode"]) == (0, TILL.shortcode)


def test_a_wrong_transaction_type_ends_in_2028(network: Network) -> None:
    """PayBillOnline to a till is accepted, never rings, and fails by callback."""
    merchant = Merchant(network, TILL)
    merchant.accepted(TransactionType="CustomerPayBillOnline")
    assert network.phones(merchant.now_ms) == []
    assert callback(merchant.wait(10_000)[0])["ResultCode"] == 2028


def test_a_wrong_party_b_ends_in_a_code_that_is_a_string(network: Network) -> None:
    """A till's store number as PartyB gives SFC_IC0003, a string even in the callback."""
    merchant = Merchant(network, TILL)
    checkout_request_id = merchant.accepted(PartyB=TILL.shortcode)
    assert callback(merchant.wait(10_000)[0])["ResultCode"] == "SFC_IC0003"
    assert merchant.queried_code(checkout_request_id) == "SFC_IC0003"


def test_a_prompt_that_is_too_long_to_show_ends_in_1025() -> None:
    """More than 182 characters of organisation and reference cannot be sent to a phone."""
    merchant = Merchant(Network(Settings(accounts=(Account("174379", name="N" * 150),))))
    merchant.accepted()
    assert callback(merchant.wait(10_000)[0])["ResultCode"] == 1025


@pytest.mark.parametrize("character", "@#&")
def test_some_characters_make_a_prompt_never_arrive(merchant: Merchant, character: str) -> None:
    """A push with @, # or & in its reference is accepted, rings nowhere, and ends unanswered."""
    checkout_request_id = merchant.accepted(AccountReference=f"A{character}B")
    assert merchant.network.phones(merchant.now_ms) == []
    merchant.wait(70_000)
    assert merchant.queried_code(checkout_request_id) == "1037"


def test_a_phone_with_an_open_prompt_is_locked(merchant: Merchant) -> None:
    """A second push while the first rings is accepted and ends in 1001; the first still rings."""
    merchant.accepted(amount=10)
    second = merchant.accepted(amount=20)
    posts = merchant.wait(10_000)
    assert [callback(post)["ResultCode"] for post in posts] == [1001]
    assert callback(posts[0])["CheckoutRequestID"] == second
    merchant.answer("pay")


def test_the_same_amount_from_the_same_phone_within_two_minutes_ends_in_17(merchant: Merchant) -> None:
    """The repeat is refused up to two minutes after the first; another amount is not."""
    merchant.accepted(amount=10)
    merchant.answer("pay")
    merchant.wait(119_999)
    repeat = merchant.accepted(amount=10)
    merchant.wait(10_000)
    assert merchant.queried_code(repeat) == "17"
    merchant.accepted(amount=11)
    assert merchant.network.phones(merchant.now_ms)[0]["rings"]


def test_after_two_minutes_the_same_amount_rings_again(merchant: Merchant) -> None:
    """The window is two minutes, and a push that was refused for it does not extend it."""
    merchant.accepted(amount=10)
    merchant.answer("cancel")
    merchant.wait(60_000)
    merchant.accepted(amount=10)
    merchant.wait(60_000)
    merchant.accepted(amount=10)
    merchant.answer("pay")
