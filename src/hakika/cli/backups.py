"""`hakika backup`, `restore`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hakika.cli.app import AsJson, app, command
from hakika.cli.voice import console, say_json

if TYPE_CHECKING:
    from hakika.config import Settings
    from hakika.engine.restoring import Checked
    from hakika.store.backup.archive import Label

KEY_FILE = "secret.key"
WITHOUT_KEY = (
    "The secret key is not in it: keep {where} elsewhere, or the accounts' credentials must be entered again "
    "(--with-secret-key puts it in)."
)
WITH_KEY = "The secret key is in it: whoever has this file has the credentials. Keep it like a password."
KEYS = {
    "opens": "the secret key opens the accounts' credentials",
    "missing": "no secret key is at hand: set HAKIKA_SECRET_KEY, or the credentials must be entered again",
    "wrong": "the secret key at hand does not open the accounts' credentials",
}
BackupFile = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]


@command(
    app,
    "backup",
    "hakika backup hakika-monday.backup",
    "hakika backup /mnt/safe/hakika.backup --with-secret-key --json",
)
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; nothing may be there yet.")],
    with_secret_key: Annotated[
        bool, typer.Option("--with-secret-key", help="Put the key in that opens the accounts' credentials.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Write everything in the database into one file, as of one moment.

    It may run while the server runs, which goes on answering. The file is the same kind for SQLite and PostgreSQL,
    readable by its user alone, and never overwrites another. Check it with `hakika restore --check FILE`.
    """
    from hakika.config import parse_settings
    from hakika.engine.clock import Clock
    from hakika.engine.spool import Spool
    from hakika.engine.vault import look_up_key
    from hakika.store.backup.archive import BackupRefused, write_backup

    settings = parse_settings()
    where = settings.data_dir / KEY_FILE
    key = look_up_key(settings.secret_key, where) if with_secret_key else ""
    if with_secret_key and not key:
        raise BackupRefused(f"There is no secret key: neither HAKIKA_SECRET_KEY nor {where}.", "Set HAKIKA_SECRET_KEY.")
    with console(error=True).status("Writing"):
        label = write_backup(settings.database_url, file, Clock()(), key)
    said = {**_describe(file, label), "spooled_callbacks": Spool(settings.data_dir / "callbacks.spool").count()}
    if as_json:
        say_json({"object": "backup", **said})
        return 0
    out = console()
    out.print(f"[bold green]✓[/] {file}: {_count(label)}, {said['bytes']:,} bytes.", soft_wrap=True)
    kept = "HAKIKA_SECRET_KEY" if settings.secret_key else str(where)
    out.print(WITH_KEY if key else WITHOUT_KEY.format(where=kept), style="yellow" if key else "dim")
    if said["spooled_callbacks"]:
        out.print(f"{said['spooled_callbacks']} callbacks wait in the spool and are not in it.", style="yellow")
    return 0


