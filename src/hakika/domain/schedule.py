"""Every delay, with its reason. Times are milliseconds; names end in their unit.

resend_at       when to send again what was surely not processed
next_query_at   when to ask Daraja, the first time and again
is_ahead        whether a query is asked only because somebody waits
give_up_at      when every automatic means is used up
is_last_word    whether one decline is then conclusive
retry_delivery_at  when to send an event again to a receiver that did not take it
confirm_at      when to ask because of what a stranger claims
"""

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS

PROMPT_LIFE_MS = 60 * SECOND_MS
"""How long a prompt stays on the phone: about 60 s (daraja.md §2.3), on some 90 s; never a verdict alone."""

PROMPT_LIFE_LONGEST_MS = 90 * SECOND_MS
"""After this a query's decline is the last word: the longest prompt that a first-hand source reports."""

EQUAL_ANSWERS_APART_MS = 5 * SECOND_MS
"""A decline known from queries alone needs two equal answers, asked at least this far apart."""

SAME_AMOUNT_APART_MS = 2 * MINUTE_MS
"""M-Pesa refuses the same amount from the same phone within two minutes: code 17 (daraja.md §2.1)."""

RESEND_AFTER_MS = (2 * SECOND_MS, 4 * SECOND_MS, 8 * SECOND_MS)
"""Three tries more, as seed 004 asks; only for what was surely refused before processing."""

RESEND_WITHIN_MS = 60 * SECOND_MS
"""A prompt later than this after it was asked for surprises the payer: then `not_sent`."""

START_LEASE_MS = 5 * SECOND_MS
"""A `queued` row is due again so soon after its server died: there must be time left to send it."""

LEAVES_WITHIN_MS = 20 * SECOND_MS
"""After `sending` was stored: what has not left by then (the token was refused) is not sent in this attempt."""

SENDING_LEASE_MS = 60 * SECOND_MS
"""Longer than LEAVES_WITHIN and a push's time-out (30 s) together: a `sending` row older than this lost its answer."""

QUERY_LEASE_MS = 30 * SECOND_MS
"""Longer than any query's time-out (15 s)."""

CALLBACK_OVERDUE_MS = 75 * SECOND_MS
"""While callbacks arrive: the prompt's life and the latest usual callback (15 s) have passed."""

CONFIRM_DECLINE_AFTER_MS = 5 * SECOND_MS + 200
"""The second equal answer: EQUAL_ANSWERS_APART and a margin for clocks that are read twice."""

EARLY_QUERIES_AFTER_MS = (
    10 * SECOND_MS,  # before this 4999 is all that Daraja says (daraja.md §2.2)
    14 * SECOND_MS,
    19 * SECOND_MS,
    25 * SECOND_MS,
    33 * SECOND_MS,
    44 * SECOND_MS,
    57 * SECOND_MS,
    72 * SECOND_MS,
)
"""After the prompt, when callbacks do not come: dense where payers answer (median about 15 s).

Chosen by `bench/certainty.py`: with every callback lost, half of the payments are certain within 5 s of the payer's
answer and 99 % within 18 s, at 3.5 queries a payment.
"""

AWAITED_QUERIES_AFTER_MS = (20 * SECOND_MS, 31 * SECOND_MS, 46 * SECOND_MS, 62 * SECOND_MS)
"""After the prompt, while callbacks arrive and somebody waits: for the one callback that is lost all the same.

Chosen by `bench/certainty.py` (docs/decisions/0011): half of those that are lost are certain within 11 s of the
payer's answer and 99 % within 22 s, at 0.7 queries for a payment that somebody waits for and whose callback comes.
"""

LATE_QUERIES_APART_MS = (
    20 * SECOND_MS,
    40 * SECOND_MS,
    90 * SECOND_MS,
    3 * MINUTE_MS,
    10 * MINUTE_MS,
    30 * MINUTE_MS,
)
"""After the early ones: backing off (daraja.md §3, rule 3); the last gap repeats until we give up."""

CONFIRM_APART_MS = 10 * SECOND_MS
"""Callbacks that only Daraja can confirm make us ask, but not more often than this for one payment."""

CLAIMS_HEARD_MS = 24 * HOUR_MS
"""After a payment ended without money: because of what strangers claim nobody is asked later than this."""

UNSURE_GIVE_UP_AFTER_MS = 5 * MINUTE_MS
"""After the prompt's life, for a push whose answer was lost: nothing is left that could be asked."""

