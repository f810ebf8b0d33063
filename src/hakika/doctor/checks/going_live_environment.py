"""Real money moves only in production."""

from hakika.config import Environment
from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground


async def look(ground: Ground) -> list[Finding]:
    """What the settings say, and the accounts in the database."""
    known = ground.accounts.known() if ground.accounts else ()
    live = sorted(account.name for account in known if account.environment == Environment.PRODUCTION and account.active)
    if live:
        return [Finding(Outcome.OK, f"Live accounts: {', '.join(live)}.")]
    environment = ground.settings.environment
    if environment is Environment.PRODUCTION:
        return [Finding(Outcome.OK, "MPESA_ENVIRONMENT is production.")]
    return [Finding(Outcome.WARNING, f"MPESA_ENVIRONMENT is {environment.value}, and no account is a live one.")]


CHECK = Check(
    name="going-live.environment",
    area=Area.GOING_LIVE,
    title="An account is for real money",
    meaning="Every payment is a test: no real money moves.",
    cure="Set MPESA_ENVIRONMENT=production together with the key, secret and passkey of the go-live mail.",
    look=look,
    going_live=True,
)
