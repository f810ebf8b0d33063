"""URLs of messages to people: `mailtos://…`, `tgram://…`. Such a URL is a secret as a whole, and names a service.

Only services that are listed: of what else Apprise speaks, some act on this very machine, and some read its files.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from hakika.domain.errors import InvalidRequest
from hakika.domain.events import EventType
from hakika.engine.aside import run_aside
from hakika.engine.messages.apprise_calls import list_parameters, open_plugin

SERVICES: Final[Mapping[str, str]] = {
    "mailto": "e-mail, unencrypted: only within your own network",
    "mailtos": "e-mail by SMTP",
    "atalk": "SMS by Africa's Talking",
    "bulksms": "SMS by BulkSMS",
    "clickatell": "SMS by Clickatell",
    "twilio": "SMS and calls by Twilio",
    "vonage": "SMS by Vonage",
    "whatsapp": "WhatsApp Business",
    "tgram": "Telegram",
    "slack": "Slack",
    "discord": "Discord",
    "gchat": "Google Chat",
    "pagerduty": "PagerDuty",
    "opsgenie": "Opsgenie",
    "pover": "Pushover",
    "gotify": "your own Gotify, unencrypted",
    "gotifys": "your own Gotify",
    "mmost": "your own Mattermost, unencrypted",
    "mmosts": "your own Mattermost",
    "ntfy": "ntfy.sh, or your own ntfy unencrypted",
    "ntfys": "ntfy.sh, or your own ntfy",
    "rocket": "your own Rocket.Chat, unencrypted",
    "rockets": "your own Rocket.Chat",
    "signal": "your own Signal gateway, unencrypted",
    "signals": "your own Signal gateway",
}
"""Scheme → what it is, for docs/alerts.md."""

OWN_HOSTS = frozenset(
    {"gotify", "gotifys", "mmost", "mmosts", "ntfy", "ntfys", "rocket", "rockets", "signal", "signals"}
)
"""Services at a host that the URL names; e-mail's is its SMTP server. All others have hosts of their own."""

MAIL = frozenset({"mailto", "mailtos"})

DEFAULT_TYPES = (EventType.ALERT_OPENED, EventType.ALERT_CLOSED)
"""What a person is told unless types are named: never each payment, nor each endpoint of an outage, for which one alert
stands."""

LEAST_SECRET = 5
"""Letters; what is shorter is no secret, and in every text."""

_REFUSED = frozenset({"verify", "redirect", "wkd", "template", "store", "rto", "cto", "retry", "wait", "overflow"})
"""Parameters that would turn off a check, read a file here, or keep a lane waiting."""


def is_apprise_url(url: str) -> bool:
    """Whether a URL, or its masked form, names a service that tells people."""
    return url.partition("://")[0].lower() not in {"http", "https"} and "://" in url


def mask_url(url: str) -> str:
    """What may be shown of it: the scheme, and of e-mail the server."""
    scheme = url.partition("://")[0].lower()
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    return f"{scheme}://{host}/…" if scheme in MAIL and host else f"{scheme}://…"


def check_apprise_url(url: str) -> None:
    """Raise InvalidRequest for a URL that cannot be; what is wrong with it is said without repeating it."""
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in SERVICES:
        known = ", ".join(f"{name}://" for name in SERVICES)
        raise InvalidRequest(f"`url` begins with https://, http:// (test mode) or one of: {known}.", field="url")
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in rest):
        raise InvalidRequest("`url` has no spaces and no control characters.", field="url")
    refused = sorted(name for name in list_parameters(url) if name in _REFUSED or name.startswith("pgp"))
    if refused:
        raise InvalidRequest(f"`url` may not have the parameter {refused[0]!r}.", field="url")
    if open_plugin(url) is None:
        what = SERVICES[scheme.lower()]
        raise InvalidRequest(f"`url` is no complete {scheme.lower()}:// URL ({what}).", field="url")


async def check_url(url: str | None) -> None:
    """The same, before any transaction and in a thread, for what an endpoint may be given."""
    if url and is_apprise_url(url):
        await run_aside(lambda: check_apprise_url(url))


def host_of(plugin: Any, url: str) -> str:
    """The host that a URL itself chose, or `""`: the others are the services' own."""
    scheme = url.partition("://")[0].lower()
    if scheme in MAIL:
        return str(plugin.smtp_host or plugin.host)
    if scheme not in OWN_HOSTS or (scheme.startswith("ntfy") and plugin.mode == "cloud"):
        return ""
    return str(plugin.host)


def scrub(text: str, url: str) -> str:
    """A text of a service's, without any part of the URL that may be secret: all but what its masked form shows."""
    rest, shown = url.partition("://")[2], mask_url(url)
    parts = {url, rest, unquote(rest)}
    for letter in "/?&=#@:,+":
        parts = {piece for part in parts for piece in (part, *part.split(letter))}
    parts |= {unquote(part) for part in parts}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= LEAST_SECRET and part not in shown and not _is_plain(part):
            text = text.replace(part, "…")
    return text


def _is_plain(part: str) -> bool:
    """Whether it is a word that every such URL may have."""
    return part.lower() in {"email", "gmail", "sandbox", "smtp", "https", "format", "general", "alerts"}
