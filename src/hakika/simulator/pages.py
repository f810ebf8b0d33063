"""The page on which people hold the phones: three static files, nothing from anywhere else."""

import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def page_routes() -> list[BaseRoute]:
    """List the page, for all phones or for one, and its files."""
    return [
        Route("/simulator", show_page),
        Route("/simulator/phone/{msisdn}", show_page),
        Mount("/simulator/static", StaticFiles(directory=STATIC)),
    ]


async def show_page(request: Request) -> Response:
    """Show the phones; the script reads from the address which of them. Only this machine's pages may frame it."""
    host = re.sub(r"[^\w.:\[\]-]", "", request.url.hostname or "")
    policy = f"default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self' http://{host}:*"
    return FileResponse(STATIC / "page.html", headers={**HEADERS, "Content-Security-Policy": policy})
