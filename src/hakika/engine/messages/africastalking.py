"""Africa's Talking's SMS: the documented request, and what its answers say. It sends nothing itself.

`POST https://api.africastalking.com/version1/messaging`, header `apiKey`, a form with `username`, `to`, `message` and
perhaps `from`. The answer has a status for each recipient. Apprise sends the same request, but takes every 2xx for a
message that was sent (a page of HTML too), and keeps neither the reason nor the message's id: hence our own.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import msgspec

from hakika.engine.messages.fates import Fate
from hakika.engine.webhooks.outbound import Reply

SCHEME = "atalk"
LIVE = "https://api.africastalking.com/version1/messaging"
SANDBOX = "https://api.sandbox.africastalking.com/version1/messaging"
SANDBOX_USER = "sandbox"  # every developer's name in the sandbox
TAKEN = frozenset({100, 101, 102})  # processed, sent, queued
_WORDS = {
    401: "held for risk",
    402: "the sender id is not registered",
    403: "not a valid phone",
    404: "that kind of number is not served",
    405: "the account's balance does not suffice",
    406: "the payer blocked messages from this sender",
    407: "no route to that phone",
    409: "the payer refused such messages at the network",
    500: "an error inside Africa's Talking",
    501: "an error at the network",
    502: "the network refused it",
}


class Login(NamedTuple):
    """Who sends."""

    username: str
    api_key: str
    sender: str  # "" is the default that Africa's Talking has
    sandbox: bool


def read_login(url: str) -> Login:
    """`atalk://USERNAME@APIKEY?from=SENDER&mode=sandbox` → who sends. Raises ValueError."""
    parts = urlsplit(url)
    username, _, api_key = parts.netloc.rpartition("@")  # `hostname` would make the key lower case
    given = dict(parse_qsl(parts.query))
    if not username or not api_key or ":" in username or parts.path.strip("/"):
        raise ValueError("it is spelled atalk://USERNAME@APIKEY?from=SENDER")
    username = unquote(username)
    sandbox = username == SANDBOX_USER or given.get("mode") == "sandbox"
    return Login(username, unquote(api_key), given.get("from", ""), sandbox)


def build_request(login: Login, phone: str, text: str) -> tuple[bytes, Mapping[str, str]]:
    """→ the body and the headers. `phone`: `254712345678`."""
    form = {"username": login.username, "to": f"+{phone}", "message": text}
    form |= {"from": login.sender} if login.sender else {}
    headers = {
        "apiKey": login.api_key,
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return urlencode(form).encode(), headers


def read_reply(reply: Reply, phone: str) -> Fate:
    """What became of it. What is not said in documented words is not known."""
    if reply.never_left:
        return Fate("unsent", reply.error)
    if reply.status_code == 0 or reply.error:
        return Fate("unknown", reply.error or "no answer")
    if not reply.taken:
        words = f"HTTP {reply.status_code}: {_quote(reply.answer)}"
        return Fate("unknown" if reply.status_code >= 500 else "failed", words)
    data = _find_data(reply.answer)
    recipients = data.get("Recipients")
    if not isinstance(recipients, list):
        return Fate("unknown", f"HTTP {reply.status_code} that says nothing: {_quote(reply.answer)}")
    ours = [one for one in recipients if isinstance(one, dict) and _digits(one.get("number")) == phone]
    if ours:
        return _judge(ours[0])
    if recipients:
        return Fate("unknown", f"its answer names another phone: {_quote(reply.answer)}")
    return Fate("failed", f"refused: {data.get('Message') or 'no recipient was taken'}")


def _judge(entry: Mapping[str, Any]) -> Fate:
    try:
        code = int(entry.get("statusCode", 0))
    except (TypeError, ValueError):
        code = 0
    if code in TAKEN:
        return Fate("sent", "", _text(entry.get("messageId"), 128), _text(entry.get("cost"), 32))
    if not code:
        return Fate("unknown", "its answer has no status")
    said = f"{code} {_text(entry.get('status'), 60)}".strip()
    meaning = _WORDS.get(code)
    return Fate("failed", f"{said}: {meaning}" if meaning else said)


def _find_data(answer: bytes) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    data = document.get("SMSMessageData") if isinstance(document, dict) else None
    return data if isinstance(data, dict) else {}


def _digits(number: object) -> str:
    return "".join(letter for letter in str(number) if letter.isdigit())


def _text(value: object, length: int) -> str:
    return "" if value in (None, "None") else " ".join(str(value).split())[:length]


def _quote(answer: bytes) -> str:
    return " ".join(answer[:200].decode("utf-8", "replace").split())
