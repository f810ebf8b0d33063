"""What integrators suffer from, played on a till: each row of the table of pains, and what stands beside it."""

from collections.abc import Awaitable, Callable

import msgspec

from hakika.daraja.answers import read_push_answer, read_query_answer
from hakika.daraja.callbacks import read_callback
from hakika.daraja.protocol import Answer, PushOutcome
from hakika.domain.evidence import CallbackUnreadable, PaybillConfirmed, PushRefused
from hakika.engine.case import Origin
from hakika.engine.orders import read_registration
from hakika.store.payments import PaymentRow
from tests.engine.till import Till, lose, refuse, refuse_for_good, say, say_nothing

Play = Callable[[Till], Awaitable[PaymentRow]]
PLAYS: list[tuple[int, str, Play]] = []
"""(row of the table of pains, the cause that must be named, what happens)."""


def shows(row: int, cause: str) -> Callable[[Play], Play]:
    """Note that what the function plays is that row, and that this cause must be named."""

    def note(play: Play) -> Play:
        PLAYS.append((row, cause, play))
        return play

    return note


async def refused(till: Till, code: str, message: str, http_status: int = 0) -> PaymentRow:
    """A payment whose push Daraja refused in these words, read as from the wire."""
    body = msgspec.json.encode({"requestId": "1-2-3", "errorCode": code, "errorMessage": message})
    answer = Answer(http_status or int(code[:3]), {}, body)
    till.daraja.push_answers = [lambda at_ms, attempt: read_push_answer(answer, attempt, at_ms)] * 5
    row = await till.prompt()
    for _ in range(5):
        await till.work(after_s=20)
    return await till.read(row.id)


async def called_back(till: Till, code: str, description: str = "") -> PaymentRow:
    """A payment that M-Pesa declined by callback."""
    row = await till.prompt()
    await till.call_back(row, code, description=description)
    return await till.read(row.id)


# ── the rows, one play each or more ──────────────────────────────


@shows(1, "callback-missing")
async def _(till: Till) -> PaymentRow:
    row = await till.prompt()
    await till.work(after_s=90)
    return row


@shows(1, "callback-missing")
async def _(till: Till) -> PaymentRow:
    row = await till.prompt()
    till.daraja.query_default = say("0")
    await till.work(after_s=90)
    return row


@shows(2, "stuck")
async def _(till: Till) -> PaymentRow:
    row = await till.prompt()
    await till.work(after_s=600)
    return row


@shows(2, "stuck")
async def _(till: Till) -> PaymentRow:
    row = await till.prompt()
    till.daraja.query_default = say_nothing
    for _ in range(3):
        await till.work(after_s=90_000)
    return row


@shows(3, "still-processing")
async def _(till: Till) -> PaymentRow:
    row = await till.prompt()
    await till.work(after_s=12)
    return row


@shows(3, "still-processing")
async def _(till: Till) -> PaymentRow:
    row = await till.prompt()
    body = b'{"requestId":"1","errorCode":"500.001.1001","errorMessage":"The transaction is being processed"}'
    till.daraja.query_default = lambda at_ms, checkout_id, last_word: read_query_answer(
        Answer(500, {}, body), checkout_id, at_ms, last_word
    )
    await till.work(after_s=12)
    return row


@shows(4, "paid-late")
async def _(till: Till) -> PaymentRow:
    row = await called_back(till, "1037")
    till.clock.pass_s(30)
    await till.call_back(row)
    return row


@shows(5, "callback-repeated")
async def _(till: Till) -> PaymentRow:
    row = await till.prompt()
    for _ in range(3):
        await till.call_back(row, identity="the-same-bytes")
    return row


@shows(6, "two-channels")
async def _(till: Till) -> PaymentRow:
    row = await till.prompt()
    await till.call_back(row)
    await till.hear(row, PaybillConfirmed(till.clock(), "SFF6XYZ123", row.amount))
    return row


@shows(6, "receipt-taken")
async def _(till: Till) -> PaymentRow:
    first, second = await till.prompt(), await till.prompt()
    await till.call_back(first)
    await till.call_back(second, checkout_request_id=second.checkout_request_id)
    return second


@shows(7, "charged-twice")
async def _(till: Till) -> PaymentRow:
    first = await till.prompt(reference="order-7")
    await till.call_back(first, "1032")
    till.clock.pass_s(130)
    second = await till.prompt(reference="order-7", phone="254799000111")
    await till.call_back(second, receipt="SFF6XYZ777")
    await till.call_back(first, receipt="SFF6XYZ778")
    return second


@shows(8, "answer-lost")
async def _(till: Till) -> PaymentRow:
    till.daraja.push_answers = [lose]
    return await till.prompt()


@shows(8, "answer-lost")
async def _(till: Till) -> PaymentRow:
    till.daraja.push_answers = [lose]
    row = await till.prompt()
    await till.work(after_s=600)
    return row


@shows(9, "access-token")
async def _(till: Till) -> PaymentRow:
    return await refused(till, "404.001.03", "Invalid Access Token")


@shows(9, "key-or-secret")
async def _(till: Till) -> PaymentRow:
    said = "Daraja refused consumer key and secret (HTTP 400: no JSON)."
    till.daraja.obstacles = [PushOutcome(PushRefused(till.clock(), 1, "wrong_key_or_secret", said))]
    return await till.prompt()


