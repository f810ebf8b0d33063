"""Reading and writing: the same promises on both databases."""

import asyncio
import sqlite3

import psycopg
import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import IntegrityError

from hakika.domain.errors import Conflict, StoreUnavailable
from hakika.store import Store, Transaction, open_store
from hakika.store.events import EventRow, EventSearch, EventStatements, publish, read_head, search_events
from hakika.store.evidence import EvidenceStatements, list_evidence, list_quarantine
from hakika.store.tables import budgets, deliveries, endpoints, evidence

pytestmark = pytest.mark.anyio


def write_budget(tx: Transaction, account: str) -> str:
    """Write a row that is about nothing else."""
    tx.execute(insert(budgets), {"account": account, "state": "{}"})
    return account


def count_budgets(tx: Transaction) -> int:
    """Count those rows."""
    return int(tx.execute(select(func.count()).select_from(budgets)).scalar_one())


def write_and_break(tx: Transaction) -> str:
    """Write a row and then raise one of our errors."""
    write_budget(tx, "broken")
    raise Conflict("no")


async def test_a_job_that_raises_undoes_only_itself(store: Store) -> None:
    """Of jobs that are committed together the one that raises leaves nothing; the others are kept."""
    answers = await asyncio.gather(
        store.write(lambda tx: write_budget(tx, "a")),
        store.write(write_and_break),
        store.write(lambda tx: write_budget(tx, "b")),
        return_exceptions=True,
    )
    assert (answers[0], answers[2]) == ("a", "b")
    assert isinstance(answers[1], Conflict)
    kept = select(budgets.c.account).order_by(budgets.c.account)
    assert await store.read(lambda tx: list(tx.execute(kept).scalars())) == ["a", "b"]


async def test_what_breaks_a_constraint_undoes_only_itself(store: Store) -> None:
    """A row that is there already breaks its own job, and is no failure of the database."""
    answers = await asyncio.gather(
        *(store.write(lambda tx, name=name: write_budget(tx, name)) for name in ("a", "a", "b")),  # type: ignore[misc]
        return_exceptions=True,
    )
    broken = [answer for answer in answers if isinstance(answer, Exception)]
    assert len(broken) == 1
    assert not isinstance(broken[0], StoreUnavailable)
    assert await store.read(count_budgets) == 2


async def test_programs_without_an_event_loop(store: Store) -> None:
    """`write_now` commits or undoes, `read_now` reads."""
    assert store.write_now(lambda tx: write_budget(tx, "a")) == "a"
    with pytest.raises(Conflict):
        store.write_now(write_and_break)
    assert store.read_now(count_budgets) == 1


async def test_what_was_answered_is_seen_by_others(store: Store) -> None:
    """A write that was answered is committed: another connection reads it."""
    await store.write(lambda tx: write_budget(tx, "a"))
    other = open_store(store.url)
    assert other.read_now(count_budgets) == 1
    await other.close()


async def test_copies_are_counted_and_keep_the_earliest_reading(store: Store) -> None:
    """The same identity again, in one batch or in another, counts up; other identities are rows of their own."""
    statements = EvidenceStatements(store.dialect)

    def keep(tx: Transaction, *pieces: tuple[str, int]) -> None:
        rows = [("pay", name, "callback", 1, f'{{"kind":"x","at_ms":{at}}}', b"\x00raw", "{}") for name, at in pieces]
        tx.write_rows(statements.keep, rows)

    await store.write(lambda tx: keep(tx, ("z", 20), ("a", 20), ("z", 30), ("z", 10)))
    await store.write(lambda tx: keep(tx, ("z", 40), ("a", 50)))
    kept = await store.read(lambda tx: list_evidence(tx, "pay"))
    assert [(piece.identity, piece.copies) for piece in kept] == [("z", 4), ("a", 2)]
    assert [piece.reading for piece in kept] == ['{"kind":"x","at_ms":10}', '{"kind":"x","at_ms":20}']
    assert {piece.raw for piece in kept} == {b"\x00raw"}


