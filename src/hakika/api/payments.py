"""`/v1/payments`: ask for money, and find out what became of it."""

import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import msgspec
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel

from hakika.api.access import Caller, require_key
from hakika.api.explanation_shapes import ExplanationShape
from hakika.api.keyed import KEY_ERRORS, REPLAYED, KeyHeader, answer_created, read_key
from hakika.api.problems import ClientSecretRefused, RequestTooLarge, document
from hakika.api.shapes import (
    NO_CONTROLS,
    PAYMENT_EXAMPLE,
    AccountName,
    Cancellation,
    ConfirmedBy,
    DarajaId,
    Flag,
    NewPayment,
    NewRegistration,
    OperatorsWord,
    PaymentList,
    PaymentShape,
    PhoneText,
    Reference,
    Status,
    Timeline,
    WaitSeconds,
)
from hakika.api.stream import BEAT, BEAT_MS, END, LASTS_MS, EventStream, LateAnswer, as_message
from hakika.domain.errors import (
    AlreadyEnded,
    AlreadyRegistered,
    BudgetSpent,
    CannotCancel,
    CannotQuery,
    CannotResolve,
    InvalidAmount,
    InvalidPhone,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    PayerBusy,
    ReferenceInUse,
    RepeatedTooSoon,
    StoreUnavailable,
)
from hakika.domain.phone import read_phone
from hakika.engine.cashier import Cashier
from hakika.engine.live.feed import Feed
from hakika.engine.live.notices import Watch
from hakika.engine.orders import REFERENCE_LENGTH, read_order, read_registration, read_text
from hakika.engine.representation import encode, encode_for_payer, mode_of
from hakika.engine.resolution import Resolution
from hakika.engine.watching.story import tell_check
from hakika.store.payments import PaymentRow
from hakika.store.search import Search

EXAMPLE_ID = PAYMENT_EXAMPLE["id"]
ApiKey = Annotated[Caller, Depends(require_key)]
PAYMENT_ID = re.compile(r"pay_[0-9a-hjkmnp-tv-z]{26}")
RECEIPT_PATTERN = r"^[A-Za-z0-9]{1,32}$"
RESULT_CODE_PATTERN = r"^[A-Za-z0-9._-]{1,64}$"
STREAM_EXAMPLE = (
    'event: payment\ndata: {"id":"pay_…","status":"pending","stage":"prompted",…}\n\n'
    'id: 5f0c2a91-123\nevent: payment\ndata: {"id":"pay_…","status":"completed",…}\n\nevent: end\ndata: {}\n\n'
)
PAYMENT: dict[str, Any] = {"model": PaymentShape, "description": "The payment."}
CREATED: dict[str, Any] = PAYMENT | REPLAYED
EVERYWHERE = (NotAuthenticated, InvalidRequest, RequestTooLarge, StoreUnavailable)
ASKING = (InvalidPhone, InvalidAmount, *KEY_ERRORS)

router = APIRouter(prefix="/v1/payments", tags=["payments"])


# Dependencies are coroutines though they wait for nothing: FastAPI runs each plain function in a thread of its own.
async def find_cashier(request: Request) -> Cashier:
    """FastAPI's dependency: the application."""
    cashier: Cashier = request.app.state.cashier
    return cashier


async def find_feed(request: Request) -> Feed:
    """FastAPI's dependency: the feed."""
    feed: Feed = request.app.state.feed
    return feed


Verbs = Annotated[Cashier, Depends(find_cashier)]
Following = Annotated[Feed, Depends(find_feed)]


PathId = Annotated[str, Path(json_schema_extra={"pattern": f"^{PAYMENT_ID.pattern}$"}, examples=[EXAMPLE_ID])]


async def read_id(
    payment_id: PathId,
    cashier: Verbs,
    caller: ApiKey,
) -> str:
    """FastAPI's dependency: the id of a payment that the caller's key opens. Raises NotFound.

    What cannot be an id is not looked up; a key for test payments does not see live ones, nor the reverse.
    """
    if not PAYMENT_ID.fullmatch(payment_id):
        raise NotFound("There is no such payment: an id is `pay_` and 26 characters.")
    if caller.payment:
        return payment_id  # it was read, to compare its secret
    if caller.mode and mode_of((await cashier.read(payment_id)).environment) != caller.mode:
        raise NotFound(f"There is no {caller.mode} payment {payment_id!r}.")
    return payment_id


async def read_language(accept_language: Annotated[str, Header(max_length=200)] = "en") -> str:
    """FastAPI's dependency: `sw` where the caller prefers Swahili, else `en`: for the words to the payer."""
    return "sw" if accept_language.strip().lower().startswith("sw") else "en"


Language = Annotated[str, Depends(read_language)]


