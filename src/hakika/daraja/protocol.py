"""The things that pass between us and Daraja. What is secret in them never shows in a repr, so in no log.

`requests` builds what we send, `answers` and `callbacks` read what comes; none of them has a network,
a clock or an environment: time is an argument, bytes come in, readings (`domain.evidence`) go out.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from hakika.domain.evidence import PushAccepted, PushLost, PushRefused, QueryAnswered, QueryUnanswered
from hakika.domain.phone import mask_phone

# How much of an answer is kept beside its reading: more than any real answer, less than a page of HTML.
RAW_KEPT_BYTES: Final = 4096


class Shortcode(msgspec.Struct, frozen=True):
    """One account's credentials. For a till, `shortcode` is the store (head-office) number (daraja.md §1)."""

    base_url: str
    consumer_key: str
    consumer_secret: str
    passkey: str
    shortcode: str
    till: str = ""

    def __repr__(self) -> str:
        return f"Shortcode({self.base_url!r}, {self.shortcode!r}, till={self.till!r})"


class Token(msgspec.Struct, frozen=True):
    """An access token and when it ends (UTC ms)."""

    access_token: str
    expires_at_ms: int

    def __repr__(self) -> str:
        return f"Token(expires_at_ms={self.expires_at_ms})"


class PushOrder(msgspec.Struct, frozen=True):
    """What one STK push asks for, in whole shillings, of a phone written 254…, ready for the wire."""

    amount: int
    phone: str
    account_reference: str
    description: str
    callback_url: str
    leave_by_ms: int = 0
    """It is not sent after this moment, in UTC ms; 0 is no limit."""

    def __repr__(self) -> str:
        return f"PushOrder({self.amount}, {mask_phone(self.phone)}, {self.account_reference!r})"


class Request(msgspec.Struct, frozen=True):
    """An HTTP request, ready to send."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url})"


class Answer(msgspec.Struct, frozen=True):
    """An HTTP answer, as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes)"


class PushOutcome(msgspec.Struct, frozen=True):
    """What a push taught us.

    `token_invalid`: the token was refused, before anything was processed. `pressure`: Daraja says that we
    call too often. `retry_after_s`: how long it asks us, or we had better, wait; 0 where nothing was said.
    """

    reading: PushAccepted | PushRefused | PushLost
    token_invalid: bool = False
    pressure: bool = False
    retry_after_s: int = 0
    raw: bytes = b""
    http_status: int = 0


class QueryOutcome(msgspec.Struct, frozen=True):
    """What a query taught us; the rest as in PushOutcome."""

    reading: QueryAnswered | QueryUnanswered
    token_invalid: bool = False
    pressure: bool = False
    retry_after_s: int = 0
    raw: bytes = b""
    http_status: int = 0
