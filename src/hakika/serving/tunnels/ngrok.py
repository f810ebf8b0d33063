"""ngrok: its documented local API (/api/tunnels) tells which address leads where; its log tells the same of our own."""

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec

from hakika.serving.tunnels.agents import ABSENT, Said, Sighting, Target, leads_to
from hakika.serving.tunnels.local import LocalApi

_ERROR_CODE = re.compile(r"ERR_NGROK_\d+")
_REFUSED_WORD = "ngrok"
OK = 200


class Ngrok:
    """See `agents.Agent`."""

    name = "ngrok"
    addresses = tuple(f"127.0.0.1:{port}" for port in range(4040, 4045))  # the next one where a port is taken
    note = "Safaricom is said to refuse addresses with the word ngrok: cloudflared or a domain of your own is safer"

    def command(self, program: str, target: Target) -> list[str]:
        """See `agents.Agent`."""
        return [program, "http", target.upstream, "--log", "stdout", "--log-format", "json"]

    def read_line(self, line: str) -> Said:
        """See `agents.Agent`. Of an error only its first line: the next one quotes the account's token."""
        try:
            said = msgspec.json.decode(line)
        except msgspec.DecodeError:
            return Said(trouble=line.removeprefix("ERROR:").strip()) if line.startswith("ERROR:") else Said()
        if not isinstance(said, dict):
            return Said()
        text = {key: value for key, value in said.items() if isinstance(value, str)}
        match text.get("msg"):
            case "started tunnel":
                return Said(origin=_origin_of(text.get("url", "")))
            case "starting web service":
                return Said(api=text.get("addr", ""))
        return Said(trouble=_first_line(text.get("err", ""))) if text.get("lvl") in {"eror", "crit"} else Said()

    async def look(self, api: LocalApi, address: str, target: Target) -> Sighting:
        """See `agents.Agent`."""
        reply = await api.get(address, "/api/tunnels")
        return read_tunnels(reply.body, target) if reply.status == OK else ABSENT


def read_tunnels(body: bytes, target: Target) -> Sighting:
    """Read an answer of /api/tunnels."""
    try:
        tunnels = [tunnel for tunnel in msgspec.json.decode(body)["tunnels"] if isinstance(tunnel, dict)]
    except (msgspec.DecodeError, KeyError, TypeError):
        return ABSENT  # something else has ngrok's port
    ours = [tunnel for tunnel in tunnels if leads_to(target, _upstream_of(tunnel))]
    origins = [_origin_of(str(tunnel.get("public_url", ""))) for tunnel in ours]
    usable = [origin for origin in origins if origin.startswith("https://") or (target.plain and origin)]
    if usable:
        return Sighting(tuple(sorted(set(usable), key=_rank)))
    cure = f"Run `ngrok http {target.port}`."
    if any(origins):
        return Sighting((), f"ngrok's tunnel to us is http alone ({', '.join(sorted(origins))})", cure)
    if ours:
        return Sighting((), "ngrok's tunnel to us has no web address", cure)
    if tunnels:
        elsewhere = ", ".join(sorted({_upstream_of(tunnel) or "nowhere" for tunnel in tunnels}))
        return Sighting((), f"ngrok runs and leads to {elsewhere}, not to us on port {target.port}", cure)
    return Sighting((), "ngrok runs without a tunnel", cure)


def _upstream_of(tunnel: dict[str, Any]) -> str:
    config = tunnel.get("config")
    return str(config.get("addr", "")) if isinstance(config, dict) else ""


def _origin_of(url: str) -> str:
    """The origin of a web address; of a tcp or tls tunnel none, nor of what is no address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} and parts.netloc else ""


def _rank(origin: str) -> tuple[bool, bool, str]:
    return (_REFUSED_WORD in origin, origin.startswith("http:"), origin)


def _first_line(error: str) -> str:
    code = _ERROR_CODE.search(error)
    first = error.strip().split("\n", 1)[0].strip()
    return f"{first} ({code[0]})" if code and code[0] not in first else first