async def read_ending(
    result_code: Annotated[str | None, Query(pattern=RESULT_CODE_PATTERN)] = None,
    confirmed_by: ConfirmedBy | None = None,
    flags: Annotated[list[Flag] | None, Query(max_length=8)] = None,
    late: bool | None = None,
    frozen: bool | None = None,
) -> Search:
    """FastAPI's dependency: how what the caller looks for has ended, and whether a person should look at it."""
    return Search(
        result_code=result_code, confirmed_by=confirmed_by, flags=tuple(flags or ()), late=late, frozen=frozen
    )


async def read_search(
    caller: ApiKey,
    ending: Annotated[Search, Depends(read_ending)],
    reference: Reference | None = None,
    phone: PhoneText | None = None,
    receipt: Annotated[str | None, Query(pattern=RECEIPT_PATTERN)] = None,
    checkout_request_id: DarajaId | None = None,
    status: Status | None = None,
    account: AccountName | None = None,
    amount: Annotated[int | None, Query(ge=1, le=250_000)] = None,
    account_reference: Annotated[str | None, Query(max_length=12, pattern=NO_CONTROLS)] = None,
    merchant_request_id: DarajaId | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(pattern=f"^{PAYMENT_ID.pattern}$")] = None,
) -> Search:
    """FastAPI's dependency: what the caller looks for, among the payments that its key opens."""
    return ending._replace(
        reference=read_text("reference", reference, REFERENCE_LENGTH) if reference else None,
        phone=read_phone(phone) if phone else None,
        receipt=receipt.upper() if receipt else None,
        checkout_request_id=checkout_request_id,
        status=status,
        account=account,
        mode=caller.mode or None,
        amount=amount,
        account_reference=account_reference,
        merchant_request_id=merchant_request_id,
        created_after_ms=_milliseconds(created_after),
        created_before_ms=_milliseconds(created_before),
        limit=limit,
        cursor=cursor,
    )


PaymentId = Annotated[str, Depends(read_id)]


class Visit(NamedTuple):
    """One who comes for one payment: which, with what key, in which language."""

    payment: str
    cashier: Cashier
    caller: Caller
    language: str


async def read_visit(
    request: Request,
    payment_id: PathId,
    accept_language: Annotated[str, Header(max_length=200)] = "en",
) -> Visit:
    """FastAPI's dependency: all of these at once, for what many do at once: each dependency costs as much as a read."""
    cashier, caller = await find_cashier(request), await require_key(request)
    payment = await read_id(payment_id, cashier, caller)
    return Visit(payment, cashier, caller, await read_language(accept_language))


Visited = Annotated[Visit, Depends(read_visit)]


@router.post(
    "",
    status_code=201,
    responses={201: CREATED, **document(*EVERYWHERE, *ASKING, ReferenceInUse, PayerBusy, RepeatedTooSoon)},
)
async def request_payment(request: Request, body: NewPayment, idempotency_key: KeyHeader = None) -> Response:
    """Ask a phone for money.

    The payment is stored before anything is sent; its prompt follows within milliseconds. Follow it with
    `wait`, or read it again: it always ends.
    """
    cashier, caller = await find_cashier(request), await require_key(request)
    order = read_order(**_given(body), mode=caller.mode)
    key = read_key("/v1/payments", caller, idempotency_key, _given(body))
    return answer_created(await cashier.request(order, key))


@router.post(
    "/register",
    status_code=201,
    responses={201: CREATED, **document(*EVERYWHERE, *ASKING, AlreadyRegistered)},
)
async def register_payment(
    body: NewRegistration, cashier: Verbs, caller: ApiKey, idempotency_key: KeyHeader = None
) -> Response:
    """Follow a push that another program made. Its amount is yours to claim: `amount_unverified` says so."""
    given = _given(body)
    checkout_id, merchant_id = given.pop("checkout_request_id"), given.pop("merchant_request_id")
    registration = read_registration(
        checkout_request_id=checkout_id, merchant_request_id=merchant_id, order=read_order(**given, mode=caller.mode)
    )
    key = read_key("/v1/payments/register", caller, idempotency_key, _given(body))
    return answer_created(await cashier.register(registration, key))


@router.get("", responses={200: {"model": PaymentList}, **document(*EVERYWHERE, InvalidPhone)})
async def list_payments(
    cashier: Verbs, search: Annotated[Search, Depends(read_search)], language: Language
) -> Response:
    """Find payments, newest first."""
    limit = search.limit
    rows = list(await cashier.find(search._replace(limit=limit + 1)))
    page, more = rows[:limit], len(rows) > limit
    data = b",".join(encode(row, language) for row in page)
    next_cursor = msgspec.json.encode(page[-1].id if more else None)
    more_json = b"true" if more else b"false"
    return _json(b'{"object":"list","data":[%b],"has_more":%b,"next_cursor":%b}' % (data, more_json, next_cursor))


