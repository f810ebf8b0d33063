"""Shortcode and passkey belong together, as far as that can be told without prompting anybody."""

import msgspec

from hakika.daraja.protocol import QueryOutcome
from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.checks.daraja_product import lacks_product
from hakika.doctor.daraja import Asked, NotAsked, ask_query, each_account, quote_query, said_in, tell_not_asked
from hakika.doctor.ground import Ground
from hakika.doctor.looking import DAY_MS, Unseen, look_in, spell_age
from hakika.domain.evidence import AnyReading, PushAccepted, PushRefused
from hakika.domain.sandbox import PUBLIC_PASSKEY, PUBLIC_SHORTCODE
from hakika.store.alerts.signs import list_answers

LOOKED_BACK_MS = 30 * DAY_MS
WRONG_PASSKEY, WRONG_SHORTCODE = "wrong credentials", "merchant does not exist"
UNKNOWN_PROMPT = "does not exist"
SHORTCODE_CURE = (
    "Correct MPESA_SHORTCODE. For a till it is the store (head-office) number from the go-live mail, and the till's "
    "own number belongs in MPESA_TILL."
)
CANNOT_TELL = (
    "That names neither shortcode nor passkey, so nothing speaks against them. Whether Daraja looks at a query's "
    "password before it looks for the prompt is not known: only a push that is accepted proves them."
)
_READING: msgspec.json.Decoder[AnyReading] = msgspec.json.Decoder(AnyReading)
_Push = PushAccepted | PushRefused


async def look(ground: Ground) -> list[Finding]:
    """Ask about a prompt that never was, and look at what became of the latest pushes."""

    async def judge(account: Asked) -> Finding:
        if account.environment == "sandbox" and _is_not_the_public_pair(account):
            evidence = f"{PUBLIC_SHORTCODE} is the sandbox's, whose passkey is public, and this is another one."
            return Finding(Outcome.FAILED, evidence, "Copy the passkey from the portal's page of test credentials.")
        try:
            outcome = await ask_query(ground, account)
        except NotAsked as error:
            return await _by_pushes(ground, account, tell_not_asked(error))
        return await _by_query(ground, account, outcome)

    return await each_account(ground, judge)


def _is_not_the_public_pair(account: Asked) -> bool:
    return account.shortcode.shortcode == PUBLIC_SHORTCODE and account.shortcode.passkey != PUBLIC_PASSKEY


async def _by_query(ground: Ground, account: Asked, outcome: QueryOutcome) -> Finding:
    said, quoted = said_in(outcome), f"A query about a prompt that never was: {quote_query(outcome)}."
    if WRONG_PASSKEY in said:
        return Finding(Outcome.FAILED, f"{quoted} The password, made of shortcode, passkey and time, was refused.")
    if WRONG_SHORTCODE in said or "invalid businessshortcode" in said:
        number = account.shortcode.shortcode
        return Finding(Outcome.FAILED, f"{quoted} Daraja does not know {number} for this app.", SHORTCODE_CURE)
    if lacks_product(said):
        return Finding(Outcome.UNKNOWN, f"{quoted} See daraja.product.")
    if account.environment == "simulator" and UNKNOWN_PROMPT in said:
        return Finding(Outcome.OK, f"{quoted} The simulator looks at the password first.")
    silent = outcome.pressure or outcome.token_invalid
    told = "It was not looked at; ask again in a minute." if silent else CANNOT_TELL
    return await _by_pushes(ground, account, Finding(Outcome.UNKNOWN, f"{quoted} {told}"))


async def _by_pushes(ground: Ground, account: Asked, otherwise: Finding) -> Finding:
    """What the latest push of the account that Daraja judged says: an accepted one is proof."""
    latest = await _find_latest(ground, account)
    if latest is None:
        return otherwise
    age = spell_age(ground.clock() - latest.at_ms)
    if isinstance(latest, PushAccepted):
        return Finding(Outcome.OK, f"Daraja accepted a push {age} ago, which it does for the right pair alone.")
    evidence = f"The latest push, {age} ago, was refused: {latest.code} “{latest.message}”. {otherwise.evidence}"
    cure = "If you have corrected it since, all may be well: the next push tells."
    return Finding(Outcome.WARNING, evidence, f"{CHECK.cure} {cure}")


async def _find_latest(ground: Ground, account: Asked) -> _Push | None:
    since_ms = ground.clock() - LOOKED_BACK_MS
    try:
        answers = await look_in(ground, lambda tx: list_answers(tx, "push", since_ms))
    except Unseen:
        return None
    for owner, reading in answers:
        told = _READING.decode(reading) if owner == account.id else None
        if isinstance(told, PushAccepted) or (isinstance(told, PushRefused) and _is_about_pair(told)):
            return told
    return None


def _is_about_pair(told: PushRefused) -> bool:
    return any(words in told.message.lower() for words in (WRONG_PASSKEY, WRONG_SHORTCODE))


CHECK = Check(
    name="daraja.passkey",
    area=Area.DARAJA,
    title="Shortcode and passkey belong together",
    meaning=(
        "Daraja refuses every push (500.001.1001 “Wrong credentials” or “Merchant does not exist”): no phone rings "
        "and no money moves. Only a push proves them, and a push rings a phone; so this check asks about a prompt "
        "that never was. “Wrong credentials” or “Merchant does not exist” condemn them. “The transaction does not "
        "Exist” (500.001.1001) and “Invalid CheckoutRequestID” (400.002.02) do not acquit them: it is not known "
        "whether a query's password is looked at before its prompt is looked for. A push with a field that is surely "
        "refused would tell no more, since fields are judged first. So beside it stands the proof that there is: "
        "whether a push was accepted lately."
    ),
    cure=(
        "Copy the passkey of this shortcode from Safaricom's go-live mail (the sandbox's from the portal's page of "
        "test credentials) into MPESA_PASSKEY. The sandbox's public one works nowhere else."
    ),
    look=look,
)
