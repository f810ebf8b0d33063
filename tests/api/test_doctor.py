"""`GET /v1/doctor`: the examination of a running server, as one document or line by line, for a full key alone."""

import json
from typing import Any

import httpx2
import jsonschema_rs
import pytest

from hakika.api.app import create_app
from hakika.engine.ids import system_entropy
from hakika.engine.keys import create_key
from tests.api.house import Open

pytestmark = pytest.mark.anyio
DOCUMENT = create_app().openapi()
SCHEMA = {"$ref": "#/components/schemas/DoctorShape", "components": DOCUMENT["components"]}
LINES = {"Accept": "application/x-ndjson"}


async def ask(hakika: Open, path: str = "", **headers: str) -> Any:
    """The document."""
    answer = await hakika.api.get(f"/v1/doctor{path}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_examination_of_a_running_server(hakika: Open) -> None:
    """It has its live parts, so nothing of them is skipped; the document is of its schema, and links to the docs."""
    shown = await ask(hakika, "?check=inside&check=settings.till")
    jsonschema_rs.validate(SCHEMA, shown)
    assert (shown["object"], shown["mode"]) == ("doctor", "test")
    found = {entry["name"]: entry for entry in shown["checks"]}
    assert found["inside.database"]["outcome"] == "ok"
    assert {entry["subject"] for entry in shown["checks"] if entry["name"] == "inside.workers"} == {
        *("worker", "deliverer")
    }
    assert found["settings.till"]["docs"] == "docs/checks.md#settingstill"
    assert not [name for name in found if name != "settings.till" and not name.startswith("inside.")]


async def test_all_of_it_ends_where_the_internet_is_closed(lite: Open) -> None:
    """Every check reports, bounded, and its status is that of the worst."""
    shown = await ask(lite)
    assert {entry["area"] for entry in shown["checks"]} == {"settings", "daraja", "callback-url", "callers", "inside"}
    assert shown["status"] == "failed"
    assert [entry["name"] for entry in shown["checks"] if "The check itself failed" in entry["evidence"]] == []


async def test_what_is_broken_is_found_with_its_cure(lite: Open) -> None:
    """A worker that hangs: the status, the evidence, what it means and what to do."""
    lite.clock.pass_s(300)
    shown = await ask(lite, "?check=inside.workers")
    assert shown["status"] == "failed"
    (late, *_) = [entry for entry in shown["checks"] if entry["subject"] == "worker"]
    assert (late["outcome"], "5 min ago" in late["evidence"]) == ("failed", True)
    assert late["cure"].startswith("Start the server again")
    assert late["meaning"]


async def test_line_by_line(lite: Open) -> None:
    """First the plan, then each finding as its check ends, last the whole, in the order of the plan."""
    answer = await lite.api.get("/v1/doctor?check=settings&check=inside", headers=LINES)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    plan, *findings, whole = (json.loads(line) for line in answer.text.splitlines())
    assert plan["object"] == "doctor.plan"
    names = [check["name"] for check in plan["checks"]]
    assert {finding["name"] for finding in findings} == set(names)
    assert list(dict.fromkeys(entry["name"] for entry in whole["checks"])) == names
    assert len(findings) == len(whole["checks"])


async def test_a_name_that_is_no_checks(lite: Open) -> None:
    """422, and what there is."""
    answer = await lite.api.get("/v1/doctor?check=inside.horoscope")
    assert answer.status_code == 422
    assert (answer.json()["field"], "inside.spool" in answer.json()["detail"]) == ("check", True)


async def test_who_may_ask(lite: Open) -> None:
    """A full key of the server's own mode; no key, a payment's client secret or a key of the other mode may not."""
    paid = await lite.ask()
    store, clock = lite.house.store, lite.clock
    live, _ = await store.write(lambda tx: create_key(tx, "shop", "live", clock, system_entropy))
    asked = {
        name: await lite.visit(headers={"Authorization": f"Bearer {key}"} if key else {}).get("/v1/doctor?check=inside")
        for name, key in {"nobody": "", "payer": paid["client_secret"], "live": live}.items()
    }
    assert {name: answer.status_code for name, answer in asked.items()} == {"nobody": 401, "payer": 403, "live": 422}
    assert "does not open the doctor of a test server" in asked["live"].json()["detail"]


async def test_it_works_while_the_database_does_not(lite: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of the settings needs no database: the doctor says what is wrong with it."""

    def refuse(_: object) -> object:
        from hakika.domain.errors import StoreUnavailable  # noqa: PLC0415

        raise StoreUnavailable("SQLite: disk I/O error")

    monkeypatch.setattr(lite.house.store, "read_now", refuse)
    shown = await ask(lite, "?check=inside.database&check=inside.unresolved")
    assert {entry["name"]: entry["outcome"] for entry in shown["checks"]} == {
        "inside.unresolved": "skipped",
        "inside.database": "failed",
    }


async def test_no_secret_is_in_it(lite: Open) -> None:
    """Neither of the settings nor of a payment: token, client secret, keys, passkey, phones."""
    paid, path = await lite.prompt()
    lite.clock.pass_s(3600)
    shown: str = (await lite.api.get("/v1/doctor")).text
    settings = lite.house.settings
    secrets = [settings.passkey, settings.consumer_secret, settings.api_key, settings.secret_key, path, paid["phone"]]
    assert [secret for secret in secrets if secret in shown] == []
    assert isinstance(lite.api, httpx2.AsyncClient)
