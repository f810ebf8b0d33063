"""`/v1/stats`: how payments fare."""

from datetime import date
from functools import partial
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response

from hakika.api.access import read_mode
from hakika.api.payments import EVERYWHERE, ApiKey
from hakika.api.problems import document
from hakika.api.shapes import AccountName
from hakika.api.stats_shapes import StatsShape
from hakika.engine.watching.stats import MOST_DAYS, find_account, read_day, read_period, show_stats
from hakika.store.opening import Store

router = APIRouter(prefix="/v1", tags=["stats"])

First = Annotated[date | None, Query(alias="from", description="The first day, in Nairobi: `2026-11-15`.")]
Last = Annotated[date | None, Query(alias="to", description="The last day; without it, today.")]
Days = Annotated[
    int | None, Query(ge=1, le=MOST_DAYS, description="So many days up to the last, in place of `from`; 7 by itself.")
]
OfMode = Annotated[Literal["test", "live"] | None, Query(description="As the API key is. For keys that open both.")]


@router.get("/stats", responses={200: {"model": StatsShape}, **document(*EVERYWHERE)})
async def read_stats(
    request: Request,
    caller: ApiKey,
    first: First = None,
    last: Last = None,
    days: Days = None,
    mode: OfMode = None,
    account: AccountName | None = None,
) -> Response:
    """How the payments fared that were asked for in a period: success rate, by day, hour and reason; certainty.

    Test and live are never counted together. A period has at most 92 days.
    """
    store: Store = request.app.state.ledger.store
    now_ms = request.app.state.clock()
    of = read_mode(mode, caller, request)
    period = read_period(first, last, days, now_ms)
    account_id = await store.read(lambda tx: find_account(tx, account or ""))
    read = partial(read_day, mode=of, account=account_id)
    found = [await store.read(partial(read, day=day)) for day in period.days()]
    shown = show_stats(found, period, of, account or "", now_ms)
    return Response(msgspec.json.encode(shown), media_type="application/json")
