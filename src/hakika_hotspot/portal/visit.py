"""Who visits: what the router's redirect said of the device, carried in every link and form, as cookies may not last.

Any of it is a browser's word. The MAC decides nothing that a stranger would gain by (see entitlements.py), and a
browser is sent to log in only where the settings say, or at a private address.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request

from hakika_hotspot.config import Settings
from hakika_hotspot.domain.mac import read_mac
from hakika_hotspot.entitlements import Place
from hakika_hotspot.ids import hash_secret, new_token
from hakika_hotspot.portal.words import Language, choose_language

COOKIE = "wifi"
# What routers call it: ours and MikroTik's; CoovaChilli's; UniFi's; Omada's.
NAMES = {
    "mac": ("mac", "clientMac", "client_mac", "id"),
    "ip": ("ip", "clientIp", "client_ip"),
    "router": ("router", "nasid", "called", "ap", "gatewayMac", "apMac"),
    "login": ("login", "link-login-only"),
    "orig": ("orig", "link-orig", "userurl", "redirectUrl", "url"),
    "site": ("site",),
}
LONGEST = 300


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit."""

    mac: str
    ip: str
    router: str
    site: str
    login: str
    orig: str
    browser: str  # what the cookie holds, or would
    has_cookie: bool
    caller: str
    language: Language

    @property
    def place(self) -> Place:
        """Where the device is."""
        return Place(self.mac, hash_secret(self.browser), self.router, self.ip)

    @property
    def fields(self) -> dict[str, str]:
        """What every link and form carries on."""
        named = {"mac": self.mac, "ip": self.ip, "router": self.router, "site": self.site, "login": self.login}
        named |= {"orig": self.orig, "lang": self.language}
        return {name: value for name, value in named.items() if value}

    def link(self, path: str, **more: str) -> str:
        """Where a page is, for this visit."""
        return f"{path}?{urlencode(self.fields | more)}"


def read_visit(request: Request, settings: Settings, form: Mapping[str, str] | None = None) -> Visit:
    """Read a visit from a request, and from the form that it carries."""
    given = {**request.query_params, **(form or {})}
    found = {
        name: next((given[one][:LONGEST] for one in spellings if given.get(one)), "")
        for name, spellings in NAMES.items()
    }
    caller = find_caller(request, settings)
    router = settings.find_router(found["router"])
    site = router.site if router else found["site"]
    if site not in {one.id for one in settings.sites}:
        site = settings.site_of(found["ip"]) or settings.site_of(caller) or settings.sites[0].id
    browser = request.cookies.get(COOKIE, "")[:64]
    login = router.login_url if router and router.login_url else _read_login(found["login"], given)
    return Visit(
        mac=read_mac(found["mac"]),
        ip=_read_address(found["ip"]),
        router=router.name if router else "",
        site=site,
        login=login,
        orig=found["orig"] if urlsplit(found["orig"]).scheme in {"http", "https"} else "",
        browser=browser if len(browser) >= 20 else new_token(),
        has_cookie=len(browser) >= 20,
        caller=caller,
        language=choose_language(given.get("lang", ""), request.headers.get("accept-language", "")),
    )


def find_caller(request: Request, settings: Settings) -> str:
    """The address that a request came from; of a proxy that is trusted, whom it names."""
    address = request.client.host if request.client else ""
    for named in reversed(request.headers.get("x-forwarded-for", "").split(",")):
        if not _is_trusted(address, settings) or not _read_address(named.strip()):
            break
        address = _read_address(named.strip())
    return address


def _is_trusted(address: str, settings: Settings) -> bool:
    try:
        given = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(given in network for network in settings.trusted_proxies)


def _read_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _read_login(given: str, everything: Mapping[str, str]) -> str:
    """Where a router takes logins. From a redirect alone only a private address is believed."""
    uamip, uamport = everything.get("uamip", ""), everything.get("uamport", "3990")
    if not given and uamip and uamport.isdigit():
        given = f"http://{uamip}:{uamport}/logon"
    try:
        parts = urlsplit(given)
        address = ipaddress.ip_address(parts.hostname or "")
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not address.is_private or address.is_loopback or parts.username:
        return ""
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"
