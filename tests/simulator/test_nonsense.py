"""Nonsense is refused, whatever it is: nothing that a client sends raises."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakika.simulator import Misused, Network, Settings
from tests.simulator.merchant import PUSH, QUERY, TOKEN, Merchant, push_body

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from([*push_body(), "CheckoutRequestID"])


@given(st.dictionaries(FIELDS, ANYTHING, max_size=4), st.sampled_from([PUSH, QUERY]))
def test_any_field_may_hold_anything(fields: dict[str, Any], path: str) -> None:
    """A push or query with some fields replaced by anything is answered."""
    answer = Merchant(Network(Settings(strict=True))).post(path, push_body() | fields)
    assert answer.status in {200, 400, 500}


@given(st.binary(max_size=200), st.sampled_from([PUSH, QUERY, TOKEN, "/", "//[", "/%00?a=b&&=;"]))
def test_any_bytes_may_come_on_any_path(body: bytes, path: str) -> None:
    """A body of any bytes, and a path of none of ours, is answered."""
    merchant = Merchant(Network())
    headers = {"Authorization": f"Bearer {merchant.token}", "Content-Type": "application/json"}
    assert merchant.send("POST", path, body, headers).status in {400, 404, 405, 500}
    msgspec.json.encode(merchant.network.requests())


@pytest.mark.parametrize("number", ["1" * 5_000, "1e400", "-0", "NaN"])
def test_numbers_out_of_all_bounds_are_refused(merchant: Merchant, number: str) -> None:
    """Numbers that Python itself would stumble over are bad requests."""
    headers = {"Authorization": f"Bearer {merchant.token}", "Content-Type": "application/json"}
    whole = msgspec.json.encode(push_body(amount="@")).decode().replace('"@"', number)
    assert merchant.send("POST", PUSH, whole.encode(), headers).status == 400


@given(ANYTHING)
def test_orders_faults_and_rules_may_be_anything(document: Any) -> None:
    """The control verbs take what they can read and refuse the rest with a sentence."""
    network = Network()
    for verb in (network.order, network.set_faults, lambda read: network.set_rule("default", read)):
        with suppress(Misused):
            verb(document)
