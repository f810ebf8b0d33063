"""Stand-ins for ngrok and cloudflared: what their local servers answer and their logs say, by their documentation.

In a test's own process they are servers whose answers a test changes; as programs on PATH they forward for real.
Only the standard library is imported: as programs they start in a moment.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

ROOT = Path(__file__).parents[2]
METRICS = {"conns": {"count": 0, "gauge": 0, "p50": 0}, "http": {"count": 0, "p50": 0}}


def ngrok_tunnel(url: str, addr: str, name: str = "command_line") -> dict[str, Any]:
    """One tunnel as ngrok's local API shows it (https://ngrok.com/docs/agent/api)."""
    proto, config = url.partition(":")[0], {"addr": addr, "inspect": True}
    shown = {"name": name, "uri": f"/api/tunnels/{name}", "public_url": url, "proto": proto}
    return {**shown, "config": config, "metrics": METRICS}


def ngrok_answers(*tunnels: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """All that ngrok's local API is asked."""
    return {"/api/tunnels": (200, json.dumps({"tunnels": tunnels, "uri": "/api/tunnels"}))}


def cloudflared_answers(
    hostname: str, *rules: dict[str, Any], ready: bool = True, told: bool = True
) -> dict[str, tuple[int, str]]:
    """All that cloudflared's metrics server is asked. `told`: whether it is new enough to tell where it leads."""
    connected = {"status": 200 if ready else 503, "readyConnections": int(ready), "connectorId": "8e6f-1"}
    config = {"version": 0, "config": {"ingress": rules, "warp-routing": {}, "originRequest": {}}}
    answers = {"/quicktunnel": (200, json.dumps({"hostname": hostname})), "/metrics": (200, "build_info 1\n")}
    answers["/ready"] = (int(connected["status"]), json.dumps(connected))
    return {**answers, "/config": (200, json.dumps(config))} if told else answers


def rule(service: str, hostname: str = "", path: str | None = None) -> dict[str, Any]:
    """One of cloudflared's ingress rules."""
    return {"hostname": hostname, "path": path, "service": service, "originRequest": {}}


class StandIn(ThreadingHTTPServer):
    """A local server whose answers can be changed at any time; what it does not know is 404."""

    daemon_threads = True

    def __init__(self, answers: dict[str, tuple[int, str]], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Answering)
        self.answers = answers
        self.hold: threading.Event | None = None  # answers nobody until it is set

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.server_port}"


class _Answering(BaseHTTPRequestHandler):
    server: StandIn

    def do_GET(self) -> None:
        """Answer."""
        if self.server.hold is not None:
            self.server.hold.wait(30)
        status, body = self.server.answers.get(self.path, (404, "404 page not found"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - the base class names it so
        """Be quiet."""


class _Forwarding(_Answering):
    upstream = ""

    def do_POST(self) -> None:
        """Hand on to where the tunnel leads."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = {"Content-Type": self.headers.get("Content-Type", ""), "X-Forwarded-For": "203.0.113.7"}
        request = Request(f"{self.upstream}{self.path}", body, kind)  # noqa: S310 - a test's own server
        with build_opener(ProxyHandler({})).open(request, timeout=10) as answer:
            told = answer.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    """Serve in a thread for as long as the block lasts."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def install(directory: Path, *names: str) -> Path:
    """Put stand-ins as programs into a directory for PATH."""
    directory.mkdir(exist_ok=True)
    for name in names:
        program = directory / name
        program.write_text(
            f"#!{sys.executable} -S\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
            f"from tests.tunnels.standin import main\nmain({name!r}, sys.argv[1:])\n"
        )
        program.chmod(0o755)
    return directory


def main(name: str, arguments: list[str]) -> None:
    """Be the program. STANDIN_DIR: where it leaves its pid, and finds why it must fail and the FIFO of its life."""
    place = Path(os.environ["STANDIN_DIR"])
    (place / f"{name}.pid").write_text(str(os.getpid()))
    (place / f"{name}.environment").write_text(json.dumps(dict(os.environ)))
    if (place / "life").exists():
        os.open(place / "life", os.O_RDWR)  # held until we die, and waits for no reader
    fails = place / f"{name}.fails"
    if fails.exists():
        print(fails.read_text(), flush=True)
        sys.exit(1)
    {"ngrok": _be_ngrok, "cloudflared": _be_cloudflared}[name](arguments)


def _be_ngrok(arguments: list[str]) -> None:
    assert arguments[0] == "http"
    assert arguments[2:] == ["--log", "stdout", "--log-format", "json"]
    _Forwarding.upstream = arguments[1]
    public = ThreadingHTTPServer(("127.0.0.1", 0), _Forwarding)
    url = f"http://127.0.0.1:{public.server_port}"
    local = StandIn(ngrok_answers(ngrok_tunnel(url, arguments[1])))
    with serving(public), serving(local):
        _log({"lvl": "info", "msg": "no configuration paths supplied"})
        _log({"lvl": "info", "msg": "starting web service", "obj": "web", "addr": local.address, "allow_hosts": []})
        _log({"lvl": "info", "msg": "client session established", "obj": "tunnels.session"})
        _log({"lvl": "info", "msg": "started tunnel", "obj": "tunnels", "addr": arguments[1], "url": url})
        threading.Event().wait()


def _log(line: dict[str, Any]) -> None:
    print(json.dumps({"t": "2026-11-21T10:00:00+0300", **line}), flush=True)


def _be_cloudflared(arguments: list[str]) -> None:
    assert arguments[0] == "tunnel"
    options = dict(zip(*[iter(arguments[1:3] + arguments[4:])] * 2, strict=True))
    assert (options["--config"], options["--metrics"]) == (os.devnull, "127.0.0.1:0")
    hostname = f"calm-words-{os.getpid()}.trycloudflare.com"
    local = StandIn(cloudflared_answers(hostname, rule(options["--url"])))
    with serving(local):
        for line in cloudflared_lines(hostname, local.address):
            print(line, file=sys.stderr, flush=True)
        threading.Event().wait()


def cloudflared_lines(hostname: str, metrics: str) -> list[str]:
    """What cloudflared writes to its log until it is connected."""
    box = [
        "Your quick Tunnel has been created! Visit it at (it may take some time to be reachable):",
        f"https://{hostname}" + " " * (88 - 8 - len(hostname)),
    ]
    edge = "+" + "-" * 92 + "+"
    said = [
        "INF Thank you for trying Cloudflare Tunnel. … (https://www.cloudflare.com/website-terms/) …",
        "INF Requesting new quick Tunnel on trycloudflare.com...",
        *(f"INF {line}" for line in (edge, *(f"|  {line}  |" for line in box), edge)),
        "INF Version 2026.8.0",
        "INF Settings: map[config:/dev/null metrics:127.0.0.1:0 no-autoupdate:true url:http://127.0.0.1:8000]",
        f"INF Starting metrics server on {metrics}/metrics",
        "INF Registered tunnel connection connIndex=0 connection=1c9f location=mba01 protocol=quic",
    ]
    return ["ERR Configuration file /dev/null was empty", *(f"2026-11-21T07:00:00Z {line}" for line in said)]
