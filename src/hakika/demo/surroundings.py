"""What a server in a demo is told, and what it must not hear: a demo never touches a real account or database."""

import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path

import hakika
from hakika.config import Settings
from hakika.simulator import PAYBILL

LOOPBACK = "127.0.0.1"


class PortTaken(OSError):
    """Another program listens there."""


def make_api_key() -> str:
    """Make a key for one demo."""
    return f"hk_test_{secrets.token_hex(16)}"


def listen(host: str, port: int) -> socket.socket:
    """Open a port, or any free one for 0. Raises PortTaken."""
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
    except OSError as error:
        opened.close()
        raise PortTaken(f"Port {port} cannot be opened on {host}: {error.strerror}.") from None
    return opened


def find_free_port() -> int:
    """Find a port for another process."""
    with listen(LOOPBACK, 0) as opened:
        return port_of(opened)


def port_of(opened: socket.socket) -> int:
    """Say which port was opened."""
    return int(opened.getsockname()[1])


def settings_for_simulator(simulator_url: str) -> dict[str, str]:
    """The settings, by their names in the environment, of an account that the simulator knows."""
    return {
        "MPESA_ENVIRONMENT": "simulator",
        "MPESA_BASE_URL": simulator_url,
        "MPESA_CONSUMER_KEY": PAYBILL.key,
        "MPESA_CONSUMER_SECRET": PAYBILL.secret,
        "MPESA_SHORTCODE": PAYBILL.shortcode,
        "MPESA_PASSKEY": PAYBILL.passkey,
    }


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child: ours without anything that sets up Hakika, and with `settings`."""
    known = {name.upper() for name in _names_of_settings()}
    kept = {name: value for name, value in os.environ.items() if not _is_ours(name.upper(), known)}
    source = str(Path(hakika.__file__).parents[1])
    return {**kept, **around_proxies(), "PYTHONPATH": source, "PYTHONUNBUFFERED": "1", **settings}


def around_proxies() -> dict[str, str]:
    """What keeps calls to this machine from going through a company's proxy."""
    return {"NO_PROXY": f"{LOOPBACK},localhost", "no_proxy": f"{LOOPBACK},localhost"}


def _is_ours(name: str, known: set[str]) -> bool:
    return name in known or name.startswith(("HAKIKA_", "MPESA_"))


def _names_of_settings() -> set[str]:
    return {
        str(name)
        for field in Settings.model_fields.values()
        for name in getattr(field.validation_alias, "choices", [field.validation_alias])
        if name
    }
