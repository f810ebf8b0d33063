"""`/v1/payments`: ask for money, and find out what became of it."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from hakika.api.access import require_key
from hakika.api.problems import Problem
from hakika.api.shapes import (
    Cancellation,
    NewPayment,
    NewRegistration,
    OperatorsWord,
    PaymentList,
    PaymentShape,
    Status,
    Timeline,
    WaitSeconds,
)
from hakika.domain.errors import InvalidRequest
from hakika.domain.phone import read_phone
from hakika.engine.cashier import Answered, Cashier, IdempotencyKey, fingerprint_body
from hakika.engine.orders import read_order, read_registration
from hakika.engine.representation import encode
from hakika.engine.resolution import Resolution
from hakika.store.payments import PaymentRow
from hakika.store.search import Search

ApiKey = Annotated[str, Depends(require_key)]
PaymentId = str
KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Makes a repeat safe: the same key and body give the first answer again, for 24 hours.",
    ),
]
PAYMENT: dict[str, Any] = {"model": PaymentShape, "description": "The payment."}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "`not_authenticated`"},
    404: {"model": Problem, "description": "`not_found`"},
    409: {"model": Problem, "description": "It collides with something that exists: see `code`."},
    422: {"model": Problem, "description": "`invalid_request`, `invalid_phone`, `invalid_amount`"},
    503: {"model": Problem, "description": "`store_unavailable`"},
}

router = APIRouter(prefix="/v1/payments", tags=["payments"], responses=PROBLEMS)


def find_cashier(request: Request) -> Cashier:
    """FastAPI's dependency: the application."""
    cashier: Cashier = request.app.state.cashier
    return cashier


Verbs = Annotated[Cashier, Depends(find_cashier)]


@router.post("", status_code=201, responses={201: PAYMENT})
async def request_payment(
    body: NewPayment, cashier: Verbs, api_key: ApiKey, idempotency_key: KeyHeader = None
) -> Response:
    """Ask a phone for money.

    The payment is stored before anything is sent; its prompt follows within milliseconds. Follow it with
    `wait`, or read it again: it always ends.
    """
    order = read_order(**body.model_dump())
    key = _read_key("/v1/payments", api_key, idempotency_key, body.model_dump())
    return _created(await cashier.request(order, key))


@router.post("/register", status_code=201, responses={201: PAYMENT})
async def register_payment(
    body: NewRegistration, cashier: Verbs, api_key: ApiKey, idempotency_key: KeyHeader = None
) -> Response:
    """Follow a push that another program made. Its amount is yours to claim: `amount_unverified` says so."""
    given = body.model_dump()
    checkout_id, merchant_id = given.pop("checkout_request_id"), given.pop("merchant_request_id")
    registration = read_registration(
        checkout_request_id=checkout_id, merchant_request_id=merchant_id, order=read_order(**given)
    )
    key = _read_key("/v1/payments/register", api_key, idempotency_key, body.model_dump())
    return _created(await cashier.register(registration, key))


@router.get("", responses={200: {"model": PaymentList}})
async def list_payments(
    cashier: Verbs,
    _: ApiKey,
    reference: str | None = None,
    phone: str | None = None,
    receipt: str | None = None,
    checkout_request_id: str | None = None,
    status: Status | None = None,
    account: str | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: str | None = None,
) -> Response:
    """Find payments, newest first."""
    search = Search(
        reference=reference,
        phone=read_phone(phone) if phone else None,
        receipt=receipt.strip().upper() if receipt else None,
        checkout_request_id=checkout_request_id,
        status=status,
        account=account,
        created_after_ms=_milliseconds(created_after),
        created_before_ms=_milliseconds(created_before),
        limit=limit + 1,
        cursor=cursor,
    )
    rows = list(await cashier.find(search))
    page, more = rows[:limit], len(rows) > limit
    data = b",".join(encode(row) for row in page)
    next_cursor = msgspec.json.encode(page[-1].id if more else None)
    more_json = b"true" if more else b"false"
    return _json(b'{"object":"list","data":[%b],"has_more":%b,"next_cursor":%b}' % (data, more_json, next_cursor))


@router.get("/{payment_id}", responses={200: PAYMENT})
async def read_payment(payment_id: PaymentId, cashier: Verbs, _: ApiKey) -> Response:
    """Read a payment, straight from the database."""
    return _show(await cashier.read(payment_id))


@router.get("/{payment_id}/timeline", responses={200: {"model": Timeline}})
async def tell_payment(payment_id: PaymentId, cashier: Verbs, _: ApiKey) -> Response:
    """Tell all evidence and events of a payment, in order, with who said it."""
    entries = await cashier.tell(payment_id)
    return _json(msgspec.json.encode({"object": "list", "data": entries}))


@router.get("/{payment_id}/wait", responses={200: PAYMENT})
async def wait_for_payment(payment_id: PaymentId, cashier: Verbs, _: ApiKey, timeout_s: WaitSeconds = 120) -> Response:
    """Wait until the payment is no longer pending, or until the timeout (in seconds)."""
    return _show(await cashier.wait(payment_id, int(timeout_s * 1000)))


@router.post("/{payment_id}/query", responses={200: PAYMENT, 429: {"model": Problem, "description": "`budget_spent`"}})
async def query_payment(payment_id: PaymentId, cashier: Verbs, _: ApiKey) -> Response:
    """Ask Daraja now. Seldom needed: payments are queried by themselves when a callback is overdue."""
    return _show(await cashier.query(payment_id))


@router.post("/{payment_id}/cancel", responses={200: PAYMENT})
async def cancel_payment(
    payment_id: PaymentId, cashier: Verbs, _: ApiKey, body: Cancellation | None = None
) -> Response:
    """Call a payment off before its prompt is sent. Later M-Pesa has no recall, and the answer says so."""
    return _show(await cashier.cancel(payment_id, body.reason if body else ""))


@router.post("/{payment_id}/resolve", responses={200: PAYMENT})
async def resolve_payment(payment_id: PaymentId, body: OperatorsWord, cashier: Verbs, api_key: ApiKey) -> Response:
    """Say what a person found out: for `unresolved` and `mispaid` payments, and refunds made elsewhere."""
    resolution = Resolution(body.outcome, body.reason, body.receipt)
    return _show(await cashier.resolve(payment_id, resolution, body.operator or api_key))


def _read_key(path: str, api_key: str, key: str | None, body: object) -> IdempotencyKey | None:
    return IdempotencyKey(api_key, key, fingerprint_body(path, body)) if key else None


def _created(answered: Answered) -> Response:
    replayed = {"Idempotent-Replayed": "true"} if answered.replayed else {}
    return Response(answered.body, 201, replayed, media_type="application/json")


def _show(row: PaymentRow) -> Response:
    return _json(encode(row))


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _milliseconds(at: datetime | None) -> int | None:
    if at is None:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    try:
        return int(at.timestamp() * 1000)
    except (OverflowError, ValueError) as error:
        raise InvalidRequest("That date is out of range.") from error
