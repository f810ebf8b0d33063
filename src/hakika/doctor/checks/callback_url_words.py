"""The callback URL has no word in it that Safaricom refuses."""

import re
from urllib.parse import urlsplit

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.front import bar
from hakika.doctor.ground import Ground

_BANNED = re.compile(r"m-?pesa|safaricom|exec?|cmd|sql|query", re.IGNORECASE)
_TUNNELS = (
    *("ngrok.io", "ngrok.app", "ngrok.dev", "ngrok-free.app", "ngrok-free.dev", "ngrok.com", "mockbin.org"),
    *("requestbin.com", "requestbin.net", "loca.lt", "localtunnel.me", "serveo.net", "webhook.site"),
)


async def look(ground: Ground) -> list[Finding]:
    """The host; the path is ours, and spells none of them."""
    barred = bar(ground)
    if barred is not None:
        return [barred]
    host = urlsplit(ground.callback_origin).netloc
    found = sorted({word.lower() for word in _BANNED.findall(host)})
    if found:
        return [Finding(Outcome.FAILED, f"{host} has {', '.join(repr(word) for word in found)} in it.")]
    if host.lower().partition(":")[0].endswith(_TUNNELS):
        evidence = (
            f"{host} is a public tunnel's: C2B registration refuses these, and some pushes with them were refused."
        )
        return [Finding(Outcome.WARNING, evidence, "Use a name of your own in production; for development it will do.")]
    if ground.settings.callback_base_url and host != host.lower():
        evidence = f"{host} has capital letters, with which URLs were seen to be refused."
        return [Finding(Outcome.WARNING, evidence, "Write it in small letters.")]
    return [Finding(Outcome.OK, f"{host} has none of the words that Safaricom refuses.")]


CHECK = Check(
    name="callback-url.words",
    area=Area.CALLBACK_URL,
    title="The callback URL has no word in it that Safaricom refuses",
    meaning=(
        "Safaricom refuses URLs with mpesa, m-pesa, safaricom, exe, exec, cmd, sql or query anywhere in them, in any "
        "case. That is documented for C2B URLs; pushes with them were refused as well (Invalid CallBackURL): then no "
        "phone rings."
    ),
    cure="Use another host name: pay.your.domain, not mpesa.your.domain.",
    look=look,
)
