"""What the simulator remembers, and forgets."""

import msgspec

from hakika.simulator import PAYBILL, SANDBOX_PASSKEY, Network, Settings
from hakika.simulator.journal import mask_body
from tests.simulator.merchant import Merchant, callback, password


def test_every_exchange_is_kept_in_order(merchant: Merchant) -> None:
    """Token, push and callback, each with its answer."""
    merchant.accepted()
    merchant.answer("pay")
    (post,) = merchant.wait(10_000)
    merchant.network.callback_posted(post, 200, b'{"ResultCode":0}', merchant.now_ms)
    entries = merchant.network.requests()
    assert [(entry["number"], entry["kind"], entry["status"]) for entry in entries] == [
        (1, "token", 200),
        (2, "push", 200),
        (3, "callback", 200),
    ]
    assert entries[2]["body"]["Body"]["stkCallback"] == callback(post)
    assert merchant.network.requests(after=2) == entries[2:]


def test_secrets_are_masked(merchant: Merchant) -> None:
    """Neither the secret, nor a token, nor a password can be read from the requests."""
    merchant.accepted()
    shown = msgspec.json.encode(merchant.network.requests()).decode()
    for secret in (merchant.token, password(PAYBILL), SANDBOX_PASSKEY, "c2ltLWtleTpzaW0tc2VjcmV0"):
        assert secret not in shown


def test_secrets_are_masked_in_bodies_that_are_not_json() -> None:
    """A form, or half a document, hides its password too."""
    for body in (b"Amount=1&Password=c2VjcmV0&X=1", b'{"Amount": 1, "Password": "c2VjcmV0", '):
        assert "c2VjcmV0" not in str(mask_body(body))


def test_a_cut_connection_is_noted_without_a_status(merchant: Merchant) -> None:
    """What the client never got is not shown as an answer."""
    merchant.network.order({"fault": "push_cut"})
    merchant.push()
    entry = merchant.network.requests()[-1]
    assert (entry["status"], entry["note"]) == (None, "connection cut")


def test_memory_is_bounded() -> None:
    """The oldest requests and payments are forgotten, and a forgotten push does not exist."""
    merchant = Merchant(Network(Settings(keep_payments=3, keep_requests=5)))
    pushes = [merchant.accepted(f"25471111111{number}") for number in range(9)]
    assert len(merchant.network.requests()) == 5
    assert len(merchant.network.payments(merchant.now_ms)) == 3
    assert merchant.query(pushes[0]).status == 500
    assert merchant.query(pushes[-1]).status == 200


def test_a_forgotten_push_still_gets_its_callback() -> None:
    """A bounded memory never costs a callback."""
    merchant = Merchant(Network(Settings(keep_payments=1)))
    merchant.accepted("254708374149")
    merchant.accepted("254708374150")
    assert len(merchant.wait(10_000)) == 2


def test_a_reset_forgets_everything_and_starts_the_same(merchant: Merchant) -> None:
    """After a reset the first token is the first token again."""
    first = merchant.token
    merchant.network.order({"result_code": 1})
    merchant.network.set_rule("default", {"answer": "pay"})
    merchant.network.set_faults({"busy": 1})
    merchant.network.reset()
    assert merchant.network.requests() == merchant.network.payments(merchant.now_ms) == []
    assert merchant.network.rule("default") is None
    assert Merchant(merchant.network).token == first
