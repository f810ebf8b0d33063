"""Checkouts and links as callers ask for them, checked; and as the world sees them."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from hakika.domain.errors import InvalidRequest
from hakika.engine.orders import (
    DESCRIPTION_LENGTH,
    LARGEST_AMOUNT,
    REFERENCE_LENGTH,
    read_amount,
    read_metadata,
    read_text,
)
from hakika.engine.representation import iso
from hakika.store.checkouts import CheckoutRow, LinkRow
from hakika.store.payments import PaymentRow

URL_LENGTH = 2_000
SHORTEST_LIFE_S, LONGEST_LIFE_S = 60, 90 * 24 * 3600
USUAL_LIFE_S = 24 * 3600
MOST_REPEATS, LONGEST_WINDOW_S = 5, 24 * 3600
_LOOPBACK = re.compile(r"localhost|127\.\d+\.\d+\.\d+|\[::1\]")
_ENCODE = msgspec.json.Encoder().encode


class AskAgain(msgspec.Struct, frozen=True, omit_defaults=True):
    """To ask the same phone again by itself after no answer: how often, within which time of the checkout's making."""

    times: int = 0
    within_s: int = 0
    made: int = 0  # so far


class Purchase(msgspec.Struct, frozen=True):
    """What a checkout is made with. Amount 0: the payer chooses, within the two bounds."""

    reference: str
    amount: int = 0
    amount_least: int = 1
    amount_most: int = LARGEST_AMOUNT
    description: str = ""
    account: str | None = None
    return_url: str = ""
    cancel_url: str = ""
    language: str = ""
    metadata: str = "{}"
    ask_again: AskAgain = AskAgain()
    expires_in_s: int = USUAL_LIFE_S


def read_purchase(
    *,
    reference: str,
    amount: object = None,
    amount_least: object = None,
    amount_most: object = None,
    description: str | None = None,
    account: str | None = None,
    return_url: str | None = None,
    cancel_url: str | None = None,
    language: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    ask_again: Mapping[str, int] | None = None,
    expires_in_s: int | None = None,
) -> Purchase:
    """Check what a checkout is to be. Raises InvalidRequest (InvalidAmount) naming what is wrong."""
    least = read_amount(amount_least) if amount_least is not None else 1
    most = read_amount(amount_most) if amount_most is not None else LARGEST_AMOUNT
    if amount is not None and (amount_least is not None or amount_most is not None):
        raise InvalidRequest("Give an `amount`, or bounds between which the payer chooses.", field="amount_least")
    if least > most:
        raise InvalidRequest("`amount_least` is more than `amount_most`.", field="amount_least")
    return Purchase(
        reference=read_text("reference", reference, REFERENCE_LENGTH),
        amount=read_amount(amount) if amount is not None else 0,
        amount_least=least,
        amount_most=most,
        description=read_text("description", description, DESCRIPTION_LENGTH)
        if description and description.strip()
        else "",
        account=account,
        return_url=_read_url("return_url", return_url),
        cancel_url=_read_url("cancel_url", cancel_url),
        language=_read_language(language),
        metadata=read_metadata(metadata),
        ask_again=_read_ask_again(ask_again),
        expires_in_s=_read_between("expires_in_s", expires_in_s, SHORTEST_LIFE_S, LONGEST_LIFE_S, USUAL_LIFE_S),
    )


def check_return_hosts(purchase: Purchase, hosts: frozenset[str]) -> None:
    """Refuse to send payers where the account does not say. Raises InvalidRequest."""
    for field, url in (("return_url", purchase.return_url), ("cancel_url", purchase.cancel_url)):
        host = (urlsplit(url).hostname or "").lower()
        if url and host not in hosts:
            raise InvalidRequest(f"`{field}`: the account does not list {host!r} among its return hosts.", field=field)


