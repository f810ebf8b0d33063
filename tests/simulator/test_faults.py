"""Every fault does what its line in the table says."""

from typing import Any

import pytest

from hakika.simulator import Misused, Network, Settings
from hakika.simulator.faults import KINDS
from tests.simulator.merchant import PAYER, TOKEN, Merchant, basic, callback, document, items

OTHER = "254708374149"


def paid(merchant: Merchant, order: dict[str, Any]) -> str:
    """Order something for a push that its payer then pays."""
    merchant.network.order(order)
    checkout_request_id = merchant.accepted()
    merchant.answer("pay")
    return checkout_request_id


def test_a_lost_callback_is_never_posted_but_the_query_knows(merchant: Merchant) -> None:
    """callback_lost takes the callback, not the payment."""
    checkout_request_id = paid(merchant, {"fault": "callback_lost"})
    assert merchant.wait(1_800_000) == []
    assert merchant.queried_code(checkout_request_id) == "0"


def test_a_late_callback_comes_later_than_the_query_knows(merchant: Merchant) -> None:
    """callback_late delays by what it was told."""
    checkout_request_id = paid(merchant, {"fault": "callback_late", "delay_ms": 60_000})
    assert merchant.wait(60_000) == []
    assert merchant.queried_code(checkout_request_id) == "0"
    assert len(merchant.wait(5_000)) == 1


def test_a_repeated_callback_is_the_same_bytes_each_time(merchant: Merchant) -> None:
    """callback_repeated posts four copies, a gap apart."""
    paid(merchant, {"fault": "callback_repeated", "copies": 4, "gap_ms": 250})
    posts = merchant.wait(10_000)
    assert len({post.body for post in posts}) == 1
    assert [post.due_ms - posts[0].due_ms for post in posts] == [0, 250, 500, 750]


def test_an_early_callback_is_due_before_the_push_is_answered(merchant: Merchant) -> None:
    """callback_early lets the payer pay at once and holds the push's answer back."""
    merchant.network.order({"fault": "callback_early", "delay_ms": 1_500})
    answer = merchant.push()
    (post,) = merchant.wait(answer.delay_ms - 1)
    assert answer.after_callback == post.checkout_request_id == document(answer)["CheckoutRequestID"]
    assert callback(post)["ResultCode"] == 0


def test_an_early_callback_can_be_a_decline(merchant: Merchant) -> None:
    """With a result ordered beside it, the early callback tells that result."""
    merchant.network.order({"result_code": 1032, "faults": ["callback_early"]})
    answer = merchant.push()
    assert callback(merchant.wait(answer.delay_ms)[0])["ResultCode"] == 1032


def test_a_reordered_callback_comes_after_the_next_one(merchant: Merchant) -> None:
    """callback_reordered swaps the callbacks of two payments."""
    first = paid(merchant, {"fault": "callback_reordered"})
    merchant.wait(5_000)
    second = merchant.accepted(OTHER)
    assert [post.checkout_request_id for post in merchant.wait(15_000)] == [second, first]


def test_a_reordered_callback_that_nothing_overtakes_comes_in_the_end(merchant: Merchant) -> None:
    """It waits no longer than its hold_ms."""
    paid(merchant, {"fault": "callback_reordered", "hold_ms": 30_000})
    assert merchant.wait(30_000) == []
    assert len(merchant.wait(5_000)) == 1


def test_a_query_can_contradict_the_callback(merchant: Merchant) -> None:
    """query_contradicts: the query declines, the callback pays, and the money did move."""
    checkout_request_id = paid(merchant, {"fault": "query_contradicts", "says": 1032})
    assert merchant.queried_code(checkout_request_id) == "4999"
    (post,) = merchant.wait(10_000)
    assert merchant.queried_code(checkout_request_id) == "1032"
    assert callback(post)["ResultCode"] == 0


def test_a_callback_can_contradict_the_query(merchant: Merchant) -> None:
    """callback_contradicts is the reverse: the callback declines what was paid."""
    checkout_request_id = paid(merchant, {"fault": "callback_contradicts", "says": 1037})
    (post,) = merchant.wait(10_000)
    assert callback(post)["ResultCode"] == 1037
    assert merchant.queried_code(checkout_request_id) == "0"


def test_a_callback_can_name_another_amount(merchant: Merchant) -> None:
    """callback_amount says KES 1 for KES 100."""
    paid(merchant, {"fault": "callback_amount", "amount": 1})
    assert items(merchant.wait(10_000)[0])["Amount"] == 1


def test_a_callback_can_carry_another_payment_s_receipt(merchant: Merchant) -> None:
    """callback_receipt_repeated gives the receipt of the last other payment; the truth has its own."""
    merchant.accepted(OTHER)
    (first,) = merchant.wait(10_000)
    paid(merchant, {"fault": "callback_receipt_repeated"})
    (second,) = merchant.wait(10_000)
    assert items(second)["MpesaReceiptNumber"] == items(first)["MpesaReceiptNumber"]
    receipts = [payment["receipt"] for payment in merchant.network.payments(merchant.now_ms)]
    assert len(set(receipts)) == 2


