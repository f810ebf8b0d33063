"""What a payer sees of a checkout: one screen, and on it one next step. A function of what is known and of the time."""

from enum import StrEnum

import msgspec

from hakika.api.pages.words import kes, speak, tell_phone, tell_time
from hakika.daraja.codes import CodeClass, look_up_decline
from hakika.domain.payment import DECLINED
from hakika.domain.schedule import PROMPT_LIFE_MS, SECOND_MS
from hakika.engine.admission import may_repeat_at, prompt_ends_at
from hakika.engine.checkout.checkouts import Seen
from hakika.store.checkouts import CheckoutRow
from hakika.store.payments import PaymentRow

FRESH_MS = 60 * SECOND_MS  # a payer who comes back later than that wants the receipt, not the shop

_PAYERS_ACCOUNT = frozenset({"4", "11", "2006", "2008", "2026", "8006", "E3008"})
"""What only the payer and Safaricom can cure, or tomorrow: another phone is the way to pay now."""
_AMOUNTS = frozenset({"2", "3"})
_MERCHANTS = frozenset({"8", "withdrawn"})


class Step(StrEnum):
    """The one next step after no money moved."""

    AGAIN = "again"
    WAIT = "wait"
    AUTOMATIC = "automatic"
    OTHER_PHONE = "other_phone"
    AMOUNT = "amount"
    MERCHANT = "merchant"


class Screen(msgspec.Struct, frozen=True):
    """What is shown. Moments are milliseconds; 0 is none."""

    kind: str
    mood: str  # good, bad, wait or ""
    title: str
    text: str
    merchant: str
    amount: str  # "" while the payer has chosen none
    phone: str
    live: bool  # it changes by itself
    step: Step | None = None
    until_ms: int = 0  # a countdown to then
    span_ms: int = 0  # of so long
    form: bool = False
    facts: tuple[tuple[str, str], ...] = ()
    go_url: str = ""  # the payer is sent there now
    version: str = ""


def make_screen(seen: Seen, language: str, now_ms: int, return_after_ms: int) -> Screen:
    """The screen of a checkout."""
    say, row, payment = speak(language), seen.checkout, seen.payment
    merchant = seen.account.shown_name
    amount = row.amount or (payment.amount if payment else 0)
    kind, step, until_ms = _find_kind(row, payment, now_ms)
    values = {
        "merchant": merchant,
        "amount": kes(payment.amount_received if payment and kind == "paid" else amount),
        "received": kes(payment.amount_received if payment else 0),
        "reference": row.reference,
        "phone": tell_phone(payment.phone) if payment else "",
    }
    ended = kind in {"paid", "mispaid", "unresolved", "reversed"}
    go_url = _find_way_back(seen, now_ms, return_after_ms) if kind == "paid" else ""
    return Screen(
        kind=kind,
        mood=_MOODS.get(kind, ""),
        title=say("to" if kind == "ask" else kind, **values) if kind != "ask" else merchant,
        text=_find_text(kind, step, payment, language, values),
        merchant=merchant,
        amount=kes(amount) if amount else "",
        phone=values["phone"],
        live=_is_live(
            kind, payment, expects=bool(row.return_url) and not go_url and now_ms - row.ended_at_ms < FRESH_MS
        ),
        step=step,
        until_ms=until_ms,
        span_ms=PROMPT_LIFE_MS if kind == "check" else 0,
        form=kind == "ask" or step not in {None, Step.MERCHANT},
        facts=_tell_facts(row, payment, language, kind) if ended and payment else (),
        go_url=go_url,
        version=_name_version(seen, kind, step, go_url),
    )


_MOODS = {
    "paid": "good",
    "declined": "bad",
    "expired": "bad",
    "cancelled": "bad",
    "reversed": "bad",
    "mispaid": "wait",
    "unresolved": "wait",
    "confirming": "wait",
}


def _is_live(kind: str, payment: PaymentRow | None, *, expects: bool = False) -> bool:
    """Whether the screen changes by itself. `expects`: the payer is about to be sent on."""
    if kind == "paid":
        return expects or not (payment and payment.receipt)
    return kind not in {"expired", "cancelled", "reversed"}


def _find_kind(row: CheckoutRow, payment: PaymentRow | None, now_ms: int) -> tuple[str, Step | None, int]:
    """→ the kind of the screen, the next step, and what is counted down to."""
    if payment and payment.status in {"mispaid", "unresolved", "reversed"}:
        return payment.status, None, 0
    if row.status != "open":
        return "paid" if row.status == "completed" else row.status, None, 0
    if payment and payment.status == "pending":
        if payment.stage in {"queued", "sending"}:
            return "sending", None, 0
        ends_at_ms = prompt_ends_at(payment)
        return ("check", None, ends_at_ms) if ends_at_ms > now_ms else ("confirming", None, 0)
    if row.expires_at_ms <= now_ms:
        return "expired", None, 0
    if payment and payment.status in DECLINED:
        step, until_ms = find_step(row, payment, now_ms)
        return "declined", step, until_ms
    return "ask", None, 0