@shows(10, "product-missing")
async def _(till: Till) -> PaymentRow:
    return await refused(till, "401.003.01", "Error Occurred: Invalid API call as no apiproduct match found")


@shows(11, "passkey")
async def _(till: Till) -> PaymentRow:
    return await refused(till, "500.001.1001", "Wrong credentials")


@shows(12, "shortcode")
async def _(till: Till) -> PaymentRow:
    return await refused(till, "500.001.1001", "Merchant does not exist")


@shows(12, "shortcode")
async def _(till: Till) -> PaymentRow:
    return await called_back(till, "SFC_IC0003", "The operator does not exist")


@shows(12, "shortcode")
async def _(till: Till) -> PaymentRow:
    return await called_back(till, "2028", "The request is not permitted according to product assignment")


@shows(13, "too-fast")
async def _(till: Till) -> PaymentRow:
    return await refused(till, "500.003.02", "Error Occurred: Spike Arrest Violation")


@shows(13, "too-fast")
async def _(till: Till) -> PaymentRow:
    return await refused(till, "500.003.02", "System is busy. Please try again in few minutes.")


@shows(13, "too-fast")
async def _(till: Till) -> PaymentRow:
    till.daraja.push_answers = [refuse]
    return await till.prompt()


@shows(14, "payer-locked")
async def _(till: Till) -> PaymentRow:
    return await refused(till, "500.001.1001", "Unable to lock subscriber, a transaction is already in process")


@shows(14, "payer-locked")
async def _(till: Till) -> PaymentRow:
    return await called_back(till, "17")


@shows(15, "callback-url-refused")
async def _(till: Till) -> PaymentRow:
    return await refused(till, "400.002.02", "Bad Request - Invalid CallBackURL")


@shows(17, "wrong-pin")
async def _(till: Till) -> PaymentRow:
    return await called_back(till, "2001", "The initiator information is invalid.")


@shows(18, "field-refused")
async def _(till: Till) -> PaymentRow:
    till.daraja.push_answers = [refuse_for_good]
    return await till.prompt()


@shows(18, "shortcode")
async def _(till: Till) -> PaymentRow:
    return await refused(till, "400.002.02", "Bad Request - Invalid BusinessShortCode")


@shows(19, "no-answer")
async def _(till: Till) -> PaymentRow:
    return await called_back(till, "1037", "DS timeout user cannot be reached.")


@shows(19, "prompt-undelivered")
async def _(till: Till) -> PaymentRow:
    return await called_back(till, "1025")


@shows(20, "callback-unreadable")
async def _(till: Till) -> PaymentRow:
    row = await till.prompt()
    broken = read_callback(b'{"Body":{"stkCallback":', trusted=True, at_ms=till.clock())
    assert isinstance(broken, CallbackUnreadable)
    await till.hear(row, broken)
    return row


# Beside the table: forged callbacks, the firewall, and what a person must look at.


@shows(0, "forged-callback")
async def _(till: Till) -> PaymentRow:
    row = await till.prompt()
    await till.call_back(row, token="", origin=Origin("203.0.113.9", "/mpesa/callback"))
    return row


@shows(0, "firewall")
async def _(till: Till) -> PaymentRow:
    page = b"<html>Request unsuccessful. Incapsula incident ID: 1-2</html>"
    till.daraja.push_answers = [lambda at_ms, attempt: read_push_answer(Answer(503, {}, page), attempt, at_ms)]
    return await till.prompt()


@shows(0, "mispaid")
async def _(till: Till) -> PaymentRow:
    row = await till.prompt()
    await till.call_back(row, amount=1)
    return row


@shows(0, "another-prompt")
async def _(till: Till) -> PaymentRow:
    row = await till.prompt()
    await till.call_back(row, checkout_request_id="ws_CO_another")
    return row


@shows(0, "unverified")
async def _(till: Till) -> PaymentRow:
    registration = read_registration(checkout_request_id="ws_CO_9", merchant_request_id=None, order=till.order())
    answered = await till.cashier.register(registration)
    row = await till.read(str(msgspec.json.decode(answered.body)["id"]))
    till.daraja.query_default = say("0")
    await till.work(after_s=90)
    return row


@shows(0, "frozen")
async def _(till: Till) -> PaymentRow:
    row = await till.prompt()
    await till.spoil(row, frozen="completed may not become failed")
    return row


@shows(0, "unreachable")
async def _(till: Till) -> PaymentRow:
    refusal = PushRefused(till.clock(), 1, "not_connected", "ClientConnectorError: Connect call failed", resend=True)
    till.daraja.obstacles = [PushOutcome(refusal)] * 5
    row = await till.prompt()
    for _ in range(5):
        await till.work(after_s=20)
    return row


@shows(0, "no-token")
async def _(till: Till) -> PaymentRow:
    said = "No access token in Daraja's answer (HTTP 503: the firewall's page (Incapsula))."
    till.daraja.obstacles = [PushOutcome(PushRefused(till.clock(), 1, "no_token", said, resend=True))] * 5
    row = await till.prompt()
    for _ in range(5):
        await till.work(after_s=20)
    return row


@shows(0, "not-sent")
async def _(till: Till) -> PaymentRow:
    row = await till.ask()
    await till.work(after_s=90)
    return row
