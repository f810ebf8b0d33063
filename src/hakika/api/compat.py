"""The drop-in routes: what the clients of common integrations call, so that they work unchanged on Hakika.

Who may use them without a key, `door` decides. What they do, the cashier's verbs do: no rule about money is here.

POST /api/v1/payments/mpesa/initiate           prompt a phone for an order
GET  /api/v1/payments/{order_id}/status        how an order stands
POST /api/payments/mpesa/query                 ask Daraja about an order
POST /api/payment/query, /payment/query        ask Daraja about a push
POST /payment/register                         follow a push made elsewhere
GET  /payment/status/{checkout_request_id}     how a push stands
GET  /payment/wait/{checkout_request_id}       wait for its end
"""

import re
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from hakika.api.access import Caller, require_key
from hakika.api.compat_shapes import (
    Initiation,
    OrderQuery,
    PushQuery,
    Tracking,
    explain,
    show_initiation,
    show_order,
    show_outcome,
    show_push,
    show_queried_order,
    show_status,
    show_tracking,
)
from hakika.api.door import ANYONE, Door
from hakika.api.listening import NOBODY_LISTENS, while_listened
from hakika.api.payments import Verbs
from hakika.domain.errors import AlreadyRegistered, BudgetSpent, CannotQuery, NotFound
from hakika.domain.payment import DECLINED
from hakika.engine.cashier import Cashier
from hakika.engine.checkout.prompting import PHONE_DAY_MS, spare_phone
from hakika.engine.orders import REFERENCE_LENGTH, read_order, read_registration, read_text
from hakika.engine.watching.story import tell_check
from hakika.store.payments import PaymentRow
from hakika.store.search import Search

PUSH_ANSWERED_WITHIN_MS = 25_000  # clients and proxies give up after 30 s
ASK_APART_MS = 10_000  # clients poll every second or two, which would use up what Daraja may be asked
LONGEST_WAIT_S = 300.0
ASKED_READ = 50  # of a phone in a day: more than just anyone may ask

router = APIRouter(include_in_schema=False)
Known = Annotated[Caller, Depends(require_key)]
_CHECKOUT_REQUEST_ID = re.compile(r"[!-~]{1,128}")


@router.post("/api/v1/payments/mpesa/initiate")
async def initiate_payment(body: Initiation, request: Request, cashier: Verbs, caller: Known) -> Response:
    """Prompt a phone, and answer as Daraja did: accepted, refused, or that nobody knows."""
    order = read_order(
        amount=body.amount,
        phone=body.phone,
        reference=body.order_id,
        description=body.description,
        mode=caller.mode,
    )
    door: Door = request.app.state.door
    door.spare(order.phone, caller)
    if caller.key == ANYONE:
        # As on the public checkout: by what is stored, so that no restart and no second process forgets it.
        now_ms: int = request.app.state.clock()
        since_ms = now_ms - PHONE_DAY_MS
        spare_phone(await cashier.find(Search(phone=order.phone, created_after_ms=since_ms, limit=ASKED_READ)), now_ms)
    asked = msgspec.json.decode((await cashier.request(order)).body)
    row = await while_listened(request, cashier.wait(asked["id"], PUSH_ANSWERED_WITHIN_MS, _push_is_answered))
    if row is None:
        return Response(status_code=NOBODY_LISTENS)
    status, answer = show_initiation(row, await _words_on(cashier, row))
    return JSONResponse(answer, status)


@router.get("/api/v1/payments/{order_id:path}/status")
async def read_order_status(order_id: str, cashier: Verbs, caller: Known) -> dict[str, Any]:
    """How an order stands, straight from the database."""
    row = await _find_order(cashier, caller, order_id)
    tell_check(row)
    return show_order(row)


@router.post("/api/payments/mpesa/query")
async def query_order(body: OrderQuery, request: Request, cashier: Verbs, caller: Known) -> dict[str, Any]:
    """Ask Daraja about an order that is not settled."""
    row = await _ask_daraja(request, cashier, await _find_order(cashier, caller, body.order_id))
    return show_queried_order(row, await _words_on(cashier, row))


