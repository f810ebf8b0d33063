"""Each check of the settings finds its own trouble, alone, and says the cure."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from hakika.config import Environment
from hakika.doctor.ground import Ground
from hakika.domain.errors import SettingError
from hakika.domain.sandbox import PUBLIC_PASSKEY
from hakika.engine.vault import make_key
from tests.api.house import VAULT_KEY
from tests.doctor.surgery import CREDENTIALS, change, find_trouble, lay, look_at, settle
from tests.engine.till import Till

pytestmark = pytest.mark.anyio

PASSKEY = "0f" * 32
LIVE: dict[str, Any] = {"environment": Environment.PRODUCTION, "shortcode": "600999", "passkey": PASSKEY}


@pytest.fixture
def migrated_database_url(sqlite_url: str) -> str:
    """Settings are the same on each database: SQLite is enough."""
    return sqlite_url


async def test_all_is_well(ground: Ground) -> None:
    """On a ground on which nothing is broken no check finds anything."""
    assert await find_trouble(ground) == {}


@pytest.mark.parametrize(
    ("broken", "subject", "cure"),
    [
        ({"till": "12"}, "MPESA_TILL", "Correct it."),
        ({"shortcode": "17437A"}, "MPESA_SHORTCODE", "Correct it."),
        ({"allowed_ips": ("196.201.214",)}, "MPESA_ALLOWED_IPS", "commas"),
        ({"public_url": "https://pay.example/x"}, "HAKIKA_PUBLIC_URL", "without a path"),
        ({"clock_speed": 2.0}, "HAKIKA_CLOCK_SPEED", "Remove it."),
    ],
)
async def test_a_value_that_breaks_a_rule(ground: Ground, broken: dict[str, Any], subject: str, cure: str) -> None:
    """settings.complete names the setting, the rule and the cure; no other check complains."""
    ground = change(ground, **broken)
    assert await find_trouble(ground) == {"settings.complete": "failed"}
    found = await look_at(ground, "settings.complete")
    assert (found.subject, cure in found.cure) == (subject, True)


async def test_all_faults_are_told_at_once(ground: Ground) -> None:
    """Not only the first, as the server does that refuses to start."""
    ground = change(ground, till="12", public_url="x", web_concurrency=1)
    findings = (await find_trouble(ground), await look_at(ground, "settings.complete"))
    assert findings[0] == {"settings.complete": "failed"}
    from hakika.doctor.checks.settings_complete import find_faults  # noqa: PLC0415

    assert [fault.setting for fault in find_faults(ground.settings)] == ["MPESA_TILL", "HAKIKA_PUBLIC_URL"]


async def test_credentials_are_missing_only_without_accounts(till: Till, tmp_path: Path) -> None:
    """With an account in the database nothing needs to be in the settings; without, each that misses is named."""
    bare = settle(till, tmp_path, consumer_key="", consumer_secret="", shortcode="", passkey="")
    assert await find_trouble(lay(till, bare)) == {}
    alone = lay(till, bare, store=None, accounts=None)
    assert await find_trouble(alone) == {"settings.complete": "failed"}
    assert (await look_at(alone, "settings.complete")).subject == "MPESA_CONSUMER_KEY"


async def test_settings_that_cannot_be_read(ground: Ground) -> None:
    """Are one finding, and the rest is skipped instead of speaking of a blank."""
    trouble = SettingError("hakika.toml", "it is not TOML: line 3.", "Write lines.")
    blank = dataclasses.replace(ground, settings_trouble=trouble, store=None, accounts=None)
    assert await find_trouble(blank) == {"settings.complete": "failed"}
    assert (await look_at(blank, "settings.complete")).cure == "Write lines."


async def test_the_sandboxs_passkey_in_production(ground: Ground) -> None:
    """Is found, and so is its shortcode; the cure is the go-live mail."""
    ground = change(dataclasses.replace(ground, accounts=None), **LIVE)
    assert await find_trouble(ground) == {}
    for public in ({"passkey": PUBLIC_PASSKEY}, {"shortcode": "174379"}):
        broken = change(ground, **public)
        assert await find_trouble(broken) == {"settings.passkey": "failed"}
        assert "go-live mail" in (await look_at(broken, "settings.passkey")).cure


@pytest.mark.parametrize("copied", [f" {PASSKEY}", f'"{PASSKEY}"', f"{PASSKEY}\n"])
async def test_a_passkey_that_was_copied_badly(ground: Ground, copied: str) -> None:
    """A space, a quote, a line's end in it is found, and the passkey is never shown."""
    ground = change(dataclasses.replace(ground, accounts=None), **(LIVE | {"passkey": copied}))
    assert await find_trouble(ground) == {"settings.passkey": "failed"}
    found = await look_at(ground, "settings.passkey")
    assert PASSKEY not in found.evidence
    assert "without spaces and quotes" in found.cure


