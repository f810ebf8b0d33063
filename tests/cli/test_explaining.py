"""`hakika explain`: a payment by any of its names, or an error by its words, in plain words."""

import itertools
import json

import pytest
from typer.testing import CliRunner

from hakika.cli.app import registered
from tests.cli.machine import HAS_NO_FUNDS, PAYS, Machine

Shop = tuple[Machine, str]
_amounts = itertools.count(701)


def test_a_payment_is_explained_in_words(shop: Shop) -> None:
    """What happened, why, what it means for the money and what to do; `--json` and the timeline say the same."""
    machine = shop[0]
    machine.run("pay", HAS_NO_FUNDS, str(next(_amounts)), "-r", "explained", "--wait")
    done = machine.run("explain", "explained")
    assert done.returncode == 0
    for words in ("what happened", "M-Pesa said 1 ", "the money", "None moved.", "what to do", "topped up"):
        assert words in done.stdout
    _, document = machine.ask("explain", "explained")
    assert (document["object"], document["cause"], document["status"]) == ("explanation", "payer-declined", "failed")
    _, told = machine.ask("status", "explained", "--timeline")
    assert told["explanation"] == document
    assert document["happened"] in machine.run("status", "explained", "--timeline").stdout


def test_a_payment_is_explained_without_a_server(shop: Shop) -> None:
    """Read from the database, it is the same explanation."""
    machine = shop[0]
    machine.run("pay", PAYS, str(next(_amounts)), "-r", "explained-directly", "--wait")
    _, asked = machine.ask("explain", "explained-directly")
    presence = machine.directory / ".hakika" / "server.json"
    hidden = presence.rename(presence.with_suffix(".hidden"))
    try:
        code, read = machine.ask("explain", "explained-directly")
    finally:
        hidden.rename(presence)
    assert (code, read) == (0, asked)


def test_an_error_is_explained_without_server_or_database(runner: CliRunner) -> None:
    """Daraja's own words, or a code, are enough: the cause, the cure and the checks."""
    result = runner.invoke(registered(), ["explain", "Bad Request - Invalid CallBackURL"])
    assert result.exit_code == 0
    assert "CALLBACK_BASE_URL" in result.output
    assert "hakika doctor callback-url.https" in result.output
    known = json.loads(runner.invoke(registered(), ["explain", "1", "--json"]).output)["data"]
    assert [(one["cause"], one["cure"][:18]) for one in known] == [("payer-declined", "Insufficient funds")]


@pytest.mark.parametrize("name", ["order-1042", "pay_01m2x5h9q0d2n8r4t6v8y0a2c4"])
def test_what_is_neither_is_refused(shop: Shop, name: str) -> None:
    """A name that no payment has and no error: exit code 1, and what to do."""
    code, problem = shop[0].ask("explain", name)
    assert (code, problem["code"]) == (1, "not_found")
