"""Going live: every item of the known checklists is on the page, and what can be seen is ticked off, nothing else."""

import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hakika.api.doctor_shapes import DoctorShape
from hakika.cli.app import registered
from hakika.doctor.check import Finding, Outcome
from hakika.doctor.checks import (
    going_live_alarms,
    going_live_endpoint,
    going_live_environment,
    going_live_first_shilling,
    going_live_keys,
    going_live_practice,
    inside_alerts,
)
from hakika.doctor.going_live import OWN_CHECKS, STEPS, tick_steps
from hakika.doctor.ground import Ground
from hakika.doctor.looking import Unseen
from hakika.doctor.registry import CHECKS
from hakika.engine.ids import system_entropy
from hakika.engine.keys import create_key, revoke_key
from hakika.engine.vault import Vault
from hakika.store.alerts.records import AlertRow, insert_alert, write_alert
from hakika.store.webhooks.endpoints import EndpointRow, change_endpoint, insert_endpoint
from tests.api.house import open_house, settings_for
from tests.cli.conftest import clear_settings
from tests.engine.till import VAULT_KEY, HeldClock, ScriptedDaraja, Till, say

pytestmark = pytest.mark.anyio
PAGE = (Path(__file__).parents[2] / "docs" / "going-live.md").read_text(encoding="utf-8")
NAMES = {check.name for check in CHECKS}

# Every item of the checklists of seeds 000, 001, 002 and 004, and of daraja.md: by a word that must be under that step.
CHECKLISTS = [
    ("portal", "Sign up"),
    ("portal", "verify the e-mail"),
    ("portal", "Create New App"),
    ("portal", "Lipa na M-Pesa Online"),
    ("portal", "consumer key and consumer secret"),
    ("portal", "secrets manager"),
    ("shortcode", "Safaricom Business Care"),
    ("shortcode", "registration documents"),
    ("shortcode", "bank account details"),
    ("shortcode", "volume that you expect"),
    ("shortcode", "store (head-office) number"),
    ("shortcode", "182 characters"),
    ("practice", "MPESA_SHORTCODE=174379"),
    ("practice", "254708374149"),
    ("practice", "`Idempotency-Key` prompts once"),
    ("practice", "07…, 01…, 254… and +254…"),
    ("practice", "KES 0, 1.5 and 250,001 are refused"),
    ("practice", "1032"),
    ("practice", "hakika serve --tunnel auto"),
    ("practice", "No restart"),
    ("production-app", "production app has a consumer key and secret of its own"),
    ("production-app", "passkey"),
    ("production-app", "MPESA_ENVIRONMENT=production"),
    ("products", "M-Pesa Express (STK push) for this shortcode"),
    ("products", "120 calls a minute"),
    ("products", "callback URL or domain, if they keep a list"),
    ("products", "external validation is off until they enable it"),
    ("products", "URL Management"),
    ("products", "ends after 90 days"),
    ("products", "apisupport@safaricom.co.ke"),
    ("callback-url", "no localhost"),
    ("callback-url", "certificate of a public authority"),
    ("callback-url", "whole chain"),
    ("callback-url", "CALLBACK_BASE_URL"),
    ("callback-url", "permanent public domain"),
    ("callback-url", "login, CSRF token, bot challenge or WAF"),
    ("callback-url", "/mpesa/callback/health"),
    ("callback-url", "Without `mpesa`, `safaricom`, `exe`, `cmd`, `sql` or `query`"),
    ("addresses", "196.201.212.69"),
    ("addresses", "196.201.214.200"),
    ("addresses", "HAKIKA_REFUSE_FOREIGN_IPS"),
    ("addresses", "X-Forwarded-For"),
    ("addresses", "TCP 443"),
    ("server", "30 seconds or more"),
    ("server", "level `info`"),
    ("server", "PostgreSQL"),
    ("server", "restarted by itself"),
    ("server", "NTP"),
    ("backup", "hakika restore --check"),
    ("keys", "--mode live"),
    ("receivers", "each event id acted on once"),
    ("receivers", "failure.message"),
    ("alarms", "pending for more than five minutes"),
    ("alarms", "no callback for an hour"),
    ("alarms", "above 5 %"),
    ("alarms", "fewer than n successes in m minutes"),
    ("alarms", "e-mail, SMS, Telegram"),
    ("round-trip", "hakika doctor --callback"),
    ("round-trip", "mock callback"),
    ("first-shilling", "hakika pay 0712345678 1"),
    ("first-shilling", "M-Pesa statement"),
    ("first-shilling", "reversed"),
    ("people", "unresolved"),
    ("first-day", "callers.arrival"),
    ("first-day", "small amounts"),
]