async def test_an_unusual_passkey_is_a_warning(ground: Ground) -> None:
    """In production all known passkeys have 64 hexadecimal digits."""
    ground = change(dataclasses.replace(ground, accounts=None), **(LIVE | {"passkey": "short"}))
    assert await find_trouble(ground) == {"settings.passkey": "warning"}


async def test_a_till_in_the_shortcodes_place(till: Till, ground: Ground) -> None:
    """Shortcode and till are one number: in the settings, or in an account of the database."""
    assert await find_trouble(change(ground, till="174379")) == {"settings.till": "failed"}
    await till.add_account("shop", shortcode="5551234", till="5551234", environment="sandbox", credentials=CREDENTIALS,
                           base_url="https://sandbox.safaricom.co.ke")  # fmt: skip
    assert await find_trouble(ground) == {"settings.till": "failed"}
    found = await look_at(ground, "settings.till")
    assert found.subject == "shop"
    assert "store (head-office) number" in found.cure


@pytest.mark.parametrize(
    ("aimed", "outcome", "cure"),
    [
        (LIVE | {"base_url": "https://sandbox.safaricom.co.ke"}, "failed", "MPESA_ENVIRONMENT=sandbox"),
        ({"base_url": "https://api.safaricom.co.ke"}, "failed", "MPESA_ENVIRONMENT=production"),
        (LIVE | {"base_url": "http://127.0.0.1:8790"}, "failed", "Remove MPESA_BASE_URL"),
        (LIVE | {"base_url": "https://gateway.example"}, "warning", "unless that is a gateway of yours"),
        ({"base_url": "http://sandbox.safaricom.co.ke"}, "failed", "Correct or remove MPESA_BASE_URL"),
        ({"passkey": PASSKEY}, "warning", "MPESA_ENVIRONMENT=production"),
    ],
)
async def test_keys_and_host_of_two_environments(
    ground: Ground, aimed: dict[str, Any], outcome: str, cure: str
) -> None:
    """Production's keys at the sandbox's host and the reverse, a host of nobody's, and http."""
    ground = change(dataclasses.replace(ground, accounts=None), **aimed)
    assert await find_trouble(ground) == {"settings.host": outcome}
    assert cure in (await look_at(ground, "settings.host")).cure


async def test_another_secret_key(ground: Ground) -> None:
    """It does not open what is in the database; the key itself is not shown."""
    key = make_key()
    ground = change(ground, secret_key=key)
    assert await find_trouble(ground) == {"settings.secret-key": "failed"}
    found = await look_at(ground, "settings.secret-key")
    assert "encrypted with another key" in found.evidence
    assert key not in found.evidence + found.cure


async def test_a_secret_key_that_is_lost_or_open(ground: Ground) -> None:
    """Without the file nothing opens; with rights for others it is a warning, with the command that ends it."""
    ground = change(ground, secret_key="")
    assert await find_trouble(ground) == {"settings.secret-key": "failed"}
    assert "backup" in (await look_at(ground, "settings.secret-key")).cure
    file = ground.settings.data_dir / "secret.key"
    file.parent.mkdir(parents=True)
    file.write_text(VAULT_KEY)
    file.chmod(0o644)
    assert await find_trouble(ground) == {"settings.secret-key": "warning"}
    assert (await look_at(ground, "settings.secret-key")).cure == f"Run `chmod 600 {file}`."
    file.chmod(0o600)
    assert await find_trouble(ground) == {}


@pytest.mark.parametrize("zone", ["Nairobi", "Asia/Tokyo", "../../etc/passwd"])
async def test_a_time_zone_that_misleads(ground: Ground, zone: str) -> None:
    """A name that is no zone, or a zone in which nobody compares times with Kenya's, is a warning with its cure."""
    ground = dataclasses.replace(ground, environ={"TZ": zone})
    assert await find_trouble(ground) == {"settings.time-zone": "warning"}
    found = await look_at(ground, "settings.time-zone")
    assert "TZ=Africa/Nairobi" in found.cure


async def test_several_processes_on_sqlite(ground: Ground) -> None:
    """WEB_CONCURRENCY above 1 stops the start on SQLite; on PostgreSQL nothing is wrong with it."""
    ground = change(ground, web_concurrency=3)
    assert await find_trouble(ground) == {"settings.processes": "failed"}
    assert "PostgreSQL" in (await look_at(ground, "settings.processes")).cure
    shared = change(ground, database_url="postgresql://db/hakika")
    assert (await look_at(shared, "settings.processes")).outcome == "ok"
    others = dataclasses.replace(change(ground, web_concurrency=1), environ={"UVICORN_WORKERS": "4"})
    assert await find_trouble(others) == {"settings.processes": "warning"}
