"""The simulated network: one object that answers requests, answers for phones, and owes callbacks.

    handle ──▶ route ──▶ gateway (faults) ──▶ token ──▶ one of the handlers ──▶ Answer
    due_callbacks ──▶ CallbackPost ──▶ (posted by somebody else) ──▶ callback_posted

It has no clock, no network and no chance of its own: time is handed in and never runs backwards, and a seed decides
the rest. The same seed and the same calls at the same times give the same bytes; only receipts go on counting where
the settings say so, for shops whose database outlives a network.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hakika.simulator.callbacks import CallbackPost
from hakika.simulator.chance import seeded
from hakika.simulator.faults import describe_faults
from hakika.simulator.gateway import pass_gateway
from hakika.simulator.oauth import authorize, generate
from hakika.simulator.orders import Misused
from hakika.simulator.outcomes import ANSWERS
from hakika.simulator.phones import show_phones
from hakika.simulator.plan import read_orders, read_rates
from hakika.simulator.push import process_request
from hakika.simulator.pushes import Push
from hakika.simulator.query import query
from hakika.simulator.rules import read_rule
from hakika.simulator.settings import Settings
from hakika.simulator.wire import Answer, Refused, RefusedRaw, Request
from hakika.simulator.world import World

Handler = Callable[[Request, World], Answer]


def with_token(handler: Callable[[Request, World, str], Answer]) -> Handler:
    """Let only requests with a good access token through to a handler."""

    def authorized(request: Request, world: World) -> Answer:
        return handler(request, world, authorize(request.headers, world.tokens, request.now_ms))

    return authorized


class Route(NamedTuple):
    """One operation of Daraja; faults name it by its kind."""

    method: str
    kind: str
    handler: Handler


ROUTES: Mapping[str, Route] = {
    "/oauth/v1/generate": Route("GET", "token", lambda asked, world: generate(asked, world.settings, world.tokens)),
    "/mpesa/stkpush/v1/processrequest": Route("POST", "push", with_token(process_request)),
    "/mpesa/stkpushquery/v1/query": Route("POST", "query", with_token(query)),
}


class NothingRings(LookupError):
    """An answer was given to a phone that shows no prompt."""


class Network:
    """An independent Daraja with its phones, driven by whoever holds the time."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._world = World(self.settings, self.settings.first_receipt or 0)

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes, now_ms: int) -> Answer:
        """Answer one request to Daraja; `target` is the path with its query string."""
        world = self._world
        world.requests += 1
        request = Request.read(method, target, headers, body, now_ms, world.requests)
        route = ROUTES.get(request.path)
        answer = self._answer(request, route)
        world.journal.write(
            now_ms,
            route.kind if route else "unknown",
            request.method,
            target,
            request.headers,
            body,
            status=None if answer.cut else answer.status,
            answer=answer.body,
            note="connection cut" if answer.cut else "",
        )
        return answer

    def _answer(self, request: Request, route: Route | None) -> Answer:
        if route is None:
            return Refused("404.001.01", "Resource not found").answer(request.request_id)
        if request.method != route.method:
            return Refused("405.001", "Method Not Allowed").answer(request.request_id)
        delay_ms = 0
        try:
            delay_ms = self._pass_gateway(request, route.kind)
            return route.handler(request, self._world).delayed(delay_ms)
        except Refused as refused:
            return refused.answer(request.request_id).delayed(delay_ms)
        except RefusedRaw as refused:
            return refused.answer.delayed(delay_ms)

    def _pass_gateway(self, request: Request, kind: str) -> int:
        world, document = self._world, request.document()
        msisdn, amount = str(document.get("PhoneNumber", "")), str(document.get("Amount", ""))
        if push := world.pushes.find(str(document.get("CheckoutRequestID", ""))):
            msisdn, amount = push.msisdn, str(push.amount)
        drawn = world.plan.draw("request", kind, msisdn, amount)
        chance = seeded(self.settings.seed, "gateway", request.number)
        return pass_gateway(request, drawn, world.tokens, chance)

    def due_callbacks(self, now_ms: int) -> list[CallbackPost]:
        """Take out the callbacks that are due: each is handed out once, and is to be posted once."""
        return self._world.outbox.take_due(now_ms)

    def next_due_ms(self) -> int | None:
        """Say when the next callback is due, as things stand."""
        return self._world.outbox.next_due_ms()

    def callback_posted(self, post: CallbackPost, status: int | None, answer: bytes, now_ms: int) -> None:
        """Note what a callback's receiver answered; a status of None is no answer, and why is in `answer`."""
        self._world.journal.write(
            now_ms, "callback", "POST", post.url, post.headers, post.body, status=status, answer=answer
        )

    def answer_phone(self, msisdn: str, answer: str, now_ms: int) -> dict[str, Any]:
        """Let the person who holds a phone answer its prompt."""
        if answer not in ANSWERS:
            raise Misused(f"no such answer: {answer!r}; there are {', '.join(ANSWERS)}")
        push = self._world.pushes.open_on(msisdn, now_ms)
        if push is None:
            raise NothingRings(f"nothing rings on {msisdn}")
        push.ignored = answer == "ignore"
        push.end(ANSWERS[answer], push.expires_ms if push.ignored else now_ms, "person")
        self._world.outbox.plan(push)
        return push.document(now_ms)

    def set_rule(self, msisdn: str, document: object) -> None:
        """Let a rule answer for a phone, or for "default": all phones that have no rule of their own."""
        rule, phones = read_rule(document), self._world.phones
        if msisdn == "default":
            phones.default_rule = rule
        else:
            phones.set_rule(msisdn, rule)

    def remove_rule(self, msisdn: str) -> None:
        """Hand a phone, or "default", back to people."""
        phones = self._world.phones
        if msisdn == "default":
            phones.default_rule = None
        else:
            phones.remove_rule(msisdn)

    def rule(self, msisdn: str) -> dict[str, Any] | None:
        """Show the rule that would answer for a phone; None is a person."""
        phones = self._world.phones
        rule = phones.default_rule if msisdn == "default" else phones.rule_of(msisdn)
        return rule.document() if rule else None

    def set_faults(self, document: object) -> dict[str, Any]:
        """Replace all rates of faults."""
        self._world.plan.set_rates(read_rates(document))
        return self.faults()

    def order(self, document: object) -> dict[str, Any]:
        """Order a result or faults for what comes next."""
        self._world.plan.add_orders(read_orders(document))
        return self.faults()

    def faults(self) -> dict[str, Any]:
        """Show rates, waiting orders, and all faults that there are."""
        return {**self._world.plan.document(), "known": describe_faults()}

    def phones(self, now_ms: int) -> list[dict[str, Any]]:
        """Show the phones that ring or rang lately."""
        return show_phones(self._world.pushes, now_ms)

    def requests(self, after: int = 0) -> list[dict[str, Any]]:
        """Show every request received and every callback posted, in order."""
        return self._world.journal.documents(after)

    def payments(self, now_ms: int) -> list[dict[str, Any]]:
        """Show the truth about every push."""
        return self._world.pushes.documents(now_ms)

    def find(self, checkout_request_id: str) -> Push | None:
        """Find one push, with its true end, by Daraja's identity for it."""
        return self._world.pushes.find(checkout_request_id)

    def reset(self) -> None:
        """Forget everything that happened or was ordered since the start."""
        receipts = 0 if self.settings.first_receipt is None else self._world.receipts
        self._world = World(self.settings, receipts)
