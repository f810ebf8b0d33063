"""Work that a pytest process does once, not for each of its tests: collecting garbage, compiling SQL, building routes.

A server does each of these when it starts, and starts once. Here thousands start in one process. Servers that tests
start as processes of their own share none of this.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.sql import ClauseElement, Select
from sqlalchemy.sql.dml import UpdateBase

COLLECTS_AFTER = (50_000, 10, 10)  # with the usual 700 a third of all computing was collections that found nothing


# ── the garbage collector ──────────────────────────────


def spare_what_is_imported() -> None:
    """Never look again at what there is now: all that was imported, which lasts as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTS_AFTER)


class _NoCollector:
    """In place of `gc`."""

    def collect(self) -> None:
        """See gc.collect."""

    def freeze(self) -> None:
        """See gc.freeze."""

    def set_threshold(self, *_: int) -> None:
        """See gc.set_threshold."""


@contextmanager
def own_collector() -> Iterator[None]:
    """Let no server that starts in this process do to the collector what it does to that of its own."""
    import hakika.main  # noqa: PLC0415 - words are tested without a server

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hakika.main, "gc", _NoCollector())
        yield


# ── compiled SQL ──────────────────────────────


class _OfEachDialect(dict[Any, Any]):
    """SQLAlchemy's cache of compiled statements, for all engines of a kind: its keys begin with an engine's dialect."""

    def get(self, key: Any, default: Any = None) -> Any:
        """Look a statement up."""
        return super().get((type(key[0]), key[0].paramstyle, *key[1:]), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__((type(key[0]), key[0].paramstyle, *key[1:]), compiled)


def share_compiled_sql(patch: pytest.MonkeyPatch) -> None:
    """Compile each statement once for all engines, and for all stores that compile theirs when they open."""
    compiled: dict[Any, Any] = {}
    really_compile = ClauseElement.compile

    def compile_once(statement: ClauseElement, *given: Any, **named: Any) -> Any:
        dialect = named.get("dialect")
        if given or dialect is None or len(named) > 1 or not isinstance(statement, Select | UpdateBase):
            return really_compile(statement, *given, **named)
        key = statement._generate_cache_key()
        if key is None:
            return really_compile(statement, **named)
        of = (type(dialect), dialect.paramstyle, key.key, repr([parameter.value for parameter in key.bindparams]))
        if of not in compiled:
            compiled[of] = really_compile(statement, **named)
        return compiled[of]

    options = Engine._execution_options.union({"compiled_cache": _OfEachDialect()})
    patch.setattr(Engine, "_execution_options", options)  # what an engine has until it is given some of its own
    patch.setattr(ClauseElement, "compile", compile_once)
