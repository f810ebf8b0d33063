"""The key that encrypts the credentials is there, opens them, and is this user's alone."""

import stat
from pathlib import Path

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import Unseen, count_things, look_in
from hakika.domain.errors import SettingError
from hakika.engine.aside import run_aside
from hakika.engine.vault import Vault
from hakika.store.accounts import AccountRow, list_accounts

KEY_FILE = "secret.key"


async def look(ground: Ground) -> list[Finding]:
    """Open what is sealed in the database."""
    try:
        rows = list(await look_in(ground, list_accounts))
    except Unseen:
        rows = []
    return await run_aside(lambda: [_judge(ground, rows)])


def _judge(ground: Ground, rows: list[AccountRow]) -> Finding:
    file, where = ground.settings.data_dir / KEY_FILE, "HAKIKA_SECRET_KEY"
    key = ground.settings.secret_key
    if not key:
        where = str(file)
        try:
            key = file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return _say_missing(file, rows)
        except (OSError, UnicodeDecodeError) as error:
            return Finding(Outcome.FAILED, f"{file} cannot be read: {error}.")
    try:
        vault = Vault(key)
        for row in rows:
            vault.open(row.secrets)
    except SettingError as error:
        return Finding(Outcome.FAILED, f"{where}: {error.rule}", error.remedy)
    if where == str(file) and file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        cure = f"Run `chmod 600 {file}`."
        return Finding(Outcome.WARNING, f"Others on this machine may read {file}.", cure)
    return Finding(Outcome.OK, f"The key in {where} opens the credentials of {count_things(len(rows), 'account')}.")


def _say_missing(file: Path, rows: list[AccountRow]) -> Finding:
    if rows:
        evidence = (
            f"There is no {file}, and the credentials of {count_things(len(rows), 'account')} in the database need it."
        )
        return Finding(Outcome.FAILED, evidence)
    return Finding(Outcome.SKIPPED, f"There is no key yet: `hakika serve` makes {file}.")


CHECK = Check(
    name="settings.secret-key",
    area=Area.SETTINGS,
    title="The secret key opens the credentials in the database",
    meaning="The server refuses to start: without the accounts' credentials nothing can be asked of Daraja.",
    cure=(
        "Bring the key back from the backup (`secret.key`, or HAKIKA_SECRET_KEY). Where it is lost, enter the "
        "credentials again with `hakika accounts update`."
    ),
    look=look,
)
