"""What stands before Daraja and can refuse a request, or lose it, before anything is processed."""

from random import Random

from hakika.simulator.faults import Fault
from hakika.simulator.oauth import Tokens
from hakika.simulator.plan import Drawn
from hakika.simulator.wire import Answer, Refused, RefusedRaw, Request, firewall_page, reply, spike_arrest

PLAIN_REFUSALS = {
    "busy": ("500.003.02", "System is busy. Please try again in few minutes."),
    "internal_error": ("500.003.1001", "Internal Server Error"),
    "subscriber_locked": (
        "500.001.1001",
        "Unable to lock subscriber, a transaction is already in process for the current subscriber",
    ),
    "no_such_product": ("401.003.01", "Error Occurred - Invalid API call as no apiproduct match found"),
}
GATEWAY_PACE_PER_MINUTE = 60


def pass_gateway(request: Request, drawn: Drawn, tokens: Tokens, chance: Random) -> int:
    """Let a request through, saying how much its answer is delayed, or refuse it as the faults say."""
    faults = drawn.faults
    slow = faults.get("slow")
    if "token_revoked" in faults:
        tokens.revoke_all()
    if "push_vanished" in faults:
        raise RefusedRaw(Answer(0, cut=True))
    if "html_503" in faults:
        raise RefusedRaw(firewall_page())
    if arrest := faults.get("spike_arrest"):
        arrest_spike(arrest)
    for name, (code, message) in PLAIN_REFUSALS.items():
        if name in faults:
            raise Refused(code, message)
    if flapping := faults.get("query_flapping"):
        flap(flapping, request, chance)
    return slow.number("delay_ms") if slow else 0


def arrest_spike(fault: Fault) -> None:
    """Refuse for asking too fast, in the body of Daraja or of its gateway."""
    if fault.text("shape") == "apigee":
        raise RefusedRaw(spike_arrest(GATEWAY_PACE_PER_MINUTE))
    raise Refused("500.003.02", "Error Occurred - Spike Arrest Violation")


def flap(fault: Fault, request: Request, chance: Random) -> None:
    """Answer a query with the error that says nothing: with a text, or with HTTP 200 and none."""
    shape = fault.text("shape")
    if shape == "any":
        shape = chance.choice(("processing", "empty"))
    identity = str(request.document().get("CheckoutRequestID", ""))
    message = "The transaction is being processed" if shape == "processing" else ""
    document = {"requestId": identity, "errorCode": "500.001.1001", "errorMessage": message}
    raise RefusedRaw(reply(document, 500 if shape == "processing" else 200))
