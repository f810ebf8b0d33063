"""Consumer key and secret open Daraja: it gives a token for them."""

from hakika.daraja.errors import WrongKeyOrSecret
from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.daraja import Asked, ask_token, each_account
from hakika.doctor.ground import Ground
from hakika.doctor.visit import quote

EMPTY_400 = "An empty 400 is how Daraja says that key or secret are wrong, or are for the other environment."


async def look(ground: Ground) -> list[Finding]:
    """Ask for a token with each account's."""

    async def judge(account: Asked) -> Finding:
        talk = await ask_token(ground, account)
        if talk.token is not None:
            left_s = (talk.token.expires_at_ms - talk.asked_at_ms) // 1000
            return Finding(Outcome.OK, f"Daraja gave an access token, for {left_s} s.")
        if not talk.seen.status:
            return Finding(Outcome.UNKNOWN, "Daraja was not reached: see daraja.reachable.")
        said = quote(talk.seen)
        if isinstance(talk.error, WrongKeyOrSecret):
            explained = f" {EMPTY_400}" if talk.seen.status == 400 and not talk.seen.body.strip() else ""
            return Finding(Outcome.FAILED, f"{account.host} refuses them: {said}.{explained}")
        return Finding(Outcome.UNKNOWN, f"Daraja gave no token, for another reason: {said}. See daraja.reachable.")

    return await each_account(ground, judge)


CHECK = Check(
    name="daraja.credentials",
    area=Area.DARAJA,
    title="Daraja gives an access token for consumer key and secret",
    meaning=(
        "Nothing can be sent: every payment ends as failed, without a prompt and without money having moved. Daraja "
        "often says so with HTTP 400 and nothing else."
    ),
    cure=(
        "Copy consumer key and secret again from the app on the Daraja portal: MPESA_CONSUMER_KEY, "
        "MPESA_CONSUMER_SECRET, or `hakika accounts update`. An app of the sandbox does not open production, nor the "
        "reverse (MPESA_ENVIRONMENT)."
    ),
    look=look,
)
