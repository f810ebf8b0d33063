"""`/v1/alerts` and `/v1/alert-rules`: what an operator is told, and when."""

import re
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from hakika.api.access import read_mode
from hakika.api.alert_shapes import (
    ALERT_EXAMPLE,
    AlertList,
    AlertShape,
    Mode,
    RuleChange,
    RuleList,
    RuleName,
    RuleShape,
)
from hakika.api.answers import as_json
from hakika.api.payments import EVERYWHERE, ApiKey
from hakika.api.problems import document
from hakika.domain.errors import InvalidRequest, NotFound
from hakika.engine.alerts.rulebook import Rulebook, find_rule, read_settings, show_rule
from hakika.engine.alerts.showing import show_alert
from hakika.store.alerts.records import AlertFilter, find_alert, list_alerts
from hakika.store.opening import Store

ALERT_ID = r"^alr_[0-9a-hjkmnp-tv-z]{26}$"
CURSOR = r"^[0-9]{1,15}-alr_[0-9a-hjkmnp-tv-z]{26}$"
router = APIRouter(prefix="/v1", tags=["alerts"])
NamedRule = Annotated[RuleName, Path(examples=["pending-long"])]
OfMode = Annotated[Mode | None, Query(description="As the API key is. For keys that open both.")]


@router.get("/alerts", responses={200: {"model": AlertList}, **document(*EVERYWHERE)})
async def show_alerts(
    request: Request,
    caller: ApiKey,
    status: Literal["open", "closed"] | None = None,
    rule: Annotated[RuleName, Query(max_length=40, pattern=r"^[!-~]*$", examples=["pending-long"])] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(pattern=CURSOR, description="`next_cursor` of the page before.")] = None,
) -> Response:
    """List alerts, the newest first."""
    opened, _, alert_id = (cursor or "").partition("-")
    after = (int(opened), alert_id) if cursor else None
    wanted = AlertFilter(caller.mode, status or "", rule, after, limit + 1)
    found = await _store(request).read(lambda tx: list_alerts(tx, wanted))
    page, more = found[:limit], len(found) > limit
    shown = {
        "object": "list",
        "data": [show_alert(row) for row in page],
        "has_more": more,
        "next_cursor": f"{page[-1].opened_at_ms}-{page[-1].id}" if more else None,
    }
    return as_json(shown)


@router.get("/alerts/{alert_id}", responses={200: {"model": AlertShape}, **document(*EVERYWHERE, NotFound)})
async def read_alert(
    alert_id: Annotated[str, Path(json_schema_extra={"pattern": ALERT_ID}, examples=[ALERT_EXAMPLE["id"]])],
    request: Request,
    caller: ApiKey,
) -> Response:
    """Read an alert."""
    known = re.fullmatch(ALERT_ID, alert_id)
    row = await _store(request).read(lambda tx: find_alert(tx, alert_id)) if known else None
    if row is None or caller.mode not in {"", row.mode}:
        raise NotFound("There is no such alert: an id is `alr_` and 26 characters.")
    return as_json(show_alert(row))


@router.get("/alert-rules", responses={200: {"model": RuleList}, **document(*EVERYWHERE)})
async def show_rules(request: Request, caller: ApiKey, mode: OfMode = None) -> Response:
    """List the rules as they are set."""
    of = read_mode(mode, caller, request)
    settings = await _store(request).read(lambda tx: read_settings(tx, of))
    return as_json({"object": "list", "data": [show_rule(name, of, setting) for name, setting in settings.items()]})


@router.get("/alert-rules/{name}", responses={200: {"model": RuleShape}, **document(*EVERYWHERE, NotFound)})
async def read_rule(name: NamedRule, request: Request, caller: ApiKey, mode: OfMode = None) -> Response:
    """Read a rule as it is set."""
    of, rule = read_mode(mode, caller, request), find_rule(name)
    settings = await _store(request).read(lambda tx: read_settings(tx, of))
    return as_json(show_rule(rule.name, of, settings[rule.name]))


@router.patch("/alert-rules/{name}", responses={200: {"model": RuleShape}, **document(*EVERYWHERE, NotFound)})
async def change_rule(name: NamedRule, body: RuleChange, request: Request, caller: ApiKey) -> Response:
    """Turn a rule on or off, or change its thresholds. It counts from the next look, within half a minute."""
    of, rule = read_mode(body.mode, caller, request), find_rule(name)
    if body.active is None and not body.thresholds:
        raise InvalidRequest("Say what is to change: `active` or `thresholds`.", field="thresholds")
    rulebook = Rulebook(request.app.state.clock)
    setting = await _store(request).write(
        lambda tx: rulebook.change(tx, of, rule.name, body.active, body.thresholds or {})
    )
    return as_json(show_rule(rule.name, of, setting))


def _store(request: Request) -> Store:
    store: Store = request.app.state.ledger.store
    return store
