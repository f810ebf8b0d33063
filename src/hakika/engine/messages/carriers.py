"""Who carries a message to a payer: chosen by the scheme of the channel's URL. Each is asked once and says its fate."""

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from hakika.domain.errors import InvalidRequest
from hakika.engine.aside import run_aside
from hakika.engine.messages import africastalking
from hakika.engine.messages.apprise_calls import Calls, Crowded, check_host, list_parameters, notify, open_plugin
from hakika.engine.messages.apprise_urls import host_of, scrub
from hakika.engine.messages.fates import Fate
from hakika.engine.webhooks.addresses import AddressRule
from hakika.engine.webhooks.outbound import SENT_WITHIN_S, Refused, Resolve, Sender

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
# What Apprise says of a connection that was never opened, and of one that was and broke.
_NEVER_LEFT = (
    "refused",
    "name or service not known",
    "temporary failure in name resolution",
    "no route to host",
    "network is unreachable",
    "getaddrinfo",
    "certificate verify failed",
)
_BROKE = ("timed out", "unexpectedly closed", "connection aborted", "reset by peer", "broken pipe", "eof occurred")
_DETAIL_LENGTH = 300


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
        self._calls = Calls()

    async def carry(self, url: str, parcel: Parcel) -> Fate:
        """Hand it over, once. Never raises what a channel does to us."""
        if url.startswith(f"{africastalking.SCHEME}://"):
            return await self._text(url, parcel)
        recipient = parcel.recipient if parcel.kind == "email" else f"+{parcel.recipient}"
        plugin = await run_aside(lambda: open_plugin(url, recipient))
        if plugin is None:
            return Fate("failed", "its URL is none that can be sent to any more, or the recipient is none")
        return await self._refuse_host(host_of(plugin, url)) or await self._notify(url, plugin, parcel)

    async def _text(self, url: str, parcel: Parcel) -> Fate:
        login = africastalking.read_login(url)
        body, headers = africastalking.build_request(login, parcel.recipient, parcel.text)
        reply = await self._sender.post(self._africastalking[login.sandbox], body, headers)
        fate = africastalking.read_reply(reply, parcel.recipient)
        detail = fate.detail.replace(login.api_key, "…").replace(parcel.recipient, "…")
        return fate._replace(detail=detail)

    async def _refuse_host(self, host: str) -> Fate | None:
        """What becomes of it where the host that the URL chose is none that we send to, or has no address."""
        try:
            if host:
                await check_host(self._rule, self._resolve, host)
        except OSError as error:
            return Fate("unsent", f"{host} has no address: {error.strerror}")
        except Refused as refusal:
            return Fate("failed", str(refusal))
        return None

    async def _notify(self, url: str, plugin: Any, parcel: Parcel) -> Fate:
        """Send it, once. What has no answer in time is unknown."""
        within_s = self._within_s
        try:
            taken, heard = await self._calls.run(
                url, lambda: notify(plugin, parcel.subject, parcel.text, within_s), within_s
            )
        except TimeoutError:
            return Fate("unknown", f"no answer within {within_s:g} s")
        except Crowded as error:
            return Fate("unsent", str(error))
        if taken:
            return Fate("sent")
        detail = " ".join(heard)
        for hidden in (" ".join(parcel.text.split()), parcel.text, parcel.recipient):
            detail = detail.replace(hidden, "…")
        return _judge(scrub(detail, url)[:_DETAIL_LENGTH])


def _judge(detail: str) -> Fate:
    said = detail.lower()
    if any(words in said for words in _BROKE):
        return Fate("unknown", detail)
    never_left = any(words in said for words in _NEVER_LEFT)
    return Fate("unsent" if never_left else "failed", detail or "the service did not take it, and does not say why")


def check_url(kind: str, url: str) -> str:
    """The URL as people may see it, its secrets masked. Raises InvalidRequest where no message could go there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InvalidRequest("`url` is no URL.", field="url") from None
    if parts.scheme not in SCHEMES[kind]:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES[kind])
        raise InvalidRequest(f"`url` of {kind} begins with one of {known}. Example: {EXAMPLES[kind]}", field="url")
    unknown = sorted(name for name in list_parameters(url) - _PARAMETERS if not name.startswith(":"))
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
    made = open_plugin(url, "a@b.example" if kind == "email" else "+254712345678")
    if made is None:
        raise InvalidRequest(f"`url` is not complete. Example: {EXAMPLES[kind]}", field="url")
    if kind == "email":
        return f"{urlsplit(url).scheme}://{made.smtp_host} from {made.from_addr[1]}"
    return f"{urlsplit(url).scheme}://{made.url_identifier[1] if kind == 'whatsapp' else '…'}"