@router.post("/api/payment/query")
@router.post("/payment/query")
async def query_push(body: PushQuery, request: Request, cashier: Verbs, caller: Known) -> dict[str, Any]:
    """Ask Daraja about a push that is not settled."""
    row = await _ask_daraja(request, cashier, await _find_push(cashier, caller, body.checkout_request_id))
    return show_push(row, await _words_on(cashier, row), body.transaction_id)


@router.post("/payment/register")
async def register_push(body: Tracking, cashier: Verbs, caller: Known) -> dict[str, Any]:
    """Follow a push; one that is followed already, as ours are, is none the worse for it."""
    order = read_order(
        amount=body.amount,
        phone=body.phone_number,
        reference=body.checkout_request_id[:REFERENCE_LENGTH],
        description=body.description,
        mode=caller.mode,
    )
    registration = read_registration(
        checkout_request_id=body.checkout_request_id, merchant_request_id=None, order=order
    )
    try:
        asked = msgspec.json.decode((await cashier.register(registration)).body)
    except AlreadyRegistered as error:
        row = await _find_push(cashier, caller, body.checkout_request_id)
        if (row.amount, row.phone) != (order.amount, order.phone):
            raise error from None
        return show_tracking(row)
    return show_tracking(await cashier.read(asked["id"]))


@router.get("/payment/status/{checkout_request_id}")
async def read_push_status(checkout_request_id: str, cashier: Verbs, caller: Known) -> dict[str, Any]:
    """How a push stands, straight from the database."""
    row = await _find_push(cashier, caller, checkout_request_id)
    tell_check(row)
    return show_status(row, await _words_on(cashier, row))


@router.get("/payment/wait/{checkout_request_id}")
async def wait_for_push(
    checkout_request_id: str,
    request: Request,
    cashier: Verbs,
    caller: Known,
    timeout_s: Annotated[float, Query(alias="timeout", ge=0)] = 120,
) -> Response:
    """Wait for the end of a push, or until the timeout (in seconds)."""
    row = await _find_push(cashier, caller, checkout_request_id)
    timeout_ms = int(min(timeout_s, LONGEST_WAIT_S) * 1000)
    ended = await while_listened(request, cashier.wait(row.id, timeout_ms))
    if ended is None:
        return Response(status_code=NOBODY_LISTENS)
    return JSONResponse(show_outcome(ended, await _words_on(cashier, ended)))


async def _find_order(cashier: Cashier, caller: Caller, order_id: str) -> PaymentRow:
    """The payment that an order stands or falls with: the completed one, else the latest."""
    reference = read_text("order_id", order_id, REFERENCE_LENGTH)
    search = Search(reference=reference, mode=caller.mode or None, limit=1)
    rows = await cashier.find(search._replace(status="completed")) or await cashier.find(search)
    if not rows:
        raise NotFound("Order not found")
    return rows[0]


async def _find_push(cashier: Cashier, caller: Caller, checkout_request_id: str) -> PaymentRow:
    if _CHECKOUT_REQUEST_ID.fullmatch(checkout_request_id):
        rows = await cashier.find(Search(checkout_request_id=checkout_request_id, mode=caller.mode or None, limit=1))
        if rows:
            return rows[0]
    raise NotFound("No payment has this CheckoutRequestID: one that was made elsewhere must be registered first.")


async def _ask_daraja(request: Request, cashier: Cashier, row: PaymentRow) -> PaymentRow:
    """The payment after a query; as it is where a query would help nothing, or came just now."""
    just_now = request.app.state.clock() - row.queried_at_ms < ASK_APART_MS
    if row.status not in {"pending", "unresolved"} or just_now:
        return row
    try:
        return await cashier.query(row.id)
    except (BudgetSpent, CannotQuery):
        return row  # it is asked by itself, as soon as it can be


async def _words_on(cashier: Cashier, row: PaymentRow) -> str:
    """Why it ended, in M-Pesa's own words where they are known."""
    if row.status not in DECLINED:
        return explain(row)
    for entry in await cashier.tell(row.id):
        said = entry.reading or {}
        if said.get("code") == row.code and (entry.kind != "callback" or said.get("trusted")):
            words = str(said.get("description") or said.get("message") or "")
            if words:
                return words
    return explain(row)


def _push_is_answered(row: PaymentRow) -> bool:
    """Whether Daraja has said what it makes of the push, or never will."""
    return row.status != "pending" or row.stage not in {"queued", "sending"}
