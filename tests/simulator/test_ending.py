"""How prompts end, and what queries and callbacks then say."""

import re

import pytest

from hakika.simulator import Misused, Network, NothingRings, Rule, Settings
from tests.simulator.merchant import PAYER, Merchant, callback, document, items


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        ("pay", 0, "The service request is processed successfully."),
        ("cancel", 1032, "Request cancelled by user"),
        ("wrong_pin", 2001, "The initiator information is invalid."),
        ("no_funds", 1, "The balance is insufficient for the transaction."),
        ("ignore", 1037, "DS timeout user cannot be reached."),
    ],
)
def test_each_answer_of_a_person_leads_to_its_code(merchant: Merchant, answer: str, code: int, text: str) -> None:
    """Callback and query agree on the code: a number in the one, a string in the other."""
    checkout_request_id = merchant.accepted()
    merchant.answer(answer)
    (post,) = merchant.wait(70_000)
    assert (callback(post)["ResultCode"], callback(post)["ResultDesc"]) == (code, text)
    assert merchant.queried_code(checkout_request_id) == str(code)


def test_a_success_says_what_was_paid(merchant: Merchant) -> None:
    """Amount as 1.00, a receipt, a Balance without a value, date and phone as numbers."""
    merchant.accepted()
    merchant.answer("pay")
    (post,) = merchant.wait(10_000)
    paid = items(post)
    assert b'"Value":100.00' in post.body
    assert b'{"Name":"Balance"}' in post.body
    assert re.fullmatch(r"UKI[0-9A-Z]{7}", paid["MpesaReceiptNumber"])
    assert str(paid["TransactionDate"]).startswith("20261118")
    assert paid["PhoneNumber"] == int(PAYER)


def test_a_decline_carries_no_metadata(merchant: Merchant) -> None:
    """CallbackMetadata is there only on success."""
    merchant.accepted()
    merchant.answer("cancel")
    assert "CallbackMetadata" not in callback(merchant.wait(10_000)[0])


def test_a_callback_has_safaricom_s_headers(merchant: Merchant) -> None:
    """The content type with its charset, and the shortcode; nothing that the merchant chose."""
    merchant.accepted()
    merchant.answer("pay")
    headers = merchant.wait(10_000)[0].headers
    assert headers == {"Content-Type": "application/json;charset=UTF-8", "Businessshortcode": "174379"}


def test_a_query_says_4999_until_m_pesa_is_certain(merchant: Merchant) -> None:
    """While the prompt is open, and while M-Pesa settles it, the answer is HTTP 200 with 4999."""
    checkout_request_id = merchant.accepted()
    assert merchant.queried_code(checkout_request_id) == "4999"
    merchant.answer("pay")
    merchant.wait(499)
    assert merchant.queried_code(checkout_request_id) == "4999"
    merchant.wait(1_001)
    assert merchant.queried_code(checkout_request_id) == "0"


def test_a_query_tells_no_receipt_amount_or_phone(merchant: Merchant) -> None:
    """A query's answer has six fields, none of which says what was paid."""
    checkout_request_id = merchant.accepted("254708374149")
    merchant.wait(10_000)
    read = document(merchant.query(checkout_request_id))
    assert set(read) == {
        "ResponseCode",
        "ResponseDescription",
        "MerchantRequestID",
        "CheckoutRequestID",
        "ResultCode",
        "ResultDesc",
    }


def test_an_unknown_push_does_not_exist(merchant: Merchant) -> None:
    """A query about it is HTTP 500 with 500.001.1001."""
    answer = merchant.query("ws_CO_nothing")
    assert (answer.status, document(answer)["errorMessage"]) == (500, "The transaction does not Exist")


def test_a_query_without_an_identity_is_refused(merchant: Merchant) -> None:
    """An empty CheckoutRequestID is an invalid field."""
    assert document(merchant.query(""))["errorMessage"] == "Bad Request - Invalid CheckoutRequestID"


def test_queries_are_limited_to_an_even_pace() -> None:
    """Five a minute with a burst of one: the second within 12 s is a 429 of the gateway."""
    merchant = Merchant(Network(Settings(query_limit_per_minute=5)))
    assert merchant.query("ws_CO_nothing").status == 500
    merchant.wait(11_999)
    refused = merchant.query("ws_CO_nothing")
    assert refused.status == 429
    assert document(refused)["fault"]["detail"]["errorcode"] == "policies.ratelimit.SpikeArrestViolation"
    merchant.wait(1)
    assert merchant.query("ws_CO_nothing").status == 500


def test_a_prompt_that_nobody_answers_ends_after_sixty_seconds(merchant: Merchant) -> None:
    """Nothing is due before; then the query and the callback say 1037, in different words."""
    checkout_request_id = merchant.accepted()
    assert merchant.wait(59_999) == []
    assert merchant.network.phones(merchant.now_ms)[0]["left_ms"] == 1
    merchant.wait(1)
    with pytest.raises(NothingRings):
        merchant.answer("pay")
    (post,) = merchant.wait(10_000)
    assert callback(post)["ResultDesc"] == "DS timeout user cannot be reached."
    assert document(merchant.query(checkout_request_id))["ResultDesc"] == "No response from user."


