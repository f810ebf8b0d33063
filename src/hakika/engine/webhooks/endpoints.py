"""Endpoints: made, changed, turned on and off; their secrets are encrypted, and shown once."""

import base64
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from standardwebhooks.webhooks import Webhook

from hakika.domain.errors import InvalidRequest, NotFound
from hakika.domain.events import KNOWN_TYPES
from hakika.domain.lane import Lane
from hakika.domain.schedule import HOUR_MS
from hakika.engine.ids import Entropy, make_id
from hakika.engine.messages.apprise_urls import DEFAULT_TYPES, is_apprise_url, mask_url
from hakika.engine.representation import iso
from hakika.engine.vault import Vault
from hakika.engine.webhooks.addresses import AddressRule
from hakika.engine.webhooks.webhook import Signers
from hakika.store.transaction import Transaction
from hakika.store.webhooks.endpoints import (
    EndpointRow,
    change_endpoint,
    delete_endpoint,
    find_endpoint,
    insert_endpoint,
    set_lane,
)

SECRET_BYTES = 32  # Standard Webhooks: 24 to 64
OVERLAP_MS = 24 * HOUR_MS
TURNED_OFF = "It was turned off by hand."


class Endpoints:
    """The verbs on endpoints."""

    def __init__(self, vault: Vault, rule: AddressRule, clock: Callable[[], int], entropy: Entropy) -> None:
        self._vault, self._rule, self._clock, self._entropy = vault, rule, clock, entropy
        self._signers = Signers(lambda sealed: vault.open(sealed).decode())

    def create(
        self, tx: Transaction, mode: str, url: str, event_types: Sequence[str], description: str
    ) -> tuple[str, EndpointRow]:
        """Store a new endpoint. → its secret, shown this once, and its row. Raises InvalidRequest.

        The URL of a message is itself the secret: it is sealed, masked in the row, and nothing else signs.
        """
        now_ms, message = self._clock(), is_apprise_url(url)
        secret = url if message else self._make_secret()
        row = EndpointRow(
            id=make_id("ep", now_ms, self._entropy),
            mode=mode,
            url=mask_url(url) if message else self._read_url(url, mode),
            description=description,
            event_types=read_types(event_types or (DEFAULT_TYPES if message else ())),
            active=True,
            off_reason="",
            secret=self._vault.seal(secret.encode()),
            old_secret=None,
            old_secret_until_ms=0,
            created_at_ms=now_ms,
        )
        insert_endpoint(tx, row)
        return "" if message else secret, row

    def change(
        self,
        tx: Transaction,
        row: EndpointRow,
        *,
        url: str | None = None,
        event_types: Sequence[str] | None = None,
        description: str | None = None,
        active: bool | None = None,
    ) -> EndpointRow:
        """Change what is given. A new URL, or being turned on, lets it begin anew. Raises InvalidRequest."""
        values: dict[str, Any] = {}
        if url is not None:
            values |= self._readdress(row, url)
        if event_types is not None:
            values["event_types"] = read_types(event_types or (DEFAULT_TYPES if is_apprise_url(row.url) else ()))
        if description is not None:
            values["description"] = description
        if active is not None:
            values |= {"active": active, "off_reason": "" if active else row.off_reason or TURNED_OFF}
        if values.get("url", row.url) != row.url or "secret" in values or (active and not row.active):
            values |= Lane()._asdict()
        if values:
            change_endpoint(tx, row.id, values)
        return row._replace(**values)

    def rotate(self, tx: Transaction, row: EndpointRow, overlap_ms: int = OVERLAP_MS) -> tuple[str, EndpointRow]:
        """Give an endpoint a new secret; the one before signs beside it for a while. → the new one, the row.

        Raises InvalidRequest for one that tells people: nothing is signed there.
        """
        if is_apprise_url(row.url):
            raise InvalidRequest(f"{row.id} has no secret but its URL: give it another `url`.", field="url")
        secret = self._make_secret()
        values: dict[str, Any] = {
            "secret": self._vault.seal(secret.encode()),
            "old_secret": row.secret if overlap_ms else None,
            "old_secret_until_ms": self._clock() + overlap_ms if overlap_ms else 0,
        }
        change_endpoint(tx, row.id, values)
        return secret, row._replace(**values)

    def remove(self, tx: Transaction, endpoint_id: str) -> None:
        """Forget an endpoint and what it is owed."""
        delete_endpoint(tx, endpoint_id)

    def find(self, tx: Transaction, endpoint_id: str, mode: str = "") -> EndpointRow:
        """The endpoint, if that mode's key opens it. Raises NotFound."""
        row = find_endpoint(tx, endpoint_id)
        if row is None or mode not in {"", row.mode}:
            raise NotFound(f"There is no endpoint {endpoint_id!r}.")
        return row

    def retry(self, tx: Transaction, endpoint_id: str) -> None:
        """Let a failing endpoint be tried now."""
        set_lane(tx, endpoint_id, Lane())

    def open_url(self, row: EndpointRow) -> str:
        """The whole URL of an endpoint that tells people: a secret."""
        return self._vault.open(row.secret or b"").decode()

    def signers(self, row: EndpointRow) -> list[Webhook]:
        """Whoever signs for it now, the newest secret first: two while a rotation lasts."""
        old = row.old_secret if row.old_secret_until_ms > self._clock() else None
        return self._signers.find([one for one in (row.secret, old) if one is not None])

    def _readdress(self, row: EndpointRow, url: str) -> dict[str, Any]:
        if is_apprise_url(row.url) != is_apprise_url(url):
            message = "A webhook stays one, and so does an endpoint that tells people: make a new endpoint."
            raise InvalidRequest(message, field="url")
        if is_apprise_url(url):
            return {"url": mask_url(url), "secret": self._vault.seal(url.encode())}
        return {"url": self._read_url(url, row.mode)}

    def _make_secret(self) -> str:
        return f"whsec_{base64.b64encode(self._entropy(SECRET_BYTES)).decode()}"

    def _read_url(self, url: str, mode: str) -> str:
        """Check a URL. What its name leads to is checked at every attempt."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            raise InvalidRequest("`url` is no URL.", field="url") from None
        if parts.scheme not in {"https", "http"} or not host:
            raise InvalidRequest("`url` begins with https:// (or http:// in test mode) and a host.", field="url")
        if parts.username or parts.password or parts.fragment:
            raise InvalidRequest("`url` has no user, no password and no fragment.", field="url")
        if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
            raise InvalidRequest("`url` has no spaces and no control characters.", field="url")
        refusal = _judge_host(self._rule, host)
        if refusal:
            raise InvalidRequest(f"`url`: {refusal}.", field="url")
        if mode == "live" and parts.scheme != "https" and not self._rule.allows_host(host):
            raise InvalidRequest("`url` must be https: live events name payers.", field="url")
        return url


def _judge_host(rule: AddressRule, host: str) -> str:
    try:
        return rule.refuse(host, host)
    except ValueError:
        return ""  # a name


def read_types(event_types: Sequence[str]) -> str:
    """The types as they are kept. Raises InvalidRequest for one that does not exist."""
    for name in event_types:
        if name not in KNOWN_TYPES:
            raise InvalidRequest(f"There is no event type {name!r}.", field="event_types")
    return f",{','.join(dict.fromkeys(event_types))}," if event_types else ""


def list_types(kept: str) -> list[str]:
    """The types as they were given; none is every type but probes."""
    return [name for name in kept.split(",") if name]


def show_endpoint(row: EndpointRow, now_ms: int) -> dict[str, Any]:
    """An endpoint as people may see it."""
    return {
        "id": row.id,
        "object": "endpoint",
        "mode": row.mode,
        "url": row.url,
        "event_types": list_types(row.event_types),
        "description": row.description,
        "active": bool(row.active),
        "status": "off" if not row.active else "failing" if row.lane.failing else "healthy",
        "off_reason": row.off_reason or None,
        "failures": row.failures,
        "failing_since": iso(row.failing_since_ms) if row.failing_since_ms else None,
        "next_attempt_at": iso(row.next_at_ms) if row.next_at_ms > now_ms else None,
        "old_secret_until": iso(row.old_secret_until_ms) if row.old_secret_until_ms > now_ms else None,
        "created_at": iso(row.created_at_ms),
    }
