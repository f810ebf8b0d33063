"""A tunnel's address is followed: of one that runs, and of one that we start; in time that the test moves."""

import asyncio
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from structlog.typing import EventDict

from hakika.engine.tunnel import MEANWHILE, TunnelState
from hakika.serving.tunnels import choose_agents
from hakika.serving.tunnels.agents import Agent, Target
from hakika.serving.tunnels.cloudflared import Cloudflared
from hakika.serving.tunnels.keeper import KeptTunnel
from hakika.serving.tunnels.local import LocalApi, open_local_api
from hakika.serving.tunnels.ngrok import Ngrok
from tests.api.house import StillClock
from tests.tunnels.life import Life
from tests.tunnels.standin import (
    StandIn,
    cloudflared_answers,
    install,
    ngrok_answers,
    ngrok_tunnel,
    rule,
    serving,
)

pytestmark = pytest.mark.anyio

TARGET = Target("http://127.0.0.1:8000", 8000)
FIRST, SECOND = "https://first.ngrok-free.app", "https://second.ngrok-free.app"
QUICK = "calm-words.trycloudflare.com"


def agents_at(ngrok: str = "127.0.0.1:1", cloudflared: str = "127.0.0.1:1", kind: str = "auto") -> tuple[Agent, ...]:
    """The programs to look for, at addresses of the test's own: nobody listens on port 1."""
    agents = choose_agents(kind)
    for agent in agents:
        agent.addresses = (ngrok if agent.name == "ngrok" else cloudflared,)
    return agents


def make(clock: StillClock, *agents: Agent) -> KeptTunnel:
    """A tunnel of these programs."""
    return KeptTunnel("auto", clock, TARGET, agents or agents_at())


