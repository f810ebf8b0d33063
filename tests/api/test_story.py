"""The log tells each payment's story, by its id: all that the integrations that Hakika replaces ask to be logged."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from hakika.domain.errors import StoreUnavailable
from hakika.engine.case import Evidence, Origin
from hakika.engine.desk import Posted, read_posted
from hakika.engine.watching.lingering import LONG_MS, Lingering
from hakika.logs import configure_logs
from tests.api.house import Open, result, unused_phone
from tests.api.test_deliveries import allow_loopback
from tests.api.test_endpoints import listen
from tests.engine.receiver import receiving

pytestmark = pytest.mark.anyio

STRANGE, FOREIGN = "ws_CO_19112026102036000712345678", "203.0.113.9"

ASKED_FOR = [
    # seed, what it says, the line that says it, and what stands on that line
    ("000", "Now logs raw callback data for debugging", "callback_raw", {"body"}),
    ("000", "M-Pesa callback received", "callback", {"payment", "result_code"}),
    ("000", "Query result for order...", "queried", {"payment", "reference", "result_code"}),
    ("000", "Payment COMPLETED", "callback", {"payment", "status=completed", "published=payment.completed"}),
    ("000", "Better error tracking", "evidence_failed", {"payment", "exception"}),
    ("001", "Initiating M-Pesa for order …, callback URL", "pushing", {"payment", "reference", "callback_url"}),
    ("001", "Callback received: {payload}", "callback_raw", {"payment", "body"}),
    ("001", "Extracted CheckoutRequestID, ResultCode", "callback", {"checkout_request_id", "result_code"}),
    ("001", "Found order", "callback", {"payment"}),
    ("001", "Order not found for CheckoutRequestID", "callback_unknown", {"checkout_request_id", "result_code"}),
    ("001", "payment completed. Receipt", "callback", {"payment", "receipt", "status=completed"}),
    ("001", "payment failed. ResultCode, Desc", "callback", {"result_code=1", "result_desc", "status=failed"}),
    ("001", "Updated payment_status to", "callback", {"payment", "status", "published"}),
    ("001", "Status check for order: current status", "status_checked", {"payment", "reference", "status"}),
    ("001", "Error processing callback, with its traceback", "evidence_failed", {"payment", "exception"}),
    ("001", "Log everything: callbacks, errors, database updates", "payment.created", {"payment", "reference"}),
    ("002", "Log every callback", "callback", {"merchant_request_id", "checkout_request_id", "result_desc"}),
    ("002", "Payment Success: amount, receipt, phone, date", "callback", {"amount", "receipt", "phone"}),
    ("002", "Payment Success: amount, receipt, phone, date", "callback", {"transaction_date"}),
    ("002", "Payment Failed: ResultDesc", "callback", {"status=failed", "result_desc"}),
    ("002", "Raw callback data, headers", "callback_raw", {"body", "headers"}),
    ("002", "time, level", "callback", {"timestamp", "level"}),
    ("003", "Logs all payment events", "payment.cancelled", {"payment", "status=cancelled"}),
    ("003", "Callback Server Down: logs warnings", "callback_spooled", {"checkout_request_id", "level=warning"}),
    ("003", "Delayed callbacks arrive late", "spool_drained", {"callbacks"}),
    ("004", "STK Push Result", "pushed", {"payment", "checkout_request_id", "merchant_request_id"}),
    ("004", "M-Pesa Callback", "callback", {"payment", "result_code"}),
    ("004", "Payment failed: resultDesc (Code: resultCode)", "callback", {"result_code=1", "result_desc"}),
    ("004", "Unauthorized callback from sourceIp", "callback", {"payment", f"sender={FOREIGN}", "flags"}),
    ("004", "Log prolonged pending (>2 minutes)", "long_pending", {"payment", "reference", "pending_s=150"}),
    ("004", "DEBUG: Request", "request", {"method", "path", "body"}),
    ("004", "Rate limits: spike arrest", "spike_arrest", {"account"}),
]
"""`M-Pesa Response` of seed 004's debug mode is a test of its own, of the client: tests/daraja/test_debugging.py."""


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Collect what the program logs as JSON, while somebody debugs."""
    text = io.StringIO()
    monkeypatch.setattr("sys.stderr", text)
    before = structlog.get_config()
    configure_logs("json", "debug")
    structlog.configure(cache_logger_on_first_use=False, logger_factory=structlog.PrintLoggerFactory(text))
    yield text
    structlog.configure(**before)


def read(written: io.StringIO) -> list[dict[str, Any]]:
    """Return the lines of the log."""
    return [json.loads(line) for line in written.getvalue().splitlines()]


async def live(hakika: Open, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Let payments end in each way. → a name for each, and its id."""
    paid, path = await hakika.prompt(reference="order-paid")
    await hakika.read(paid["id"])
    await hakika.api.post(f"/v1/payments/{paid['id']}/query")
    await hakika.post(path, result("ws_CO_1"))
    failed, failing = await hakika.prompt(reference="order-failed", phone=unused_phone())
    await hakika.post(failing, result("ws_CO_2", code=1))
    foreign, strange = await hakika.prompt(reference="order-foreign", phone=unused_phone())
    await hakika.post(strange, result("ws_CO_3", receipt="NLJ7RT61SW"), FOREIGN)
    await hakika.post("/mpesa/callback", result(STRANGE))
    withdrawn = await hakika.ask(reference="order-withdrawn", phone=unused_phone())
    await hakika.api.post(f"/v1/payments/{withdrawn['id']}/cancel")
    _, late = await hakika.prompt(reference="order-spooled", phone=unused_phone())
    with monkeypatch.context() as broken:

        def fail(*_: object) -> None:
            raise StoreUnavailable("gone")

        broken.setattr(hakika.house.ledger, "submit", fail)
        await hakika.post(late, result("ws_CO_4"))
    await hakika.house.desk.drain()
    broke, breaking = await hakika.prompt(reference="order-broken", phone=unused_phone())
    with monkeypatch.context() as broken:
        broken.setattr("hakika.engine.ledger.apply", explode)
        await hakika.post(breaking, result("ws_CO_5"))
    await hakika.house.budgets.shrink(hakika.house.accounts.known()[0].id)
    lingering = Lingering(hakika.house.store, hakika.clock)
    hakika.clock.pass_s(150)
    await lingering.look()
    return {"paid": paid["id"], "failed": failed["id"], "foreign": foreign["id"], "broke": broke["id"]}


