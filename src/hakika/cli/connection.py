"""The running server: found on this machine or named with `--server`, and asked over HTTP."""

import ipaddress
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from hakika.cli.voice import Failure
from hakika.config import Settings
from hakika.serving.presence import FILE, Presence, read_presence

DEMOS = Path(".hakika/demo")  # where `hakika demo` works, whatever the settings say: it hears none
_RECEIPT = re.compile(r"[A-Za-z0-9]{1,32}")
PROBE_S = 1.5
ANSWER_S = 30.0
TRIES = 4
PAUSE_S = 0.5

NOT_SENT = "None moved: the request never reached a server."
PERHAPS = "Unknown: the request may have reached the server, its answer did not reach you."


class Remote:
    """A running server."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url.rstrip("/"), key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # A proxy of the environment is for the internet, not for this machine.
        self._http = httpx2.Client(
            base_url=self.url, headers=headers, timeout=ANSWER_S, trust_env=not is_loopback(self.url)
        )

    # ── payments ──────────────────────────────

    def request(self, body: dict[str, Any], idempotency_key: str) -> dict[str, Any]:
        """Ask for money. Repeated by itself where no answer came: the key makes that safe."""
        headers = {"Idempotency-Key": idempotency_key}
        return self._ask("POST", "/v1/payments", json=body, headers=headers, tries=TRIES)

    def wait(self, payment_id: str, seconds: float) -> dict[str, Any]:
        """The payment as soon as it is no longer pending, or after so long."""
        path = f"/v1/payments/{quote(payment_id)}/wait"
        return self._ask("GET", path, params={"timeout": seconds}, timeout=seconds + ANSWER_S, tries=TRIES)

    def find(self, name: str) -> list[dict[str, Any]]:
        """The payments called so: by id, reference, CheckoutRequestID or receipt; newest first."""
        if name.startswith("pay_"):
            try:
                return [self._ask("GET", f"/v1/payments/{quote(name, safe='')}", tries=TRIES)]
            except Failure as failure:
                if failure.code != "not_found":
                    raise
        found: dict[str, dict[str, Any]] = {}
        fields = ["reference", "checkout_request_id"] + (["receipt"] if _RECEIPT.fullmatch(name) else [])
        for field in fields:
            page = self._ask("GET", "/v1/payments", params={field: name}, tries=TRIES)
            found |= {payment["id"]: payment for payment in page["data"]}
        return [found[payment_id] for payment_id in sorted(found, reverse=True)]

    def list_payments(self, wanted: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
        """The payments that fit, newest first, and whether there are more."""
        page = self._ask("GET", "/v1/payments", params=wanted, tries=TRIES)
        return page["data"], page["has_more"]

    def tell(self, payment_id: str) -> list[dict[str, Any]]:
        """All evidence and events of a payment."""
        entries: list[dict[str, Any]] = self._ask("GET", f"/v1/payments/{payment_id}/timeline", tries=TRIES)["data"]
        return entries

    def explain(self, payment_id: str) -> dict[str, Any]:
        """What happened, in words, and what to do."""
        return self._ask("GET", f"/v1/payments/{payment_id}/explanation", tries=TRIES)

    def read_stats(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """How payments fare."""
        return self._ask("GET", "/v1/stats", params=wanted, tries=TRIES)

    def query(self, payment_id: str) -> dict[str, Any]:
        """Ask Daraja now."""
        return self._ask("POST", f"/v1/payments/{payment_id}/query")

    def cancel(self, payment_id: str, reason: str) -> dict[str, Any]:
        """Call it off before it is sent."""
        return self._ask("POST", f"/v1/payments/{payment_id}/cancel", json={"reason": reason})

    def resolve(self, payment_id: str, outcome: str, receipt: str, reason: str, operator: str) -> dict[str, Any]:
        """Say what a person found out."""
        body = {"outcome": outcome, "reason": reason, "operator": operator} | ({"receipt": receipt} if receipt else {})
        return self._ask("POST", f"/v1/payments/{payment_id}/resolve", json=body)

    # ── the server itself ──────────────────────────────

    def list_accounts(self) -> list[dict[str, Any]]:
        """All accounts."""
        return list(self._ask("GET", "/v1/accounts")["data"])

    def add_account(self, body: dict[str, Any]) -> dict[str, Any]:
        """Add an account."""
        return self._ask("POST", "/v1/accounts", json=body)

    def amend_account(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change what is given of an account."""
        return self._ask("PATCH", f"/v1/accounts/{quote(name, safe='')}", json=body)

    def list_keys(self) -> list[dict[str, Any]]:
        """All API keys."""
        return list(self._ask("GET", "/local/keys")["data"])

    def create_key(self, name: str, mode: str) -> dict[str, Any]:
        """Make an API key; without a mode, of that of the server's environment."""
        return self._ask("POST", "/local/keys", json={"name": name, "mode": mode})

    def revoke_key(self, key_id: str) -> None:
        """End a key's life."""
        self._ask("POST", f"/local/keys/{quote(key_id, safe='')}/revoke")

    def list_quarantine(self, limit: int) -> list[dict[str, Any]]:
        """What is about no payment that is known."""
        return list(self._ask("GET", "/local/quarantine", params={"limit": limit})["data"])

    def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, params: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """→ the answer to any request; one that only reads is repeated where no answer came."""
        given: dict[str, Any] = {"json": body} if body is not None else {}
        given |= {"params": params} if params else {}
        return self._ask(method, path, tries=TRIES if method == "GET" else 1, **given)

    def stream(self, path: str, params: dict[str, Any], silence_s: float, accept: str = "*/*") -> Iterator[str]:
        """The lines of a stream, until it ends or is silent for so long. Raises Failure where it is refused."""
        timeout = httpx2.Timeout(ANSWER_S, read=silence_s)
        with self._http.stream("GET", path, params=params, timeout=timeout, headers={"Accept": accept}) as answer:
            if answer.status_code != httpx2.codes.OK:
                answer.read()
                _read(answer)
            yield from answer.iter_lines()

    # ── asking ──────────────────────────────

    def _ask(self, method: str, path: str, *, tries: int = 1, **request: Any) -> dict[str, Any]:
        """→ the answer's document. Raises Failure."""
        for left in range(tries - 1, -1, -1):
            try:
                answer = self._http.request(method, path, **request)
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                if not left:
                    raise self._silent(method, error) from None
            else:
                busy = answer.status_code == 503 or _code_of(answer) == "idempotency_key_in_flight"
                if not (busy and left):
                    return _read(answer)
            time.sleep(PAUSE_S * (tries - left))
        raise AssertionError

    def _silent(self, method: str, error: Exception) -> Failure:
        never_sent = isinstance(
            error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.UnsupportedProtocol | httpx2.InvalidURL
        )
        unknown = method == "POST" and not never_sent
        return Failure(
            "The server does not answer",
            f"{self.url}: {str(error) or type(error).__name__}",
            money=PERHAPS if unknown else NOT_SENT if method == "POST" else "This says nothing about money.",
            cure="Look with `hakika status REFERENCE` before you ask again."
            if unknown
            else "Start it with `hakika serve`, or correct --server.",
            code="server_silent",
            exit_code=3 if unknown else 1,
        )