GIVE_UP_AFTER_MS = 24 * HOUR_MS
"""For everything else: a day of queries is every automatic means."""

RETRY_DELIVERY_AFTER_MS = (
    5 * SECOND_MS,  # a restart of the receiver
    30 * SECOND_MS,
    2 * MINUTE_MS,
    10 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    *(36 * (2 * HOUR_MS,)),
    77 * MINUTE_MS + 25 * SECOND_MS,  # what is left of 75 hours
)
"""After an attempt that failed: 44 attempts within 75 hours, so that a receiver that broke on Friday evening has all
when it is mended on Monday. Attempts are counted, not hours: while an endpoint is off no time passes for its events."""

DELIVERY_JITTER = 0.2
"""Each of these delays is a fifth shorter or longer: receivers that broke together are not asked together."""

DELIVERY_LEASE_MS = 90 * SECOND_MS
"""Longer than what a lane takes at once needs at worst: four rounds of time-outs (15 s) and the recording."""

RETRY_AFTER_MOST_MS = 2 * HOUR_MS
"""A receiver's Retry-After is honoured up to our own longest delay."""


def resend_at(asked_at_ms: int, now_ms: int, attempts: int, wait_ms: int = 0) -> int | None:
    """When to send again after `attempts` refusals, or None when it is too late or often enough."""
    if attempts > len(RESEND_AFTER_MS):
        return None
    at_ms = now_ms + max(RESEND_AFTER_MS[attempts - 1], wait_ms)
    return at_ms if at_ms - asked_at_ms <= RESEND_WITHIN_MS else None


def next_query_at(prompted_at_ms: int, now_ms: int, *, callbacks_arrive: bool, awaited: bool = False) -> int:
    """When to ask Daraja next about a prompt that came at `prompted_at_ms`, given that it is `now_ms`.

    `awaited`: whether somebody waits for the payment.
    """
    if callbacks_arrive and now_ms < prompted_at_ms + CALLBACK_OVERDUE_MS:
        for after_ms in AWAITED_QUERIES_AFTER_MS if awaited else ():
            if prompted_at_ms + after_ms > now_ms:
                return prompted_at_ms + after_ms
        return prompted_at_ms + CALLBACK_OVERDUE_MS
    for after_ms in EARLY_QUERIES_AFTER_MS:
        if prompted_at_ms + after_ms > now_ms:
            return prompted_at_ms + after_ms
    at_ms = prompted_at_ms + EARLY_QUERIES_AFTER_MS[-1]
    for apart_ms in LATE_QUERIES_APART_MS:
        at_ms += apart_ms
        if at_ms > now_ms:
            return at_ms
    return now_ms + LATE_QUERIES_APART_MS[-1]


def is_ahead(prompted_at_ms: int, due_at_ms: int, now_ms: int) -> bool:
    """Whether a query that is due is one of those that only somebody's waiting asks for, and no callback is overdue."""
    return now_ms < prompted_at_ms + CALLBACK_OVERDUE_MS and due_at_ms - prompted_at_ms in AWAITED_QUERIES_AFTER_MS


def give_up_at(asked_at_ms: int, prompted_at_ms: int, *, unsure: bool) -> int:
    """When a pending payment goes to a person."""
    if unsure:
        return prompted_at_ms + PROMPT_LIFE_LONGEST_MS + UNSURE_GIVE_UP_AFTER_MS
    return asked_at_ms + GIVE_UP_AFTER_MS


def is_last_word(prompted_at_ms: int, now_ms: int) -> bool:
    """Whether a query asked now is asked after the prompt's life, so that one decline is conclusive."""
    return now_ms >= prompted_at_ms + PROMPT_LIFE_LONGEST_MS


def confirm_at(since_ms: int, queried_at_ms: int, now_ms: int) -> int:
    """When to ask because of a claim about a payment that has stood as it is since then.

    Each time it takes twice as long: whoever makes claims by the thousand has Daraja asked a dozen times in a day.
    """
    return max(now_ms, queried_at_ms + max(CONFIRM_APART_MS, queried_at_ms - since_ms))


def retry_delivery_at(attempts: int, now_ms: int, chance: float) -> int | None:
    """When to try again after `attempts` that failed, or None when that is enough. `chance`: from 0 up to 1."""
    if attempts > len(RETRY_DELIVERY_AFTER_MS):
        return None
    spread = 1 + DELIVERY_JITTER * (2 * chance - 1)
    return now_ms + round(RETRY_DELIVERY_AFTER_MS[attempts - 1] * spread)
