"""Tells routers what they are owed, until each has confirmed; and asks those that tell nothing by themselves.

What a task asks for is read from the books when it is acted on: a late one tells the state of now, a twice told one
changes nothing.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, NamedTuple

import structlog

from hakika_hotspot.accounts import INTERIM_S, judge
from hakika_hotspot.config import Router, Settings
from hakika_hotspot.domain.access import Access, Session
from hakika_hotspot.entitlements import sweep
from hakika_hotspot.network.coa import SessionGone
from hakika_hotspot.network.doors import api_door, open_networks
from hakika_hotspot.network.hearing import hear_gone, hear_list
from hakika_hotspot.network.router import Device, Network, RouterRefused, RouterUnreachable
from hakika_hotspot.network.routeros import read_sessions
from hakika_hotspot.sessions import find_session
from hakika_hotspot.store import Store, Transaction
from hakika_hotspot.tasks import Kind, Task, claim_tasks, confirm_task, postpone_task

log = structlog.get_logger()

TICK_S = 0.5  # another node may have owed it: within two seconds of the callback the device is on the air
# Somebody paid and left: after a quarter of an hour nobody waits for the log-in. Whoever comes back asks anew.
MOST_REFUSED_OPENINGS = 20
# A session that nothing was heard of for a day is over, whatever its router would say.
LOST_MS = 24 * 3_600_000
# All of what a task needs of a router. The lease of a task (tasks.LEASE_MS) is longer.
PATIENCE_S = 25
MOST_AT_ONCE = 8  # connections and requests to one router
SILENT_MS = 1_000  # a router that just did not answer is not asked by a hundred tasks, each for seconds


class _State(NamedTuple):
    """What the books say of a task's device now."""

    access: Access
    session: Session | None


