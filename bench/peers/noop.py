"""The floor: a Starlette route that does nothing."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def accept(request: Request) -> Response:
    """Read the body and say yes."""
    await request.body()
    return Response(b'{"ResultCode":0,"ResultDesc":"Accepted"}', media_type="application/json")


app = Starlette(routes=[Route("/c/{token}", accept, methods=["POST"])])
