"""The fields of a Daraja request, each checked as Daraja checks it and refused under Daraja's name for it."""

import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from hakika.simulator.settings import Account
from hakika.simulator.wire import Refused, Request, invalid_field

DIGITS = re.compile(r"\d+", re.ASCII)
SHORTCODE = re.compile(r"\d{5,7}", re.ASCII)
TIMESTAMP = re.compile(r"\d{14}", re.ASCII)
MOST_SHILLINGS = 250_000
LONGEST_URL = 2_048

PLACEHOLDER_HOSTS = ("mydomain.com", "yourdomain.com", "your-domain.com")
TUNNEL_WORDS = ("ngrok", "mockbin", "requestbin")


def read_document(request: Request) -> dict[str, Any]:
    """Read the JSON object of a request; a wrong content type shows as a missing first field, as in Daraja."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise invalid_field("BusinessShortCode")
    document = request.document()
    if not document:
        raise Refused("400.002.05", "Invalid Request Payload")
    return document


def text_of(document: Mapping[str, Any], name: str) -> str:
    """Read a field that may come as a number or as a string; anything else is as good as missing."""
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    return str(value)


def read_pattern(document: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    """Read a field that must have a form."""
    text = text_of(document, name)
    if not pattern.fullmatch(text):
        raise invalid_field(name)
    return text


def read_timestamp(document: Mapping[str, Any]) -> str:
    """Read the timestamp: any real moment, for nobody knows whether Daraja minds the zone."""
    text = read_pattern(document, "Timestamp", TIMESTAMP)
    try:
        datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007 - Nairobi's time and UTC are both accepted
    except ValueError:
        raise invalid_field("Timestamp") from None
    return text


def read_amount(document: Mapping[str, Any]) -> int:
    """Read whole shillings."""
    text = read_pattern(document, "Amount", DIGITS)
    if len(text) > len(str(MOST_SHILLINGS)) or not 1 <= int(text) <= MOST_SHILLINGS:
        raise invalid_field("Amount")
    return int(text)


def read_line(document: Mapping[str, Any], name: str, longest: int, shown_as: str) -> str:
    """Read a short line of text that must not be empty."""
    text = text_of(document, name)
    if not text.strip() or len(text) > longest:
        raise invalid_field(shown_as)
    return text


def read_callback_url(document: Mapping[str, Any], *, strict: bool) -> str:
    """Read where to post the callback; strict is as Safaricom does it, otherwise one's own machine will do."""
    url = text_of(document, "CallBackURL")
    if len(url) > LONGEST_URL or not url.isascii() or any(character <= " " for character in url):
        raise invalid_field("CallBackURL")
    try:
        split = urlsplit(url)
        host, _ = (split.hostname or "").lower(), split.port
    except ValueError:
        raise invalid_field("CallBackURL") from None
    if split.scheme not in {"http", "https"} or not host:
        raise invalid_field("CallBackURL")
    if strict and (split.scheme != "https" or not is_public(host)):
        raise invalid_field("CallBackURL")
    return url


def is_public(host: str) -> bool:
    """Tell a name that the internet could know; whether anybody answers there, Daraja does not look."""
    try:
        return ip_address(host).is_global
    except ValueError:
        pass
    if host == "localhost" or host.endswith((".localhost", ".local")) or "." not in host:
        return False
    if any(host == name or host.endswith(f".{name}") for name in PLACEHOLDER_HOSTS):
        return False
    return not any(word in host for word in TUNNEL_WORDS)


def check_password(account: Account, password: str, timestamp: str) -> None:
    """Check that the password was made of this shortcode, its passkey and the very same timestamp."""
    made_of = f"{account.shortcode}{account.passkey}{timestamp}"
    if password != b64encode(made_of.encode()).decode():
        raise Refused("500.001.1001", "Wrong credentials")