def find_step(row: CheckoutRow, payment: PaymentRow, now_ms: int) -> tuple[Step, int]:
    """→ the one next step after an attempt without money, and until when to wait for it."""
    meaning = look_up_decline(payment.code)
    if row.due_at_ms is not None and now_ms < row.due_at_ms < row.expires_at_ms:
        return Step.AUTOMATIC, row.due_at_ms
    if payment.code in _PAYERS_ACCOUNT:
        return Step.OTHER_PHONE, 0
    if payment.code in _AMOUNTS and not row.amount:
        return Step.AMOUNT, 0
    if meaning.kind is CodeClass.CONFIG or not meaning.retryable or payment.code in _MERCHANTS:
        return Step.MERCHANT, 0
    until_ms = max(may_repeat_at(payment), payment.final_at_ms + meaning.wait_s * SECOND_MS)
    return (Step.WAIT, until_ms) if until_ms > now_ms else (Step.AGAIN, 0)


def _find_text(kind: str, step: Step | None, payment: PaymentRow | None, language: str, values: dict[str, str]) -> str:
    say = speak(language)
    if kind == "ask":
        return ""
    if kind == "declined" and payment:
        meaning = look_up_decline(payment.code)
        text = meaning.swahili if language == "sw" else meaning.english
        return f"{text} {say('ask_merchant', **values)}" if step is Step.MERCHANT else text
    return say(f"{kind}_text", **values)


def _tell_facts(row: CheckoutRow, payment: PaymentRow, language: str, kind: str) -> tuple[tuple[str, str], ...]:
    say = speak(language)
    coming = say("receipt_coming") if kind == "paid" else ""
    told = (
        ("receipt", payment.receipt or coming),
        ("sum", kes(payment.amount_received or payment.amount)),
        ("for", row.description),
        ("reference", row.reference),
        ("from", tell_phone(payment.phone)),
        ("when", tell_time(payment.paid_at_ms or payment.final_at_ms or payment.created_at_ms, language)),
    )
    return tuple((say(name), value) for name, value in told if value)


def _find_way_back(seen: Seen, now_ms: int, return_after_ms: int) -> str:
    """Where the payer goes now: once the merchant knows, or has had its time to answer."""
    row, since_ms = seen.checkout, now_ms - seen.checkout.ended_at_ms
    if not row.return_url or since_ms > FRESH_MS or (seen.undelivered and since_ms < return_after_ms):
        return ""
    return find_return_url(row)


def find_return_url(row: CheckoutRow) -> str:
    """The merchant's page, told which checkout came back; the truth is in its webhook, or on asking."""
    if not row.return_url:
        return ""
    address, hash_sign, fragment = row.return_url.partition("#")
    joint = "&" if "?" in address else "?"
    return f"{address}{joint}checkout={row.id}&status={row.status}{hash_sign}{fragment}"


def _name_version(seen: Seen, kind: str, step: Step | None, go_url: str) -> str:
    payment = seen.payment
    known = (payment.id[-6:], payment.sequence, payment.receipt) if payment else ()
    return "-".join(map(str, (kind, step or "", bool(go_url), seen.checkout.sequence, *known)))


_CUSTOMERS = frozenset({"sending", "check", "confirming"})  # titles that are not the payer's
_TILL_TEXTS = {"sending": "sending_text"} | {
    kind: f"till_{kind}_text" for kind in ("check", "confirming", "mispaid", "unresolved")
}


def make_till_screen(payment: PaymentRow, language: str, now_ms: int) -> Screen:
    """What the shop's staff see of a payment."""
    say, until_ms, kind = speak(language), 0, payment.status
    values = {"phone": tell_phone(payment.phone), "amount": kes(payment.amount), "reference": payment.reference}
    values |= {"received": kes(payment.amount_received), "merchant": say("till")}
    if payment.status == "pending":
        until_ms = prompt_ends_at(payment)
        waits = "check" if until_ms > now_ms else "confirming"
        kind = "sending" if payment.stage in {"queued", "sending"} else waits
    kind = {"completed": "paid"}.get(kind, "declined" if payment.status in DECLINED else kind)
    if kind == "declined":
        meaning = look_up_decline(payment.code)
        text = meaning.swahili if language == "sw" else meaning.english
    else:
        text = say(_TILL_TEXTS[kind], **values) if kind in _TILL_TEXTS else ""
    return Screen(
        kind=kind,
        mood=_MOODS.get(kind, ""),
        title=say(f"customer_{kind}" if kind in _CUSTOMERS else kind),
        text=text,
        merchant="",
        amount=kes(payment.amount_received if kind in {"paid", "mispaid"} else payment.amount),
        phone=values["phone"],
        live=_is_live(kind, payment) and kind not in {"declined", "mispaid"},
        until_ms=until_ms if kind == "check" else 0,
        span_ms=PROMPT_LIFE_MS,
        facts=_tell_till_facts(payment, language) if kind in {"paid", "mispaid"} else (),
        version=f"{kind}-{payment.sequence}-{payment.receipt}",
    )


def _tell_till_facts(payment: PaymentRow, language: str) -> tuple[tuple[str, str], ...]:
    say = speak(language)
    return (
        (say("receipt"), payment.receipt or say("receipt_coming")),
        (say("from"), tell_phone(payment.phone)),
        (say("when"), tell_time(payment.paid_at_ms or payment.updated_at_ms, language)),
    )