@router.get("/{payment_id}", responses={200: PAYMENT, **document(*EVERYWHERE, NotFound, ClientSecretRefused)})
async def read_payment(visit: Visited) -> Response:
    """Read a payment, straight from the database."""
    row = await visit.cashier.read(visit.payment)
    tell_check(row)
    if visit.caller.payment:
        return _show(row, visit.language, visit.caller)
    return _json(encode(row, visit.language, with_secret=True))


@router.get("/{payment_id}/timeline", responses={200: {"model": Timeline}, **document(*EVERYWHERE, NotFound)})
async def tell_payment(payment_id: PaymentId, cashier: Verbs) -> Response:
    """Tell all evidence and events of a payment, in order, with who said it, and explain it in words."""
    entries, explanation = await cashier.tell(payment_id), await cashier.explain(payment_id)
    return _json(msgspec.json.encode({"object": "list", "data": entries, "explanation": explanation}))


@router.get(
    "/{payment_id}/explanation", responses={200: {"model": ExplanationShape}, **document(*EVERYWHERE, NotFound)}
)
async def explain_payment(payment_id: PaymentId, cashier: Verbs) -> Response:
    """Explain a payment: what happened, what it means for the money, what to do, which of the doctor's checks apply."""
    return _json(msgspec.json.encode(await cashier.explain(payment_id)))


@router.get("/{payment_id}/wait", responses={200: PAYMENT, **document(*EVERYWHERE, NotFound, ClientSecretRefused)})
async def wait_for_payment(visit: Visited, timeout_s: WaitSeconds = 120) -> Response:
    """Wait until the payment is no longer pending, or until the timeout (in seconds)."""

    async def answer() -> Response:
        row = await visit.cashier.wait(visit.payment, int(timeout_s * 1000))
        return _show(row, visit.language, visit.caller)

    return LateAnswer(answer())


@router.get(
    "/{payment_id}/stream",
    status_code=200,
    response_class=EventStream,
    responses={
        200: {
            "description": "Server-sent events, until the payment is no longer pending.",
            "content": {"text/event-stream": {"examples": {"one": {"value": STREAM_EXAMPLE}}}},
        },
        **document(*EVERYWHERE, NotFound, ClientSecretRefused),
    },
)
async def stream_payment(request: Request, visit: Visited) -> Response:
    """Follow a payment live, as server-sent events: as it is now, then each change; `end` is the last."""
    feed = await find_feed(request)
    payment_id, cashier, caller, language = visit
    store = await feed.name()

    def show(row: PaymentRow, number: int) -> bytes:
        data = encode_for_payer(row, language) if caller.payment else encode(row, language)
        return as_message("payment", data, f"{store}-{number}" if number else "")

    async def tell(watch: Watch) -> AsyncGenerator[bytes, None]:
        beats = 0
        async for change in cashier.follow(payment_id, watch, BEAT_MS):
            yield show(*change) if change else BEAT
            beats += change is None
            if beats * BEAT_MS >= LASTS_MS:
                return
        if not watch.over:
            yield END

    @contextmanager
    def open_watch() -> Iterator[tuple[Watch, AsyncGenerator[bytes, None]]]:
        with feed.watch(payment_id) as watch:
            yield watch, tell(watch)

    return EventStream(open_watch())


@router.post(
    "/{payment_id}/query", responses={200: PAYMENT, **document(*EVERYWHERE, NotFound, CannotQuery, BudgetSpent)}
)
async def query_payment(payment_id: PaymentId, cashier: Verbs, language: Language) -> Response:
    """Ask Daraja now. Seldom needed: payments are queried by themselves when a callback is overdue."""
    return _show(await cashier.query(payment_id), language)


@router.post(
    "/{payment_id}/cancel", responses={200: PAYMENT, **document(*EVERYWHERE, NotFound, CannotCancel, AlreadyEnded)}
)
async def cancel_payment(
    payment_id: PaymentId, cashier: Verbs, language: Language, body: Cancellation | None = None
) -> Response:
    """Call a payment off before its prompt is sent. Later M-Pesa has no recall, and the answer says so."""
    return _show(await cashier.cancel(payment_id, body.reason if body else ""), language)


@router.post("/{payment_id}/resolve", responses={200: PAYMENT, **document(*EVERYWHERE, NotFound, CannotResolve)})
async def resolve_payment(
    payment_id: PaymentId, body: OperatorsWord, cashier: Verbs, caller: ApiKey, language: Language
) -> Response:
    """Say what a person found out: for `unresolved` and `mispaid` payments, and refunds made elsewhere."""
    resolution = Resolution(body.outcome, body.reason, body.receipt)
    return _show(await cashier.resolve(payment_id, resolution, body.operator or caller.key), language)


def _given(body: BaseModel) -> dict[str, Any]:
    """What was given, as it was given: not a copy, which has a limit of its own on how deep `metadata` may be."""
    return dict(body)


def _show(row: PaymentRow, language: str, caller: Caller | None = None) -> Response:
    return _json(encode_for_payer(row, language) if caller and caller.payment else encode(row, language))


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
