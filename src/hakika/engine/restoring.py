"""What a backup is worth, and what must be done to a database that went back in time.

A restored database does not know what was done after its backup was taken. So it takes another name, by which readers
of events with a cursor learn that the log is another one; and a payment that was not sent yet may have been since: it
is never sent again, but found out about, like any push whose answer was lost.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from sqlalchemy import select, update

from hakika.domain.errors import SettingError
from hakika.domain.evidence import PushLost, PushStarted
from hakika.domain.payment import Stage, Status
from hakika.engine.case import Evidence, Surroundings, read_facts
from hakika.engine.fold import Statements, apply
from hakika.engine.ids import Entropy, count_ids
from hakika.engine.vault import Vault
from hakika.engine.verification import Difference, verify_all
from hakika.store.accounts import list_accounts
from hakika.store.backup.archive import Label, find_damage, read_label, unpack
from hakika.store.opening import open_store
from hakika.store.payments import COLUMNS, PaymentRow
from hakika.store.tables import event_counter, payments
from hakika.store.transaction import Transaction

KEY_OPENS, KEY_MISSING, KEY_WRONG = "opens", "missing", "wrong"
NOT_KNOWN = "The database was restored from a backup: whether this was sent after that, it cannot know."
PIECES_A_BATCH = 512


class Checked(msgspec.Struct):
    """What a backup is worth. It can be relied on where `damage` and `differences` are empty and the key opens it."""

    label: Label
    payments: int = 0
    evidence: int = 0
    events: int = 0
    damage: list[str] = []
    differences: list[Difference] = []
    accounts: int = 0
    key: str = KEY_OPENS

    @property
    def holds(self) -> bool:
        """Whether everything in it is as it must be."""
        return self.is_whole and not self.differences

    @property
    def is_whole(self) -> bool:
        """Whether the file is as it was written, and can be used; what it says of payments may still not verify."""
        return not self.damage and self.key != KEY_WRONG


def check_backup(file: Path, key: str) -> Checked:
    """Read a backup as if for restoring it, and verify every payment in it. `key` is the one at hand, or "".

    Nothing is changed. Raises BackupRefused where it is no backup, or one that this program cannot read.
    """
    checked = Checked(read_label(file))
    checked.damage = find_damage(file, checked.label)
    if checked.damage:
        return checked  # a replay of what is known to be spoilt says nothing
    with tempfile.TemporaryDirectory(prefix="hakika-check-") as directory:
        unpacked = Path(directory) / "backup.db"
        unpack(file, unpacked)
        store = open_store(f"sqlite:///{unpacked}")
        report = verify_all(store, Path(directory) / "callbacks.spool")
        sealed = [row.secrets for row in store.read_now(list_accounts)]
    checked.payments, checked.evidence, checked.events = report.payments, report.evidence, report.events
    checked.differences, checked.accounts = report.differences, len(sealed)
    checked.key = try_key(checked.label.secret_key or key, sealed)
    return checked


def try_key(key: str, sealed: Sequence[bytes]) -> str:
    """Whether a key opens the accounts' secrets: opens, missing, wrong. Where there are none, none is needed."""
    if not key:
        return KEY_MISSING if sealed else KEY_OPENS
    try:
        vault = Vault(key)
        for one in sealed:
            vault.open(one)
    except SettingError:
        return KEY_WRONG
    return KEY_OPENS


def settle_restored(tx: Transaction, clock: Callable[[], int], entropy: Entropy) -> int:
    """Give a restored database a name of its own, and let nothing be sent that may have been. → how many payments."""
    tx.execute(update(event_counter).values(store=entropy(4).hex()))
    queued = select(*COLUMNS).where(payments.c.status == Status.PENDING, payments.c.stage == Stage.QUEUED)
    rows = [PaymentRow._make(row) for row in tx.all(queued.order_by(payments.c.id))]
    statements = Statements(tx.dialect)
    for first in range(0, len(rows), PIECES_A_BATCH):
        now_ms = clock()
        event_ids = count_ids("evt", now_ms, entropy)
        around = Surroundings(now_ms, event_ids, _no_callbacks_arrive, {})
        apply(tx, statements, around, _doubt(rows[first : first + PIECES_A_BATCH], now_ms))
    return len(rows)


def _no_callbacks_arrive(*_: object) -> bool:
    return False


def _doubt(rows: Sequence[PaymentRow], now_ms: int) -> list[Evidence]:
    """The evidence that the next attempt of each may have been made, and that its answer is lost."""
    pieces = []
    for row in rows:
        attempt = read_facts(row).push[0] + 1
        started, lost = PushStarted(now_ms, attempt), PushLost(now_ms, attempt, NOT_KNOWN)
        pieces.append(Evidence(started, f"push:{attempt}:started", payment=row.id))
        pieces.append(Evidence(lost, f"push:{attempt}:lost", payment=row.id))
    return pieces
