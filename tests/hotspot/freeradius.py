"""FreeRADIUS, run for real: with the files of deploy/freeradius as a user installs them; as a router that takes CoA."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.deploy.proxies import DEPLOY, SYSTEM, end, find_program, replace

INSTALLED = Path("/etc/freeradius/3.0")  # where Debian keeps its configuration
TOKEN = "a token for tests alone"
SECRET = "between this router and FreeRADIUS"
COA_SECRET = "for CoA to this router"

# What a router does with CoA, as far as a test can see: it keeps every request in a file, and knows two sessions to be
# gone or unchangeable by their ids.
NAS_SITE = """
server nas {
    listen {
        type = coa
        ipaddr = 127.0.0.1
        port = PORT
    }
    recv-coa {
        told
        if (&Acct-Session-Id == "gone") {
            update reply {
                &Error-Cause := Session-Context-Not-Found
            }
            reject
        }
        elsif ((&Acct-Session-Id == "stubborn") && ("%{Packet-Type}" == "CoA-Request")) {
            update reply {
                &Error-Cause := Unsupported-Service
            }
            reject
        }
        else {
            ok
        }
    }
    send-coa {
        ok
    }
}
"""
NAS_LOG = """
linelog told {
    filename = FOLDER/told
    format = "%{Packet-Type}|%{pairs:request:}"
}
"""
NAS_CLIENT = """
client hakika {
    ipaddr = 127.0.0.1
    secret = "SECRET"
}
"""


@dataclass
class Radius:
    """A FreeRADIUS that answers on loopback."""

    auth_port: int
    accounting_port: int
    patience_s: int = 5

    def authenticate(self, **attributes: str | int) -> "Answer":
        """Ask as a router does, with radclient."""
        return radclient(self.auth_port, "auth", SECRET, attributes, self.patience_s)

    def account(self, **attributes: str | int) -> "Answer":
        """Tell as a router does, with radclient."""
        return radclient(self.accounting_port, "acct", SECRET, attributes, self.patience_s)


@dataclass
class Answer:
    """What came back; `kind` is "" where nothing did."""

    kind: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


def radclient(port: int, kind: str, secret: str, attributes: dict[str, str | int], patience_s: int = 5) -> Answer:
    """Send one request; `_` in a name stands for `-`."""
    written = "".join(f'{name.replace("_", "-")} = "{value}"\n' for name, value in attributes.items())
    command = [find_program("radclient"), "-x", "-r", "1", "-t", str(patience_s), f"127.0.0.1:{port}", kind, secret]
    ran = subprocess.run(command, input=written, capture_output=True, text=True, check=False)
    answer = Answer()
    for line in ran.stdout.splitlines():
        if line.startswith("Received "):
            answer = Answer(line.split()[1])
        elif answer.kind and line.startswith("\t"):
            name, _, value = line.strip().partition(" = ")
            answer.attributes[name] = value.strip('"')
    return answer


@contextmanager
def running_freeradius(folder: Path, hotspot_port: int, ports: tuple[int, int]) -> Iterator[Radius]:
    """Run FreeRADIUS as docs/hotspot-routers.md has it installed, with other ports."""
    raddb = _copy_configuration(folder)
    clients = replace((DEPLOY / "freeradius/clients.conf").read_text(), "put-a-long-random-secret-here", f'"{SECRET}"')
    (raddb / "clients.conf").write_text(replace(clients, "10.8.0.2", "127.0.0.1"))
    module = replace((DEPLOY / "freeradius/module-hakika").read_text(), "put your HOTSPOT_RADIUS_TOKEN here", TOKEN)
    (raddb / "mods-enabled/hakika").write_text(replace(module, "127.0.0.1:8100", f"127.0.0.1:{hotspot_port}"))
    site = replace((DEPLOY / "freeradius/site-hakika").read_text(), "port = 1812", f"port = {ports[0]}")
    (raddb / "sites-enabled/hakika").write_text(replace(site, "port = 1813", f"port = {ports[1]}"))
    with _running(raddb, folder):
        yield Radius(*ports)


@dataclass
class Router:
    """A router that takes CoA, and what it was told."""

    port: int
    folder: Path

    def told(self) -> list[tuple[str, str]]:
        """Kind and attributes of each request, as they came."""
        file = self.folder / "told"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(kind, rest) for kind, _, rest in (line.partition("|") for line in lines)]

    def forget(self) -> None:
        """Begin a new list."""
        (self.folder / "told").unlink(missing_ok=True)


@contextmanager
def running_router(folder: Path, port: int) -> Iterator[Router]:
    """Run a FreeRADIUS that takes CoA and Disconnect, as a router would."""
    raddb = _copy_configuration(folder)
    (raddb / "clients.conf").write_text(NAS_CLIENT.replace("SECRET", COA_SECRET))
    (raddb / "mods-enabled/told").write_text(NAS_LOG.replace("FOLDER", str(folder)))
    (raddb / "sites-enabled/nas").write_text(NAS_SITE.replace("PORT", str(port)))
    with _running(raddb, folder):
        yield Router(port, folder)


def _copy_configuration(folder: Path) -> Path:
    """Copy what Debian installed to a folder of the test's own, without its sites and EAP, as the docs say."""
    find_program("freeradius")
    raddb = folder / "raddb"
    if raddb.exists():
        shutil.rmtree(raddb)
    try:
        shutil.copytree(INSTALLED, raddb, symlinks=True)
    except (PermissionError, shutil.Error):
        pytest.skip(f"{INSTALLED} can be read by root alone")
    for name in ("sites-enabled/default", "sites-enabled/inner-tunnel", "mods-enabled/eap"):
        (raddb / name).unlink()
    settings = raddb / "radiusd.conf"
    text = settings.read_text()
    for old, new in (
        ("raddbdir = /etc/freeradius/3.0", f"raddbdir = {raddb}"),
        ("logdir = /var/log/freeradius", f"logdir = {folder}"),
        ("run_dir = ${localstatedir}/run/${name}", f"run_dir = {folder}"),
        ("reject_delay = 1", "reject_delay = 0"),  # it slows guesses down; here it would the tests
        ("\tuser = freerad\n", "\n"),
        ("\tgroup = freerad\n", "\n"),
    ):
        text = replace(text, old, new)
    settings.write_text(text)
    return raddb


@contextmanager
def _running(raddb: Path, folder: Path) -> Iterator[None]:
    command = [find_program("freeradius"), "-f", "-d", str(raddb), "-l", "stdout"]
    process = subprocess.Popen(
        command, env={"PATH": SYSTEM}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder
    )
    assert process.stdout is not None
    try:
        said = ""
        for line in process.stdout:
            said += line
            if "Ready to process requests" in line:
                break
        else:
            pytest.fail(said)
        yield
    finally:
        end(process)
        process.stdout.close()
