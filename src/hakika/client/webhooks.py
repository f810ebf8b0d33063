"""Webhooks: whether one is ours, by the Standard Webhooks specification (symmetric signatures, v1)."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping

import msgspec

from hakika.client.errors import WebhookVerificationError
from hakika.client.models import Event

TOLERANCE_S = 300.0
PREFIX = "whsec_"


def verify_webhook(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str,
    *,
    tolerance_s: float = TOLERANCE_S,
    now: float | None = None,
) -> Event:
    """Read a webhook after checking who sent it and when. `body` is the raw body, as it came.

    Raises WebhookVerificationError: answer 400 then, and do nothing. The same event may come again: handle each
    `event.id` once. `now` is in seconds since 1970.
    """
    raw = body.encode() if isinstance(body, str) else bytes(body)
    named = {name.lower(): value for name, value in headers.items()}
    message_id, sent_at, signatures = (
        named.get(f"webhook-{name}", "").strip() for name in ("id", "timestamp", "signature")
    )
    if not (message_id and sent_at and signatures):
        raise WebhookVerificationError("The headers webhook-id, webhook-timestamp and webhook-signature are missing.")
    if not (sent_at.isascii() and sent_at.isdigit() and len(sent_at) <= 12):
        raise WebhookVerificationError("webhook-timestamp is not a number of seconds.")
    age_s = (time.time() if now is None else now) - int(sent_at)
    if abs(age_s) > tolerance_s:
        raise WebhookVerificationError(f"It was signed {abs(age_s):.0f} s {'ago' if age_s > 0 else 'ahead'}.")
    expected = hmac.digest(_key(secret), f"{message_id}.{sent_at}.".encode() + raw, hashlib.sha256)
    if not _any_matches(signatures, expected):
        raise WebhookVerificationError("No signature fits this secret and this body.")
    return _read(raw)


def _any_matches(signatures: str, expected: bytes) -> bool:
    """Compare with each signature of version 1: there are two while a secret is being rotated."""
    wanted, found = base64.b64encode(expected), False
    for signature in signatures.split():
        version, _, value = signature.partition(",")
        found |= version == "v1" and hmac.compare_digest(value.encode(), wanted)
    return found


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:  # anybody can sign with an empty key
        raise WebhookVerificationError("That is no secret of an endpoint: one begins with whsec_ and is base64.")
    return key


def _read(raw: bytes) -> Event:
    try:
        return msgspec.json.decode(raw, type=Event)
    except msgspec.MsgspecError as error:
        raise WebhookVerificationError(f"It is signed, but no event: {error}.") from error