def _read_url(field: str, url: str | None) -> str:
    """An https URL, or http on this machine: the payer's browser is sent there."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        host, port_is_well_formed = parts.hostname or "", parts.port is None or parts.port > 0
    except ValueError:
        raise _not_a_url(field) from None
    plain = host and port_is_well_formed and url.isascii() and url.isprintable() and len(url) <= URL_LENGTH
    if not plain or "@" in parts.netloc or " " in url or "\\" in url:
        raise _not_a_url(field)
    if parts.scheme != "https" and not (parts.scheme == "http" and _LOOPBACK.fullmatch(parts.netloc.split(":")[0])):
        raise InvalidRequest(f"`{field}` must begin with https://", field=field)
    return url


def _not_a_url(field: str) -> InvalidRequest:
    return InvalidRequest(f"`{field}` is not a URL that a browser can be sent to.", field=field)


def _read_language(language: str | None) -> str:
    if language not in {None, "en", "sw"}:
        raise InvalidRequest("`language` is `en` or `sw`; without it the payer's browser decides.", field="language")
    return language or ""


def _read_ask_again(rule: Mapping[str, int] | None) -> AskAgain:
    if not rule:
        return AskAgain()
    return AskAgain(
        times=_read_between("ask_again.times", rule.get("times"), 1, MOST_REPEATS, 1),
        within_s=_read_between("ask_again.within_s", rule.get("within_s"), 60, LONGEST_WINDOW_S, 900),
    )


def _read_between(field: str, value: int | None, least: int, most: int, usual: int) -> int:
    if value is None:
        return usual
    if isinstance(value, bool) or not least <= value <= most:
        raise InvalidRequest(f"`{field}` is a whole number from {least} to {most}.", field=field)
    return value


# ── as the world sees them ──────────────────────────────


class Checkout(msgspec.Struct, frozen=True):
    """One checkout. Amounts are whole shillings; times are UTC, RFC 3339."""

    id: str
    object: str
    mode: str
    status: str
    url: str
    reference: str
    amount: int | None
    amount_least: int | None
    amount_most: int | None
    amount_received: int | None
    currency: str
    description: str
    account: str
    payment: str | None
    receipt: str | None
    attempts: int
    link: str | None
    return_url: str | None
    cancel_url: str | None
    language: str | None
    ask_again: AskAgain | None
    metadata: msgspec.Raw
    created_at: str
    expires_at: str
    completed_at: str | None


def represent_checkout(row: CheckoutRow, payment: PaymentRow | None, public_url: str) -> Checkout:
    """The row as its public shape; `payment` is its paid attempt, or its latest."""
    completed = row.status == "completed"
    return Checkout(
        id=row.id,
        object="checkout",
        mode=row.mode,
        status=row.status,
        url=f"{public_url}/pay/{row.id}",
        reference=row.reference,
        amount=row.amount or None,
        amount_least=None if row.amount else row.amount_least,
        amount_most=None if row.amount else row.amount_most,
        amount_received=payment.amount_received or None if payment else None,
        currency="KES",
        description=row.description,
        account=row.account,
        payment=row.payment or None,
        receipt=payment.receipt or None if payment else None,
        attempts=row.attempts,
        link=row.link or None,
        return_url=row.return_url or None,
        cancel_url=row.cancel_url or None,
        language=row.language or None,
        ask_again=msgspec.json.decode(row.ask_again, type=AskAgain) if row.ask_again != "{}" else None,
        metadata=msgspec.Raw(row.metadata.encode()),
        created_at=iso(row.created_at_ms),
        expires_at=iso(row.expires_at_ms),
        completed_at=iso(row.ended_at_ms) if completed else None,
    )


def encode_checkout(row: CheckoutRow, payment: PaymentRow | None, public_url: str) -> bytes:
    """The row as JSON, in its public shape."""
    return _ENCODE(represent_checkout(row, payment, public_url))


class Link(msgspec.Struct, frozen=True):
    """One payment link."""

    id: str
    object: str
    mode: str
    url: str
    reference: str
    amount: int | None
    amount_least: int | None
    amount_most: int | None
    currency: str
    description: str
    account: str
    single_use: bool
    active: bool
    used: int
    created_at: str


def encode_link(row: LinkRow, public_url: str) -> bytes:
    """The link as JSON, in its public shape."""
    purchase = msgspec.json.decode(row.template, type=Purchase)
    return _ENCODE(
        Link(
            id=row.id,
            object="link",
            mode=row.mode,
            url=f"{public_url}/link/{row.id}",
            reference=row.reference,
            amount=purchase.amount or None,
            amount_least=None if purchase.amount else purchase.amount_least,
            amount_most=None if purchase.amount else purchase.amount_most,
            currency="KES",
            description=purchase.description,
            account=row.account,
            single_use=row.single_use,
            active=row.active,
            used=row.used,
            created_at=iso(row.created_at_ms),
        )
    )