async def test_quarantine_counts_copies_too(store: Store) -> None:
    """What is about nothing we know is kept once, however often it comes."""
    statements = EvidenceStatements(store.dialect)
    rows = [(name, 1, "why", "ws_CO", "{}", None, "{}") for name in ("b", "a", "b")]
    await store.write(lambda tx: tx.write_rows(statements.park, rows))
    await store.write(lambda tx: tx.write_rows(statements.park, rows))
    parked = await store.read(lambda tx: list_quarantine(tx, 9))
    assert {piece.identity: piece.copies for piece in parked} == {"a": 2, "b": 4}
    assert {piece.raw for piece in parked} == {None}


async def test_receipts_have_one_owner(store: Store) -> None:
    """The first payment to enter a receipt owns it; later ones read that."""
    statements = EvidenceStatements(store.dialect)
    await store.write(lambda tx: tx.write_rows(statements.take_receipts, [("R1", "pay_1"), ("R1", "pay_2")]))
    await store.write(lambda tx: tx.write_rows(statements.take_receipts, [("R1", "pay_3"), ("R2", "pay_3")]))
    owners = await store.read(lambda tx: tx.look_up(statements.receipt_owners, ["R1", "R2", "R3"]))
    assert dict(owners) == {"R1": "pay_1", "R2": "pay_3"}


async def test_nothing_to_write_is_no_statement(store: Store) -> None:
    """Empty batches and empty look-ups are allowed."""
    statements = EvidenceStatements(store.dialect)
    await store.write(lambda tx: tx.write_rows(statements.keep, []))
    assert await store.read(lambda tx: tx.look_up(statements.receipt_owners, [])) == []
    assert await store.read(lambda tx: tx.execute(select(func.count()).select_from(evidence)).scalar_one()) == 0


@pytest.mark.parametrize("url", ["sqlite:////proc/nowhere.db", "postgresql://127.0.0.1:1/none?connect_timeout=1"])
async def test_a_database_that_does_not_answer_is_unavailable(url: str) -> None:
    """Whatever the driver raises when it cannot connect, callers see StoreUnavailable, on every way in."""
    store = open_store(url)
    for attempt in (store.read, store.write):
        with pytest.raises(StoreUnavailable):
            await attempt(count_budgets)
    for attempt_now in (store.read_now, store.write_now):
        with pytest.raises(StoreUnavailable):
            attempt_now(count_budgets)
    await store.close()


async def test_a_wrong_statement_is_our_defect(store: Store) -> None:
    """What the database refuses to understand reaches the caller as an error, and the store goes on."""
    with pytest.raises(Exception, match="no_such_table"):
        await store.write(lambda tx: tx.execute(text("SELECT * FROM no_such_table")))
    assert await store.write(lambda tx: write_budget(tx, "a")) == "a"


async def test_a_store_that_is_closed_is_unavailable(store: Store) -> None:
    """Whoever comes after `close` is told so at once."""
    await store.write(lambda tx: write_budget(tx, "a"))
    await store.close()
    for attempt in (store.write, store.read):
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(attempt(count_budgets), 5)


# ── what is written without waiting for it ──────────────────────────────


async def test_what_is_written_later_is_there_before_anything_is_asked(store: Store) -> None:
    """Whatever kind of statement follows sees it, and so does everybody after the commit."""
    rows = store.dialect.insert_rows(budgets, [budgets.c.account, budgets.c.state])
    by_account = store.dialect.lookup(select(budgets.c.account), budgets.c.account)
    count = store.dialect.fix(select(func.count()).select_from(budgets))

    def write(tx: Transaction) -> list[int]:
        seen = []
        tx.write_later(rows, [("a", "{}")])
        seen.append(count_budgets(tx))
        tx.write_later(rows, [("b", "{}"), ("c", "{}")])
        seen.append(len(tx.look_up(by_account, ["a", "b", "c"])))
        tx.write_later(rows, [("d", "{}")])
        seen.append(tx.run(count).fetchall()[0][0])
        tx.write_later(rows, [("e", "{}")])
        assert tx.write_rows(rows, [("f", "{}"), ("g", "{}")]) == 2
        tx.write_later(rows, [("h", "{}")])
        return seen

    assert await store.write(write) == [1, 3, 4]
    assert await store.read(count_budgets) == 8


