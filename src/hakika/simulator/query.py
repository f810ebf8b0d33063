"""The STK query: what Daraja says about a push that it knows, at this moment."""

from hakika.simulator.fields import (
    SHORTCODE,
    check_password,
    read_document,
    read_line,
    read_pattern,
    read_timestamp,
)
from hakika.simulator.outcomes import STILL_PROCESSING, query_text
from hakika.simulator.push import check_merchant
from hakika.simulator.pushes import Push
from hakika.simulator.wire import Answer, Refused, RefusedRaw, Request, reply, spike_arrest
from hakika.simulator.world import World

MINUTE_MS = 60_000


def query(request: Request, world: World, key: str) -> Answer:
    """Answer `POST /mpesa/stkpushquery/v1/query`."""
    limit_queries(world, request.now_ms)
    document = read_document(request)
    shortcode = read_pattern(document, "BusinessShortCode", SHORTCODE)
    password = read_line(document, "Password", 512, "Password")
    timestamp = read_timestamp(document)
    identity = read_line(document, "CheckoutRequestID", 128, "CheckoutRequestID")
    account = check_merchant(world.settings, shortcode, key)
    check_password(account, password, timestamp)
    push = world.pushes.find(identity)
    if push is None or push.account != account:
        raise Refused("500.001.1001", "The transaction does not Exist")
    return reply(describe(push, request.now_ms))


def limit_queries(world: World, now_ms: int) -> None:
    """Let queries through at an even pace: the gateway's burst is one."""
    limit = world.settings.query_limit_per_minute
    if limit is None:
        return
    if now_ms < world.query_allowed_ms:
        raise RefusedRaw(spike_arrest(limit))
    world.query_allowed_ms = now_ms + MINUTE_MS // limit


def describe(push: Push, now_ms: int) -> dict[str, str]:
    """Say how a push ended, or that it has not: never the receipt, the amount or the phone."""
    contradicted = push.faults.get("query_contradicts")
    code = contradicted.text("says") if contradicted else push.code
    if not push.is_settled(now_ms):
        code = STILL_PROCESSING
    return {
        "ResponseCode": "0",
        "ResponseDescription": "The service request has been accepted successsfully",
        "MerchantRequestID": push.merchant_request_id,
        "CheckoutRequestID": push.checkout_request_id,
        "ResultCode": code,
        "ResultDesc": query_text(code),
    }
