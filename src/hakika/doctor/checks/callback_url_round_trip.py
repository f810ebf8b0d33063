"""A documented callback, posted through the public URL, arrives in the database and goes out as an event."""

import asyncio
import time
from typing import Any

import msgspec

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.front import JSON, Met, bar, recognise, refer
from hakika.doctor.ground import Ground
from hakika.doctor.looking import look_in
from hakika.doctor.visit import Visit, quote, visit
from hakika.domain.events import TRIAL
from hakika.engine.live.feed import Feed, Wanted
from hakika.engine.watching.nonces import Nonces
from hakika.engine.watching.trial import Trials, TrialShape
from hakika.store.events import EventRow, EventSearch, read_head, search_events
from hakika.store.transaction import Transaction

LOOK_EVERY_S = 0.1
ARRIVES_WITHIN_S = 1.0  # after the answer, which is given when it is stored: more than a commit
STREAMED_WITHIN_MS = 1_000
RECEIPT = "TRIAL00000"


async def look(ground: Ground) -> list[Finding]:
    """Post one, and follow it."""
    barred = bar(ground)
    if barred is not None:
        return [barred]
    if ground.vault is None:
        return [Finding(Outcome.UNKNOWN, "The secret key cannot be had: no callback could be known as ours.")]
    head = await look_in(ground, read_head)
    token = Trials(Nonces(ground.vault, ground.clock)).make_token()
    feed: Feed | None = ground.live.get("feed")
    if feed is None:
        seen = await _post(ground, token)
        return [await _follow(ground, token, head.number, seen, streamed=None)]
    with feed.subscribe((await feed.head()).number, Wanted(types=(TRIAL,))) as subscription:
        streaming = asyncio.ensure_future(_hear(subscription.follow(STREAMED_WITHIN_MS), token))
        try:
            seen = await _post(ground, token)
            finding = await _follow(ground, token, head.number, seen, streamed=streaming)
        finally:
            subscription.end()
            streaming.cancel()
    return [finding]


async def _post(ground: Ground, token: str) -> Visit:
    return await visit(ground, "POST", f"{ground.callback_origin}/c/{token}", spell_callback(token), JSON)


def spell_callback(token: str) -> bytes:
    """A paid prompt's callback as it is documented (daraja.md §2.3), about a payment that there is not."""
    items = [
        {"Name": "Amount", "Value": 1.00},
        {"Name": "MpesaReceiptNumber", "Value": RECEIPT},
        {"Name": "TransactionDate", "Value": 20191219102115},
        {"Name": "PhoneNumber", "Value": 254700000000},
    ]
    told = {
        "MerchantRequestID": "29115-34620561-1",
        "CheckoutRequestID": f"ws_CO_{token}",
        "ResultCode": 0,
        "ResultDesc": "The service request is processed successfully.",
        "CallbackMetadata": {"Item": items},
    }
    return msgspec.json.encode({"Body": {"stkCallback": told}})


async def _follow(
    ground: Ground, token: str, after: int, seen: Visit, *, streamed: "asyncio.Future[bool] | None"
) -> Finding:
    began_s = time.monotonic()
    row = await _find(ground, token, after, ARRIVES_WITHIN_S if seen.status else 0)
    if row is None:
        return _explain_loss(ground, seen)
    trial = msgspec.json.decode(row.snapshot, type=TrialShape)
    evidence = (
        f"Posted and answered HTTP {seen.status} in {seen.took_ms} ms; stored as event {row.id}"
        f"{_tell_stream(streamed, await _wait(streamed), began_s)}; it came from {trial.remote or 'no address'}."
    )
    if trial.receipt != RECEIPT or trial.amount != 1:
        cure = "Something in front changes the body of a POST: have it handed on byte by byte."
        return Finding(Outcome.FAILED, f"{evidence} But its body was not what was posted.", cure)
    if streamed is not None and not (streamed.done() and not streamed.cancelled() and streamed.result()):
        return Finding(Outcome.FAILED, evidence, "Restart this server: its stream of events stands still.")
    if seen.status == 403:
        return Finding(
            Outcome.OK, f"{evidence} 403, because HAKIKA_REFUSE_FOREIGN_IPS is on and this is not Safaricom."
        )
    if not 200 <= seen.status < 300:
        return Finding(Outcome.WARNING, f"{evidence} It arrived, but the answer on the way back was not ours.")
    return Finding(Outcome.OK, evidence)


async def _wait(streamed: "asyncio.Future[bool] | None") -> bool:
    if streamed is None:
        return False
    await asyncio.wait({streamed}, timeout=STREAMED_WITHIN_MS / 1000)
    return streamed.done()


def _tell_stream(streamed: object, heard: bool, began_s: float) -> str:
    if streamed is None:
        return ""
    took_ms = round((time.monotonic() - began_s) * 1000)
    return f", in the stream within {took_ms} ms" if heard else ", but it did not come out of the stream"


async def _hear(messages: Any, token: str) -> bool:
    async for message in messages:
        if message is not None and token.encode() in message.data:
            return True
    return False


async def _find(ground: Ground, token: str, after: int, within_s: float) -> EventRow | None:
    """The event of our trial, looked for in the database itself. Raises Unseen."""

    def job(tx: Transaction) -> EventRow | None:
        found = search_events(tx, EventSearch(after, types=(TRIAL,)))
        return next((row for row in found if token in row.snapshot), None)

    until_s = time.monotonic() + within_s
    # The database tells nobody; that it is there is what is looked for.
    while (row := await look_in(ground, job)) is None and time.monotonic() < until_s:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_EVERY_S)
    return row


def _explain_loss(ground: Ground, seen: Visit) -> Finding:
    if seen.status == 200 and b'"ResultCode":0' in seen.body:
        evidence = "A Hakika took it and said so, but it is not in this database."
        cure = "Another server answers there, with another database or secret key: see callback-url.reaches-us."
        return Finding(Outcome.FAILED, evidence, cure)
    if not seen.status:
        return refer(Met(recognise(seen), seen))
    return Finding(Outcome.FAILED, f"It was posted to {ground.callback_origin}/c/… and did not arrive: {quote(seen)}.")


CHECK = Check(
    name="callback-url.round-trip",
    area=Area.CALLBACK_URL,
    title="A callback posted through the public URL arrives, is stored and published",
    meaning=(
        "What Safaricom posts does not become certainty: it is lost on the way, or not stored. The doctor posts the "
        "documented callback of a paid prompt of KES 1 with a token of its own. There is no payment behind it, so "
        "nothing lists, counts or queries it, and no alert or message comes of it; all that stays is one event, "
        "`test.callback`, in the log, which no endpoint can ask for."
    ),
    cure="Run `hakika doctor callback-url`: one of its checks says what stands in the way.",
    look=look,
    asked=True,
)
