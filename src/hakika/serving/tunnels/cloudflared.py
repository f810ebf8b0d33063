"""cloudflared: its metrics server and its log.

The metrics server tells the address of a quick tunnel (/quicktunnel), where it leads (/config) and whether it is
connected (/ready). The log of one that we started tells its address, and where its metrics server is.
"""

import os
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from hakika.serving.tunnels.agents import ABSENT, Said, Sighting, Target, leads_to
from hakika.serving.tunnels.local import LocalApi, Reply

_QUICK = re.compile(r"https://(?!api\.)([a-z0-9-]+\.trycloudflare\.com)")
_METRICS = re.compile(r"Starting metrics server on (\S+)/metrics")
_ERROR = re.compile(r"(?:^\S+ ERR |^(?=failed to )|^(?=error ))(.+)", re.IGNORECASE)
_SOME_CALLBACK = "/c/0"
OK, NOT_READY = 200, 503


class Cloudflared:
    """See `agents.Agent`."""

    name = "cloudflared"
    addresses = tuple(f"127.0.0.1:{port}" for port in range(20241, 20246))  # its own choice since 2024
    note = ""

    def command(self, program: str, target: Target) -> list[str]:
        """See `agents.Agent`. Without the user's own config.yml, whose rules would win over --url."""
        quick = ["--config", os.devnull, "--no-autoupdate", "--metrics", "127.0.0.1:0", "--url", target.upstream]
        return [program, "tunnel", *quick]

    def read_line(self, line: str) -> Said:
        """See `agents.Agent`."""
        if (error := _ERROR.search(line)) and os.devnull not in line:
            return Said(trouble=error[1].strip())
        quick, metrics = _QUICK.search(line), _METRICS.search(line)
        return Said(f"https://{quick[1]}" if quick else "", metrics[1] if metrics else "")

    async def look(self, api: LocalApi, address: str, target: Target) -> Sighting:
        """See `agents.Agent`."""
        quick = await api.get(address, "/quicktunnel")
        config = await api.get(address, "/config")
        ready = await api.get(address, "/ready")
        return read_metrics(quick, config, ready, target)


def read_metrics(quick: Reply, config: Reply, ready: Reply, target: Target) -> Sighting:
    """Read what its metrics server says. One that is too old to tell where it leads is believed."""
    hostname, rules = str(_read(quick).get("hostname", "")).removeprefix("https://"), _read_rules(config)
    if not hostname and rules is None:
        return ABSENT  # something else has its port
    if ready.status == NOT_READY:
        why = "cloudflared runs and has no connection to Cloudflare"
        return Sighting((), why, "See that this machine reaches the internet; it tries again by itself.")
    if rules is None:
        return Sighting((f"https://{hostname}",))
    named = [rule.get("hostname", "") for rule in rules]
    candidates = [hostname, *(name for name in named if name and "*" not in name)]
    ours = [name for name in candidates if name and leads_to(target, _service_of(rules, name))]
    if ours:
        return Sighting(tuple(dict.fromkeys(f"https://{name}" for name in ours)))
    services = [str(rule.get("service", "")) for rule in rules]
    if any(leads_to(target, service) for service in services):
        cure = "Say it: `hakika serve --tunnel https://your.domain`."
        return Sighting((), "cloudflared leads to us, and does not tell under which address", cure)
    elsewhere = ", ".join(services) or "nowhere"
    cure = f"Run `cloudflared tunnel --url {target.upstream}`."
    return Sighting((), f"cloudflared runs and leads to {elsewhere}, not to us on port {target.port}", cure)


def _service_of(rules: list[dict[str, Any]], hostname: str) -> str:
    """Where callbacks to a host go: the first rule that fits decides."""
    return next(_fitting(rules, hostname), "")


def _fitting(rules: list[dict[str, Any]], hostname: str) -> Iterator[str]:
    for rule in rules:
        path = rule.get("path")
        try:
            fits = not path or re.search(str(path), _SOME_CALLBACK)
        except re.error:
            fits = None  # Go's expressions are not quite Python's
        if fits and _covers(str(rule.get("hostname", "")), hostname):
            yield str(rule.get("service", ""))


def _covers(pattern: str, hostname: str) -> bool:
    return pattern in {"", "*", hostname} or (pattern.startswith("*.") and hostname.endswith(pattern[1:]))


def _read(reply: Reply) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(reply.body)
    except msgspec.DecodeError:
        return {}
    return document if reply.status == OK and isinstance(document, dict) else {}


def _read_rules(reply: Reply) -> list[dict[str, Any]] | None:
    config = _read(reply).get("config")
    rules = config.get("ingress") if isinstance(config, dict) else None
    return [rule for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else None
