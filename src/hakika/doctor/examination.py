"""The examination: runs checks side by side, each bounded, and reports them as they end.

Whatever a check does (it raises, it hangs, it will not be cancelled), it is a finding, and the others still report.
"""

import asyncio
import time
from base64 import b64encode
from collections.abc import AsyncGenerator, Iterable, Sequence
from itertools import takewhile
from urllib.parse import unquote, urlsplit

import msgspec
import structlog

from hakika.doctor.check import Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import NONE_RUNS, Unseen

log = structlog.get_logger("hakika.doctor")

WITHIN_S = 5.0
LONGEST = 600  # characters of evidence: an error may quote a whole page
LEAST_SECRET = 6  # characters: what is shorter is in every text
KNOWN_BY = 12  # its first characters
MASK = "••••••"
_GRAVITY = (Outcome.FAILED, Outcome.WARNING, Outcome.UNKNOWN, Outcome.OK, Outcome.SKIPPED)


class Report(msgspec.Struct, frozen=True):
    """What one check found, and how long it took."""

    check: Check
    findings: tuple[Finding, ...]
    took_ms: int

    @property
    def outcome(self) -> Outcome:
        """The gravest of what it found."""
        return worst(finding.outcome for finding in self.findings)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The gravest of them; `skipped` where there is none."""
    return min(outcomes, key=_GRAVITY.index, default=Outcome.SKIPPED)


def judge(reports: Iterable[Report]) -> Outcome:
    """What all of it comes to: `ok`, `warning` or `failed`. What cannot be told is neither."""
    found = worst(report.outcome for report in reports)
    return found if found in {Outcome.FAILED, Outcome.WARNING} else Outcome.OK


async def examine(ground: Ground, checks: Sequence[Check], within_s: float = WITHIN_S) -> AsyncGenerator[Report, None]:
    """Run the checks side by side. → a report of each, as soon as it has ended."""
    tasks = [asyncio.create_task(_bounded(ground, check, within_s)) for check in checks]
    try:
        for ended in asyncio.as_completed(tasks):
            yield await ended
    finally:
        for task in tasks:
            task.cancel()


async def examine_all(ground: Ground, checks: Sequence[Check], within_s: float = WITHIN_S) -> list[Report]:
    """Run the checks. → their reports, in the order of the checks."""
    reports = [report async for report in examine(ground, checks, within_s)]
    return sorted(reports, key=lambda report: checks.index(report.check))


async def _bounded(ground: Ground, check: Check, within_s: float) -> Report:
    began_s = time.monotonic()
    if check.live and not ground.live:
        findings = [Finding(Outcome.SKIPPED, NONE_RUNS)]
    else:
        findings = await _look(ground, check, within_s)
    told = tuple(_present(finding, ground) for finding in findings)
    return Report(check, told, round((time.monotonic() - began_s) * 1000))


async def _look(ground: Ground, check: Check, within_s: float) -> list[Finding]:
    looking = asyncio.ensure_future(check.look(ground))
    try:
        # Not `asyncio.timeout`, which waits for ever for a check that will not be cancelled.
        await asyncio.wait({looking}, timeout=within_s)
    finally:
        looking.cancel()
    if not looking.done() or looking.cancelled():
        return [_broke(f"it did not end within {within_s:g} s.")]
    error = looking.exception()
    if error is None:
        return looking.result() or [Finding(Outcome.SKIPPED, "There is nothing to look at.")]
    if isinstance(error, Unseen):
        return [Finding(Outcome.SKIPPED, str(error))]
    log.warning("check_failed", check=check.name, exc_info=error)
    said = " ".join(str(error).split())
    return [_broke(f"{type(error).__name__}{f': {said}' if said else ''}")]


def _broke(why: str) -> Finding:
    cure = "Nothing is known of what it looks at. Run it again by its name; if it repeats, report this line."
    return Finding(Outcome.FAILED, f"The check itself failed: {why}", cure)


def _present(finding: Finding, ground: Ground) -> Finding:
    """The finding as it may be shown: on one line, of a bearable length, with none of the settings' secrets."""
    shown, cure = " ".join(finding.evidence.split()), finding.cure
    for secret in _secrets_of(ground):
        shown, cure = _mask(shown, secret), _mask(cure, secret)
    shown = shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"
    return msgspec.structs.replace(finding, evidence=shown, cure=cure)


def _mask(text: str, secret: str) -> str:
    """The text without the secret, nor any beginning of it: what is quoted may have been cut in the middle of one."""
    known, start = secret[:KNOWN_BY], 0
    while (at := text.find(known, start)) >= 0:
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(text[at:], secret, strict=False)))
        text, start = f"{text[:at]}{MASK}{text[at + shared :]}", at + len(MASK)
    return text


def _secrets_of(ground: Ground) -> list[str]:
    """The settings' and the accounts', also as they are sent: whoever answers may repeat what was asked. Long first."""
    settings = ground.settings
    known = {settings.consumer_key, settings.consumer_secret, settings.passkey, settings.api_key, settings.secret_key}
    urls = [settings.database_url, settings.base_url, settings.callback_base_url, ground.callback_origin]
    for account in ground.accounts.known() if ground.accounts else ():
        own = account.shortcode
        urls.append(own.base_url)
        known |= {own.consumer_key, own.consumer_secret, own.passkey}
        known.add(b64encode(f"{own.consumer_key}:{own.consumer_secret}".encode()).decode())
        if own.passkey:
            known.add(b64encode(f"{own.shortcode}{own.passkey}".encode()).decode()[:-4])  # then comes the time
    for password in map(_password_of, urls):
        known |= {password, unquote(password)}
    return sorted((secret for secret in known if len(secret) >= LEAST_SECRET), key=len, reverse=True)


def _password_of(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""
