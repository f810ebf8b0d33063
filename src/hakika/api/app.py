"""The route table.

POST /c/{token}, /mpesa/callback, …    callbacks     Safaricom's results; in front of the framework
/v1/payments…                          payments      ask for money, follow it, resolve it
/v1/accounts…                          accounts      the shortcodes
/health, /ready, /v1/errors…           health        is it alive, can it work, what does an error mean
/docs, /openapi.json                   FastAPI       the contract, with examples
/local…                                local         the command line on the same machine
"""

import functools
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI

from hakika import __version__
from hakika.api import accounts, health, local, payments
from hakika.api.callbacks import AddressBook, Asgi, Callbacks
from hakika.api.guard import Guard
from hakika.api.problems import handle_errors
from hakika.api.shapes import EXEMPLARY

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
        generate_unique_id_function=lambda route: route.name,  # the verbs, as they are called in the code
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    routers = [payments.router, accounts.router, health.router, local.router]
    for router in routers:
        app.include_router(router)
    handle_errors(app, routers)
    app.add_middleware(Guard)
    app.openapi = functools.partial(_describe_api, app)  # type: ignore[method-assign]
    return app


def _describe_api(app: FastAPI) -> dict[str, Any]:
    """The contract, with its examples as they were written: the framework leaves out whatever is null in them."""
    document = FastAPI.openapi(app)
    for shape in EXEMPLARY:
        document["components"]["schemas"][shape.__name__] |= shape.model_config["json_schema_extra"]
    return document


def with_callbacks(app: FastAPI, addresses: AddressBook) -> Asgi:
    """The API with the callback paths in front of it."""
    return Callbacks(app.state.desk, addresses, app.state.clock, app)
