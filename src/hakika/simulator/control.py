"""The simulator's own REST interface: what to answer, what goes wrong, and what happened so far."""

from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hakika.simulator.clock import Clock
from hakika.simulator.network import Network, NothingRings
from hakika.simulator.orders import Misused, read_msisdn, read_whole
from hakika.simulator.poster import Poster

LARGEST_BODY = 262_144


class Control:
    """The network's verbs, over HTTP."""

    def __init__(self, network: Network, clock: Clock, poster: Poster) -> None:
        self._network = network
        self._clock = clock
        self._poster = poster

    def routes(self) -> list[Route]:
        """List every path."""
        return [
            Route("/simulator/faults", self.show_faults, methods=["GET"]),
            Route("/simulator/faults", self.set_faults, methods=["PUT"]),
            Route("/simulator/next", self.order, methods=["POST"]),
            Route("/simulator/phones", self.show_phones, methods=["GET"]),
            Route("/simulator/phones/{msisdn}/answer", self.answer_phone, methods=["POST"]),
            Route("/simulator/phones/{msisdn}/rule", self.show_rule, methods=["GET"]),
            Route("/simulator/phones/{msisdn}/rule", self.set_rule, methods=["PUT"]),
            Route("/simulator/phones/{msisdn}/rule", self.remove_rule, methods=["DELETE"]),
            Route("/simulator/requests", self.show_requests, methods=["GET"]),
            Route("/simulator/payments", self.show_payments, methods=["GET"]),
            Route("/simulator/reset", self.reset, methods=["POST"]),
        ]

    async def show_faults(self, _: Request) -> Response:
        """Show rates, waiting orders and the table of faults."""
        return JSONResponse(self._network.faults())

    async def set_faults(self, request: Request) -> Response:
        """Replace all rates."""
        return JSONResponse(self._network.set_faults(await read_body(request)))

    async def order(self, request: Request) -> Response:
        """Order a result or faults for what comes next."""
        return JSONResponse(self._network.order(await read_body(request)), 201)

    async def show_phones(self, _: Request) -> Response:
        """Show what rings, and what rang lately."""
        now_ms = self._clock.now_ms()
        phones = self._network.phones(now_ms)
        return JSONResponse({"now_ms": now_ms, "speed": self._clock.speed, "phones": phones})

    async def answer_phone(self, request: Request) -> Response:
        """Answer a prompt as the person who holds the phone."""
        body = await read_body(request)
        answer = body.get("answer") if isinstance(body, dict) else None
        msisdn = read_msisdn(request.path_params["msisdn"])
        payment = self._network.answer_phone(msisdn, str(answer), self._clock.now_ms())
        self._poster.wake()
        return JSONResponse(payment)

    async def show_rule(self, request: Request) -> Response:
        """Show the rule that answers for a phone."""
        return JSONResponse({"rule": self._network.rule(read_rule_owner(request))})

    async def set_rule(self, request: Request) -> Response:
        """Let a rule answer for a phone from its next prompt on."""
        body, owner = await read_body(request), read_rule_owner(request)
        self._network.set_rule(owner, body)
        return JSONResponse({"rule": self._network.rule(owner)})

    async def remove_rule(self, request: Request) -> Response:
        """Hand a phone back to people."""
        refuse_strangers(request)
        self._network.remove_rule(read_rule_owner(request))
        return Response(status_code=204)

    async def show_requests(self, request: Request) -> Response:
        """Show every exchange in order, or those after a number."""
        after = request.query_params.get("after", "0")
        number = read_whole(int(after) if after.isdecimal() else after, "after", 0)
        return JSONResponse({"requests": self._network.requests(number)})

    async def show_payments(self, _: Request) -> Response:
        """Show the truth about every push."""
        return JSONResponse({"payments": self._network.payments(self._clock.now_ms())})

    async def reset(self, request: Request) -> Response:
        """Forget everything since the start."""
        refuse_strangers(request)
        self._network.reset()
        self._poster.wake()
        return Response(status_code=204)


def read_rule_owner(request: Request) -> str:
    """Read whose rule is meant: one phone's, or that of all others."""
    owner = str(request.path_params["msisdn"])
    return owner if owner == "default" else read_msisdn(owner)


def refuse_strangers(request: Request) -> None:
    """Refuse what another site's page sends through a developer's browser."""
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise Misused("only this simulator's own page may ask that from a browser")


async def read_body(request: Request) -> Any:
    """Read a JSON body of a sensible size."""
    refuse_strangers(request)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise Misused(f"the body is larger than {LARGEST_BODY} bytes")
    try:
        return msgspec.json.decode(body or b"{}")
    except ValueError:
        raise Misused("the body is not JSON") from None


async def explain_misuse(_: Request, error: Exception) -> Response:
    """Answer what could not be read."""
    return JSONResponse({"error": str(error)}, 400)


async def explain_silence(_: Request, error: Exception) -> Response:
    """Answer that nothing rings there."""
    return JSONResponse({"error": str(error)}, 404)


EXPLANATIONS: dict[Any, Any] = {Misused: explain_misuse, NothingRings: explain_silence}
