"""What an agent has asked for, kept on the disk: caps and "asked once" hold across restarts and parallel calls.

One SQLite file; each change is a transaction that has the file to itself from its first statement (BEGIN IMMEDIATE),
so that of several processes and threads one reserves after the other, and none reads a sum that another is changing.
It is written before the server is asked: what was reserved and never answered still counts.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

BUSY_S = 30.0
DAY_MS = 24 * 60 * 60 * 1000
NAIROBI_MS = 3 * 60 * 60 * 1000
CONSENT_LIVES_MS = 15 * 60 * 1000  # a person who was asked is there; one who comes back later is asked anew
CODE_TRIES = 5  # in fifteen minutes, for all questions together: another question gives no more tries

_TABLES = """
create table if not exists charges (
    grant_name text not null, intent text not null, attempt integer not null,
    day integer not null, amount integer not null, phone text not null,
    reference text not null, payment text not null default '', checkout_request_id text not null default '',
    holders integer not null default 1,
    primary key (grant_name, intent, attempt)
);
create index if not exists charges_day on charges (grant_name, day);
create index if not exists charges_payment on charges (payment);
create table if not exists consents (
    token text primary key, topic text not null, question text not null,
    answer text not null default '', expires_at_ms integer not null
);
create table if not exists wrong_codes (at_ms integer not null);
"""
_COLUMNS = "grant_name, intent, attempt, day, amount, phone, reference, payment, checkout_request_id"
_VALUES = f"into charges ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SAME = "grant_name = ? and intent = ? and attempt = ?"


class Charge(NamedTuple):
    """One attempt at one intent. `payment` is empty until the server answered."""

    grant: str
    intent: str
    attempt: int
    day: int
    amount: int
    phone: str
    reference: str
    payment: str = ""
    checkout_request_id: str = ""

    @property
    def key(self) -> str:
        """The idempotency key: the same each time that this attempt is made."""
        return f"agent-{self.grant}-{self.intent}-{self.attempt}"


class Consent(NamedTuple):
    """A question to a person, and the answer: `""`, `yes` or `no`."""

    token: str
    topic: str
    question: str
    answer: str


def day_of(at_ms: int) -> int:
    """The number of the day in Nairobi: caps begin anew at its midnight."""
    return (at_ms + NAIROBI_MS) // DAY_MS


def begin_of_day(at_ms: int) -> int:
    """When the day in Nairobi began, in UTC ms."""
    return day_of(at_ms) * DAY_MS - NAIROBI_MS


def digest(*parts: object) -> str:
    """A short name for exactly these parts."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:24]


