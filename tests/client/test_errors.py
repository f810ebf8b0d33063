"""The client's errors are the API's, one class for each code, in the same tree."""

import httpx2
import pytest

from hakika import client
from hakika.api.app import create_app
from hakika.api.health import error_kinds
from hakika.client import codes
from hakika.domain import errors as servers
from tests.client.conftest import Wiring
from tests.client.wire import problem

create_app()  # with every module that has errors of its own
KINDS = {kind.code: kind for kind in error_kinds() if kind is not servers.HakikaError}


@pytest.mark.parametrize("code", sorted(KINDS))
def test_every_code_has_its_class(code: str) -> None:
    """Of the same name, below the same classes, with the same HTTP status: else run docs/generate.py."""
    theirs, ours = KINDS[code], codes.BY_CODE[code]
    lineage = [kind.__name__ for kind in theirs.__mro__ if issubclass(kind, servers.HakikaError)]
    assert [kind.__name__ for kind in ours.__mro__ if issubclass(kind, client.HakikaError)] == lineage
    assert (ours.code, ours.usual_status) == (code, theirs.http_status)
    assert getattr(client, ours.__name__) is ours


def test_no_class_is_left_over() -> None:
    """What the API no longer answers with has no class."""
    assert set(codes.BY_CODE) == set(KINDS)


@pytest.mark.anyio
@pytest.mark.parametrize("code", sorted(KINDS))
async def test_a_problem_is_raised_as_its_class(wired: Wiring, code: str) -> None:
    """With what happened, what it means for the money and what to do, as the server says it."""
    reply = problem(KINDS[code].http_status, code, retry_after=99, payment="pay_9", errors=[{"field": "amount"}])
    with pytest.raises(codes.BY_CODE[code]) as raised:
        await wired(reply).do(lambda client: client.payments.retrieve("pay_1"))
    error = raised.value
    assert type(error) is codes.BY_CODE[code]
    assert (error.code, error.detail, error.money, error.cure) == (code, "D.", "M.", "C.")
    assert (error.http_status, error.retry_after, error.payment) == (KINDS[code].http_status, 99, "pay_9")
    assert error.problem["errors"] == [{"field": "amount"}]
    assert "The money: M." in str(error)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, client.CallerError),
        (401, client.NotAuthenticated),
        (403, client.NotAuthenticated),
        (404, client.NotFound),
        (409, client.Conflict),
        (418, client.CallerError),
        (422, client.InvalidRequest),
        (500, client.HakikaError),
        (503, client.Unavailable),
    ],
)
async def test_a_code_of_a_newer_server_is_the_nearest_class(
    wired: Wiring, status: int, kind: type[client.HakikaError]
) -> None:
    """By its HTTP status; `code` is what the server said."""
    with pytest.raises(kind) as raised:
        await wired(problem(status, "from_the_future")).do(lambda client: client.payments.retrieve("pay_1"))
    assert type(raised.value) is kind
    assert raised.value.code == "from_the_future"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "reply",
    [
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, json={"hello": "world"}),
        httpx2.Response(200, json=[]),
        httpx2.Response(302, headers={"Location": "/elsewhere"}),
        httpx2.Response(404, text="nginx"),
        httpx2.Response(404, json={"detail": "Not Found"}),
        httpx2.Response(404, json=["code"]),
        httpx2.Response(404, json={"code": 4}),
    ],
    ids=str,
)
async def test_an_answer_of_something_else_is_not_taken_for_ours(wired: Wiring, reply: httpx2.Response) -> None:
    """NotHakika, which says nothing about money; redirects are not followed."""
    wire = wired(reply)
    with pytest.raises(client.NotHakika):
        await wire.do(lambda client: client.payments.retrieve("pay_1"))
    assert len(wire.requests) == 1


@pytest.mark.parametrize("server", ["localhost:8000", "ftp://example.com", "http://", "/v1"])
def test_an_address_that_is_none_is_refused(server: str) -> None:
    """Before anything is sent."""
    with pytest.raises(client.NotHakika, match="HAKIKA_SERVER"):
        client.Hakika("hk_key", server)


def test_without_a_key_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says where one is looked for."""
    monkeypatch.delenv("HAKIKA_API_KEY", raising=False)
    with pytest.raises(client.NotAuthenticated, match="HAKIKA_API_KEY"):
        client.Hakika()