async def test_a_statement_and_a_lock_may_go_out_later_too(store: Store) -> None:
    """A row told later is there when it is asked for, under the lock taken before it; alone it is committed."""
    add = insert(budgets)
    count = select(func.count()).select_from(budgets)

    def tell(tx: Transaction, name: str) -> int:
        tx.lock_name("budgets")
        tx.tell_later(add, account=name, state="{}")
        return int(tx.ask(count)[0][0])

    seen = await asyncio.gather(*(store.write(lambda tx, name=name: tell(tx, name)) for name in "abcdef"))  # type: ignore[misc]
    assert sorted(seen) == [1, 2, 3, 4, 5, 6]
    await store.write(lambda tx: tx.tell_later(add, account="last", state="{}"))
    assert await store.read(count_budgets) == 7


async def test_what_is_written_later_and_breaks_undoes_its_own_job(store: Store) -> None:
    """It raises what it would have raised at once, be it found at the next question or at the commit."""
    rows = store.dialect.insert_rows(budgets, [budgets.c.account, budgets.c.state])

    def break_it(tx: Transaction, *, ask: bool) -> None:
        tx.write_later(rows, [("a", "{}")])
        tx.write_later(rows, [("a", "{}")])
        if ask:
            count_budgets(tx)

    for ask in (True, False):
        with pytest.raises((IntegrityError, sqlite3.IntegrityError, psycopg.IntegrityError)):
            await store.write(lambda tx, ask=ask: break_it(tx, ask=ask))  # type: ignore[misc]
    assert await store.read(count_budgets) == 0
    assert await store.write(lambda tx: write_budget(tx, "a")) == "a"


async def test_rows_of_a_log_are_numbered_in_their_order(store: Store) -> None:
    """One after the other from where the counter stands, and what follows is made from exactly these."""
    statements = EventStatements(store.dialect)
    owed = select(deliveries.c.event).order_by(deliveries.c.event)
    await store.write(
        lambda tx: tx.execute(insert(endpoints), {"id": "ep", "url": "", "active": True, "created_at_ms": 0})
    )
    for first in (1, 4):
        events = [EventRow(0, f"evt_{first + place}", "pay", "payment.completed", 1, 0, "{}") for place in range(3)]
        published = await store.write(lambda tx, events=events: publish(tx, statements, events))  # type: ignore[misc]
        assert [event.number for event in published] == [first, first + 1, first + 2]
        kept = await store.read(lambda tx: search_events(tx, EventSearch(after=0)))
        assert kept[first - 1 :] == published
        assert await store.read(lambda tx: list(tx.execute(owed).scalars())) == [*range(1, first + 3)]


async def test_what_is_made_while_the_counter_is_waited_for_is_seen(postgres_url: str) -> None:
    """An event is owed to the endpoints that there are when it is numbered, however long it waited for its number."""
    opened = open_store(postgres_url)
    statements, event = EventStatements(opened.dialect), EventRow(0, "evt_1", "pay", "payment.completed", 1, 0, "{}")
    waits = text("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as holder:
        holder.execute("UPDATE event_counter SET number = number")
        publishing = asyncio.ensure_future(opened.write(lambda tx: publish(tx, statements, [event])))
        while await opened.read(lambda tx: tx.one(waits)) is None:
            assert not publishing.done()
        await opened.write(
            lambda tx: tx.execute(insert(endpoints), {"id": "ep", "url": "", "active": True, "created_at_ms": 0})
        )
    await publishing
    owed = select(deliveries.c.event, deliveries.c.endpoint)
    assert await opened.read(lambda tx: tx.ask(owed)) == [(1, "ep")]
    await opened.close()


async def test_a_snapshot_is_taken_on_a_connection_that_has_idled(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To ask whether a connection still lives is no part of the transaction that follows."""
    monkeypatch.setattr("hakika.store.databases.postgres.PING_AFTER_S", 0)
    await store.write(lambda tx: write_budget(tx, "acc_1"))

    def look(tx: Transaction) -> int:
        tx.hold_snapshot()
        return count_budgets(tx)

    assert [await store.read(look) for _ in range(2)] == [1, 1]


async def test_a_statement_that_was_prepared_stays_prepared(postgres_url: str) -> None:
    """Reading and writing on PostgreSQL plan a statement once a connection, not each time that it is run."""
    store = open_store(postgres_url)
    prepared = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%event_counter%'")
    for _ in range(12):
        await store.read(read_head)
        await store.write(read_head)
    assert await store.read(lambda tx: tx.execute(prepared).scalar()) == 1
    assert await store.write(lambda tx: tx.execute(prepared).scalar()) == 1
    await store.close()