def test_a_person_who_ignored_a_prompt_can_still_pay(merchant: Merchant) -> None:
    """The prompt stays until its life is over, and only the last answer brings a callback."""
    merchant.accepted()
    merchant.answer("ignore")
    merchant.wait(30_000)
    merchant.answer("pay")
    assert [callback(post)["ResultCode"] for post in merchant.wait(90_000)] == [0]


@pytest.mark.parametrize(("msisdn", "code"), [("254708374149", 0), ("254708374150", 1), ("254708374151", 11)])
def test_the_fixed_numbers_answer_by_themselves(merchant: Merchant, msisdn: str, code: int) -> None:
    """One pays, one has no funds, one has no valid account."""
    merchant.accepted(msisdn)
    assert callback(merchant.wait(10_000)[0])["ResultCode"] == code


def test_receipts_are_never_used_twice(network: Network) -> None:
    """A thousand payments have a thousand receipts of ten capitals and digits."""
    merchant = Merchant(network)
    for number in range(1_000):
        merchant.accepted(f"2547{number:08}")
        merchant.answer("pay", f"2547{number:08}")
    receipts = {items(post)["MpesaReceiptNumber"] for post in merchant.wait(10_000)}
    assert len(receipts) == 1_000
    assert all(re.fullmatch(r"[A-Z0-9]{10}", receipt) for receipt in receipts)


def test_a_rule_answers_for_a_phone(merchant: Merchant) -> None:
    """With no spread, the rule's phone answers after exactly the median."""
    merchant.network.set_rule(PAYER, {"answer": "cancel", "median_ms": 15_000, "sigma": 0})
    merchant.accepted()
    merchant.wait(14_999)
    assert merchant.network.phones(merchant.now_ms)[0]["rings"]
    merchant.wait(1)
    assert not merchant.network.phones(merchant.now_ms)[0]["rings"]
    assert callback(merchant.wait(10_000)[0])["ResultCode"] == 1032


def test_a_rule_may_answer_any_result_code(merchant: Merchant) -> None:
    """A code of M-Pesa's stands where an answer's name can."""
    merchant.network.set_rule(PAYER, {"answers": {"8006": 1}})
    merchant.accepted()
    assert callback(merchant.wait(60_000)[0])["ResultCode"] == 8006


def test_payers_by_rule_decline_at_their_rate_and_think_log_normally() -> None:
    """Of 2,000 payers a quarter decline, and half of all have answered after the median."""
    rule = Rule({"pay": 0.75, "cancel": 0.25}, median_ms=15_000, sigma=0.6)
    network = Network(Settings(seed=1, default_rule=rule))
    merchant = Merchant(network)
    for number in range(2_000):
        merchant.accepted(f"2547{number:08}")
    payments = network.payments(merchant.now_ms + 70_000)
    assert 0.22 < sum(payment["result_code"] == "1032" for payment in payments) / 2_000 < 0.28
    assert 0.47 < sum(payment["ended_ms"] - payment["asked_ms"] <= 15_000 for payment in payments) / 2_000 < 0.53


def test_a_phone_without_a_rule_goes_back_to_people(merchant: Merchant) -> None:
    """A removed rule no longer answers; the default rule answers for all that have none."""
    network = merchant.network
    network.set_rule(PAYER, {"answer": "pay"})
    network.remove_rule(PAYER)
    assert network.rule(PAYER) is None
    network.set_rule("default", {"answer": "no_funds"})
    assert network.rule(PAYER) == {"answers": {"no_funds": 1.0}, "median_ms": 2_000, "sigma": 0.6}


@pytest.mark.parametrize(
    "rule",
    [{}, {"answer": "explode!"}, {"answers": []}, {"answers": {"pay": 0}}, {"answer": "pay", "median": 3}],
)
def test_a_rule_that_cannot_be_read_is_refused(network: Network, rule: dict[str, object]) -> None:
    """The refusal is a sentence; nothing changes."""
    with pytest.raises(Misused):
        network.set_rule(PAYER, rule)
    assert network.rule(PAYER) is None


def test_an_unknown_answer_names_the_known(merchant: Merchant) -> None:
    """What a person cannot do with a prompt is refused with what they can."""
    merchant.accepted()
    with pytest.raises(Misused, match="pay, cancel, wrong_pin, no_funds, ignore"):
        merchant.answer("explode")


def test_the_truth_is_shown_only_when_it_has_happened(merchant: Merchant) -> None:
    """A payment shows its outcome and receipt once M-Pesa is certain, not while its rule thinks."""
    merchant.accepted("254708374149")
    payment = merchant.network.payments(merchant.now_ms)[0]
    assert (payment["state"], payment["result_code"], payment["receipt"]) == ("open", None, None)
    merchant.wait(10_000)
    payment = merchant.network.payments(merchant.now_ms)[0]
    assert (payment["state"], payment["paid"], payment["answered_by"]) == ("settled", True, "rule")
