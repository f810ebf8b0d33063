"""No line of the log has a whole phone, a callback's token, or any key."""

import contextlib
import io
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from hakika import logs
from hakika.domain.errors import StoreUnavailable
from hakika.engine.ids import system_entropy
from hakika.engine.keys import create_key
from hakika.logs import configure_logs, mask_text
from hakika.store.payments import find_payment
from tests.api.house import API_KEY, CONSUMER_KEY, CONSUMER_SECRET, PASSKEY, Open, result

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["json", "pretty"])
def lines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Collect all that the program logs, in both formats."""
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    before = structlog.get_config()
    configure_logs(request.param, "debug")
    # Loggers that were used before keep what they were made with.
    structlog.configure(cache_logger_on_first_use=False, logger_factory=structlog.PrintLoggerFactory(written))
    yield written
    structlog.configure(**before)


async def live(hakika: Open, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A payment's life with everything that goes wrong. → its secrets."""
    key, _ = await hakika.house.store.write(lambda tx: create_key(tx, "shop", "test", hakika.clock, system_entropy))
    payment, path = await hakika.prompt(metadata={"phone": "0712345678"}, description="for 0712345678")
    row = await hakika.house.store.read(lambda tx: find_payment(tx, payment["id"]))
    assert row is not None
    await hakika.visit().get("/v1/payments", headers={"Authorization": f"Bearer {key}x"})
    await hakika.api.get("/v1/payments?phone=12")
    await hakika.post("/c/" + "0" * 32, result("ws_CO_1"))
    await hakika.api.post(f"/v1/payments/{payment['id']}/query")
    with monkeypatch.context() as broken:

        def fail(*_: object) -> None:
            raise StoreUnavailable("gone")

        broken.setattr(hakika.house.ledger, "submit", fail)
        await hakika.post(path, result("ws_CO_1"))
        broken.setattr(hakika.house.desk._spool, "append", no_disk)
        await hakika.post(path, result("ws_CO_1", code=1032))
    with monkeypatch.context() as broken:

        async def explode(*_: object) -> None:
            raise ValueError(f"[parameters: {row!r}] {API_KEY} {key}")

        broken.setattr(hakika.house.store, "write", explode)
        await hakika.api.post("/v1/payments", json={"amount": 1, "phone": "0712345678", "reference": "x"})
    await hakika.house.desk.drain()
    assert (await hakika.read(payment["id"]))["status"] == "completed"
    await hakika.api.post(f"/v1/payments/{payment['id']}/resolve", json={"outcome": "reversed", "reason": "0712345678"})
    return [key, API_KEY, row.token, row.client_secret, CONSUMER_KEY, CONSUMER_SECRET, PASSKEY]


def no_disk(_: bytes) -> None:
    """Fail as a full disk does."""
    raise OSError(28, "No space left on device")


async def test_a_whole_life_leaves_no_secret_in_the_log(
    hakika: Open, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pushed, forged, queried, spooled, lost, broken, drained, reversed: nothing that opens anything is logged."""
    secrets = await live(hakika, monkeypatch)
    text = lines.getvalue()
    assert all(word in text for word in ("pushed", "callback_spooled", "callback_lost", "unplanned", "spool_drained"))
    assert [secret for secret in secrets if secret in text] == []
    assert re.findall(r"(?:\+?254|\b0)[17]\d{8}", text) == []


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("254712345678", "254712***678"),
        ("+254712345678 0112345678", "254712***678 254112***678"),
        ('"PhoneNumber":254712345678.0', '"PhoneNumber":254712***678.0'),
        ("https://pay.example.com/c/4123456789abcdef4123456789abcdef", "https://pay.example.com/c/…"),
        ("Authorization: Bearer abc.def", "Authorization: …"),
        ("hk_4123456789abcdefghjkmnpqrstvwxyz", "…"),
    ],
)
def test_texts_are_masked(text: str, masked: str) -> None:
    """Enough is left to recognise a phone, nothing of a key."""
    assert mask_text(text) == masked


@pytest.mark.parametrize("secret", ["/c/0123456789abcdef0123456789abcdef", "hk_0123456789abcdefghjkmnpqrstvwxyz"])
def test_a_secret_that_has_a_phone_in_it_is_masked_whole(secret: str) -> None:
    """One token in some hundred has ten digits that look like a phone."""
    assert secret[-4:] not in mask_text(secret)


def test_values_under_secret_names_are_masked() -> None:
    """Whatever they are."""
    line: dict[str, Any] = {"event": "x", "consumer_secret": "s", "passkey": "p", "token": "t", "api_key": "k"}
    with contextlib.suppress(structlog.DropEvent):
        logs.mask_secrets(None, "info", line)
    assert set(line.values()) == {"x", "…"}


def test_a_traceback_shows_no_secret(lines: io.StringIO) -> None:
    """In both formats: plain text, without the variables of its frames, and masked."""
    consumer_secret, phone, row = "the-secret-4711", "254712345678", {"token": "abc-def", "trace": "ab" * 16}

    def fail() -> None:
        raise ValueError(f"consumer_secret={consumer_secret!r} for {phone}, {row}")

    try:
        fail()
    except ValueError as error:
        structlog.get_logger("x").error("broke", exc_info=error)
    said = lines.getvalue()
    assert "Traceback" in said
    assert "in fail" in said
    for secret in (consumer_secret, phone, "abc-def", "ab" * 16):
        assert secret not in said
    assert "254712***678" in said


def test_an_outage_is_one_line(lines: io.StringIO) -> None:
    """Where we asked the database says nothing of why it does not answer: no traceback."""
    structlog.get_logger("x").error("round_failed", exc_info=StoreUnavailable("SQLite: database is locked"))
    assert "SQLite: database is locked" in lines.getvalue()
    assert "Traceback" not in lines.getvalue()
    assert lines.getvalue().count("\n") == 1


def test_what_is_nested_is_masked(lines: io.StringIO) -> None:
    """A secret in a list, under a name or in a thing of ours is one all the same."""
    structlog.get_logger("x").info(
        "told", rows=["0712345678"], given={"passkey": "p-4711"}, error=KeyError("0712345678")
    )
    assert "0712345678" not in lines.getvalue()
    assert "p-4711" not in lines.getvalue()


def test_what_libraries_log_is_masked() -> None:
    """Their tracebacks as well."""
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 1, "token=abc for 0712345678", (), None)
    assert logs._MaskingFormatter("%(message)s").format(record) == "token=… for 254712***678"