def explode(*_: object) -> None:
    """Break as a defect of ours would."""
    raise ValueError("a defect")


def has(line: dict[str, Any], wanted: set[str]) -> bool:
    """Whether a line says all that, `name` or `name=value`."""
    pairs = [one.partition("=") for one in wanted]
    return all(str(line.get(name, "")) == value if value else line.get(name) for name, _, value in pairs)


async def test_what_the_seeds_ask_to_be_logged_is(
    hakika: Open, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each thing that one of the five integrations logs stands on a line of ours."""
    await live(hakika, monkeypatch)
    lines = read(written)
    missing = [
        (seed, asked, name, sorted(wanted))
        for seed, asked, name, wanted in ASKED_FOR
        if not any(line["event"] == name and has(line, wanted) for line in lines)
    ]
    assert missing == []


async def test_every_line_of_a_payments_story_has_its_id(
    lite: Open, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for, pushed, called back, queried, checked, delivered: one search finds all of it, and nothing else's."""
    async with receiving() as receiver:
        await listen(lite, receiver)
        allow_loopback(lite)
        names = await live(lite, monkeypatch)
        await lite.deliverer.run_once()
    story = [line["event"] for line in read(written) if line.get("payment") == names["paid"]]
    expected = ["payment.created", "pushing", "pushed", "status_checked", "queried", "callback", "delivered"]
    assert [name for name in expected if name not in story] == []
    assert story.index("pushing") < story.index("pushed") < story.index("callback")
    about = {"callback", "pushed", "pushing", "queried", "evidence_failed", "status_checked", "delivered"}
    assert [line for line in read(written) if line["event"] in about and not line.get("payment")] == []


async def test_what_is_recorded_for_all_is_signed_by_none(
    lite: Open, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes first starts the committer, which goes on for the others: its lines are not that payment's."""
    first, _ = await lite.prompt()

    async def gone(*_: object) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(lite.house.store, "write", gone)
    with structlog.contextvars.bound_contextvars(payment=first["id"]), pytest.raises(StoreUnavailable):
        await lite.house.ledger.record(stranger(1))
    (line,) = [line for line in read(written) if line["event"] == "store_unavailable"]
    assert "payment" not in line


async def test_a_flood_of_strangers_is_a_handful_of_lines(lite: Open, written: io.StringIO) -> None:
    """What comes in one batch about no payment of ours is counted beyond the first few."""
    posted = [lite.house.desk._ledger.submit(stranger(number)) for number in range(40)]
    for answer in posted:
        await answer
    await lite.checks()
    told = [line for line in read(written) if line["event"] == "callback_unknown"]
    assert sum(line.get("more", 1) for line in told) == 40
    assert len(told) <= 14


def stranger(number: int) -> Evidence:
    """Return evidence about a payment that nobody knows."""
    return read_posted(Posted(result(f"ws_CO_9{number}").encode(), "", Origin(FOREIGN, "/mpesa/callback"), 1))


@pytest.mark.parametrize("log_format", ["json", "pretty"])
async def test_what_strangers_write_is_masked_on_the_short_way_too(
    lite: Open, monkeypatch: pytest.MonkeyPatch, log_format: str
) -> None:
    """Lines that go past the mask hold nothing that needs one: a phone, or a key, in any field takes the long way."""
    text = io.StringIO()
    before = structlog.get_config()
    monkeypatch.setattr("sys.stderr", text)
    configure_logs(log_format, "info")
    structlog.configure(cache_logger_on_first_use=False, logger_factory=structlog.PrintLoggerFactory(text))
    secret = "hk_4123456789abcdefghjkmnpqrstvwxyz"
    bodies = [
        result(STRANGE, receipt="0712345678"),
        result("0712345678"),
        result("ws_CO_1", code="0712345678"),
        result("ws_CO_1").replace("29115-1", "254712345678"),
        result("ws_CO_1").replace("The service", f"Bearer {secret}").replace("29115-1", secret),
    ]
    _, path = await lite.prompt()
    for body in bodies:
        await lite.post("/mpesa/callback", body)
        await lite.post(path, body)
    structlog.configure(**before)
    said = text.getvalue()
    assert said.count("callback") >= 10
    assert "712345678" not in said
    assert secret not in said


async def test_at_warning_only_what_needs_a_look_is_told(lite: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary callback makes no line; one that is a claim does."""
    text = io.StringIO()
    before = structlog.get_config()
    monkeypatch.setattr("sys.stderr", text)
    configure_logs("json", "warning")
    structlog.configure(cache_logger_on_first_use=False, logger_factory=structlog.PrintLoggerFactory(text))
    payment, path = await lite.prompt()
    await lite.post("/mpesa/callback", result("ws_CO_1"))
    await lite.post(path, result("ws_CO_1"))
    await lite.checks()
    structlog.configure(**before)
    (line,) = read(text)
    assert (line["event"], line["payment"], line["claim"]) == ("callback", payment["id"], True)


async def test_a_payment_that_lingers_is_told_once(lite: Open, written: io.StringIO) -> None:
    """After two minutes, not before, and never again; one that ended is none."""
    lingering = Lingering(lite.house.store, lite.clock)
    payment, _ = await lite.prompt(reference="slow")
    ended, path = await lite.prompt(reference="quick", phone=unused_phone())
    await lite.post(path, result("ws_CO_2"))
    told = []
    for seconds in (0, LONG_MS / 1000 - 1, 11, 11, 3_600):
        lite.clock.pass_s(seconds)
        told.append(await lingering.look())
    assert told == [0, 0, 1, 0, 0]
    (line,) = [line for line in read(written) if line["event"] == "long_pending"]
    assert (line["payment"], line["reference"], line["pending_s"]) == (payment["id"], "slow", 130)
    assert ended["id"] not in line.values()
