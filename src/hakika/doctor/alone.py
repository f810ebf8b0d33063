"""The ground without a running server: settings and database as they are, nothing made and nothing changed."""

import contextlib
import time
from collections.abc import AsyncIterator, Mapping

from hakika.config import Settings
from hakika.database_urls import sqlite_file
from hakika.doctor.ground import Ground
from hakika.domain.errors import HakikaError, SettingError
from hakika.engine.accounts import Accounts
from hakika.engine.aside import run_aside
from hakika.engine.ids import system_entropy
from hakika.engine.vault import Vault
from hakika.store.opening import Store, open_store


@contextlib.asynccontextmanager
async def open_ground(
    settings: Settings, environ: Mapping[str, str], trouble: SettingError | None = None, silent: str = ""
) -> AsyncIterator[Ground]:
    """The ground, whatever is wrong with it. `trouble`: why the settings could not be read.

    `silent`: of a server that should run here and does not answer.
    """
    store, why = (None, "") if trouble else await run_aside(lambda: _open(settings))
    try:
        vault = None if trouble else _open_vault(settings)
        accounts = await _open_accounts(vault, store) if store and vault else None
        yield Ground(
            settings=settings,
            environ=environ,
            clock=_now_ms,
            store=store,
            accounts=accounts,
            callback_origin=settings.callback_origin(),
            store_trouble=why,
            settings_trouble=trouble,
            vault=vault,
            silent=silent,
        )
    finally:
        if store is not None:
            await store.close()


def _open(settings: Settings) -> tuple[Store | None, str]:
    """→ the store, or why there is none; a database that was never made is no trouble."""
    file = sqlite_file(settings.database_url)
    try:
        if file is not None and not file.exists():
            return None, ""
        if file is not None and not file.is_file():
            return None, f"{file} is no file."
        return open_store(settings.database_url), ""
    except SettingError as error:
        return None, f"{error.setting}: {error.rule}"
    except OSError as error:
        return None, f"{file}: {error.strerror}."


def _open_vault(settings: Settings) -> Vault | None:
    """The vault, where there is a key already: settings.secret-key says what is wrong with it."""
    try:
        return Vault(settings.secret_key or (settings.data_dir / "secret.key").read_text(encoding="utf-8").strip())
    except (HakikaError, OSError, ValueError):
        return None


async def _open_accounts(vault: Vault, store: Store) -> Accounts | None:
    """The accounts, where the key opens them."""
    accounts = Accounts(store, vault, _now_ms, system_entropy)
    try:
        await store.read(accounts.load)
    except HakikaError:
        return None
    except Exception:  # noqa: BLE001 - a schema that is not ours, in the words of any driver: inside.schema says so
        return None
    return accounts


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
