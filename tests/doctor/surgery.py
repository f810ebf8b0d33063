"""A ground on which all is well, for tests that break exactly one thing and see exactly one check find it."""

import dataclasses
from pathlib import Path
from typing import Any

from hakika.config import Settings
from hakika.doctor.check import Area, Finding, Outcome
from hakika.doctor.disk import Disk, Space
from hakika.doctor.examination import Report, examine_all
from hakika.doctor.ground import Ground
from hakika.doctor.registry import CHECKS, find_checks
from hakika.domain.sandbox import PUBLIC_PASSKEY
from hakika.engine.accounts import Credentials
from hakika.engine.vault import Vault
from tests.api.house import VAULT_KEY, settings_for
from tests.engine.till import Till

OWN = {"environment": "sandbox", "base_url": "https://sandbox.safaricom.co.ke"}
CREDENTIALS = Credentials("the-consumer-key", "the-consumer-secret", PUBLIC_PASSKEY)
HERE = (Area.SETTINGS, Area.CALLERS, Area.INSIDE)
"""What needs no network: Daraja and the callback URL have tests of their own."""


class GoodDisk(Disk):
    """A disk on which all is well, or what a test makes of it."""

    def __init__(self, **given: Any) -> None:
        self.space, self.filesystem, self.sync_ms = Space(100_000 << 20, 50_000 << 20), "ext4", 0.8
        vars(self).update(given)

    def measure_space(self, _: Path) -> Space:
        """See Disk.measure_space."""
        return self.space

    def find_filesystem(self, _: Path) -> str:
        """See Disk.find_filesystem."""
        return self.filesystem

    def measure_sync(self, _: Path) -> float:
        """See Disk.measure_sync."""
        return self.sync_ms


def settle(till: Till, folder: Path, **given: Any) -> Settings:
    """Settings that fit the till's own account."""
    fields = {"passkey": PUBLIC_PASSKEY, "consumer_key": "the-consumer-key", "consumer_secret": "the-consumer-secret"}
    return settings_for(till.url, folder / "data", **(fields | given))


def lay(till: Till, settings: Settings, **given: Any) -> Ground:
    """A ground on a till."""
    fields: dict[str, Any] = {
        "settings": settings,
        "environ": {"TZ": "Africa/Nairobi"},
        "clock": till.clock,
        "store": till.store,
        "accounts": till.accounts,
        "callback_origin": "https://pay.example.com",
        "vault": Vault(VAULT_KEY),
        "disk": GoodDisk(),
    }
    return Ground(**(fields | given))


def change(ground: Ground, **settings: Any) -> Ground:
    """The same ground with other settings."""
    return dataclasses.replace(ground, settings=ground.settings.model_copy(update=settings))


async def examine_here(ground: Ground) -> dict[str, Report]:
    """What every check finds that needs no network."""
    checks = [check for check in CHECKS if check.area in HERE and not check.asked]
    return {report.check.name: report for report in await examine_all(ground, checks)}


async def find_trouble(ground: Ground) -> dict[str, str]:
    """Which checks find something that is not well: name → outcome.

    The PostgreSQL of these tests is meant to be lost, and says so: what it says of itself has a test of its own.
    """
    reports = await examine_here(ground)
    if not ground.settings.is_sqlite:
        del reports["inside.durability"]
    amiss = {Outcome.FAILED, Outcome.WARNING, Outcome.UNKNOWN}
    return {name: report.outcome.value for name, report in reports.items() if report.outcome in amiss}


async def look_at(ground: Ground, name: str) -> Finding:
    """The gravest finding of one check, with its cure."""
    (report,) = await examine_all(ground, find_checks([name]))
    finding = next(finding for finding in report.findings if finding.outcome is report.outcome)
    return with_cure(finding, report)


def with_cure(finding: Finding, report: Report) -> Finding:
    """The finding with the cure that is shown."""
    return Finding(finding.outcome, finding.evidence, finding.cure or report.check.cure, finding.subject)