def section(name: str) -> str:
    """What the page says of a step, on one line."""
    _, _, rest = PAGE.partition(f'<a id="{name}"></a>')
    return " ".join(rest.partition("\n## ")[0].split())


@pytest.mark.parametrize(("step", "words"), CHECKLISTS)
def test_every_item_of_the_known_checklists_is_on_the_page(step: str, words: str) -> None:
    """Under the step that it belongs to."""
    assert words.lower() in section(step).lower()


def test_the_page_has_a_section_for_each_step_in_order() -> None:
    """Numbered as `hakika doctor --going-live` numbers them; what each asks for can be ticked."""
    found = re.findall(r'^## <a id="([\w-]+)"></a>(\d+)\. (.+)$', PAGE, re.MULTILINE)
    assert found == [(step.name, str(number), step.title) for number, step in enumerate(STEPS, 1)]
    assert all("- [ ] " in section(step.name) for step in STEPS)


def test_every_step_names_checks_that_exist() -> None:
    """A step that nothing can tick off says so by being somebody's own."""
    assert {name for step in STEPS for name in step.checks} <= NAMES
    assert all(step.checks or step.by_hand for step in STEPS)
    assert {check.name for check in CHECKS if check.going_live} == OWN_CHECKS


def ticks(**outcomes: str) -> dict[str, str]:
    """How the steps stand when every check is well but these."""
    found = [
        {"name": check.name, "outcome": outcomes.get(check.name.replace(".", "_").replace("-", "_"), "ok")}
        for check in CHECKS
    ]
    return {step["name"]: step["tick"] for step in tick_steps(found)}


def test_what_is_well_is_ticked_off_but_never_what_only_a_person_knows() -> None:
    """All checks well: each step is done, or yours."""
    for step in STEPS:
        assert ticks()[step.name] == ("yours" if step.by_hand else "done")


@pytest.mark.parametrize(
    ("outcome", "tick"), [("failed", "open"), ("warning", "open"), ("unknown", "unknown"), ("skipped", "done")]
)
def test_one_check_decides_its_step(outcome: str, tick: str) -> None:
    """What failed opens it; what could not be told leaves it unknown; what does not apply is no hindrance."""
    found = ticks(callback_url_certificate=outcome)
    assert found["callback-url"] == tick
    assert {name for name, stands in found.items() if stands in {"open", "unknown"}} == {"callback-url"} - (
        {"callback-url"} if tick == "done" else set()
    )


def test_what_was_not_looked_at_is_unknown() -> None:
    """No report is no tick."""
    assert {step["tick"] for step in tick_steps([])} == {"unknown", "yours"}


# ── the checks that run only for the steps' sake ──────────────────────────────


@pytest.fixture
async def live_till(migrated_database_url: str, anyio_backend: str) -> AsyncIterator[Till]:
    """A node whose only account is a live one."""
    clock = HeldClock()
    node = await Till(migrated_database_url, clock, ScriptedDaraja(clock)).open(
        environment="production", base_url="https://api.safaricom.co.ke", shortcode="600123"
    )
    yield node
    await node.close()


