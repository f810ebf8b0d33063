"""Answers that are not FastAPI's to encode: what the engine shows is encoded as it is."""

import msgspec
from starlette.responses import Response


def as_json(shown: object, status: int = 200) -> Response:
    """What is shown, as JSON."""
    return Response(msgspec.json.encode(shown), status, media_type="application/json")