class Purse:
    """What was asked for under each grant."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        with closing(self._connect()) as connection:
            connection.executescript(_TABLES)

    # ── charges ──────────────────────────────

    def latest(self, grant: str, intent: str) -> Charge | None:
        """The last attempt at an intent."""
        return self._find("grant_name = ? and intent = ?", grant, intent)

    def of_payment(self, name: str) -> Charge | None:
        """The attempt that became a payment of that id, CheckoutRequestID or reference."""
        return self._find("? in (payment, checkout_request_id, reference)", name) if name else None

    def _find(self, where: str, *values: str) -> Charge | None:
        query = f"select {_COLUMNS} from charges where {where} order by attempt desc limit 1"  # noqa: S608 - our words
        with self._change() as tx:
            row = tx.execute(query, values).fetchone()
        return Charge(*row) if row else None

    def spent(self, grant: str, day: int) -> int:
        """What was asked for on a day, whatever came of it."""
        with self._change() as tx:
            return _sum(tx, grant, day)

    def reserve(self, charge: Charge, per_day: int) -> int | None:
        """Take the amount out of the day. → None, or what is left where it does not fit.

        The same attempt is taken out once, by whomever: all may then go on, with one idempotency key.
        """
        with self._change() as tx:
            if tx.execute(f"update charges set holders = holders + 1 where {_SAME}", charge[:3]).rowcount:  # noqa: S608
                return None
            left = per_day - _sum(tx, charge.grant, charge.day)
            if charge.amount > left:
                return max(left, 0)
            tx.execute(f"insert {_VALUES}", charge)
        return None

    def holders(self, charge: Charge) -> int:
        """How many calls have asked for an attempt and not given it back."""
        with self._change() as tx:
            row = tx.execute(f"select holders from charges where {_SAME}", charge[:3]).fetchone()  # noqa: S608
        return int(row[0]) if row else 0

    def keep(self, charge: Charge) -> None:
        """Write down which payment an attempt became."""
        with self._change() as tx:
            tx.execute(f"insert or replace {_VALUES}", charge)

    def adopt(self, charge: Charge) -> None:
        """Write down what the server knows and this file does not: it was lost, or is another machine's."""
        with self._change() as tx:
            tx.execute(f"insert or ignore {_VALUES}", charge)

    def release(self, charge: Charge) -> None:
        """Give back what was surely not asked for, once nobody else is asking for it."""
        with self._change() as tx:
            tx.execute(f"update charges set holders = holders - 1 where {_SAME}", charge[:3])  # noqa: S608
            tx.execute(f"delete from charges where {_SAME} and payment = '' and holders < 1", charge[:3])  # noqa: S608

    # ── a person's consent ──────────────────────────────

    def ask(self, token: str, topic: str, question: str, now_ms: int) -> Consent:
        """Put a question to a person, unless it waits for an answer already."""
        with self._change() as tx:
            tx.execute("delete from consents where expires_at_ms < ?", (now_ms,))
            known = tx.execute("select token from consents where topic = ? and answer = ''", (topic,)).fetchone()
            if known is None:
                row = (token, topic, question, now_ms + CONSENT_LIVES_MS)
                tx.execute("insert into consents (token, topic, question, expires_at_ms) values (?, ?, ?, ?)", row)
            return _consent(tx, known[0] if known else token, now_ms) or Consent(token, topic, question, "")

    def asked(self, token: str, now_ms: int) -> Consent | None:
        """The question of that token, while it can be answered."""
        with self._change() as tx:
            return _consent(tx, token, now_ms)

    def settle(self, token: str, answer: str, now_ms: int, *, authentic: bool) -> Consent | None:
        """A person answers, once. What is not `authentic` (a wrong code) is counted, and no yes is heard after five."""
        with self._change() as tx:
            if not authentic:
                tx.execute("insert into wrong_codes values (?)", (now_ms,))
            elif answer == "no" or not _is_locked(tx, now_ms):
                tx.execute("update consents set answer = ? where token = ? and answer = ''", (answer, token))
            return _consent(tx, token, now_ms)

    def is_locked(self, now_ms: int) -> bool:
        """Whether too many wrong codes came lately."""
        with self._change() as tx:
            return _is_locked(tx, now_ms)

    def take(self, topic: str, now_ms: int) -> str:
        """Use up the answer about a topic: a yes counts for one charge. → `yes`, `no` or `""`."""
        with self._change() as tx:
            query = "select token, answer from consents where topic = ? and answer != '' and expires_at_ms >= ?"
            row = tx.execute(query, (topic, now_ms)).fetchone()
            if row is None:
                return ""
            tx.execute("delete from consents where token = ?", (row[0],))
        return str(row[1])

    # ── the file ──────────────────────────────

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=BUSY_S, isolation_level=None)
        connection.execute("pragma synchronous = full")
        return connection

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connect()) as connection:
            connection.execute("begin immediate")
            yield connection
            connection.execute("commit")


def _sum(tx: sqlite3.Connection, grant: str, day: int) -> int:
    query = "select coalesce(sum(amount), 0) from charges where grant_name = ? and day = ?"
    return int(tx.execute(query, (grant, day)).fetchone()[0])


def _consent(tx: sqlite3.Connection, token: str, now_ms: int) -> Consent | None:
    query = "select token, topic, question, answer from consents where token = ? and expires_at_ms >= ?"
    row = tx.execute(query, (token, now_ms)).fetchone()
    return Consent(*row) if row else None


def _is_locked(tx: sqlite3.Connection, now_ms: int) -> bool:
    query = "select count(*) from wrong_codes where at_ms > ?"
    return bool(tx.execute(query, (now_ms - CONSENT_LIVES_MS,)).fetchone()[0] >= CODE_TRIES)
