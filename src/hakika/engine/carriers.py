"""Who carries a message to a payer: chosen by the scheme of the channel's URL. Each is asked once and says its fate."""

import asyncio
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from hakika.domain.errors import InvalidRequest
from hakika.engine import africastalking, apprise_calls
from hakika.engine.addresses import AddressRule
from hakika.engine.fates import Fate
from hakika.engine.outbound import SENT_WITHIN_S, Resolve, Sender

SCHEMES = {
    "sms": (africastalking.SCHEME, "twilio", "vonage", "clickatell", "bulksms"),
    "email": ("mailtos", "mailto"),
    "whatsapp": ("whatsapp",),
}
"""Kind of channel → how its URLs begin."""
EXAMPLES = {
    "sms": "atalk://USERNAME@APIKEY?from=SENDER",
    "email": "mailtos://USER:PASSWORD@smtp.example.com?from=shop@example.com",
    "whatsapp": "whatsapp://TEMPLATE:TOKEN@PHONE_ID?lang=en&:body=1",
}
# What a URL may say besides. Not `to`, `cc` or `bcc`: one payer gets it. Not `retry`: nothing is sent twice.
_PARAMETERS = frozenset({"from", "name", "smtp", "mode", "reply", "lang", "template"})


class Parcel(NamedTuple):
    """One text for one payer. `recipient` is `254712345678`, or an e-mail address."""

    kind: str
    recipient: str
    subject: str
    text: str


class Carriers:
    """Everyone who can carry."""

    def __init__(
        self,
        sender: Sender,
        rule: AddressRule,
        resolve: Resolve,
        *,
        within_s: float = SENT_WITHIN_S,
        africastalking_live: str = africastalking.LIVE,
        africastalking_sandbox: str = africastalking.SANDBOX,
    ) -> None:
        self._sender, self._rule, self._resolve, self._within_s = sender, rule, resolve, within_s
        self._africastalking = {False: africastalking_live, True: africastalking_sandbox}

    async def carry(self, url: str, parcel: Parcel) -> Fate:
        """Hand it over, once. Never raises what a channel does to us."""
        if url.startswith(f"{africastalking.SCHEME}://"):
            return await self._text(url, parcel)
        if parcel.kind == "email":
            # In a thread: the first time, apprise takes most of a second to load.
            refusal = await self._refuse_host(await asyncio.to_thread(apprise_calls.find_host, url))
            if refusal is not None:
                return refusal
        recipient = parcel.recipient if parcel.kind == "email" else f"+{parcel.recipient}"
        return await apprise_calls.send(url, recipient, parcel.subject, parcel.text, self._within_s)

    async def _text(self, url: str, parcel: Parcel) -> Fate:
        login = africastalking.read_login(url)
        body, headers = africastalking.build_request(login, parcel.recipient, parcel.text)
        reply = await self._sender.post(self._africastalking[login.sandbox], body, headers)
        fate = africastalking.read_reply(reply, parcel.recipient)
        detail = fate.detail.replace(login.api_key, "…").replace(parcel.recipient, "…")
        return fate._replace(detail=detail)

    async def _refuse_host(self, host: str) -> Fate | None:
        """What becomes of it where that mail server is none that we send to, or has no address."""
        try:
            addresses = await self._resolve(host, 25)
        except OSError as error:
            return Fate("unsent", f"{host} has no address: {error.strerror}")
        refusals = (self._rule.refuse(host, address) for address in addresses)
        refusal = next(filter(None, refusals), "")
        return Fate("failed", refusal) if refusal else None


def check_url(kind: str, url: str) -> str:
    """The URL as people may see it, its secrets masked. Raises InvalidRequest where no message could go there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InvalidRequest("`url` is no URL.", field="url") from None
    if parts.scheme not in SCHEMES[kind]:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES[kind])
        raise InvalidRequest(f"`url` of {kind} begins with one of {known}. Example: {EXAMPLES[kind]}", field="url")
    unknown = [name for name, _ in parse_qsl(parts.query) if name not in _PARAMETERS and not name.startswith(":")]
    if unknown:
        raise InvalidRequest(f"`url` may not say {unknown[0]!r}: a message goes to one payer, once.", field="url")
    if parts.path.strip("/"):
        raise InvalidRequest("`url` names no recipient: that is each time the payer.", field="url")
    if parts.scheme == africastalking.SCHEME:
        return _mask_login(url)
    return _mask_by_apprise(kind, url)


def _mask_login(url: str) -> str:
    try:
        login = africastalking.read_login(url)
    except ValueError as error:
        raise InvalidRequest(f"`url`: {error}.", field="url") from None
    sender = f"?from={login.sender}" if login.sender else ""
    return f"{africastalking.SCHEME}://{login.username}@…{sender}{' (sandbox)' if login.sandbox else ''}"


def _mask_by_apprise(kind: str, url: str) -> str:
    try:
        made = apprise_calls.instantiate(url, "a@b.example" if kind == "email" else "+254712345678")
    except ValueError as error:
        raise InvalidRequest(f"`url`: {error}. Example: {EXAMPLES[kind]}", field="url") from None
    if kind == "email":
        return f"{urlsplit(url).scheme}://{made.smtp_host} from {made.from_addr[1]}"
    return f"{urlsplit(url).scheme}://{made.url_identifier[1] if kind == 'whatsapp' else '…'}"
