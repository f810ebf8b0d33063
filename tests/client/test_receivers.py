"""The receivers of docs/receivers.md, run as they stand there: each event counts once, and a lie never."""

import importlib.util
import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio.to_thread
import httpx2
import pytest
from django.apps import apps  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]
from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped]
from django.db import connections  # type: ignore[import-untyped]

from tests.client.pages import blocks
from tests.client.test_webhooks import OTHER, SECRET, signed
from tests.client.wire import PAYMENT, event

pytestmark = pytest.mark.anyio
CODE = blocks("receivers.md")
URLS = """
from django.urls import path
from shop.views import receive

urlpatterns = [path("hook", receive)]
"""
NAMES = {"handled": "handled", "orders": "orders"}
PLAIN = "CREATE TABLE handled (event TEXT PRIMARY KEY); CREATE TABLE orders (reference TEXT UNIQUE, paid INTEGER);"
DJANGO = {"handled": "shop_handled", "orders": "shop_order"}


class Shop:
    """A shop's receiver and its database."""

    def __init__(self, transport: Any, database: Path, names: dict[str, str]) -> None:
        self._transport, self._database, self._names = transport, database, names

    async def post(self, body: bytes, headers: dict[str, str]) -> int:
        """Deliver, as Hakika does. → the status of the answer."""
        client: Any = httpx2.Client if isinstance(self._transport, httpx2.WSGITransport) else httpx2.AsyncClient
        given: dict[str, Any] = {"content": body, "headers": headers | {"Content-Type": "application/json"}}
        http = client(transport=self._transport, base_url="http://shop.test")
        if isinstance(http, httpx2.Client):
            answer = await anyio.to_thread.run_sync(lambda: http.post("/hook", **given))
        else:
            answer = await http.post("/hook", **given)
        return int(answer.status_code)

    async def deliver(self, number: int = 7, kind: str = "payment.completed") -> int:
        """Deliver an event, properly signed, now."""
        body = json.dumps(event(number, kind) | {"data": PAYMENT | {"amount_received": 100}}).encode()
        return await self.post(body, signed(body, at=_now(), message_id=f"evt_{number}"))

    def sql(self, statement: str) -> list[Any]:
        """Ask or change the shop's database."""
        with closing(sqlite3.connect(self._database)) as db, db:
            return db.execute(statement.format(**self._names)).fetchall()

    @property
    def paid(self) -> int:
        """What the order was paid."""
        return int(self.sql("SELECT paid FROM {orders}")[0][0])


@pytest.fixture(params=["flask", "fastapi", "django"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Run each receiver, with one order in its shop."""
    database = tmp_path / "shop.db"
    monkeypatch.setenv("HAKIKA_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("SHOP_DB", str(database))
    if request.param == "django":
        site = request.getfixturevalue("django_site")
        move_django(database)
        yield _opened(Shop(httpx2.WSGITransport(site, raise_app_exceptions=False), database, DJANGO))
        return
    with closing(sqlite3.connect(database)) as db:
        db.executescript(PLAIN)
    app = _imported(tmp_path / f"{request.param}_receiver.py", CODE[request.param]).app
    transport: Any = httpx2.WSGITransport if request.param == "flask" else httpx2.ASGITransport
    yield _opened(Shop(transport(app, raise_app_exceptions=False), database, NAMES))


@pytest.fixture(scope="session")
def django_site(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Set Django up with the page's models and view, once: it is one for the whole process."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "shop").mkdir()
    (folder / "shop/__init__.py").touch()
    (folder / "shop/models.py").write_text(CODE["django models"])
    (folder / "shop/views.py").write_text(CODE["django views"])
    (folder / "shop/urls.py").write_text(URLS)
    sys.path.insert(0, str(folder))
    settings.configure(
        ALLOWED_HOSTS=["shop.test"], ROOT_URLCONF="shop.urls", INSTALLED_APPS=["shop"], LOGGING_CONFIG=None,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "none.db")}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField", SECRET_KEY="x" * 50, USE_TZ=True,
    )  # fmt: skip
    try:
        return get_wsgi_application()
    finally:
        sys.path.remove(str(folder))


def move_django(database: Path) -> None:
    """Give Django a new, empty database, with the tables of the page's models."""
    connections.close_all()
    connections["default"].settings_dict["NAME"] = str(database)
    with connections["default"].schema_editor() as editor:
        for model in apps.get_app_config("shop").get_models():
            editor.create_model(model)
    connections.close_all()


def _imported(file: Path, code: str) -> Any:
    """The page's code as a module: FastAPI looks its annotations up there."""
    file.write_text(code)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def _opened(shop: Shop) -> Shop:
    shop.sql("INSERT INTO {orders} (reference, paid) VALUES ('o-1', 0)")
    return shop


def _now() -> int:
    return int(time.time())


async def test_an_event_counts_once(shop: Shop) -> None:
    """However often it comes, at once or later; another event counts by itself."""
    assert [await shop.deliver() for _ in range(3)] == [204, 204, 204]
    assert shop.paid == 100
    assert await shop.deliver(8) == 204
    assert shop.paid == 200


async def test_deliveries_at_the_same_time_count_once(shop: Shop) -> None:
    """Two of the same event meet in the database; who is refused there is delivered again."""
    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(shop.deliver)
    assert await shop.deliver() == 204
    assert shop.paid == 100


async def test_other_events_change_nothing(shop: Shop) -> None:
    """They are noted and answered 204."""
    assert await shop.deliver(9, "payment.failed") == 204
    assert shop.paid == 0
    assert shop.sql("SELECT event FROM {handled}") == [("evt_9",)]


async def test_what_fails_half_way_leaves_nothing_and_counts_when_it_comes_again(shop: Shop) -> None:
    """The id was not kept without its work: 500, and the next delivery does it."""
    shop.sql("CREATE TRIGGER broken BEFORE UPDATE ON {orders} BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    assert await shop.deliver() == 500
    assert shop.sql("SELECT event FROM {handled}") == []
    shop.sql("DROP TRIGGER broken")
    assert await shop.deliver() == 204
    assert shop.paid == 100


async def test_what_is_not_signed_is_refused(shop: Shop) -> None:
    """Another secret, another body, too old, no headers: 400, and nothing happens."""
    body = json.dumps(event(7)).encode()
    for headers in (signed(body, OTHER, _now()), signed(b"{}", at=_now()), signed(body, at=_now() - 400), {}):
        assert await shop.post(body, headers) == 400
    assert (shop.paid, shop.sql("SELECT event FROM {handled}")) == (0, [])


@pytest.mark.parametrize("name", ["flask", "fastapi", "django views"])
def test_a_receiver_is_short(name: str) -> None:
    """15 to 30 lines of code, imports and all."""
    code = [line for line in CODE[name].splitlines() if line.strip()]
    assert 15 <= len(code) <= 30