def find_server(settings: Settings, named: str) -> Remote | None:
    """The server named with `--server`, else the one that runs on this machine, else None."""
    url = named or settings.server
    own, demos = _look_around(settings.data_dir)
    if url:
        check_address(url)
        ours = [presence.local_key for presence in (*own, *demos) if _same_address(presence.url, url)]
        return Remote(url, settings.api_key or next(iter(ours), ""))
    alive = [presence for presence in own if is_alive(presence.url)]
    alive = alive or [presence for presence in demos if is_alive(presence.url)]
    if len(alive) > 1:
        urls = ", ".join(presence.url for presence in alive)
        raise Failure("Several demos run here", urls, cure="Say which: --server URL, or HAKIKA_SERVER.", exit_code=2)
    return Remote(alive[0].url, alive[0].local_key) if alive else None


def find_silent(settings: Settings) -> str:
    """Of a server that said that it serves from here and answers nobody: who, and whether it is there; else `""`.

    One that is stopped takes its word back, so one whose word is left was killed. Of demos, which are begun anew, only
    those count that are there.
    """
    own, demos = _look_around(settings.data_dir)
    hung = next((presence for presence in (*own, *demos) if is_open(presence.url)), None)
    if hung:
        return f"The server at {hung.url} (process {hung.pid}) listens and does not answer."
    killed = next(iter(own), None)
    if killed is None:
        return ""
    return f"The server at {killed.url} (process {killed.pid}) did not stop by itself, and nobody listens there now."


