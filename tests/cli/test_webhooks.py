"""`hakika endpoints`, `deliveries`, `trigger` and `listen`, against a real server and a real receiver."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

from standardwebhooks.webhooks import Webhook

from tests.cli.machine import Machine

Shop = tuple[Machine, str]


class Caught:
    """A receiver on this machine, and what it got."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.got: Queue[tuple[dict[str, str], bytes]] = Queue()

    def next(self, secret: str) -> dict[str, Any]:
        """The next event, its signature verified."""
        headers, body = self.got.get(timeout=30)
        event: dict[str, Any] = Webhook(secret).verify(body, headers)
        assert headers["webhook-id"] == event["id"]
        return event


@contextmanager
def catching() -> Iterator[Caught]:
    """Run a receiver that takes everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            caught.got.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    caught = Caught(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield caught
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_a_receiver_says_is_text(shop: Shop) -> None:
    """An answer that looks like the terminal's own markup is shown as it came."""
    machine, _ = shop
    with socket.create_server(("127.0.0.1", 0)) as rude:

        def answer() -> None:
            connection, _ = rude.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"[/b] [red]no[/x]\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        _, made = machine.ask("endpoints", "add", f"http://127.0.0.1:{rude.getsockname()[1]}/[bold]")
        pinged = machine.run("endpoints", "ping", made["id"])
        thread.join()
    assert (pinged.returncode, "[/b] [red]no[/x]" in pinged.stdout) == (1, True), pinged.stdout + pinged.stderr
    assert "/[bold]" in machine.run("endpoints", "off", made["id"]).stdout


def test_an_endpoint_from_its_making_to_its_end(shop: Shop) -> None:
    """Added, triggered, delivered and signed; pinged, rotated, off, on, changed, sent again, deleted."""
    machine, _ = shop
    with catching() as caught:
        code, made = machine.ask("endpoints", "add", caught.url, "--type", "test.payment.completed")
        assert code == 0
        name, secret = made["id"], made["secret"]
        _, event = machine.ask("trigger", "payment.completed")
        assert caught.next(secret)["id"] == event["id"]
        assert machine.ask("endpoints", "ping", name)[1]["delivered"] is True
        assert caught.next(secret)["type"] == "test.ping"
        new = machine.ask("endpoints", "rotate", name)[1]["secret"]
        assert machine.ask("deliveries", "resend", "--event", event["id"])[1]["deliveries"] == 1
        assert caught.next(new)["id"] == event["id"]
        (told,) = machine.ask("deliveries", "list", "--event", event["id"])[1]["data"]
        assert [attempt["status_code"] for attempt in told["history"]][:1] == [200]
        assert machine.ask("endpoints", "off", name)[1]["status"] == "off"
        assert machine.ask("endpoints", "on", name)[1]["status"] == "healthy"
        assert machine.ask("endpoints", "update", name, "--every-type")[1]["event_types"] == []
        assert name in machine.run("endpoints", "list").stdout
        assert "test.payment.completed" in machine.run("deliveries", "list").stdout
        assert machine.ask("endpoints", "delete", name)[1]["deleted"] is True
        code, refused = machine.ask("endpoints", "delete", name)
        assert (code, refused["code"]) == (1, "not_found")


def test_listen_brings_events_to_this_machine(shop: Shop) -> None:
    """What is triggered after it began arrives, signed with the secret that it printed; from a number on, the rest."""
    machine, _ = shop
    with catching() as caught:
        process = machine.start("listen", "--forward", caught.url, "--count", "1", "--json")
        assert process.stdout is not None
        began = json.loads(process.stdout.readline())
        _, event = machine.ask("trigger", "payment.failed")
        assert caught.next(began["secret"])["id"] == event["id"]
        line = json.loads(process.stdout.readline())
        assert (line["event"], line["answer"]) == (event["id"], "200")
        assert process.wait(30) == 0
        after = str(event["number"] - 1)
        code, _ = 0, machine.run("listen", "--forward", caught.url, "--after", after, "--count", "1")
        assert code == 0
        assert caught.got.get(timeout=30)[0]["webhook-id"] == event["id"]


def test_a_filter_is_needed_to_send_again(shop: Shop) -> None:
    """Nobody sends everything again by mistake."""
    machine, _ = shop
    assert machine.ask("deliveries", "resend")[0] == 2
    code, refused = machine.ask("listen", "--forward", "http://127.0.0.1:1", "--secret", "whsec_ä")
    assert (code, refused["title"]) == (2, "That is no signing secret")