def ground_of(till: Till, **changes: Any) -> Ground:
    """What the checks stand on."""
    fields: dict[str, Any] = {
        "settings": settings_for(till.url, Path("unused"), environment="production"),
        "environ": {},
        "clock": till.clock,
        "store": till.store,
        "accounts": till.accounts,
        "callback_origin": "https://pay.example.com",
        "vault": Vault(VAULT_KEY),
    }
    return Ground(**(fields | changes))


async def only(look: Any, ground: Ground) -> Finding:
    """The one finding of a check."""
    found = await look(ground)
    assert len(found) == 1
    return found[0]  # type: ignore[no-any-return]


async def test_a_live_account_is_what_takes_real_money(live_till: Till) -> None:
    """Settings of the sandbox and no live account: a warning that says which environment it is."""
    assert (await only(going_live_environment.look, ground_of(live_till))).outcome is Outcome.OK
    blank = ground_of(live_till, accounts=None, settings=settings_for(live_till.url, Path("unused")))
    found = await only(going_live_environment.look, blank)
    assert (found.outcome, "is sandbox" in found.evidence) == (Outcome.WARNING, True)


async def test_a_paid_test_payment_is_practice(live_till: Till) -> None:
    """A live one is none."""
    row = await live_till.prompt()
    await live_till.call_back(row)
    assert (await only(going_live_practice.look, ground_of(live_till))).outcome is Outcome.WARNING
    await live_till.spoil(row, environment="sandbox")
    assert row.id in (await only(going_live_practice.look, ground_of(live_till))).evidence


async def test_the_first_shilling_needs_its_callback(live_till: Till) -> None:
    """Nothing, then one that a query completed, then one whose callback came."""
    assert "No live payment" in (await only(going_live_first_shilling.look, ground_of(live_till))).evidence
    row = await live_till.prompt(amount=1)
    live_till.daraja.query_default = say("0")
    await live_till.work(after_s=90)
    silent = await only(going_live_first_shilling.look, ground_of(live_till))
    assert (silent.outcome, f"hakika explain {row.id}" in silent.cure) == (Outcome.WARNING, True)
    told = await live_till.prompt(amount=1)
    await live_till.call_back(told)
    assert (await only(going_live_first_shilling.look, ground_of(live_till))).outcome is Outcome.OK


async def test_a_live_key_that_was_not_revoked_is_one(live_till: Till) -> None:
    """Test keys and revoked ones open no real payment."""
    store, clock = live_till.store, live_till.clock
    await store.write(lambda tx: create_key(tx, "shop", "test", clock, system_entropy))
    assert (await only(going_live_keys.look, ground_of(live_till))).outcome is Outcome.WARNING
    _, key = await store.write(lambda tx: create_key(tx, "shop", "live", clock, system_entropy))
    assert (await only(going_live_keys.look, ground_of(live_till))).outcome is Outcome.OK
    await store.write(lambda tx: revoke_key(tx, key.id, clock()))
    assert (await only(going_live_keys.look, ground_of(live_till))).outcome is Outcome.WARNING


async def add_endpoint(till: Till, event_types: str = "") -> None:
    """Add an endpoint that is on, for live payments."""
    blank: dict[str, Any] = dict.fromkeys(EndpointRow._fields, 0)
    given = {"id": "ep_1", "mode": "live", "url": "https://shop.example/h", "active": True, "event_types": event_types}
    texts = {"description": "", "off_reason": "", "secret": b"", "old_secret": b""}
    await till.store.write(lambda tx: insert_endpoint(tx, EndpointRow(**(blank | given | texts))))


@pytest.mark.parametrize(
    ("event_types", "outcome"),
    [("", "ok"), (",alert.opened,alert.closed,", "ok"), (",payment.completed,", "warning")],
)
async def test_an_endpoint_that_is_sent_alerts_is_what_tells_somebody(
    live_till: Till, event_types: str, outcome: str
) -> None:
    """One for payments alone tells nobody; nor does none."""
    assert (await only(going_live_alarms.look, ground_of(live_till))).outcome is Outcome.WARNING
    await add_endpoint(live_till, event_types)
    assert (await only(going_live_alarms.look, ground_of(live_till))).outcome.value == outcome


