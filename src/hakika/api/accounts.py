"""`/v1/accounts`: the shortcodes that this server charges for."""

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from hakika.api.access import require_key
from hakika.api.payments import PROBLEMS, ApiKey
from hakika.api.shapes import AccountList, AccountShape, NewAccountShape
from hakika.engine.accounts import Account, Accounts, Credentials, NewAccount
from hakika.engine.ledger import Ledger
from hakika.engine.representation import iso

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], responses=PROBLEMS, dependencies=[Depends(require_key)])


@router.get("", responses={200: {"model": AccountList}})
async def list_accounts(request: Request, _: ApiKey) -> Response:
    """List all accounts."""
    accounts, ledger = _parts(request)
    found = await ledger.store.read(accounts.load)
    return _json({"object": "list", "data": [_show(account, ledger) for account in found]})


@router.post("", status_code=201, responses={201: {"model": AccountShape}})
async def add_account(body: NewAccountShape, request: Request, _: ApiKey) -> Response:
    """Add an account. Its credentials are encrypted and never shown again."""
    accounts, ledger = _parts(request)
    new = read_new_account(body, request.app.state.daraja_urls[body.environment])
    account = await ledger.store.write(lambda tx: accounts.add(tx, new))
    await _reload(accounts, ledger)
    return _json(_show(account, ledger), 201)


@router.put("/{account_id}", responses={200: {"model": AccountShape}})
async def change_account(account_id: str, body: NewAccountShape, request: Request, _: ApiKey) -> Response:
    """Change an account, by its id or name: everything is given anew."""
    accounts, ledger = _parts(request)
    new = read_new_account(body, request.app.state.daraja_urls[body.environment])
    account = await ledger.store.write(lambda tx: accounts.change(tx, account_id, new))
    await _reload(accounts, ledger)
    return _json(_show(account, ledger))


def read_new_account(body: NewAccountShape, base_url: str) -> NewAccount:
    """The account that the body describes; queries are limited to 5 a minute in the sandbox (daraja.md §2.2)."""
    sandbox = body.environment == "sandbox"
    return NewAccount(
        name=body.name,
        environment=body.environment,
        base_url=base_url,
        shortcode=body.shortcode,
        till=body.till,
        credentials=Credentials(body.consumer_key, body.consumer_secret, body.passkey),
        calls_per_minute=body.calls_per_minute,
        queries_per_minute=body.queries_per_minute or (5 if sandbox else body.calls_per_minute),
    )


async def _reload(accounts: Accounts, ledger: Ledger) -> None:
    await ledger.store.read(accounts.load)
    ledger.know_shortcodes(accounts.shortcodes())


def _show(account: Account, ledger: Ledger) -> dict[str, object]:
    return {
        "id": account.id,
        "object": "account",
        "name": account.name,
        "environment": account.environment,
        "shortcode": account.shortcode.shortcode,
        "till": account.shortcode.till or None,
        "calls_per_minute": account.calls_per_minute,
        "queries_per_minute": account.queries_per_minute,
        "active": account.active,
        "callbacks_arrive": ledger.health.arrive(account.id),
        "created_at": iso(account.created_at_ms),
    }


def _parts(request: Request) -> tuple[Accounts, Ledger]:
    return request.app.state.accounts, request.app.state.ledger


def _json(shown: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(shown), status, media_type="application/json")