def test_a_callback_can_mask_the_phone(merchant: Merchant) -> None:
    """callback_phone_masked writes 0712345*** in place of the number."""
    paid(merchant, {"fault": "callback_phone_masked"})
    assert items(merchant.wait(10_000)[0])["PhoneNumber"] == "0712345***"


def test_a_cut_push_goes_on_without_its_answer(merchant: Merchant) -> None:
    """push_cut: no answer, and yet the phone rings and the callback comes."""
    merchant.network.order({"fault": "push_cut"})
    assert merchant.push().cut
    merchant.answer("pay")
    assert callback(merchant.wait(10_000)[0])["ResultCode"] == 0


def test_a_vanished_push_was_never_processed(merchant: Merchant) -> None:
    """push_vanished: no answer, and nothing rings."""
    merchant.network.order({"fault": "push_vanished"})
    assert merchant.push().cut
    assert merchant.network.payments(merchant.now_ms) == []


@pytest.mark.parametrize(
    ("shape", "status", "content"),
    [
        ("internal", 500, b'"500.003.1001"'),
        ("busy", 500, b"System is busy"),
        ("html", 503, b"Request unsuccessful. Incapsula"),
    ],
)
def test_a_push_can_be_accepted_and_answered_with_an_error(
    merchant: Merchant, shape: str, status: int, content: bytes
) -> None:
    """push_error_after_acceptance: a server error, while the prompt goes out all the same."""
    merchant.network.order({"fault": "push_error_after_acceptance", "shape": shape})
    answer = merchant.push()
    assert answer.status == status
    assert content in answer.body
    merchant.answer("pay")


@pytest.mark.parametrize(
    ("order", "status", "content"),
    [
        ({"fault": "spike_arrest"}, 500, b"Spike Arrest Violation"),
        ({"fault": "spike_arrest", "shape": "apigee"}, 429, b"policies.ratelimit.SpikeArrestViolation"),
        ({"fault": "busy"}, 500, b"System is busy"),
        ({"fault": "internal_error"}, 500, b"500.003.1001"),
        ({"fault": "html_503"}, 503, b"Incapsula"),
        ({"fault": "subscriber_locked"}, 500, b"Unable to lock subscriber"),
        ({"fault": "no_such_product"}, 401, b"401.003.01"),
    ],
)
def test_a_refused_push_is_not_processed(
    merchant: Merchant, order: dict[str, Any], status: int, content: bytes
) -> None:
    """What the gateway refuses rings nowhere, and the next push is as usual."""
    merchant.network.order(order)
    answer = merchant.push()
    assert answer.status == status
    assert content in answer.body
    assert merchant.network.payments(merchant.now_ms) == []
    merchant.accepted()


def test_a_revoked_token_must_be_fetched_again(merchant: Merchant) -> None:
    """token_revoked ends every token at once; a new one works."""
    merchant.network.order({"fault": "token_revoked"})
    assert document(merchant.push())["errorCode"] == "404.001.03"
    assert document(merchant.push())["errorCode"] == "404.001.03"
    merchant.token = document(merchant.send("GET", TOKEN, b"", basic()))["access_token"]
    merchant.accepted()


def test_a_slow_answer_is_the_usual_one_later(merchant: Merchant) -> None:
    """The fault slow delays answers and refusals alike."""
    merchant.network.order({"fault": "slow", "delay_ms": 9_000, "times": 2})
    assert [merchant.push(amount=amount).delay_ms for amount in (100, 0, 50)] == [9_000, 9_000, 0]


def test_a_flapping_query_says_nothing_in_two_shapes(merchant: Merchant) -> None:
    """query_flapping: HTTP 500 with a text or HTTP 200 with an empty one, also after the end."""
    checkout_request_id = merchant.accepted(OTHER)
    merchant.wait(10_000)
    for shape, status, message in (("processing", 500, "The transaction is being processed"), ("empty", 200, "")):
        merchant.network.order({"fault": "query_flapping", "shape": shape})
        answer = merchant.query(checkout_request_id)
        assert (answer.status, document(answer)["errorCode"]) == (status, "500.001.1001")
        assert (document(answer)["errorMessage"], document(answer)["requestId"]) == (message, checkout_request_id)
    assert merchant.queried_code(checkout_request_id) == "0"


def test_a_request_fault_falls_only_where_it_is_told(merchant: Merchant) -> None:
    """A fault on queries leaves pushes alone, and one on tokens leaves both."""
    merchant.network.order({"fault": "busy", "on": "query"})
    merchant.network.order({"fault": "html_503", "on": "token"})
    checkout_request_id = merchant.accepted()
    assert merchant.query(checkout_request_id).status == 500
    assert merchant.query(checkout_request_id).status == 200
    assert merchant.send("GET", TOKEN, b"", basic()).status == 503


def test_an_order_can_name_a_phone(merchant: Merchant) -> None:
    """What is ordered for one phone waits for it, also for the queries about it."""
    merchant.network.order({"result_code": 1, "msisdn": OTHER})
    merchant.network.order({"fault": "busy", "on": "query", "msisdn": OTHER})
    assert merchant.query(merchant.accepted()).status == 200
    other = merchant.accepted(OTHER)
    assert merchant.query(other).status == 500
    merchant.wait(10_000)
    assert merchant.queried_code(other) == "1"


