"""This machine's clock and Daraja's agree."""

import time

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.daraja import Asked, Talk, ask_token, list_asked
from hakika.doctor.ground import Ground
from hakika.domain.schedule import MINUTE_MS, SECOND_MS

WARNED_MS = 30 * SECOND_MS
FAILED_MS = 5 * MINUTE_MS
"""What Standard Webhooks' receivers tolerate: beyond it they refuse what we sign."""

HALF_A_SECOND_MS = 500  # a Date header says the second that has begun


async def look(ground: Ground) -> list[Finding]:
    """By the Date header of its answer to a request for a token."""
    account = (await list_asked(ground))[0]
    talk = await ask_token(ground, account)
    if not talk.seen.status:
        return [Finding(Outcome.UNKNOWN, "Daraja was not reached: see daraja.reachable.")]
    if not talk.date_ms:
        return [Finding(Outcome.UNKNOWN, f"{account.host} told no time (no Date header).")]
    return [_judge(ground, account, talk)]


def _judge(ground: Ground, account: Asked, talk: Talk) -> Finding:
    scaled = ground.settings.clock_speed != 1
    here_ms = time.time() * 1000 if scaled else talk.middle_ms  # a demonstration's time runs fast on purpose
    apart_ms = here_ms - talk.date_ms - HALF_A_SECOND_MS
    amount = f"{abs(apart_ms) / 1000:.0f} s"
    told = f"This machine's clock is {amount} {'ahead of' if apart_ms > 0 else 'behind'} that of {account.host}."
    if abs(apart_ms) >= FAILED_MS:
        return Finding(Outcome.FAILED, told)
    return Finding(Outcome.WARNING if abs(apart_ms) >= WARNED_MS else Outcome.OK, told)


CHECK = Check(
    name="daraja.clock",
    area=Area.DARAJA,
    title="This machine's clock and Daraja's agree",
    meaning=(
        "Every push and query carries a time, of which the password is made; whether Daraja minds a wrong one is not "
        "known. What surely suffers: receivers refuse webhooks that are signed more than five minutes ago or ahead, "
        "certificates seem expired, and it cannot be said which of two pieces of evidence came first, or which "
        "payment came late."
    ),
    cure="Let the machine keep its time by NTP: `timedatectl set-ntp true`, and see `timedatectl` a minute later.",
    look=look,
)
