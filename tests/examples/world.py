"""Hakika and the simulator in a thread of this process, their time running fast: what the examples are run against."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from hakika.client import Endpoint, Hakika
from hakika.main import build_server
from hakika.simulator import SANDBOX_PASSKEY, Clock, Network, Settings, receipts_from_now
from tests.api.house import API_KEY, settings_for, unused_phone
from tests.api.serving import serving
from tests.simulator.loopback import running
from tests.spared import own_collector

T = TypeVar("T")
SPEED = 10.0  # a prompt rings for six seconds, and an overdue callback is asked about after less than eight
DEADLINE_S = 30
BREATH = threading.Event()  # never set: between two askings, those who are asked have the interpreter to themselves


def until(holds: Callable[[], bool], but: Callable[[], str] = lambda: "") -> None:
    """Ask until it holds: what is waited for comes from another process, which is asked over HTTP."""
    end_s = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < end_s, but()
        BREATH.wait(0.01)


class World:
    """Opens at the beginning of a block and closes at its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop, self._open, self._closing = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._collector = own_collector()
        self.url, self.simulator_url, self.key = "", "", API_KEY

    def __enter__(self) -> Self:
        self._collector.__enter__()
        self._thread.start()
        assert self._open.wait(DEADLINE_S), "it did not open"
        self.client = Hakika(API_KEY, self.url)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.client.close()
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(DEADLINE_S)
        self._collector.__exit__(None, None, None)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        anchor_ms = int(time.time() * 1000)
        self.network = Network(Settings(first_receipt=receipts_from_now()))
        self.clock = Clock(SPEED, anchor_ms)
        async with running(self.network, self.clock) as self.simulator_url:
            settings = settings_for(
                f"sqlite:///{self._folder / 'hakika.db'}", self._folder / "data", environment="simulator",
                base_url=self.simulator_url, callback_base_url="", consumer_key="sim-key", consumer_secret="sim-secret",
                passkey=SANDBOX_PASSKEY, clock_speed=SPEED, clock_anchor_ms=anchor_ms, cors_origins=("*",),
            )  # fmt: skip
            async with serving(lambda origin: build_server(settings, origin), lifespan=True) as self.url:
                self._open.set()
                await self._closing.wait()

    def do(self, act: Coroutine[Any, Any, T]) -> T:
        """Do something where the servers run."""
        return asyncio.run_coroutine_threadsafe(act, self._loop).result(DEADLINE_S)

    # ── a merchant's acts ──────────────────────────────

    def listen(self, url: str) -> Endpoint:
        """Have events delivered there. → the endpoint, with its secret."""
        return self.client.endpoints.create(url=url)

    # ── a payer's and M-Pesa's acts ──────────────────────────────

    def phone(self) -> str:
        """A phone that nobody has used."""
        return unused_phone()

    def answer(self, phone: str, answer: str = "pay") -> None:
        """Take the phone that rings, and answer."""
        httpx2.post(
            f"{self.simulator_url}/simulator/phones/{phone}/answer", json={"answer": answer}, trust_env=False
        ).raise_for_status()

    def let_answer(self, phone: str, answer: str = "pay") -> None:
        """Let the phone answer by itself from now on."""
        url = f"{self.simulator_url}/simulator/phones/{phone}/rule"
        httpx2.put(url, json={"answer": answer}, trust_env=False).raise_for_status()

    def let_think(self, phone: str, think_ms: int) -> None:
        """Let the phone pay by itself after that time on its clock."""
        url = f"{self.simulator_url}/simulator/phones/{phone}/rule"
        rule = {"answers": {"pay": 1}, "median_ms": think_ms, "sigma": 0}
        httpx2.put(url, json=rule, trust_env=False).raise_for_status()

    def order(self, **order: Any) -> None:
        """Order what becomes of a coming payment."""
        httpx2.post(f"{self.simulator_url}/simulator/next", json=order, trust_env=False).raise_for_status()

    def pushes(self, phone: str) -> int:
        """How often a phone was prompted."""
        shown = httpx2.get(f"{self.simulator_url}/simulator/payments", trust_env=False).json()["payments"]
        return sum(push["msisdn"] == phone for push in shown)
