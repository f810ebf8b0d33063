"""The route table.

POST /c/{token}, /mpesa/callback, …    callbacks     Safaricom's results; in front of the framework
/v1/payments…                          payments      ask for money, follow it, resolve it
/v1/accounts…                          accounts      the shortcodes
/health, /ready, /v1/errors…           health        is it alive, can it work, what does an error mean
/docs, /openapi.json                   FastAPI       the contract, with examples
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI

from hakika import __version__
from hakika.api import accounts, health, payments
from hakika.api.callbacks import AddressBook, Asgi, Callbacks
from hakika.api.problems import handle_errors

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

DESCRIPTION = """
Ask a phone for money over M-Pesa, and learn for certain what became of it.

1. `POST /v1/payments` with an amount, a phone and a reference. The phone is prompted.
2. `GET /v1/payments/{id}/wait` answers as soon as the payment has ended.

Every request needs `Authorization: Bearer KEY`. Amounts are whole shillings. Errors say what they mean for the
money (`money`) and what to do (`cure`).
"""


def create_app(lifespan: Lifespan | None = None) -> FastAPI:
    """The API; what it works with is put on `app.state` by the composition root."""
    app = FastAPI(
        title="Hakika",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.include_router(payments.router)
    app.include_router(accounts.router)
    app.include_router(health.router)
    handle_errors(app)
    return app


def with_callbacks(app: FastAPI, addresses: AddressBook) -> Asgi:
    """The API with the callback paths in front of it."""
    return Callbacks(app.state.desk, addresses, app.state.clock, app)
