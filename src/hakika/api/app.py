"""The route table.

POST /c/{token}, /mpesa/callback, …    callbacks     Safaricom's results; in front of the framework
/v1/payments…                          payments      ask for money, follow it, resolve it
/v1/events…                            events        what was published, and following it live
/v1/endpoints…                         endpoints     where events are delivered to
/v1/deliveries…                        deliveries    what is owed to whom; sending it again; probes
/v1/accounts…                          accounts      the shortcodes
/v1/alerts…, /v1/alert-rules…          alerts        what the operator is told, and when
/v1/message-channels…                  message_ch…   the ways on which payers are told
/v1/messages…, /v1/opt-outs…           messages      what they were told, and who wants none
/m/{token}                             messages      what payers reply by SMS
/api/v1/payments…, /payment/…, …       compat        what common integrations' own clients call
/v1/checkouts…, /v1/links…             checkouts     pages on which payers pay
/pay…, /link…, /till…                  pages         those pages, and the till's
/v1/stats                              stats         how payments fare
/v1/doctor                             doctor        what is wrong, with the cure
/health, /ready, /v1/errors…           health        is it alive, can it work, what does an error mean
/metrics                               metrics       figures for Prometheus
/docs, /openapi.json                   FastAPI       the contract, with examples
/doctor/echo/{nonce}                   echo          does the public URL lead to this server
/local…                                local         the command line on the same machine
"""

import functools
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI

from hakika import __version__
from hakika.api import (
    accounts,
    alerts,
    checkouts,
    compat,
    deliveries,
    doctor,
    echo,
    endpoints,
    events,
    health,
    local,
    message_channels,
    messages,
    metrics,
    payments,
    stats,
)
from hakika.api.account_shapes import EXEMPLARY as EXEMPLARY_ACCOUNTS
from hakika.api.alert_shapes import EXEMPLARY as EXEMPLARY_ALERTS
from hakika.api.browsers import Browsers
from hakika.api.callbacks import AddressBook, Asgi, Callbacks
from hakika.api.checkout_shapes import EXEMPLARY as EXEMPLARY_CHECKOUTS
from hakika.api.doctor_shapes import EXEMPLARY as EXEMPLARY_DOCTOR
from hakika.api.endpoint_shapes import EXEMPLARY as EXEMPLARY_ENDPOINTS
from hakika.api.event_shapes import EXEMPLARY as EXEMPLARY_EVENTS
from hakika.api.guard import Guard, needs_key
from hakika.api.message_shapes import EXEMPLARY as EXEMPLARY_MESSAGES
from hakika.api.pages import links, pay, till
from hakika.api.pages.frame import router as pages
from hakika.api.problems import handle_errors
from hakika.api.shapes import EXEMPLARY
from hakika.api.stats_shapes import EXEMPLARY as EXEMPLARY_STATS
from hakika.api.stream import Outlasting

PAGES = (pay, links, till)
"""They put their routes on one router."""
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

API_KEY = "API key"
"""What OpenAPI calls it."""

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
        redirect_slashes=False,  # the redirect would name whatever host the caller did
        generate_unique_id_function=lambda route: route.name,  # the verbs, as they are called in the code
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    routers = [
        payments.router,
        events.router,
        endpoints.router,
        deliveries.router,
        checkouts.router,
        accounts.router,
        message_channels.router,
        messages.router,
        messages.replies,
        compat.router,
        alerts.router,
        stats.router,
        doctor.router,
        health.router,
        metrics.router,
        echo.router,
        local.router,
        pages,
    ]
    for router in routers:
        app.include_router(router)
    handle_errors(app, routers)
    app.include_router(events.socket_router)
    app.state.cors_origins = ()
    app.add_middleware(Guard)
    app.add_middleware(Browsers)
    app.openapi = functools.partial(_describe_api, app)  # type: ignore[method-assign]
    return app


def prepare_routes(app: FastAPI) -> None:
    """Have the framework build its routes now: else the first requests wait for it, 0.1 s."""
    asked = {"type": "http", "method": "GET", "path": "/nowhere", "headers": []}
    for route in app.router.routes:
        route.matches(asked)


def _describe_api(app: FastAPI) -> dict[str, Any]:
    """The contract, with its examples as they were written: the framework leaves out whatever is null in them."""
    document = FastAPI.openapi(app)
    shapes = [*EXEMPLARY, *EXEMPLARY_ACCOUNTS, *EXEMPLARY_EVENTS, *EXEMPLARY_ENDPOINTS, *EXEMPLARY_CHECKOUTS]
    shapes += [*EXEMPLARY_DOCTOR, *EXEMPLARY_MESSAGES, *EXEMPLARY_ALERTS, *EXEMPLARY_STATS]
    for shape in shapes:
        document["components"]["schemas"][shape.__name__] |= shape.model_config["json_schema_extra"]
    _say_where_a_key_is_needed(document)
    return document


def _say_where_a_key_is_needed(document: dict[str, Any]) -> None:
    """The guard asks for it in front of the framework: as a dependency it would be asked for twice, for these words."""
    document["components"]["securitySchemes"] = {
        API_KEY: {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`"}
    }
    for path, operations in document["paths"].items():
        if needs_key(path):
            for operation in operations.values():
                operation["security"] = [{API_KEY: []}]


def with_callbacks(app: FastAPI, addresses: AddressBook) -> Asgi:
    """The API with the callback paths in front of it."""
    return Callbacks(app.state.desk, addresses, app.state.clock, Outlasting(app))
