"""`/metrics`: what was counted is right, every name is explained, and only some may read it."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request

from hakika.api.metric_families import FAMILIES, Kind
from hakika.api.metrics import Readers
from hakika.domain.errors import StoreUnavailable
from hakika.engine.ids import system_entropy
from hakika.engine.keys import create_key
from hakika.engine.watching.tally import name_code
from tests.api.house import API_KEY, Open, open_house, result, settings_for, unused_phone
from tests.api.test_deliveries import allow_loopback
from tests.api.test_endpoints import listen
from tests.engine.receiver import receiving

pytestmark = pytest.mark.anyio

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
AWAY = "203.0.113.9"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(hakika: Open) -> Samples:
    """Read all samples, as Prometheus does with a key."""
    answer = await hakika.api.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def at(samples: Samples, name: str, **labels: str) -> float:
    """Return one sample."""
    return samples[name, frozenset(labels.items())]


async def live(hakika: Open, statuses: Sequence[int] = (500, 200)) -> None:
    """Let one payment be paid, one be declined, one be withdrawn and one hang, with an endpoint that stumbles."""
    async with receiving() as receiver:
        await listen(hakika, receiver)
        allow_loopback(hakika)
        receiver.script = [f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode() for status in statuses]
        paid, path = await hakika.prompt(reference="a")
        await hakika.api.post(f"/v1/payments/{paid['id']}/query")
        hakika.clock.pass_s(7)
        await hakika.post(path, result("ws_CO_1"))
        await hakika.post(path, result("ws_CO_1"))
        await hakika.post(path, "no callback", AWAY)
        await hakika.post("/mpesa/callback", result("ws_CO_1", receipt="NLJ7RT61SX"))
        await hakika.post("/mpesa/callback", result("ws_CO_999"))
        _, path = await hakika.prompt(reference="b", phone=unused_phone())
        await hakika.post(path, result("ws_CO_2", code=1))
        withdrawn = await hakika.ask(reference="c", phone=unused_phone())
        await hakika.api.post(f"/v1/payments/{withdrawn['id']}/cancel")
        await hakika.prompt(reference="d", phone=unused_phone())
        await hakika.house.budgets.shrink(hakika.house.accounts.known()[0].id)
        await hakika.deliverer.run_once()


async def test_a_life_is_counted(hakika: Open) -> None:
    """Payments by status and code, callbacks by outcome, certainty, queries, pushes, deliveries, budget, lag."""
    await live(hakika)
    hakika.clock.pass_s(60)
    samples = await scrape(hakika)
    payments = {
        (dict(labels)["status"], dict(labels)["code"]): value
        for (name, labels), value in samples.items()
        if name == "hakika_payments_total"
    }
    assert payments == {("pending", ""): 4, ("completed", "0"): 1, ("failed", "1"): 1, ("cancelled", "withdrawn"): 1}
    callbacks = {
        dict(labels)["outcome"]: value for (name, labels), value in samples.items() if name == "hakika_callbacks_total"
    }
    assert callbacks == {
        "settled": 2,
        "unchanged": 1,
        "claimed": 1,
        "unknown": 1,
        "unreadable": 1,
        "spooled": 0,
        "lost": 0,
        "spoiled": 0,
    }
    assert at(samples, "hakika_callbacks_foreign_total") == 1
    assert at(samples, "hakika_certainty_seconds_bucket", confirmed_by="callback", le="5.0") == 1
    assert at(samples, "hakika_certainty_seconds_bucket", confirmed_by="callback", le="10.0") == 2
    assert at(samples, "hakika_certainty_seconds_sum", confirmed_by="callback") == 7
    assert at(samples, "hakika_queries_per_payment_count") == 3
    assert at(samples, "hakika_queries_per_payment_sum") == 1
    assert at(samples, "hakika_queries_total", answer="answered", code="4999") == 1
    assert at(samples, "hakika_pushes_total", answer="accepted") == 3
    assert at(samples, "hakika_payments_pending", mode="test", stage="prompted") == 1
    attempts = [at(samples, "hakika_delivery_attempts_total", outcome=one) for one in ("refused", "delivered")]
    assert attempts[0] == 1
    assert attempts[1] >= 1
    assert at(samples, "hakika_spike_arrests_total", account="default") == 1
    assert at(samples, "hakika_budget_calls_per_minute", account="default") < 100_000
    assert at(samples, "hakika_due_lag_seconds", what="deliveries") > 0
    assert at(samples, "hakika_due_lag_seconds", what="payments") > 0
    assert at(samples, "hakika_store_up") == 1


async def test_every_metric_is_explained_and_every_explained_one_is_there(lite: Open) -> None:
    """docs/metrics.md has a row for each that is shown after a life, with its labels, and for no other."""
    await live(lite)
    text = (await lite.api.get("/metrics")).text
    shown = {name for name in re.findall(r"^# TYPE (\S+)", text, re.MULTILINE) if name.startswith("hakika_")}
    explained = set(re.findall(r"^\| `(hakika_\w+)` \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    assert shown == explained == set(FAMILIES)
    for name, family in FAMILIES.items():
        assert f"# TYPE {name} {family.kind}" in text
        assert name.endswith("_total") == (family.kind is Kind.COUNTER)
        labels = re.findall(rf"^{name}(?:_count)?(?:\{{(.*)\}})? ", text, re.MULTILINE)
        assert labels, name
        assert {tuple(re.findall(r"(\w+)=\"", some)) for some in labels} == {tuple(sorted(family.labels))}
    for process in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "python_info"):
        assert process in text
        assert f"`{process}`" in DOCS.read_text(encoding="utf-8")


async def test_only_some_may_read(lite: Open) -> None:
    """A key of any mode, or a program on this machine; nobody who was handed on, and no page of another site."""
    key, _ = await lite.house.store.write(lambda tx: create_key(tx, "prometheus", "live", lite.clock, system_entropy))
    here = {"Host": "127.0.0.1:8000"}
    asked = {
        "this machine": lite.visit(headers=here),
        "this machine, by name": lite.visit(headers={"Host": "localhost:8000"}),
        "a key from elsewhere": lite.visit(AWAY, {"Authorization": f"Bearer {key}"}),
        "elsewhere": lite.visit(AWAY, here),
        "a wrong key": lite.visit(AWAY, {"Authorization": f"Bearer {API_KEY}x"}),
        "through a proxy here": lite.visit(headers={**here, "X-Forwarded-For": AWAY}),
        "through a tunnel here": lite.visit(headers={**here, "Cf-Connecting-Ip": AWAY}),
        "a page in a browser here": lite.visit(headers={**here, "Origin": "https://evil.example"}),
        "a name that was bent to this machine": lite.visit(headers={"Host": "evil.example"}),
    }
    got = {who: (await visitor.get("/metrics")).status_code for who, visitor in asked.items()}
    assert got == {who: 200 if place < 3 else 401 for place, who in enumerate(asked)}


@pytest.mark.parametrize(("version", "admitted"), [("1.1", True), ("1.0", False)])
def test_a_bare_nginx_is_no_program_on_this_machine(version: str, admitted: bool) -> None:
    """`proxy_pass http://127.0.0.1:8000;` alone asks by HTTP/1.0, with our own address as Host, and names nobody."""
    scope = {
        "type": "http",
        "http_version": version,
        "client": ("127.0.0.1", 40000),
        "headers": [(b"host", b"127.0.0.1:8000"), (b"connection", b"close")],
    }
    assert Readers((), ()).admit(Request(scope)) is admitted


async def test_a_setting_lets_others_read(sqlite_url: str, tmp_path: Path) -> None:
    """Addresses and networks; through a trusted proxy the one that it names counts, never the proxy itself."""
    settings = settings_for(
        sqlite_url, tmp_path / "data", metrics_from=("10.0.0.0/8",), trusted_proxies=("192.0.2.1", "10.9.9.9")
    )
    async with open_house(settings) as hakika:
        visits = [
            ("10.1.2.3", {}, 200),
            ("11.1.2.3", {}, 401),
            ("192.0.2.1", {"X-Forwarded-For": "10.1.2.3"}, 200),
            ("10.9.9.9", {"X-Forwarded-For": "11.1.2.3"}, 401),
            ("11.1.2.3", {"X-Forwarded-For": "10.1.2.3"}, 401),
        ]
        for address, headers, status in visits:
            assert (await hakika.visit(address, headers).get("/metrics")).status_code == status, address


async def test_while_the_store_is_away_what_was_counted_is_still_shown(
    lite: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And that it is away, which is what an alarm looks for."""
    await lite.prompt()

    async def gone(*_: object) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(lite.house.store, "read", gone)
    samples = await scrape(lite)
    assert at(samples, "hakika_store_up") == 0
    assert at(samples, "hakika_payments_total", mode="test", status="pending", code="") == 1
    assert not any(name == "hakika_due_lag_seconds" for name, _ in samples)


async def test_the_store_is_asked_at_most_every_ten_seconds(lite: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many scrape: what is asked for must not load what it tells about."""
    reads, read = 0, lite.house.store.read

    async def count(*arguments: object) -> object:
        nonlocal reads
        reads += 1
        return await read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(lite.house.store, "read", count)
    here = lite.visit(headers={"Host": "127.0.0.1"})
    for _ in range(5):
        await here.get("/metrics")
    assert reads == 1
    lite.clock.pass_s(10)
    await here.get("/metrics")
    assert reads == 2


async def test_codes_that_nobody_knows_are_one_label(lite: Open) -> None:
    """Whoever answers us could make up any number of them, and each would be a series for ever."""
    lite.daraja.code = "made-up-4711"
    payment, _ = await lite.prompt()
    await lite.api.post(f"/v1/payments/{payment['id']}/query")
    assert at(await scrape(lite), "hakika_queries_total", answer="answered", code="other") == 1
    assert [name_code(code) for code in ("1032", "", "4711-made-up")] == ["1032", "", "other"]
