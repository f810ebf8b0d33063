"""The same over real connections: uvicorn on loopback, as in production."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.api.house import ACCEPTED, API_KEY, Open, open_house, result, settings_for
from tests.api.serving import listening
from tests.api.test_wait import until, until_watched, watchers

pytestmark = pytest.mark.anyio


async def talk(origin: str, *pieces: bytes, close: bool = False) -> bytes:
    """Speak raw HTTP. → all that the server says until it closes, or nothing where we close first."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(origin.rpartition(":")[2]))
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    if close:
        writer.close()
        await writer.wait_closed()
        return b""
    said = await reader.read()
    writer.close()
    return said


async def test_callbacks_of_every_shape_are_accepted(hakika: Open) -> None:
    """Chunked, compressed, of the wrong type, of five megabytes: 200 with the known answer, on one connection."""
    async with listening(hakika.asgi) as origin, httpx2.AsyncClient(base_url=origin) as safaricom:
        payment, path = await hakika.prompt()

        async def pieces() -> AsyncIterator[bytes]:
            for byte in result("ws_CO_1").encode():
                yield bytes([byte])

        for body in (b"x" * 5_000_000, b"", b"\xff", gzip.compress(b"{}"), pieces()):
            answer = await safaricom.post(path, content=body, headers={"Content-Encoding": "gzip"})
            assert (answer.status_code, answer.content) == (200, ACCEPTED)
        assert (await hakika.read(payment["id"]))["status"] == "completed"


async def test_a_sender_that_hangs_up_midway_is_kept(hakika: Open) -> None:
    """What came of its body is evidence, flagged as cut short."""
    async with listening(hakika.asgi) as origin:
        payment, path = await hakika.prompt()
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n".encode()
        await talk(origin, head, b'{"Body":', close=True)
        kinds: list[str] = []
        while "callback_unreadable" not in kinds:
            kinds = [entry["kind"] for entry in await hakika.timeline(payment["id"])]


async def test_what_is_no_http_is_refused_by_the_server(hakika: Open) -> None:
    """A NUL in the path and a broken request: 400, and the next request is served."""
    async with listening(hakika.asgi) as origin, httpx2.AsyncClient(base_url=origin) as client:
        for line in (b"POST /c/\0 HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n\r\n"):
            assert b"400" in (await talk(origin, line)).partition(b"\r\n")[0]
        assert (await client.get("/health")).status_code == 200


async def test_a_waiting_client_that_hangs_up_is_forgotten(hakika: Open) -> None:
    """The registry of those who wait is empty after the connection is gone."""
    async with listening(hakika.asgi) as origin:
        payment, _ = await hakika.prompt()
        request = (
            f"GET /v1/payments/{payment['id']}/wait HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API_KEY}\r\n\r\n"
        )
        _, writer = await asyncio.open_connection("127.0.0.1", int(origin.rpartition(":")[2]))
        writer.write(request.encode())
        await until_watched(hakika, 1)
        writer.close()
        await until(lambda: watchers(hakika) == 0)
        assert not hakika.house.ledger.notices._waiting


async def test_payments_over_http(hakika: Open) -> None:
    """Asked, replayed, read: byte for byte over the wire, and a large body is refused while it comes."""
    async with listening(hakika.asgi) as origin:
        headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": "k"}
        async with httpx2.AsyncClient(base_url=origin, headers=headers) as client:
            body = {"amount": 100, "phone": "0712345678", "reference": "order-1"}
            first, again = [await client.post("/v1/payments", json=body) for _ in range(2)]
            assert (first.content, again.headers["idempotent-replayed"]) == (again.content, "true")
            large = await client.post("/v1/payments", content=b"x" * 70_000)
            assert large.json()["code"] == "request_too_large"
            assert (await client.get(f"/v1/payments/{first.json()['id']}")).content == first.content


async def test_a_forwarded_address_counts_through_a_trusted_proxy_only(sqlite_url: str, tmp_path: Path) -> None:
    """Loopback is our proxy here: its word about Safaricom's address is believed, over a real connection."""
    settings = settings_for(sqlite_url, tmp_path / "data", trusted_proxies=("127.0.0.0/8",))
    async with open_house(settings) as hakika, listening(hakika.asgi) as origin, httpx2.AsyncClient() as proxy:
        payment, path = await hakika.prompt()
        headers = {"X-Forwarded-For": "203.0.113.9, 196.201.212.69", "Businessshortcode": "174379"}
        await proxy.post(origin + path, content=json.dumps(json.loads(result("ws_CO_1"))), headers=headers)
        told = next(one for one in await hakika.timeline(payment["id"]) if one["kind"] == "callback")
        assert told["origin"] == {"remote": "196.201.212.69", "path": "/c/…", "shortcode": "174379"}
