"""A stand-in for Hakika that says what a test tells it to, by stream and by answer, as docs/api.md has it."""

import json
import re
from contextlib import suppress
from queue import Empty, Queue
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.clients.merchant import LoopbackServer, QuietHandler

SECRET = "pcs_0123456789abcdef"
TICKET = {"id": "pay_01m2x5h9q0d2n8r4t6v8y0a2c4", "client_secret": SECRET}
CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "Authorization, Accept-Language"}
PAYMENT: dict[str, Any] = {
    "id": TICKET["id"],
    "object": "payment",
    "mode": "test",
    "status": "pending",
    "stage": "prompted",
    "amount": 1200,
    "amount_received": None,
    "currency": "KES",
    "phone": "254712345678",
    "reference": "order-7",
    "receipt": None,
    "failure": None,
    "prompted_at": None,
    "final_at": None,
    "updated_at": "2026-11-21T06:30:00.000Z",
}
CANCELLED = {"code": "1032", "advice": "", "retryable": True, "retry_after_s": 0}
MESSAGES = {"en": "You cancelled the payment.", "sw": "Umeghairi malipo."}


class StandIn(LoopbackServer):
    """One payment. `streams` off is a proxy that lets no stream through."""

    def __init__(self) -> None:
        self.payment = dict(PAYMENT)
        self.streams = True
        self.asked: list[str] = []
        self.refused: list[str] = []
        self._listeners: list[Queue[dict[str, Any] | None]] = []
        super().__init__(type("Handler", (HakikaHandler,), {"hakika": self}))

    def say(self, **fields: Any) -> None:
        """Let the payment change, and tell whoever listens."""
        second = int(self.payment["updated_at"][17:19]) + 1
        self.payment = {**self.payment, **fields, "updated_at": f"2026-11-21T06:30:{second:02}.000Z"}
        for listener in self._listeners:
            listener.put(self.payment)
            if self.payment["status"] != "pending":
                listener.put(None)

    def show(self, payment: dict[str, Any], language: str) -> bytes:
        """The payment, in the language of the caller."""
        spoken = MESSAGES["sw" if language.startswith("sw") else "en"]
        failure = payment["failure"] and {**payment["failure"], "message": spoken}
        return json.dumps({**payment, "failure": failure}).encode()

    @property
    def listeners(self) -> int:
        """How many streams are open."""
        return len(self._listeners)

    def listen(self) -> Queue[dict[str, Any] | None]:
        """Open a stream: the payment as it is, then each change."""
        changes: Queue[dict[str, Any] | None] = Queue()
        changes.put(self.payment)
        self._listeners.append(changes)
        return changes

    def leave(self, changes: Queue[dict[str, Any] | None]) -> None:
        """Close a stream."""
        self._listeners.remove(changes)


class HakikaHandler(QuietHandler):
    """Answers as Hakika does."""

    hakika: ClassVar[StandIn]

    def do_OPTIONS(self) -> None:  # noqa: N802 - the base class looks for this name
        """Let other sites' pages ask."""
        self.answer(204, b"", "text/plain", CORS)

    def do_GET(self) -> None:  # noqa: N802
        """Show the payment, or stream it."""
        url = urlsplit(self.path)
        self.hakika.asked.append(url.path)
        streamed = url.path.endswith("/stream")
        bearer = str(self.headers["Authorization"]).removeprefix("Bearer ")
        secret = parse_qs(url.query).get("client_secret", [""])[0] if streamed else bearer
        if secret != SECRET or not re.match(rf"/v1/payments/{TICKET['id']}\b", url.path):
            self.hakika.refused.append(self.path)
            self.answer(404, b'{"code": "not_found", "status": 404}', "application/problem+json", CORS)
        elif not streamed:
            shown = self.hakika.show(self.hakika.payment, str(self.headers["Accept-Language"]))
            self.answer(200, shown, "application/json", CORS)
        elif self.hakika.streams:
            self._stream()
        else:
            self.answer(502, b"<html>", "text/html", CORS)

    def _stream(self) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": "text/event-stream", "Connection": "close", **CORS}.items():
            self.send_header(name, value)
        self.end_headers()
        changes = self.hakika.listen()
        with suppress(OSError):  # the browser has left
            while (change := self._next(changes)) is not None:
                self.wfile.write(b"event: payment\ndata: " + self.hakika.show(change, "en") + b"\n\n")
            self.wfile.write(b"event: end\ndata: {}\n\n")
        self.hakika.leave(changes)

    def _next(self, changes: Queue[dict[str, Any] | None]) -> dict[str, Any] | None:
        while True:
            try:
                return changes.get(timeout=0.1)
            except Empty:
                self.wfile.write(b": ok\n\n")
