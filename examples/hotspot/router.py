"""A pretend router on http://localhost:8101, so that the hotspot can be tried without one: it runs the hotspot, too.

It does what a MikroTik does: leads a phone that joins to the portal, takes the login there, and asks RADIUS. A real one
asks FreeRADIUS, whose REST module asks the hotspot; here the same question goes over HTTP at once.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

HERE = Path(__file__).parent
PORT, PORTAL = 8101, os.environ.get("PORTAL", "http://localhost:8100")
TOKEN = "try-it-out"  # hotspot.toml has the same  # noqa: S105
PHONES = {"Amina's phone": "AA:BB:CC:00:00:01", "Baraka's phone": "AA:BB:CC:00:00:02"}
PAGE = "<meta name=viewport content='width=device-width'><h1>A phone joins the WiFi</h1>"


async def choose_phone(_: Request) -> Response:
    """Show which phones there are."""
    links = "".join(f"<p><a href='/join?mac={mac}'>{name} ({mac})</a></p>" for name, mac in PHONES.items())
    return HTMLResponse(PAGE + links)


async def join(request: Request) -> Response:
    """Let it straight in where it has time left; else lead it to the portal."""
    mac = request.query_params["mac"]
    if await ask_radius(mac, mac):
        return HTMLResponse(f"<h1>{mac} is online</h1><p>It had time left: nobody asked it anything.</p>")
    response = RedirectResponse(f"{PORTAL}/?mac={mac}&ip=10.5.0.9&router=gate", 303)
    response.set_cookie("joined", mac)  # a real router knows which device it speaks to
    return response


async def log_in(request: Request) -> Response:
    """Take the portal's login."""
    form, mac = await request.form(), request.cookies.get("joined", "")
    if not await ask_radius(mac, str(form["username"])):
        return HTMLResponse("<h1>Refused</h1>", 403)
    return RedirectResponse(str(form["dst"]), 303)


async def ask_radius(mac: str, username: str) -> bool:
    """Ask as FreeRADIUS does: 200 lets the device in."""
    said = {"User-Name": username, "User-Password": username, "Calling-Station-Id": mac}
    body = {name: {"type": "string", "value": [value]} for name, value in said.items()}
    async with httpx2.AsyncClient(auth=("radius", TOKEN), trust_env=False) as client:
        answer = await client.post(f"{PORTAL}/radius/authorize", json=body, headers={"X-Hakika-Router": "gate"})
    return answer.status_code == 200


@contextlib.asynccontextmanager
async def run_hotspot(_: Starlette) -> AsyncIterator[None]:
    """Run the hotspot as long as the router runs."""
    serve = [sys.executable, "-m", "hakika_hotspot.cli", "serve", "--config", str(HERE / "hotspot.toml")]
    hotspot = subprocess.Popen(serve)  # noqa: ASYNC220, S603
    try:
        yield
    finally:
        hotspot.terminate()
        hotspot.wait()


app = Starlette(
    routes=[Route("/", choose_phone), Route("/join", join), Route("/login", log_in, methods=["POST"])],
    lifespan=run_hotspot,
)

if __name__ == "__main__":
    print(f"A phone joins: http://localhost:{PORT}   The owner: {PORTAL}/owner (jamii-jamii)", flush=True)
    uvicorn.run(app, port=PORT, log_level="warning")