class NetworkWorker:
    """One loop; any number of them may run on one database."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        now_ms: Callable[[], int],
        networks: Mapping[str, Network] | None = None,
    ) -> None:
        self._store = store
        self._now_ms = now_ms
        self._networks = open_networks(settings, now_ms) if networks is None else networks
        self._routers = {router.name: router for router in settings.routers}
        self._at_once = {name: asyncio.Semaphore(MOST_AT_ONCE) for name in self._routers}
        self._silent_until_ms: dict[str, int] = {}
        self._ask_at_ms: dict[str, int] = {}
        self._acting: dict[tuple[str, str], asyncio.Task[str]] = {}

    async def run(self) -> None:
        """Work until cancelled. What goes wrong is logged, and does not end the work."""
        try:
            while True:
                try:
                    begun = await self._begin()
                except Exception:
                    log.exception("network_worker_failed")
                    begun = []
                if not begun:
                    await self._store.changed(TICK_S)
        finally:
            for acting in self._acting.values():
                acting.cancel()

    async def run_once(self) -> Counter[str]:
        """Do what is due now, and wait until it is done. → how many tasks ended how."""
        begun = await self._begin()
        return Counter(await asyncio.gather(*begun))

    async def _begin(self) -> list[asyncio.Task[str]]:
        """Begin what is due now; a router that does not answer keeps nobody else waiting."""
        due = await self._store.write(self._claim)
        begun = []
        for name, router in self._routers.items():
            if self._is_to_ask(router):
                begun.append(self._start((name, ""), self._ask(router)))
        for task in due:
            device = task.router, task.mac
            begun.append(self._start(device, self._act(task, self._acting.get(device))))
        return begun

    def _claim(self, tx: Transaction) -> list[Task]:
        now_ms = self._now_ms()
        sweep(tx, now_ms)
        return claim_tasks(tx, now_ms)

    def _start(self, what: tuple[str, str], work: Coroutine[Any, Any, str]) -> asyncio.Task[str]:
        acting = asyncio.create_task(work)
        self._acting[what] = acting
        acting.add_done_callback(partial(self._end, what))
        return acting

    def _end(self, what: tuple[str, str], done: asyncio.Task[str]) -> None:
        if self._acting.get(what) is done:
            del self._acting[what]
        if not done.cancelled() and done.exception():
            # What it was to do is due again when its lease is over.
            log.error("network_task_failed", router=what[0], exc_info=done.exception())

    async def _act(self, task: Task, before: asyncio.Task[str] | None) -> str:
        """Act on a task, after what is under way for the same device."""
        if before:
            await asyncio.wait([before])
        outcome, why = await self._try(task)
        now_ms = self._now_ms()
        if why:
            log.warning("router_owes", router=task.router, what=task.kind, mac=task.mac, why=why)
            await self._store.write(lambda tx: postpone_task(tx, task, now_ms, why))
        else:
            log.info("router_told", router=task.router, what=task.kind, mac=task.mac, outcome=outcome)
            await self._store.write(lambda tx: confirm_task(tx, task, now_ms, outcome), tell=True)
        return outcome

    async def _try(self, task: Task) -> tuple[str, str]:
        """→ how it ended, and, where it has to be tried again, why."""
        if task.router not in self._networks:
            return "given up", ""  # it is in the settings no more
        if self._silent_until_ms.get(task.router, 0) > self._now_ms():
            return "postponed", "it did not answer a moment ago"
        try:
            async with asyncio.timeout(PATIENCE_S), self._at_once[task.router]:
                return await self._tell(task), ""
        except SessionGone:
            await self._store.write(lambda tx: self._hear_gone(tx, task))
            return "gone", ""
        except (RouterUnreachable, TimeoutError) as error:
            self._silent_until_ms[task.router] = self._now_ms() + SILENT_MS
            return "postponed", str(error) or f"not done in {PATIENCE_S} s"
        except RouterRefused as refused:
            if task.kind is Kind.OPEN and task.tries >= MOST_REFUSED_OPENINGS:
                return "given up", ""
            return "postponed", str(refused)

    async def _tell(self, task: Task) -> str:
        """Have the router do it. → how it ended."""
        router, network = self._routers[task.router], self._networks[task.router]
        state = await self._store.read(lambda tx: self._read_state(tx, task, router))
        if task.kind is Kind.OPEN:
            if not state.access.allowed:
                return "not needed"
            await network.open(Device(task.mac, task.address, router.name), state.access)
        elif state.session is None:
            return "gone"
        elif state.session.updated_at_ms < self._now_ms() - LOST_MS:
            raise SessionGone("nothing was heard of it for a day")
        elif task.kind is Kind.CHANGE and state.access.allowed:
            await network.change(state.session, state.access)
        else:
            await network.close(state.session)
        if router.kind == "routeros":
            self._ask_at_ms.pop(router.name, None)  # it tells by itself neither who came nor who went
        return "done"

    def _read_state(self, tx: Transaction, task: Task, router: Router) -> _State:
        access = judge(tx, task.entitlement_id, task.mac, router.nas, self._now_ms())
        return _State(access, find_session(tx, task.router, task.session_id))

    def _hear_gone(self, tx: Transaction, task: Task) -> None:
        hear_gone(tx, self._routers[task.router].nas, task.session_id, task.mac, self._now_ms())

    def _is_to_ask(self, router: Router) -> bool:
        return router.kind == "routeros" and self._ask_at_ms.get(router.name, 0) <= self._now_ms()

    async def _ask(self, router: Router) -> str:
        """Ask a router that sends no accounting who is on the air."""
        self._ask_at_ms[router.name] = self._now_ms() + INTERIM_S * 1000
        door = api_door(router)
        if door is None:
            return "not asked"
        try:
            told = await read_sessions(door, router.nas, self._now_ms())
        except (RouterUnreachable, RouterRefused) as error:
            log.warning("router_not_asked", router=router.name, why=str(error))
            return "not asked"
        await self._store.write(lambda tx: hear_list(tx, router.nas, told, self._now_ms()), tell=True)
        return "asked"
