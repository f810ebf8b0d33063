"""What routers have yet to do: owed in the transaction that changed the books, kept until the router confirmed.

Of one device and session only the newest counts: an older one that waits is overtaken.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import insert, select, update

from hakika_hotspot.domain.access import Session
from hakika_hotspot.ids import new_id
from hakika_hotspot.store import Transaction
from hakika_hotspot.store.opening import skip_locked
from hakika_hotspot.store.tables import network_tasks

LEASE_MS = 30_000  # longer than any router is waited for: a worker that died holds a task so long
BACK_OFF_MS = (1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000)  # a router that reboots is back within minutes


class Kind(StrEnum):
    """What a router is to do."""

    OPEN = "open"
    CHANGE = "change"
    CLOSE = "close"


class Task(NamedTuple):
    """One thing that a router owes us. `session_id` is that of a change or a close."""

    id: str
    kind: Kind
    router: str
    mac: str
    session_id: str
    username: str
    address: str
    nas_address: str
    entitlement_id: str
    tries: int


def owe_open(tx: Transaction, router: str, mac: str, address: str, entitlement_id: str, now_ms: int) -> None:
    """Owe that a router lets a device through that has no session."""
    _owe(tx, Kind.OPEN, Session(router, "", mac, "", address, "", entitlement_id, now_ms, now_ms, 0, 0), now_ms)


def owe_change(tx: Transaction, session: Session, now_ms: int) -> None:
    """Owe that a live session gets another end, speed or volume."""
    _owe(tx, Kind.CHANGE, session, now_ms)


def owe_close(tx: Transaction, session: Session, now_ms: int) -> None:
    """Owe that a live session ends."""
    _owe(tx, Kind.CLOSE, session, now_ms)


def claim_tasks(tx: Transaction, now_ms: int, most: int = 20) -> list[Task]:
    """Take tasks that are due; nobody else gets them for LEASE_MS. Confirm or postpone each."""
    due = select(network_tasks).where(network_tasks.c.due_at_ms <= now_ms).order_by(network_tasks.c.due_at_ms)
    rows = tx.execute(skip_locked(tx, due.limit(most))).all()
    if rows:
        ids = [row.id for row in rows]
        tx.execute(update(network_tasks).where(network_tasks.c.id.in_(ids)).values(due_at_ms=now_ms + LEASE_MS))
    return [
        Task(
            *(row.id, Kind(row.kind), row.router, row.mac, row.session_id, row.username, row.address),
            *(row.nas_address, row.entitlement, row.tries),
        )
        for row in rows
    ]


def confirm_task(tx: Transaction, task: Task, now_ms: int, outcome: str = "done") -> None:
    """It is done, or nothing is left to do."""
    _end(tx, network_tasks.c.id == task.id, now_ms, outcome)


def postpone_task(tx: Transaction, task: Task, now_ms: int, error: str) -> None:
    """The router did not do it: once more, later, without end. An overtaken task stays overtaken."""
    wait_ms = BACK_OFF_MS[min(task.tries, len(BACK_OFF_MS) - 1)]
    waiting = (network_tasks.c.id == task.id) & network_tasks.c.due_at_ms.is_not(None)
    values = {"due_at_ms": now_ms + wait_ms, "tries": task.tries + 1, "error": error[:300]}
    tx.execute(update(network_tasks).where(waiting).values(values))


def next_due_ms(tx: Transaction) -> int | None:
    """When the next task is due."""
    due = select(network_tasks.c.due_at_ms).where(network_tasks.c.due_at_ms.is_not(None))
    return tx.execute(due.order_by(network_tasks.c.due_at_ms).limit(1)).scalar()


def list_waiting(tx: Transaction) -> Sequence[Task]:
    """Read what routers owe us: for the owner's page."""
    rows = tx.execute(
        select(network_tasks).where(network_tasks.c.due_at_ms.is_not(None)).order_by(network_tasks.c.created_at_ms)
    )
    return [
        Task(
            *(row.id, Kind(row.kind), row.router, row.mac, row.session_id, row.username, row.address),
            *(row.nas_address, row.entitlement, row.tries),
        )
        for row in rows
    ]


def _owe(tx: Transaction, kind: Kind, session: Session, now_ms: int) -> None:
    older = (
        (network_tasks.c.mac == session.mac)
        & (network_tasks.c.router == session.router)
        & (network_tasks.c.session_id == session.session_id)
        & network_tasks.c.due_at_ms.is_not(None)
    )
    _end(tx, older, now_ms, "overtaken")
    tx.execute(
        insert(network_tasks).values(
            id=new_id("nt"),
            kind=kind.value,
            router=session.router,
            mac=session.mac,
            session_id=session.session_id,
            username=session.username,
            address=session.address,
            nas_address=session.nas_address,
            entitlement=session.entitlement_id,
            created_at_ms=now_ms,
            due_at_ms=now_ms,
            tries=0,
            error="",
            outcome="",
        )
    )


def _end(tx: Transaction, which: object, now_ms: int, outcome: str) -> None:
    values = {"due_at_ms": None, "ended_at_ms": now_ms, "outcome": outcome}
    tx.execute(update(network_tasks).where(which).values(values))  # type: ignore[arg-type]