def test_an_order_can_name_an_amount(merchant: Merchant) -> None:
    """only_amount limits a fault to pushes of that amount."""
    merchant.network.order({"fault": "busy", "only_amount": 20})
    assert [merchant.push("254711111111", amount).status for amount in (10, 20)] == [200, 500]


def test_orders_are_used_first_come_first_served(merchant: Merchant) -> None:
    """One order is for one push; times makes it several."""
    merchant.network.order({"result_code": 1032})
    merchant.network.order({"result_code": 2001, "after_ms": 0, "times": 2})
    pushes = [merchant.accepted(f"25471111111{number}") for number in range(4)]
    merchant.wait(10_000)
    assert [merchant.queried_code(push) for push in pushes] == ["1032", "2001", "2001", "4999"]


def test_a_refused_push_does_not_use_up_what_was_ordered_for_a_payment(merchant: Merchant) -> None:
    """An ordered result waits for the push that is accepted."""
    merchant.network.order({"result_code": 1032})
    merchant.push(amount=0)
    accepted = merchant.accepted()
    merchant.wait(10_000)
    assert merchant.queried_code(accepted) == "1032"


def test_an_ordered_timeout_lasts_as_long_as_the_prompt(merchant: Merchant) -> None:
    """1037 comes at the end of the prompt's life, unless it is told when."""
    merchant.network.order({"result_code": 1037})
    merchant.accepted()
    assert merchant.wait(60_000) == []
    assert callback(merchant.wait(10_000)[0])["ResultCode"] == 1037


def test_a_rate_is_a_share_of_all_payments() -> None:
    """A rate of 0.2 loses about a fifth of the callbacks; a rate of 0 none."""
    network = Network(Settings(seed=3))
    network.set_faults({"callback_lost": 0.2, "callback_repeated": 0})
    merchant = Merchant(network)
    network.set_rule("default", {"answer": "pay"})
    for number in range(1_000):
        merchant.accepted(f"2547{number:08}")
    assert 740 < len(merchant.wait(120_000)) < 860


def test_rates_are_replaced_as_a_whole(network: Network) -> None:
    """What a PUT does not name is gone; one fault can have several rates."""
    network.set_faults({"callback_lost": 1, "busy": {"rate": 0.5, "on": "any"}})
    network.set_faults({"callback_late": [{"rate": 1, "msisdn": PAYER}, {"rate": 0.1, "delay_ms": 5}]})
    assert network.faults()["rates"] == [
        {"fault": "callback_late", "delay_ms": 120_000, "rate": 1.0, "msisdn": PAYER},
        {"fault": "callback_late", "delay_ms": 5, "rate": 0.1},
    ]


@pytest.mark.parametrize(
    "order",
    [
        [],
        {},
        {"fault": "explode"},
        {"fault": ["busy"]},
        {"fault": "busy", "on": "moon"},
        {"fault": "busy", "delay_ms": 1},
        {"fault": "callback_late", "delay_ms": -1},
        {"fault": "callback_repeated", "copies": 2.5},
        {"result_code": True},
        {"result_code": "drop table"},
        {"result_code": 1, "surprise": 1},
        {"after_ms": 5, "fault": "busy"},
        {"fault": "busy", "times": 0},
        {"fault": "busy", "msisdn": "0712345678"},
        {"faults": "busy"},
    ],
)
def test_an_order_that_cannot_be_read_is_refused(network: Network, order: object) -> None:
    """The refusal is a sentence, and nothing is ordered."""
    with pytest.raises(Misused):
        network.order(order)
    assert network.faults()["next"] == []


def test_an_unknown_fault_is_refused_by_naming_the_known(network: Network) -> None:
    """Whoever misspells a fault is told all there are."""
    with pytest.raises(Misused, match="callback_lost, callback_late"):
        network.set_faults({"callback_los": 1})


@pytest.mark.parametrize("name", KINDS)
def test_every_fault_can_be_ordered_with_its_defaults(merchant: Merchant, name: str) -> None:
    """No fault of the table needs more than its name, and none breaks the simulator."""
    merchant.network.order({"fault": name})
    merchant.push(OTHER)
    merchant.query("ws_CO_nothing")
    merchant.wait(600_000)
    assert merchant.network.faults()["next"] == []


def test_the_same_seed_and_calls_give_the_same_bytes() -> None:
    """Two networks of one seed agree on every byte, under faults; another seed does not."""

    def play(seed: int) -> list[bytes]:
        merchant = Merchant(Network(Settings(seed=seed)))
        merchant.network.set_faults({name: 0.1 for name in KINDS if name != "token_revoked"})
        merchant.network.set_rule("default", {"answers": {"pay": 3, "cancel": 1}, "median_ms": 9_000})
        said = [merchant.token.encode()]
        for number in range(200):
            said.append(merchant.push(f"2547{number:08}").body)
            said.extend(post.body for post in merchant.wait(1_000))
        return said

    assert play(5) == play(5)
    assert play(5) != play(6)
