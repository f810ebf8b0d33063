"""nginx and Caddy, run for real with the configurations of deploy/, in front of a server on this machine."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext, create_default_context

import pytest
import trustme

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def find_address() -> str:
    """An address of this machine that is not loopback, else another loopback address than the proxy's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("192.0.2.1", 9))  # sends nothing: it only asks which address would be used
        except OSError:
            return "127.0.0.9"
        return str(asking.getsockname()[0])


PAYER = find_address()
"""Where clients come from."""

SYSTEM = f"{os.environ['PATH']}:/usr/sbin:/sbin"
DEADLINE_S = 30

FRAME = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    gzip on;
    include {folder}/hakika.conf;
}}
"""


@dataclass(frozen=True)
class Front:
    """A proxy that takes requests, and how to trust it."""

    name: str
    url: str
    trust: SSLContext | bool
    log: Path

    @property
    def websocket_url(self) -> str:
        """Where WebSockets are opened."""
        return self.url.replace("http", "ws", 1)


def find_program(name: str) -> str:
    """Where a proxy is installed; without it the test is skipped, which in CI is a failure."""
    found = shutil.which(name, path=SYSTEM)
    if found is None:
        pytest.skip(f"no {name} here (on Debian: apt install {name})")
    return found


def replace(text: str, old: str, new: str) -> str:
    """The text with that replaced, which must be there."""
    assert old in text, f"{old!r} is not in the configuration any more"
    return text.replace(old, new)


def nginx_configuration(folder: Path, http: int, https: int, upstream: str) -> str:
    """deploy/nginx.conf for these ports and folders; nothing else of it is touched."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    for line in ("    listen [::]:80;\n", "    listen [::]:443 ssl http2;\n"):
        text = replace(text, line, "")  # not every machine that tests has IPv6
    text = replace(text, "listen 80;", f"listen 127.0.0.1:{http};")
    text = replace(text, "listen 443 ssl http2;", f"listen 127.0.0.1:{https} ssl http2;")
    text = replace(text, "/etc/letsencrypt/live/pay.example.com", str(folder))
    text = replace(text, "/var/log/nginx", str(folder))
    text = replace(text, "/var/www/html", str(folder))
    return replace(text, "http://127.0.0.1:8000", upstream)


@contextmanager
def running_nginx(folder: Path, upstream: str) -> Iterator[Front]:
    """Run nginx with TLS."""
    program = find_program("nginx")
    authority = trustme.CA()
    certificate = authority.issue_cert("pay.example.com", "127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(folder / "fullchain.pem")
    certificate.private_key_pem.write_to_path(folder / "privkey.pem")
    trust = create_default_context()
    authority.configure_trust(trust)
    http, https = free_ports(2)
    (folder / "hakika.conf").write_text(nginx_configuration(folder, http, https, upstream), encoding="utf-8")
    (folder / "nginx.conf").write_text(FRAME.format(folder=folder), encoding="utf-8")
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    with running(command, "getrlimit", folder, {}):
        yield Front("nginx", f"https://127.0.0.1:{https}", trust, folder / "hakika.log")


@contextmanager
def running_caddy(folder: Path, upstream: str) -> Iterator[Front]:
    """Run Caddy, without TLS: certificates are its own business."""
    program, (port,) = find_program("caddy"), free_ports(1)
    environment = {
        "HAKIKA_DOMAIN": f"http://127.0.0.1:{port}",
        "HAKIKA_UPSTREAM": upstream.removeprefix("http://"),
        "HOME": str(folder),
        "CADDY_ADMIN": f"unix/{folder}/admin.sock",
    }
    command = [program, "run", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")]
    with running(command, "serving initial configuration", folder, environment):
        yield Front("caddy", f"http://127.0.0.1:{port}", trust=True, log=folder / "none")


def free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    with contextlib.ExitStack() as held:
        free = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(one.getsockname()[1]) for one in free]


@contextmanager
def running(command: list[str], ready: str, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run a proxy from when it says that it is ready."""
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=folder
    )
    assert process.stderr is not None
    try:
        said = ""
        for line in process.stderr:
            said += line
            if ready in line:
                break
        assert ready in said, said
        yield
    finally:
        end(process)
        process.stderr.close()


RUNNING = {"nginx": running_nginx, "caddy": running_caddy}


def end(process: subprocess.Popen[str]) -> None:
    """End a process of ours."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(DEADLINE_S)
        raise  # it holds on to streams whose clients have left
