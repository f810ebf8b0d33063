"""The STK push: check the request as Daraja does, accept it, and decide how the prompt will end.

request ──▶ read_ask ──▶ accept ──▶ decide ──▶ the answer, as the faults of this payment leave it
             refuses      a Push     its end
"""

from dataclasses import dataclass, replace

from hakika.simulator.chance import seeded
from hakika.simulator.fields import (
    SHORTCODE,
    check_password,
    read_amount,
    read_callback_url,
    read_document,
    read_line,
    read_pattern,
    read_timestamp,
    text_of,
)
from hakika.simulator.kenya import MSISDN, checkout_request_id, receipt_number
from hakika.simulator.outcomes import NO_ANSWER, PAID
from hakika.simulator.plan import Drawn
from hakika.simulator.pushes import Push
from hakika.simulator.settings import Account, Settings
from hakika.simulator.wire import Answer, Refused, Request, firewall_page, invalid_field, reply
from hakika.simulator.world import World

TRANSACTION_TYPES = ("CustomerPayBillOnline", "CustomerBuyGoodsOnline")
LONGEST_REFERENCE = 15
"""Documented are 12; 15 were seen to be accepted."""
LONGEST_DESCRIPTION = 13
LONGEST_PROMPT = 182
SILENT_FAILURES = frozenset("@#&")
"""Characters in a reference or description after which no phone was seen to ring."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A push request whose every field is in order."""

    account: Account
    transaction_type: str
    amount: int
    party_b: str
    msisdn: str
    callback_url: str
    reference: str
    description: str


def process_request(request: Request, world: World, key: str) -> Answer:
    """Answer `POST /mpesa/stkpush/v1/processrequest`."""
    ask = read_ask(request, world.settings, key)
    drawn = world.plan.draw("payment", "push", ask.msisdn, str(ask.amount))
    push = accept(world, ask, drawn, request.now_ms)
    decide(world, push, ask, drawn)
    world.pushes.add(push)
    world.outbox.plan(push)
    return bend(push, request, acceptance(push))


def read_ask(request: Request, settings: Settings, key: str) -> Ask:
    """Check the fields in Daraja's order, then who is asking."""
    document = read_document(request)
    shortcode = read_pattern(document, "BusinessShortCode", SHORTCODE)
    password = read_line(document, "Password", 512, "Password")
    timestamp = read_timestamp(document)
    transaction_type = text_of(document, "TransactionType")
    if transaction_type not in TRANSACTION_TYPES:
        raise invalid_field("TransactionType")
    amount = read_amount(document)
    read_pattern(document, "PartyA", MSISDN)
    party_b = read_pattern(document, "PartyB", SHORTCODE)
    msisdn = read_pattern(document, "PhoneNumber", MSISDN)
    callback_url = read_callback_url(document, strict=settings.strict)
    reference = read_line(document, "AccountReference", LONGEST_REFERENCE, "AccountReference")
    description = read_line(document, "TransactionDesc", LONGEST_DESCRIPTION, "Remarks")
    account = check_merchant(settings, shortcode, key)
    check_password(account, password, timestamp)
    return Ask(account, transaction_type, amount, party_b, msisdn, callback_url, reference, description)


def check_merchant(settings: Settings, shortcode: str, key: str) -> Account:
    """Find the account that a shortcode names, if the asking app may use it."""
    account = settings.account(shortcode)
    if account is None or account.key != key:
        raise Refused("500.001.1001", "Merchant does not exist")
    return account


