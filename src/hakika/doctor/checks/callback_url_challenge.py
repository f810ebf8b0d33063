"""No bot challenge and no login stands before the callbacks."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.front import Front, bar, meet, refer
from hakika.doctor.ground import Ground
from hakika.doctor.visit import quote

ONLY_FROM_HERE = "Seen from here: a firewall may still treat Safaricom's addresses in another way."


async def look(ground: Ground) -> list[Finding]:
    """A POST, by a program that runs no JavaScript and has no cookies, as Safaricom's is."""
    barred = bar(ground)
    if barred is not None:
        return [barred]
    met = await meet(ground)
    if met.front is Front.NOBODY:
        return [refer(met)]
    if met.front is Front.CHALLENGE:
        return [Finding(Outcome.FAILED, f"A page that only a browser passes answers a POST: {quote(met.seen)}.")]
    if met.front is Front.LOGIN:
        cure = "Take the password or login off /c/ and /doctor/echo/; a callback's own path is its secret."
        return [Finding(Outcome.FAILED, f"A login answers a POST: {quote(met.seen)}.", cure)]
    return [Finding(Outcome.OK, f"No challenge and no login. {ONLY_FROM_HERE}")]


CHECK = Check(
    name="callback-url.challenge",
    area=Area.CALLBACK_URL,
    title="No bot challenge and no login stands in front",
    meaning=(
        "Safaricom's client is a program: it solves no challenge and knows no password. What it posts is answered "
        "with a page and lost, and it does not post it again. Payments still end, by queries, without receipt numbers."
    ),
    cure=(
        "Exempt /c/ and /doctor/echo/ from the bot challenge (Cloudflare: a WAF rule that skips managed challenges and "
        "Bot Fight Mode for these paths), or point the callback URL at a name that is not behind it."
    ),
    look=look,
)