def _look_around(data_dir: Path) -> tuple[list[Presence], list[Presence]]:
    """Who said that it serves from here: the server of the data directory, and demos, each in a folder of its own."""
    folders = sorted(file.parent for file in DEMOS.glob(f"*/{FILE}"))
    own, *demos = (read_presence(folder) for folder in (data_dir, *folders))
    return [own] if own else [], [demo for demo in demos if demo]


def data_dir_for(settings: Settings, url: str) -> Path:
    """Where to keep what concerns the payments there: of a demo in its own folder, which is emptied together with them.

    Kept elsewhere it would speak of payments that the next demo does not know.
    """
    if "data_dir" in settings.model_fields_set:
        return settings.data_dir
    folders = (settings.data_dir, *sorted(file.parent for file in DEMOS.glob(f"*/{FILE}")))
    known = ((folder, read_presence(folder)) for folder in folders)
    there = ((folder, presence) for folder, presence in known if presence and _same_address(presence.url, url))
    # One that was killed left its word: at one address the last that came is the one that serves.
    ours = [(presence.started_at, folder) for folder, presence in there]
    return max(ours, default=("", settings.data_dir))[1]


def check_address(url: str) -> None:
    """Raise Failure for what is no server's address."""
    try:
        parts = urlsplit(url)
        httpx2.URL(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and not re.search(r"\s", url):
            return
    except (ValueError, httpx2.InvalidURL):
        pass
    raise Failure(
        "Not a server's address",
        repr(url),
        money=NOT_SENT,
        cure="Write --server http://127.0.0.1:8000, or correct HAKIKA_SERVER.",
        code="not_an_address",
        exit_code=2,
    )


def _same_address(url: str, named: str) -> bool:
    """Whether two URLs name one server on this machine, by whatever name of it."""
    first, second = urlsplit(url), urlsplit(named)
    same = first.hostname == second.hostname or (is_loopback(url) and is_loopback(named))
    return same and first.port == second.port


def is_alive(url: str) -> bool:
    """Whether a server of ours answers there now."""
    try:
        answer = httpx2.get(f"{url}/health", timeout=PROBE_S, trust_env=False)
        return answer.status_code == 200 and "version" in answer.json()
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError):
        return False


def is_open(url: str) -> bool:
    """Whether anybody listens there."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), PROBE_S).close()
    except OSError:
        return False
    return True


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read(answer: httpx2.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        document = None
    if isinstance(document, dict) and answer.status_code < 300:
        return document
    if isinstance(document, dict) and "code" in document:
        raise Failure.of_problem(document)
    raise Failure(
        "That is no Hakika server",
        f"{answer.request.url} answered HTTP {answer.status_code}.",
        money="This says nothing about money.",
        cure="Correct --server or HAKIKA_SERVER.",
        code="not_hakika",
    )


def _code_of(answer: httpx2.Response) -> str:
    try:
        return str(answer.json().get("code", ""))
    except (ValueError, AttributeError):
        return ""