def accept(world: World, ask: Ask, drawn: Drawn, now_ms: int) -> Push:
    """Give a push its identities and draw how long M-Pesa will take over it."""
    settings = world.settings
    world.accepted += 1
    world.receipts += 1
    number = world.accepted
    chance = seeded(settings.seed, "push", number)
    identity_ms = now_ms
    while checkout_request_id(identity_ms, ask.msisdn) in world.pushes:
        identity_ms += 1
    return Push(
        number=number,
        checkout_request_id=checkout_request_id(identity_ms, ask.msisdn),
        merchant_request_id=f"{chance.randrange(10_000, 100_000)}-{10_000_000 + number}-1",
        account=ask.account,
        msisdn=ask.msisdn,
        amount=ask.amount,
        reference=ask.reference,
        description=ask.description,
        callback_url=ask.callback_url,
        asked_ms=now_ms,
        expires_ms=now_ms + settings.prompt_life_ms,
        settle_ms=chance.randint(*settings.settle_ms),
        latency_ms=chance.randint(*settings.callback_latency_ms),
        receipt=receipt_number(now_ms, world.receipts, settings.seed),
        faults=drawn.faults,
    )


def decide(world: World, push: Push, ask: Ask, drawn: Drawn) -> None:
    """Decide how the prompt ends, as far as that is known before anybody answers it."""
    refused = refusal_code(world, push, ask)
    reply_drawn = world.phones.reply(push.msisdn, seeded(world.settings.seed, "phone", push.number))
    early = push.faults.get("callback_early")
    if refused:
        push.prompted = False
        push.end(refused, push.asked_ms, "network")
    elif SILENT_FAILURES & set(push.reference + push.description):
        push.prompted = False
        push.end(NO_ANSWER, push.expires_ms, "network")
    elif drawn.result_code is not None:
        think_ms = world.settings.think_ms if drawn.after_ms is None else drawn.after_ms
        wait = drawn.result_code == NO_ANSWER and drawn.after_ms is None
        push.end(drawn.result_code, push.expires_ms if wait else push.asked_ms + think_ms, "order")
    elif reply_drawn and reply_drawn.code != NO_ANSWER and reply_drawn.think_ms < world.settings.prompt_life_ms:
        push.end(reply_drawn.code, push.asked_ms + reply_drawn.think_ms, "rule")
    else:
        push.end(PAID if early and not reply_drawn else NO_ANSWER, push.expires_ms, "nobody")
    if early:
        push.ended_ms, push.settle_ms = push.asked_ms, 0
        push.latency_ms = early.number("delay_ms") // 2


def refusal_code(world: World, push: Push, ask: Ask) -> str | None:
    """Say why M-Pesa refuses before the phone rings, if it does."""
    if ask.transaction_type != ask.account.transaction_type:
        return "2028"
    if ask.party_b != ask.account.party_b:
        return "SFC_IC0003"
    if world.pushes.open_on(push.msisdn, push.asked_ms):
        return "1001"
    alike = world.pushes.alike(push.msisdn, push.amount)
    if alike and push.asked_ms - alike.asked_ms < world.settings.repeat_window_ms:
        return "17"
    return "1025" if len(push.prompt) > LONGEST_PROMPT else None


def acceptance(push: Push) -> Answer:
    """Answer as Daraja does when it takes a push on."""
    return reply(
        {
            "MerchantRequestID": push.merchant_request_id,
            "CheckoutRequestID": push.checkout_request_id,
            "ResponseCode": "0",
            "ResponseDescription": "Success. Request accepted for processing",
            "CustomerMessage": "Success. Request accepted for processing",
        }
    )


def bend(push: Push, request: Request, answer: Answer) -> Answer:
    """Spoil the answer as the faults of this payment say; the payment itself goes on."""
    early = push.faults.get("callback_early")
    if error := push.faults.get("push_error_after_acceptance"):
        answer = error_after_acceptance(error.text("shape"), request)
    if early:
        awaited = None if "callback_lost" in push.faults else push.checkout_request_id
        answer = replace(answer.delayed(early.number("delay_ms")), after_callback=awaited)
    if "push_cut" in push.faults:
        answer = replace(answer, cut=True)
    return answer


def error_after_acceptance(shape: str, request: Request) -> Answer:
    """Answer with a server error in one of its shapes."""
    if shape == "html":
        return firewall_page()
    if shape == "busy":
        return Refused("500.003.02", "System is busy. Please try again in few minutes.").answer(request.request_id)
    return Refused("500.003.1001", "Internal Server Error").answer(request.request_id)
