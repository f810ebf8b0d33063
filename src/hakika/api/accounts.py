"""`/v1/accounts`: the shortcodes that this server charges for."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Request, Response, Security

from hakika.api.access import Caller, bearer
from hakika.api.payments import EVERYWHERE, ApiKey
from hakika.api.problems import document
from hakika.api.shapes import NO_CONTROLS, AccountList, AccountShape, NewAccountShape
from hakika.domain.errors import AccountExists, InvalidRequest, NotFound
from hakika.engine.accounts import Account, Accounts, Credentials, NewAccount
from hakika.engine.ledger import Ledger
from hakika.engine.representation import iso, mode_of
from hakika.store.accounts import find_account
from hakika.store.transaction import Transaction

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], dependencies=[Security(bearer)])
NAMES = "accounts"  # the lock under which names are given: two may not get the same one
AccountId = Annotated[str, Path(min_length=1, max_length=64, pattern=NO_CONTROLS, examples=["westlands"])]


@router.get("", responses={200: {"model": AccountList}, **document(*EVERYWHERE)})
async def list_accounts(request: Request, caller: ApiKey) -> Response:
    """List all accounts."""
    accounts, ledger = _parts(request)
    found = await ledger.store.read(accounts.load)
    return _json({"object": "list", "data": [_show(account, ledger) for account in found if _opens(caller, account)]})


@router.post("", status_code=201, responses={201: {"model": AccountShape}, **document(*EVERYWHERE, AccountExists)})
async def add_account(body: NewAccountShape, request: Request, caller: ApiKey) -> Response:
    """Add an account. Its credentials are encrypted and never shown again."""
    accounts, ledger = _parts(request)
    _refuse_other_mode(caller, body.environment)
    new = read_new_account(body, request.app.state.daraja_urls[body.environment])

    def add(tx: Transaction) -> Account:
        tx.lock_name(NAMES)
        return accounts.add(tx, new)

    account = await ledger.store.write(add)
    await _reload(accounts, ledger)
    return _json(_show(account, ledger), 201)


@router.put("/{account_id}", responses={200: {"model": AccountShape}, **document(*EVERYWHERE, NotFound, AccountExists)})
async def change_account(account_id: AccountId, body: NewAccountShape, request: Request, caller: ApiKey) -> Response:
    """Change an account, by its id or name: everything is given anew."""
    accounts, ledger = _parts(request)
    _refuse_other_mode(caller, body.environment)
    new = read_new_account(body, request.app.state.daraja_urls[body.environment])

    def change(tx: Transaction) -> Account:
        tx.lock_name(NAMES)
        named, changed = find_account(tx, new.name), find_account(tx, account_id)
        if changed and caller.mode not in {"", mode_of(changed.environment)}:
            raise NotFound(f"There is no {caller.mode} account {account_id!r}.")
        if named and changed and named.id != changed.id:
            raise AccountExists(f"There is another account named {new.name!r}.")
        return accounts.change(tx, account_id, new)

    account = await ledger.store.write(change)
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


def _opens(caller: Caller, account: Account) -> bool:
    return caller.mode in {"", mode_of(account.environment)}


def _refuse_other_mode(caller: Caller, environment: str) -> None:
    mode = mode_of(environment)
    if caller.mode not in {"", mode}:
        raise InvalidRequest(f"A key for {caller.mode} payments adds no {mode} account.", field="environment")


async def _reload(accounts: Accounts, ledger: Ledger) -> None:
    await ledger.store.read(accounts.load)


def _show(account: Account, ledger: Ledger) -> dict[str, object]:
    return {
        "id": account.id,
        "object": "account",
        "name": account.name,
        "mode": mode_of(account.environment),
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
