"""A merchant's site on a loopback port: the page, and the backend that the page posts its order to."""

import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self

Answer = tuple[int, dict[str, Any]]
HTML = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<title>Shop</title><link rel="icon" href="data:,"><div id="root"></div>'
    '<script type="module" src="/shop.js"></script>'
)


class QuietHandler(BaseHTTPRequestHandler):
    """Answers one request, and prints nothing."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        """Send a whole answer."""
        self.send_response(status)
        named = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store", **(headers or {})}
        for name, value in named.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


class LoopbackServer:
    """Serves with a handler in threads, until the block ends."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False  # a stream's thread ends when its browser does
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Merchant(LoopbackServer):
    """Asks for money through `charge`, which a test gives, and hands on what comes back."""

    def __init__(self, script: bytes) -> None:
        self.orders: list[tuple[str, dict[str, Any]]] = []
        self.charge: Callable[[str, dict[str, Any]], Answer] = lambda _, __: (503, {})
        self.ticket: dict[str, str] = {}
        merchant = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                if self.path == "/shop.js":
                    self.answer(200, script, "text/javascript")
                elif self.path == "/ticket":
                    self.answer(200, json.dumps(merchant.ticket).encode(), "application/json")
                else:
                    self.answer(200, HTML.encode(), "text/html")

            def do_POST(self) -> None:
                order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                key = str(self.headers["Idempotency-Key"])
                merchant.orders.append((key, order))
                status, document = merchant.charge(key, order)
                self.answer(status, json.dumps(document).encode(), "application/json")

        super().__init__(Handler)
