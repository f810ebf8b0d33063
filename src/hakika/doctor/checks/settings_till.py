"""For Buy Goods the shortcode is the store's number, not the till's; M-Pesa's own answers tell, too."""

from collections.abc import Iterator

import msgspec

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import DAY_MS, Unseen, count_things, look_in
from hakika.domain.evidence import PushRefused
from hakika.engine.accounts import OWN
from hakika.store.alerts.signs import count_codes, list_answers

CODES = ("2028", "SFC_IC0003", "2002")
"""daraja.md §2.1 and §7: transaction type, PartyB or BusinessShortCode do not belong together."""
STRANGER = "Merchant does not exist"
_READING = msgspec.json.Decoder(PushRefused)


async def look(ground: Ground) -> list[Finding]:
    """The numbers of each account, and what M-Pesa said of them within a day."""
    found = [*_compare(ground), *await _hear(ground)]
    if found:
        return found
    tills = [f"{name}: store {shortcode}, till {till}" for name, shortcode, till in _numbers(ground) if till]
    return [Finding(Outcome.OK, "; ".join(tills) or "No account is a till.")]


def _numbers(ground: Ground) -> list[tuple[str, str, str]]:
    settings = ground.settings
    own = [(OWN, settings.shortcode, settings.till)] if settings.shortcode else []
    kept = ground.accounts.known() if ground.accounts else ()
    theirs = [(account.name, account.shortcode.shortcode, account.shortcode.till) for account in kept]
    return list(dict.fromkeys(own + theirs))


def _compare(ground: Ground) -> Iterator[Finding]:
    for name, shortcode, till in _numbers(ground):
        if till and till == shortcode:
            evidence = f"Shortcode and till are both {till}: the till's number stands where the store's belongs."
            yield Finding(Outcome.FAILED, evidence, subject=name)


async def _hear(ground: Ground) -> list[Finding]:
    since_ms = ground.clock() - DAY_MS
    try:
        codes = await look_in(ground, lambda tx: count_codes(tx, CODES, since_ms))
        refused = await look_in(ground, lambda tx: list_answers(tx, "push", since_ms))
    except Unseen:
        return []
    names = {account.id: account.name for account in (ground.accounts.known() if ground.accounts else ())}
    said = {(account, f"result code {code}"): number for account, code, number in codes}
    for account, reading in refused:
        if STRANGER in reading and STRANGER in _READING.decode(reading).message:
            key = (account, f"“{STRANGER}”")
            said[key] = said.get(key, 0) + 1
    return [
        Finding(
            Outcome.FAILED,
            f"M-Pesa answered {words} to {count_things(number, 'payment')} within a day.",
            subject=names.get(account, account),
        )
        for (account, words), number in said.items()
    ]


CHECK = Check(
    name="settings.till",
    area=Area.SETTINGS,
    title="A till is charged through its store number",
    meaning="M-Pesa refuses prompts of that account (`Merchant does not exist`, 2028, SFC_IC0003): nobody is charged.",
    cure=(
        "For Buy Goods set MPESA_SHORTCODE to the store (head-office) number of the go-live mail and MPESA_TILL to the "
        "till number that payers know; for a PayBill leave MPESA_TILL empty."
    ),
    look=look,
)
