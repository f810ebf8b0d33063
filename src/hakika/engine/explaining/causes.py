"""Causes: why a payment is as it is, or a call to Daraja fails; each with its cure and the doctor's checks for it.

`pains` holds the troubles that integrators know, by their number in the table of pains; here are the lookups, and what
is no trouble at all. `explanation` says which of them a payment shows.
"""

from typing import Final

from hakika.daraja.codes import ALL_CODES, CodeClass, look_up
from hakika.engine.explaining.pains import PAINS, Cause

PAGE = "docs/troubleshooting.md"

BESIDE: Final = (
    Cause(
        "forged-callback",
        "Somebody else's callback",
        shown="source `claim` in the timeline; the flags `receipt_claimed`, `foreign_ip`, `shortcode_mismatch`",
        why=(
            "A result came without this payment's secret path, from an address that is not M-Pesa's, or for another "
            "shortcode. It may be a forgery, or a proxy that hides who calls."
        ),
        cure="Nothing for this payment: claims move no money, Daraja is asked. See who calls; set the proxies right.",
        money="Not moved by a claim.",
        checks=("callers.foreign", "callers.proxies"),
    ),
    Cause(
        "firewall",
        "Daraja's firewall answers with a page of HTML",
        shown="`unsure`, with “the firewall's page (Incapsula)” or “a page of HTML” in the timeline",
        why="Safaricom's firewall stands between: some hosts and countries are kept out, sometimes for minutes.",
        cure="Wait for the outcome. If it lasts, call from a machine in Kenya, or ask apisupport@safaricom.co.ke.",
        money="May have moved: the page is also shown when Daraja was too slow.",
        checks=("daraja.reachable",),
        phrases=("incapsula", "request unsuccessful", "a page of html"),
    ),
    Cause(
        "unreachable",
        "Daraja cannot be reached",
        shown="`failed`, code `not_connected` or `not_sent`",
        why="No connection could be opened: DNS, firewall, proxy, base URL, or an outage.",
        cure="Run the checks that are named; in an outage wait, then ask again.",
        money="None moved: nothing was sent.",
        checks=("daraja.reachable", "settings.host", "inside.workers"),
        codes=("not_connected", "404.001.01", "404.001.04", "405.001"),
        phrases=("connection refused", "name or service not known", "resource not found"),
    ),
    Cause(
        "no-token",
        "Daraja gave no access token",
        shown="`failed`, code `no_token` or `not_sent`; what Daraja answered instead is quoted",
        why="Without a token nothing can be asked. Daraja is down or too busy, or its firewall keeps us out.",
        cure="Run the checks that are named; in an outage wait, then ask again.",
        money="None moved: nothing was sent.",
        checks=("daraja.reachable", "daraja.credentials", "daraja.budget"),
        codes=("no_token",),
    ),
    Cause(
        "not-sent",
        "Not sent in time",
        shown="`failed`, code `not_sent`",
        why="A prompt later than a minute after it was asked for surprises the payer: it is not sent then.",
        cure="See whether workers are alive and Daraja answers, then ask again.",
        money="None moved: nothing was sent.",
        checks=("inside.workers", "daraja.reachable", "daraja.budget", "daraja.credentials"),
        codes=("not_sent",),
    ),
    Cause(
        "another-prompt",
        "Evidence about another prompt",
        shown="the flag `checkout_mismatch`",
        why="Something came on this payment's path that names another CheckoutRequestID.",
        cure="Look at the timeline: which of the two ids is on the M-Pesa statement?",
        money="As the payment's status says; the other prompt may have moved money of its own.",
        checks=("inside.unresolved",),
    ),
    Cause(
        "mispaid",
        "Money of another amount",
        shown="`mispaid`, or the flag `amount_disputed`",
        why="A trusted source stated another amount than was asked for.",
        cure="Send it back, or ask for the rest; then say with `hakika resolve` what was done.",
        money="Money arrived that is not the money asked for.",
        checks=("inside.mispaid",),
    ),
    Cause(
        "unverified",
        "Only its registrant names the amount",
        shown="the flag `amount_unverified`",
        why="Another program made this push; a query proves that it was paid, but not how much.",
        cure="Compare the amount with the M-Pesa statement before you deliver something dear.",
        money="It arrived; how much is the registrant's word.",
    ),
    Cause(
        "receipt-taken",
        "Its receipt belongs to another payment",
        shown="`unresolved` with the flag `receipt_taken`",
        why="The receipt that came had already proven another payment: one of the two is wrong.",
        cure="Look the receipt up on the M-Pesa statement, and say with `hakika resolve` what it paid.",
        money="One receipt is one payment: it is not counted twice.",
        checks=("inside.unresolved",),
    ),
    Cause(
        "frozen",
        "Frozen: a rule that must hold was broken",
        shown="`frozen` names the rule",
        why="Its evidence would have led to something that cannot be; it stays as it was, all evidence is kept.",
        cure="Run `hakika verify`, read the timeline, and report it.",
        money="Unknown: read the timeline and the M-Pesa statement.",
        checks=("inside.frozen",),
    ),
)
"""Troubles that stand beside the table of pains."""

