"""The callback URL's certificate chain is complete, trusted, and lasts."""

from hakika.doctor.chain import Chain, read_chain
from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.front import bar_plain, where
from hakika.doctor.ground import Ground
from hakika.doctor.looking import DAY_MS
from hakika.doctor.visit import explain

LASTS_DAYS = 14
"""Let's Encrypt's are renewed 30 days before their end: with less than this, renewing has failed for two weeks."""


async def look(ground: Ground) -> list[Finding]:
    """The chain, as a caller who repairs nothing sees it."""
    barred = bar_plain(ground)
    if barred is not None:
        return [barred]
    host = where(ground)
    try:
        chain = await ground.shared.once("chain", lambda: read_chain(ground, ground.callback_origin))
    except OSError as error:
        return [Finding(Outcome.UNKNOWN, f"No certificate could be seen: {host}: {explain(error)}.")]
    return [judge_chain(chain, host, ground.clock())]


def judge_chain(chain: Chain, host: str, now_ms: int) -> Finding:
    """What a chain means."""
    if chain.error:
        cure = "Have the server speak TLS 1.2 or 1.3 on that port; plain http there is answered by nobody."
        return Finding(Outcome.FAILED, f"{host} speaks no TLS that we know: {chain.error}.", cure)
    if chain.fault:
        return Finding(Outcome.FAILED, chain.fault, chain.cure)
    days = (chain.ends_at_ms - now_ms) // DAY_MS
    seen = f"{chain.issuer}, {len(chain.sent)} sent, {chain.protocol}: {days} days left."
    if days < 0:
        return Finding(Outcome.FAILED, f"It has expired, by this server's clock: {seen}")
    if days < LASTS_DAYS:
        return Finding(
            Outcome.WARNING, f"It ends soon: {seen}", "Renew it now, and see why that was not done by itself."
        )
    return Finding(Outcome.OK, f"It holds: {seen}")


CHECK = Check(
    name="callback-url.certificate",
    area=Area.CALLBACK_URL,
    title="The certificate chain is complete, trusted, and lasts",
    meaning=(
        "Safaricom posts once and does not try again: a callback that meets a certificate which does not hold is lost. "
        "Nothing is known of what its client trusts, so the chain must be whole without anybody's help: a missing "
        "intermediate certificate goes unnoticed in browsers. Payments still end, by queries, without receipt numbers."
    ),
    cure="Have the server send a full chain of a public authority, and renew it by itself (Caddy, certbot).",
    look=look,
)
