"""`/v1/accounts`: the shortcodes that this server charges for."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from hakika.api.access import Caller
from hakika.api.account_shapes import AccountChange, AccountList, AccountShape, NewAccountShape
from hakika.api.answers import as_json
from hakika.api.payments import EVERYWHERE, ApiKey
from hakika.api.problems import document
from hakika.api.shapes import AccountName
from hakika.domain.errors import AccountExists, InvalidRequest, NotFound
from hakika.engine.accounts import Account, Accounts, Credentials, NewAccount
from hakika.engine.ledger import Ledger
from hakika.engine.representation import iso, mode_of
from hakika.store.accounts import find_account
from hakika.store.transaction import Transaction

router = APIRouter(prefix="/v1/accounts", tags=["accounts"])


@router.get("", responses={200: {"model": AccountList}, **document(*EVERYWHERE)})
async def list_accounts(request: Request, caller: ApiKey) -> Response:
    """List all accounts."""
    accounts, ledger = _parts(request)
    found = await ledger.store.read(accounts.load)
    return as_json({"object": "list", "data": [_show(account, ledger) for account in found if _opens(caller, account)]})


@router.post("", status_code=201, responses={201: {"model": AccountShape}, **document(*EVERYWHERE, AccountExists)})
async def add_account(body: NewAccountShape, request: Request, caller: ApiKey) -> Response:
    """Add an account. Its credentials are encrypted and never shown again."""
    accounts, ledger = _parts(request)
    _refuse_other_mode(caller, body.environment)
    new = read_new_account(body, request.app.state.daraja_urls[body.environment])

    account = await ledger.store.write(lambda tx: accounts.add(tx, new))
    await _reload(accounts, ledger)
    return as_json(_show(account, ledger), 201)


@router.put("/{account_id}", responses={200: {"model": AccountShape}, **document(*EVERYWHERE, NotFound, AccountExists)})
async def change_account(account_id: AccountName, body: NewAccountShape, request: Request, caller: ApiKey) -> Response:
    """Change an account, by its id or name: everything is given anew, but whether it is active."""
    accounts, _ = _parts(request)
    _refuse_other_mode(caller, body.environment)
    new = read_new_account(body, request.app.state.daraja_urls[body.environment])
    return await _change(request, caller, account_id, lambda tx: accounts.change(tx, account_id, new))


@router.patch(
    "/{account_id}", responses={200: {"model": AccountShape}, **document(*EVERYWHERE, NotFound, AccountExists)}
)
async def amend_account(account_id: AccountName, body: AccountChange, request: Request, caller: ApiKey) -> Response:
    """Change what is given of an account, by its id or name; `active` alone puts it out of use or into it again."""
    accounts, _ = _parts(request)
    given = read_change(body)
    return await _change(request, caller, account_id, lambda tx: accounts.amend(tx, account_id, **given))


async def _change(
    request: Request, caller: Caller, account_id: str, change: Callable[[Transaction], Account]
) -> Response:
    accounts, ledger = _parts(request)

    def change_own(tx: Transaction) -> Account:
        known = find_account(tx, account_id)
        if known and caller.mode not in {"", mode_of(known.environment)}:
            raise NotFound(f"There is no {caller.mode} account {account_id!r}.")
        return change(tx)

    account = await ledger.store.write(change_own)
    await _reload(accounts, ledger)
    return as_json(_show(account, ledger))


def read_change(body: AccountChange) -> dict[str, object]:
    """What the body gives, by the names of the account's fields."""
    given = body.model_dump(exclude_none=True)
    return given | ({"return_hosts": tuple(given["return_hosts"])} if "return_hosts" in given else {})


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
        display_name=body.display_name,
        return_hosts=tuple(body.return_hosts),
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
        "display_name": account.display_name,
        "return_hosts": account.return_hosts,
        "callbacks_arrive": ledger.health.arrive(account.id),
        "created_at": iso(account.created_at_ms),
    }


def _parts(request: Request) -> tuple[Accounts, Ledger]:
    return request.app.state.accounts, request.app.state.ledger