@asynccontextmanager
async def kept(tunnel: KeptTunnel) -> AsyncIterator[None]:
    """Keep a tunnel for as long as the block lasts."""
    keeping = asyncio.create_task(tunnel.keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def until(tunnel: KeptTunnel, holds: Callable[[], bool]) -> None:
    """Wait for a change of the tunnel after which it holds."""
    changed = asyncio.Event()
    tunnel.listen(changed.set)
    async with asyncio.timeout(20):
        while not holds():
            changed.clear()
            await changed.wait()


def said(lines: list[EventDict], event: str) -> list[EventDict]:
    """The lines of one kind."""
    return [line for line in lines if line["event"] == event]


@pytest.fixture
async def api() -> AsyncIterator[LocalApi]:
    """Give what asks local programs."""
    async with open_local_api() as opened:
        yield opened


async def test_a_changed_address_is_taken_up(clock: StillClock, api: LocalApi, lines: list[EventDict]) -> None:
    """Between two looks ngrok was started again with another address: it is the one that counts, since then."""
    standin = StandIn(ngrok_answers(ngrok_tunnel(FIRST, "8000")))
    tunnel = make(clock, *agents_at(ngrok=standin.address))
    with serving(standin):
        await tunnel.look(api)
        assert (tunnel.origin, tunnel.by, tunnel.open_since_ms) == (FIRST, "ngrok", clock())
        clock.pass_s(60)
        standin.answers = ngrok_answers(ngrok_tunnel(SECOND, "8000"))
        await tunnel.look(api)
    assert (tunnel.origin, tunnel.open_since_ms) == (SECOND, clock())
    opened = said(lines, "tunnel_open")
    assert [(line["origin"], line.get("was")) for line in opened] == [(FIRST, None), (SECOND, FIRST)]
    assert "refuse" in opened[0]["note"]


async def test_a_death_is_one_line_and_a_return_another(
    clock: StillClock, api: LocalApi, place: Path, lines: list[EventDict]
) -> None:
    """While nothing runs it is said once, with what it means; when it is back, at another address, that is said."""
    standin = StandIn(ngrok_answers(ngrok_tunnel(FIRST, "8000")))
    tunnel = make(clock, *agents_at(ngrok=standin.address))
    with serving(standin):
        await tunnel.look(api)
    for _ in range(5):
        clock.pass_s(2)
        await tunnel.look(api)
        assert (tunnel.state, tunnel.origin, tunnel.open_since_ms) == (TunnelState.CLOSED, "", None)
    (closed,) = said(lines, "tunnel_closed")
    assert (closed["why"], closed["meanwhile"]) == ("the ngrok that ran is gone", MEANWHILE)
    assert said(lines, "tunnel_still_closed") == []
    with serving(StandIn(ngrok_answers(ngrok_tunnel(SECOND, "8000")), standin.server_port)):
        await tunnel.look(api)
    assert (tunnel.state, tunnel.origin, tunnel.why) == (TunnelState.OPEN, SECOND, "")


async def test_a_busy_machine_is_no_dead_tunnel(
    clock: StillClock, api: LocalApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever does not answer in time is borne three times; then it counts as gone."""
    tunnel, answers = make(clock, Ngrok()), ngrok_answers(ngrok_tunnel(FIRST, "8000"))
    standin = StandIn(answers)
    tunnel = make(clock, *agents_at(ngrok=standin.address, kind="ngrok"))
    with serving(standin):
        await tunnel.look(api)
    monkeypatch.setattr(LocalApi, "get", _never_answer)
    for _ in range(3):
        await tunnel.look(api)
        assert tunnel.origin == FIRST
    await tunnel.look(api)
    assert tunnel.state is TunnelState.CLOSED


async def _never_answer(_: LocalApi, __: str, ___: str) -> None:
    from hakika.serving.tunnels.local import Mute  # noqa: PLC0415

    raise Mute


async def test_who_does_not_answer_is_not_waited_for(api: LocalApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that holds its answer back costs the time-out, and is told from one that is not there."""
    from hakika.serving.tunnels.local import Absent, Mute  # noqa: PLC0415

    standin = StandIn({})
    standin.hold = threading.Event()
    monkeypatch.setattr(api._session, "_timeout", api._session.timeout.__class__(total=0.05))
    with serving(standin):
        with pytest.raises(Mute):
            await api.get(standin.address, "/api/tunnels")
        standin.hold.set()
    with pytest.raises(Absent):
        await api.get(standin.address, "/api/tunnels")


async def test_the_address_in_use_is_kept(clock: StillClock, api: LocalApi) -> None:
    """A better one that turns up does not move a tunnel that works: prompts under way name the old one."""
    standin = StandIn(ngrok_answers(ngrok_tunnel(FIRST, "8000")))
    tunnel = make(clock, *agents_at(ngrok=standin.address))
    with serving(standin):
        await tunnel.look(api)
        both = (ngrok_tunnel("https://pay.example.com", "8000", "own"), ngrok_tunnel(FIRST, "8000"))
        standin.answers = ngrok_answers(*both)
        await tunnel.look(api)
        assert tunnel.origin == FIRST
        standin.answers = ngrok_answers(both[0])
        await tunnel.look(api)
    assert tunnel.origin == "https://pay.example.com"


async def test_auto_takes_cloudflared_before_ngrok(clock: StillClock, api: LocalApi) -> None:
    """Both run: the one whose addresses are not refused; without it the other."""
    ngrok = StandIn(ngrok_answers(ngrok_tunnel(FIRST, "8000")))
    cloudflared = StandIn(cloudflared_answers(QUICK, rule("http://localhost:8000")))
    tunnel = make(clock, *agents_at(ngrok.address, cloudflared.address))
    with serving(ngrok), serving(cloudflared):
        await tunnel.look(api)
        assert (tunnel.origin, tunnel.by) == (f"https://{QUICK}", "cloudflared")
        cloudflared.answers = cloudflared_answers(QUICK, rule("http://localhost:8000"), ready=False)
        await tunnel.look(api)
        assert (tunnel.origin, tunnel.by) == (FIRST, "ngrok")


async def test_a_tunnel_to_another_port_is_said_and_not_used(
    clock: StillClock, api: LocalApi, place: Path, lines: list[EventDict]
) -> None:
    """Nothing is installed and what runs leads elsewhere: where, and the command that helps; mended, it is used."""
    standin = StandIn(ngrok_answers(ngrok_tunnel(FIRST, "http://localhost:3000")))
    tunnel = make(clock, *agents_at(ngrok=standin.address))
    with serving(standin):
        for _ in range(3):
            await tunnel.look(api)
        assert tunnel.state is TunnelState.CLOSED
        assert "localhost:3000" in tunnel.why
        assert tunnel.cure == "Run `ngrok http 8000`."
        standin.answers = ngrok_answers(ngrok_tunnel(FIRST, "http://localhost:8000"))
        await tunnel.look(api)
    assert tunnel.origin == FIRST
    assert len(said(lines, "tunnel_closed")) == 1


async def test_nothing_runs_and_nothing_is_installed(
    clock: StillClock, api: LocalApi, place: Path, lines: list[EventDict]
) -> None:
    """One line says so and what to do."""
    tunnel = make(clock)
    for _ in range(3):
        await tunnel.look(api)
    (closed,) = said(lines, "tunnel_closed")
    assert "none is installed" in closed["why"]
    assert "cloudflared tunnel --url http://127.0.0.1:8000" in closed["cure"]
    assert tunnel.settled.is_set()


async def test_an_address_of_its_own_may_be_given(clock: StillClock, api: LocalApi) -> None:
    """Where a program tells about itself elsewhere than usual (HAKIKA_TUNNEL_API), it is asked there."""
    standin = StandIn(cloudflared_answers(QUICK, rule("http://localhost:8000")))
    with serving(standin):
        tunnel = KeptTunnel("cloudflared", clock, TARGET, (Cloudflared(),), standin.address)
        await tunnel.look(api)
    assert tunnel.origin == f"https://{QUICK}"


async def test_a_program_is_started_and_started_again(
    clock: StillClock, place: Path, monkeypatch: pytest.MonkeyPatch, lines: list[EventDict]
) -> None:
    """What is installed is started; when it dies that is said, and it is started again with another address."""
    monkeypatch.setenv("MPESA_CONSUMER_SECRET", "the-consumer-secret")
    install(place / "programs", "cloudflared")
    life, tunnel = Life(place), make(clock)
    async with kept(tunnel):
        await until(tunnel, lambda: tunnel.state is TunnelState.OPEN)
        first, pid = tunnel.origin, int((place / "cloudflared.pid").read_text())
        assert first == f"https://calm-words-{pid}.trycloudflare.com"
        assert tunnel.by == "cloudflared, which we started"
        os.kill(pid, signal.SIGKILL)
        await until(tunnel, lambda: tunnel.state is TunnelState.CLOSED)
        clock.pass_s(3)
        await until(tunnel, lambda: tunnel.state is TunnelState.OPEN)
        assert tunnel.origin not in {"", first}
    assert await asyncio.to_thread(life.is_over), "it outlived its keeper"
    life.close()
    assert [line["why"] for line in said(lines, "tunnel_closed")] == ["cloudflared ended"]
    assert "the-consumer-secret" not in (place / "cloudflared.environment").read_text()


async def test_a_program_that_fails_says_why_and_the_other_is_tried(
    clock: StillClock, place: Path, lines: list[EventDict]
) -> None:
    """Without an account ngrok ends with an error: its first line is told, never the token; then cloudflared runs."""
    refused = {"lvl": "eror", "msg": "failed to auth", "err": "Usage of ngrok requires a verified account."}
    refused["err"] += "\nYour authtoken: 2abcDEFghiJKL\n\r\nERR_NGROK_4018\r\n"
    (place / "ngrok.fails").write_text(json.dumps(refused))
    install(place / "programs", "ngrok", "cloudflared")
    tunnel = make(clock, *reversed(agents_at()))
    async with kept(tunnel):
        await until(tunnel, lambda: tunnel.state is TunnelState.CLOSED)
        assert tunnel.why == "ngrok ended: Usage of ngrok requires a verified account. (ERR_NGROK_4018)"
        clock.pass_s(3)
        await until(tunnel, lambda: tunnel.state is TunnelState.OPEN)
        assert tunnel.by == "cloudflared, which we started"
    assert "2abcDEFghiJKL" not in str([line for line in lines if line["log_level"] != "debug"])


async def test_a_program_that_fails_again_and_again_is_tried_ever_less_often(
    clock: StillClock, place: Path, lines: list[EventDict]
) -> None:
    """One line for one reason, and a minute between the starts in the end."""
    (place / "ngrok.fails").write_text("ERROR:  authentication failed")
    install(place / "programs", "ngrok")
    tunnel = make(clock, *agents_at(kind="ngrok"))
    async with kept(tunnel):
        for times, pause_s in enumerate((1, 2, 5, 15, 60, 60), start=1):
            await until_failed(tunnel, times)
            assert tunnel._start_at_ms == clock() + pause_s * 1000
            clock.pass_s(pause_s + 2)
    assert len(said(lines, "tunnel_closed")) == 1
    assert said(lines, "tunnel_still_closed") == []


async def until_failed(tunnel: KeptTunnel, times: int) -> None:
    """Let others run until so many programs that were started are over, and that is known."""
    async with asyncio.timeout(20):
        while tunnel._failures < times:  # noqa: ASYNC110 - nothing is told of it: it is said once
            await asyncio.sleep(0)


async def test_whoever_restarts_theirs_does_not_find_ours_in_the_way(
    clock: StillClock, api: LocalApi, place: Path, lines: list[EventDict]
) -> None:
    """After a tunnel that ran is gone, ours is not started at once: a free account has one tunnel at a time."""
    install(place / "programs", "ngrok")
    standin = StandIn(ngrok_answers(ngrok_tunnel(FIRST, "8000")))
    tunnel = make(clock, *agents_at(ngrok=standin.address, kind="ngrok"))
    with ExitStack() as running:
        running.enter_context(serving(standin))
        await tunnel.look(api)
    for _ in range(4):
        await tunnel.look(api)
        clock.pass_s(4)
    assert said(lines, "tunnel_starting") == []
    with serving(StandIn(ngrok_answers(ngrok_tunnel(SECOND, "8000")), standin.server_port)):
        await tunnel.look(api)
    assert tunnel.origin == SECOND


async def test_a_look_that_fails_is_not_the_last(
    clock: StillClock, lines: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of ours is logged, and the next look is made all the same."""
    tunnel, looked = make(clock), asyncio.Event()

    async def break_down(_: LocalApi) -> None:
        looked.set()
        raise RuntimeError

    monkeypatch.setattr(tunnel, "look", break_down)
    async with kept(tunnel):
        for _ in range(2):
            await asyncio.wait_for(looked.wait(), 20)
            looked.clear()
            clock.pass_s(3)
    assert len(said(lines, "tunnel_look_failed")) >= 2