QUIET: Final = (
    Cause(
        "queued",
        "Not sent yet",
        shown="`pending`, `queued`",
        why="It was stored first, and goes to the phone within milliseconds where a worker is free.",
        cure="Nothing, unless it lasts longer than a second or two: then see whether workers are alive.",
        money="None can move before it is sent.",
        checks=("inside.workers", "inside.locks", "daraja.budget"),
    ),
    Cause(
        "sending",
        "On its way to Daraja",
        shown="`pending`, `sending`",
        why="The request has left; Daraja usually answers within a second or two, at worst in thirty.",
        cure="Wait. If no answer comes it is never sent again, and is found out by other means.",
        money="May move as soon as the phone rings.",
        checks=("daraja.reachable",),
    ),
    Cause(
        "ringing",
        "The phone rings",
        shown="`pending`, `prompted`, for the first minute or so",
        why="Daraja took the request. The payer has about a minute to enter the PIN.",
        cure="Wait for the payer.",
        money="Moves when the payer enters the PIN.",
    ),
    Cause(
        "paid",
        "Paid",
        shown="`completed`",
        why="A trusted source proved the asked amount.",
        cure="Deliver.",
        money="It is yours.",
        codes=("0",),
    ),
    Cause(
        "payer-declined",
        "M-Pesa declined it for the payer's sake",
        shown="`failed`, with M-Pesa's own code: too little money, a limit, an account that may not pay",
        why="The payer's account, or its limits, did not allow it.",
        cure="",  # the code's own advice
        money="None moved.",
    ),
    Cause(
        "payer-cancelled",
        "The payer said no",
        shown="`cancelled`, code 1032 or 1031",
        why="The payer pressed cancel, or closed the prompt.",
        cure="Offer to try again; do not prompt again unasked.",
        money="None moved.",
        codes=("1032", "1031"),
    ),
    Cause(
        "withdrawn",
        "Called off before it was sent",
        shown="`cancelled`, code `withdrawn`",
        why="Somebody with your API key cancelled it.",
        cure="Nothing. The reference is free again.",
        money="None moved: nothing was sent.",
        codes=("withdrawn",),
    ),
    Cause(
        "person-decided",
        "A person closed it as not paid",
        shown="`failed`, code `operator`",
        why="Somebody looked it up and said so; who and why is in the timeline.",
        cure="Nothing. Proof of payment that comes later still wins.",
        money="None moved, by that person's word.",
        codes=("operator",),
    ),
    Cause(
        "reversed",
        "Paid, and sent back",
        shown="`reversed`",
        why="A reversal named its receipt.",
        cure="Take back what was delivered.",
        money="It arrived and went back.",
    ),
)
"""What a payment may show that is no trouble of the integration."""

TROUBLES: Final = (*PAINS, *BESIDE)
CAUSES: Final = {cause.name: cause for cause in (*TROUBLES, *QUIET)}
_OVERLOADED = ("500.", "400.002")
"""How the codes begin whose message alone says what they mean (daraja.md §1, Error body)."""


def find_cause(code: str, message: str = "") -> Cause:
    """The cause that a code of M-Pesa, of Daraja or of ours speaks of; `message` as Daraja sent it."""
    by_message = [cause for cause in TROUBLES if _speaks_of(cause, message.lower())]
    by_code = [cause for cause in CAUSES.values() if code in cause.codes]
    found = by_message + by_code if code.startswith(_OVERLOADED) else by_code + by_message
    if found:
        return found[0]
    silent = look_up(code, message).kind is CodeClass.PENDING
    return CAUSES["still-processing" if silent else "payer-declined"]


def recognise(words: str) -> tuple[Cause, ...]:
    """The causes that an error message speaks of, or a code: for somebody who has no payment to ask about."""
    said = words.strip().lower()
    named = [cause for cause in CAUSES.values() if cause.name == said]
    by_phrase = [cause for cause in TROUBLES if _speaks_of(cause, said)]
    code = next((known for known in ALL_CODES if known.lower() == said), "")
    by_code = [find_cause(code)] if code and not (named or by_phrase) else []
    return tuple(dict.fromkeys([*named, *by_phrase, *by_code]))


def link_to(cause: Cause) -> str:
    """Where the docs tell more of it."""
    return f"{PAGE}#{cause.name}"


def _speaks_of(cause: Cause, said: str) -> bool:
    return any(phrase in said for phrase in cause.phrases)