@command(
    app,
    "restore",
    "hakika restore --check hakika-monday.backup",
    "DATABASE_URL=sqlite:///restored.db hakika restore hakika-monday.backup",
    "DATABASE_URL=postgresql://localhost/hakika hakika restore hakika-monday.backup --json",
)
def restore(
    file: BackupFile,
    check: Annotated[bool, typer.Option("--check", help="Only say whether it could be relied on.")] = False,
    despite: Annotated[
        bool,
        typer.Option("--despite-differences", help="Restore it though some payments do not verify: better than none."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Make the database that DATABASE_URL names of a backup: all of it, or nothing.

    That database must be empty, or not there: nothing is overwritten. The backup is checked first: that it is as it was
    written, that this version can read it, every payment as `hakika verify` does, and that the secret key opens the
    credentials. What was done after the backup was taken is not known to the new database: see docs/deploy.md.
    """
    from hakika.config import parse_settings
    from hakika.engine.restoring import check_backup
    from hakika.engine.vault import look_up_key

    settings = parse_settings()
    at_hand = look_up_key(settings.secret_key, settings.data_dir / KEY_FILE)
    with console(error=True).status("Checking"):
        checked = check_backup(file, at_hand)
    if check or not (checked.holds or (despite and checked.is_whole)):
        _print_check(file, checked, as_json=as_json)
        return 0 if checked.holds else 1
    with console(error=True).status("Restoring"):
        doubted = _restore(settings, file, checked.label, at_hand)
    if as_json:
        said = {**_describe(file, checked.label), "secret_key": checked.key, "doubted": doubted}
        say_json({"object": "restore", **said})
    else:
        _print_restored(checked, doubted)
    return 0


def _restore(settings: "Settings", file: Path, label: "Label", at_hand: str) -> int:
    """Restore database and key. → how many payments were not sent yet, and are not sent any more."""
    from hakika.engine.clock import Clock
    from hakika.engine.ids import system_entropy
    from hakika.engine.restoring import settle_restored
    from hakika.engine.vault import keep_key
    from hakika.serving.presence import hold_database
    from hakika.store.backup.archive import BackupRefused, restore_backup

    if label.secret_key and at_hand and at_hand != label.secret_key:
        raise BackupRefused(
            "The secret key in the backup is another than the one here, which is not overwritten.",
            f"Move {settings.data_dir / KEY_FILE} away, or unset HAKIKA_SECRET_KEY, and run it again.",
        )
    doubted: list[int] = []
    with hold_database(settings.database_url):
        restore_backup(
            file, settings.database_url, lambda tx: doubted.append(settle_restored(tx, Clock(), system_entropy))
        )
    if label.secret_key and not at_hand:
        keep_key(label.secret_key, settings.data_dir / KEY_FILE)
    return doubted[-1]


def _describe(file: Path, label: "Label") -> dict[str, Any]:
    from hakika.engine.representation import iso

    return {
        "file": str(file),
        "bytes": file.stat().st_size,
        "made_at": iso(label.made_at_ms),
        "database": label.database,
        "schema": label.schema,
        "rows": sum(digest.rows for digest in label.digests.values()),
        "payments": label.digests["payments"].rows,
        "has_secret_key": bool(label.secret_key),
    }


def _count(label: "Label") -> str:
    from hakika.engine.representation import iso

    rows = sum(digest.rows for digest in label.digests.values())
    return f"{label.digests['payments'].rows} payments, {rows} rows of {label.database}, {iso(label.made_at_ms)[:19]}Z"


def _print_check(file: Path, checked: "Checked", *, as_json: bool) -> None:
    found = [*checked.damage, *(f"{one.payment or 'the store'}: {one.detail}" for one in checked.differences)]
    if as_json:
        said = {**_describe(file, checked.label), "holds": checked.holds, "secret_key": checked.key}
        say_json({"object": "backup_check", **said, "evidence": checked.evidence, "found": found})
        return
    out = console()
    for one in found:
        out.print(f"[red]•[/] {one}", soft_wrap=True)
    mark = "[bold green]✓[/] It holds" if checked.holds else "[bold red]✗[/] It does not hold"
    out.print(f"{mark}: {_count(checked.label)}, schema {checked.label.schema}.", soft_wrap=True)
    if not checked.damage:
        out.print(f"Of {checked.accounts} accounts: {KEYS[checked.key]}.", style=_STYLES[checked.key])


_STYLES = {"opens": "dim", "missing": "yellow", "wrong": "red"}


def _print_restored(checked: "Checked", doubted: int) -> None:
    from hakika.engine.representation import iso

    out, since = console(), iso(checked.label.made_at_ms)[:19] + "Z"
    out.print(f"[bold green]✓[/] Restored: {_count(checked.label)}.")
    out.print(f"Of {checked.accounts} accounts: {KEYS[checked.key]}.", style=_STYLES[checked.key])
    if doubted:
        out.print(f"{doubted} payments were not sent then; they may have been since, and are not sent again.")
    out.print(
        f"What was asked for or paid after {since} is not in it: before you open for business, compare M-Pesa's "
        "statement from then on with `hakika payments` (docs/deploy.md).",
        style="yellow",
    )
