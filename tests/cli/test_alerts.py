"""`hakika alerts` and endpoints of people, against a real server."""

import subprocess
import sys

from tests.cli.machine import Machine
from tests.cli.test_webhooks import catching

TELEGRAM = "tgram://123456789:AAF-the-token-of-a-bot-9xyz/12315544/"


def test_an_alert_from_its_rule_to_a_webhook(shop: tuple[Machine, str]) -> None:
    """A rule is set so that it holds; the running server opens the alert by itself and posts it; it is shown."""
    machine, _ = shop
    with catching() as caught:
        types = ("--type", "alert.opened", "--type", "alert.closed")
        secret = machine.ask("endpoints", "add", caught.url, *types)[1]["secret"]
        hours = ("--set", "from_hour=0", "--set", "to_hour=0", "--set", "asked=0", "--set", "successes=9999")
        code, rule = machine.ask("alerts", "rule", "successes-few", *hours)
        assert (code, rule["thresholds"]["asked"], rule["shipped"]["asked"]) == (0, 0, 10)
        event = caught.next(secret)
        alert = event["data"]
        assert (event["type"], event["payment"], alert["rule"]) == ("alert.opened", None, "successes-few")
        assert alert["id"] in machine.run("alerts", "list").stdout
        shown = machine.run("alerts", "show", alert["id"]).stdout
        assert "the money" in shown
        assert "hakika doctor" in shown
        assert machine.ask("alerts", "rule", "successes-few", "--off")[1]["active"] is False
        assert caught.next(secret)["type"] == "alert.closed"
    assert machine.ask("alerts", "rule", "pending-long", "--set", "minutes")[0] == 2


def test_the_url_of_a_person_is_read_from_a_line(shop: tuple[Machine, str]) -> None:
    """So that no history keeps it; and what is printed does not have it."""
    machine, _ = shop
    done = subprocess.run(
        [sys.executable, "-m", "hakika.cli", "endpoints", "add", "-"],
        cwd=machine.directory,
        env=machine.environment,
        input=f"{TELEGRAM}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "tells tgram://… of: alert.opened, alert.closed" in done.stdout
    listed = machine.run("endpoints", "list").stdout
    assert "tgram://…" in listed
    errors = (machine.directory / "errors.log").read_text()
    assert "AAF" not in done.stdout + done.stderr + listed + errors
