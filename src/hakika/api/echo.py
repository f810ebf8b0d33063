"""The echo: how the doctor knows that the public URL leads to this very server, and not to somebody else's.

Public, because it is asked through the internet; it answers only to nonces that this server made within the last
minute, and with what only who has the secret key can say.
"""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from hakika.api.problems import UnknownNonce
from hakika.engine.watching.nonces import Nonces

router = APIRouter(prefix="/doctor", include_in_schema=False)


@router.get("/echo/{nonce}")
@router.post("/echo/{nonce}")
async def answer_echo(nonce: str, request: Request) -> JSONResponse:
    """Answer a nonce of ours. By POST as well: that is how Safaricom comes."""
    nonces: Nonces = request.app.state.nonces
    if not nonces.knows("echo", nonce):
        raise UnknownNonce("That nonce is not ours, or is older than a minute.")
    document = {"object": "echo", "nonce": nonce, "answer": nonces.answer(nonce)}
    return JSONResponse(document, headers={"Cache-Control": "no-store"})
