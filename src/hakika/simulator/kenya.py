"""Kenyan forms: phone numbers, Nairobi's calendar, and the identities and receipts that are written with it."""

import re
from datetime import UTC, datetime, timedelta, timezone

NAIROBI = timezone(timedelta(hours=3), "EAT")
MSISDN = re.compile(r"254[17]\d{8}", re.ASCII)
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
RECEIPT_TAILS = 36**7
SPREAD = 48_271_816_157
"""Coprime to 36, so that counting by it visits every tail once before one comes again."""


def nairobi_time(now_ms: int) -> datetime:
    """Read epoch milliseconds as a moment in Nairobi."""
    return datetime.fromtimestamp(now_ms // 1000, UTC).astimezone(NAIROBI)


def transaction_date(now_ms: int) -> int:
    """Write a moment as the number that callbacks carry."""
    return int(nairobi_time(now_ms).strftime("%Y%m%d%H%M%S"))


def receipt_number(now_ms: int, number: int, seed: int) -> str:
    """Write the receipt of the n-th payment: letters for year, month and day, then a tail never used twice."""
    day = nairobi_time(now_ms)
    letters = ALPHABET[10 + (day.year - 2006) % 26] + ALPHABET[9 + day.month] + ALPHABET[day.day]
    rest, tail = (number * SPREAD + seed * 7_919) % RECEIPT_TAILS, ""
    for _ in range(7):
        rest, digit = divmod(rest, 36)
        tail = ALPHABET[digit] + tail
    return letters + tail


def checkout_request_id(now_ms: int, msisdn: str) -> str:
    """Write the identity of a push as Daraja does; clients must not read it."""
    return f"ws_CO_{nairobi_time(now_ms):%d%m%Y%H%M%S}{now_ms % 1000:03}{msisdn[3:]}"
