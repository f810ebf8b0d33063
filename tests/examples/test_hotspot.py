"""examples/hotspot: run by its one command; a phone joins its router, buys, and is online."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from hakika.demo.surroundings import listen
from tests.examples.world import World, until

HOTSPOT = Path(__file__).parents[2] / "examples/hotspot"
ROUTER, PORTAL = "http://localhost:8101", "http://localhost:8100"
MAC, OTHER_MAC = "AA:BB:CC:00:00:01", "AA:BB:CC:00:00:02"


def is_up(url: str) -> bool:
    """Whether something answers there."""
    try:
        return httpx2.get(url, trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


@pytest.fixture(scope="module")
def hotspot(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run it as its README says, at our Hakika instead of the demo, with a database of its own."""
    folder = tmp_path_factory.mktemp("hotspot")
    for port in (8100, 8101):
        listen("127.0.0.1", port).close()  # says so where another program holds it
    told = {
        "HAKIKA_SERVER": world.url,
        "HAKIKA_API_KEY": world.key,
        "HOTSPOT_DATABASE_URL": f"sqlite:///{folder / 'hotspot.db'}",
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([HOTSPOT / "run"], env={**os.environ, **told}, stdout=log, stderr=log)
        try:
            until(lambda: is_up(ROUTER) and is_up(f"{PORTAL}/health"), (folder / "log").read_text)
            yield world
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def test_a_phone_joins_buys_and_is_online(hotspot: World) -> None:
    """Led to the portal, it pays and is logged in; the next time nobody asks it; another phone is led there, too."""
    phone = hotspot.phone()
    hotspot.let_answer(phone)
    with httpx2.Client(follow_redirects=True, trust_env=False) as browser:
        home = browser.get(f"{ROUTER}/join?mac={MAC}").text
        fields = dict(_hidden(home))
        page = browser.post(f"{PORTAL}/buy", data={**fields, "package": "hour", "phone": phone})
        until(lambda: "Paid. Thank you!" in browser.get(page.url).text, lambda: browser.get(page.url).text)
        paid = browser.get(page.url).text
        login = {name: value.replace("&amp;", "&") for name, value in _hidden(paid)}
        assert "You are online" in browser.post(f"{ROUTER}/login", data=login).text
        assert "is online" in browser.get(f"{ROUTER}/join?mac={MAC}").text
    with httpx2.Client(follow_redirects=True, trust_env=False) as other:
        assert "Choose a package" in other.get(f"{ROUTER}/join?mac={OTHER_MAC}").text


def _hidden(page: str) -> list[tuple[str, str]]:
    return re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)