async def test_an_open_alert_is_a_warning(live_till: Till) -> None:
    """With its own words and how long it has been open; a closed one is none."""
    assert (await only(inside_alerts.look, ground_of(live_till))).outcome is Outcome.OK
    texts = {
        "id": "alr_1",
        "mode": "live",
        "rule": "unresolved",
        "subject": "",
        "severity": "warning",
        "status": "open",
    }
    blank: dict[str, Any] = dict.fromkeys(AlertRow._fields, 0)
    row = AlertRow(**(blank | texts | {"summary": "One is unresolved.", "evidence": "{}"}))
    await live_till.store.write(lambda tx: insert_alert(tx, row._replace(opened_at_ms=live_till.clock() - 600_000)))
    found = await only(inside_alerts.look, ground_of(live_till))
    assert (found.outcome, found.subject) == (Outcome.WARNING, "unresolved")
    assert found.evidence == "One is unresolved. (for 10 min, live)"
    await live_till.store.write(lambda tx: write_alert(tx, row._replace(status="closed", closed_at_ms=1)))
    assert (await only(inside_alerts.look, ground_of(live_till))).outcome is Outcome.OK


async def test_a_live_endpoint_that_is_on_hears_of_payments(live_till: Till) -> None:
    """None is a way to work; one that is off is a warning."""
    with pytest.raises(Unseen, match="no live endpoint"):
        await going_live_endpoint.look(ground_of(live_till))
    await add_endpoint(live_till)
    assert (await only(going_live_endpoint.look, ground_of(live_till))).outcome is Outcome.OK
    await live_till.store.write(lambda tx: change_endpoint(tx, "ep_1", {"active": False}))
    assert (await only(going_live_endpoint.look, ground_of(live_till))).outcome is Outcome.WARNING


# ── as a person sees it ──────────────────────────────


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Give a runner in an empty directory, with none of our settings in the environment."""
    monkeypatch.chdir(tmp_path)
    clear_settings(monkeypatch)
    monkeypatch.setenv("MPESA_BASE_URL", "http://127.0.0.1:9")  # nobody: nothing leaves this machine
    return CliRunner()


def test_the_command_line_lists_the_steps(runner: CliRunner) -> None:
    """In words with what to do, and as a document; without `--going-live` there are none."""
    words = runner.invoke(registered(), ["doctor", "settings", "--going-live"]).output
    assert "Steps to going live" in words
    assert all(step.title in words for step in STEPS)
    document = json.loads(runner.invoke(registered(), ["doctor", "settings", "--going-live", "--json"]).output)
    assert [step["name"] for step in document["going_live"]] == [step.name for step in STEPS]
    assert next(step for step in document["going_live"] if step["name"] == "production-app")["tick"] == "open"
    without = json.loads(runner.invoke(registered(), ["doctor", "settings", "--json"]).output)
    assert "going_live" not in without


async def test_the_api_lists_the_steps(migrated_sqlite_file: Path, tmp_path: Path) -> None:
    """Where `going_live` is asked for, in the shape that the contract shows; else not at all."""
    shutil.copyfile(migrated_sqlite_file, tmp_path / "hakika.db")
    async with open_house(settings_for(f"sqlite:///{tmp_path / 'hakika.db'}", tmp_path / "data")) as hakika:
        answer = (await hakika.api.get("/v1/doctor?check=settings&going_live=true")).json()
        assert "going_live" not in (await hakika.api.get("/v1/doctor?check=settings")).json()
    assert [step["name"] for step in DoctorShape.model_validate(answer).model_dump()["going_live"]] == [
        step.name for step in STEPS
    ]
    assert next(step["tick"] for step in answer["going_live"] if step["name"] == "keys") == "open"
