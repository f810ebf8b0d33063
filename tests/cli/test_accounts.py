"""`hakika accounts` and `hakika payments`: at a running server and on the store alike."""

import pytest

from hakika.domain.sandbox import PUBLIC_PASSKEY
from tests.cli.machine import ACCOUNT, HAS_NO_FUNDS, PAYS, Machine

SECRETS = ("--consumer-key", "a", "--consumer-secret", "b", "--passkey", "c")


@pytest.mark.parametrize("served", [True, False], ids=["server", "store"])
def test_an_account_is_changed_and_put_out_of_use(machine: Machine, served: bool) -> None:
    """Only what is given changes, no credential is asked for; another environment is refused, and so is nothing."""
    if served:
        machine.serve(**ACCOUNT)
    assert machine.ask("accounts", "add", "shop", "--shortcode", "600000", *SECRETS, **ACCOUNT)[0] == 0
    code, changed = machine.ask("accounts", "update", "shop", "--name", "stall", "--calls-per-minute", "9", **ACCOUNT)
    assert (code, changed["name"], changed["calls_per_minute"]) == (0, "stall", 9)
    for active in (False, True):
        word = "activate" if active else "deactivate"
        code, shown = machine.ask("accounts", word, "stall", **ACCOUNT)
        assert (code, shown["active"]) == (0, active)
    code, problem = machine.ask("accounts", "update", "stall", "--environment", "production", **ACCOUNT)
    assert (code, problem["code"]) == (1, "invalid_request")
    assert "stays one" in problem["detail"]
    assert machine.ask("accounts", "update", "stall", **ACCOUNT)[0] == 2
    assert machine.ask("accounts", "deactivate", "nobody", **ACCOUNT)[1]["code"] == "not_found"


def test_production_takes_nothing_of_the_public_sandbox(machine: Machine) -> None:
    """The passkey that everybody has, and digits that no shortcode has, are refused on the store as well."""
    secrets = ("--consumer-key", "a", "--consumer-secret", "b", "--passkey", PUBLIC_PASSKEY)
    add = ("accounts", "add", "prod", "--environment", "production", *secrets, "--shortcode")
    code, problem = machine.ask(*add, "600000")
    assert (code, problem["field"]) == (1, "passkey")
    code, problem = machine.ask(*add, "\u0661\u0662\u0663\u0664\u0665")
    assert (code, problem["code"]) == (1, "invalid_request")


def test_payments_are_listed(machine: Machine) -> None:
    """By status, flag, code, phone and account, from the server and from the store; `more` says that there are more."""
    account = {**ACCOUNT, "MPESA_BASE_URL": machine.simulate(), "HAKIKA_CLOCK_SPEED": "10"}
    process, _ = machine.serve(**account)
    paid = machine.ask("pay", PAYS, "11", "-r", "paid", "--wait", **account)[1]["id"]
    poor = machine.ask("pay", HAS_NO_FUNDS, "12", "-r", "poor", "--wait", **account)[1]["id"]
    expected = {
        ("--account", "default"): [poor, paid],
        ("--status", "completed", "--confirmed-by", "callback", "--phone", f"0{PAYS[3:]}"): [paid],
        ("--result-code", "1"): [poor],
        ("--flag", "paid_twice", "--late", "--frozen"): [],
    }
    for _ in ("server", "store"):
        for options, found in expected.items():
            code, listed = machine.ask("payments", *options, **account)
            assert (code, [payment["id"] for payment in listed["data"]]) == (0, found), options
        assert machine.ask("payments", "--limit", "1", **account)[1]["has_more"]
        assert "paid" in machine.run("payments", **account).stdout
        assert "No payment is like that" in machine.run("payments", "--frozen", **account).stdout
        if process.poll() is None:
            machine.stop(process)
