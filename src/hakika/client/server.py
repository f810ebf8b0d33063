"""`client.server`: the server itself: what it takes payments for, and what is wrong with it."""

from collections.abc import Sequence
from urllib.parse import urlencode

from hakika.client.exchange import get
from hakika.client.models import Account, Examination, Page
from hakika.client.steps import Request, Resource, Shell, Steps, call

EXAMINING_S = 60.0  # each check is bounded at five seconds, and some wait for others


class Server(Resource[Shell]):
    """The server."""

    @call
    def accounts(self) -> Steps[Page[Account]]:
        """List the accounts that the key opens."""
        return self._exchange.ask(get("/v1/accounts"), Page[Account])

    @call
    def examine(self, checks: Sequence[str] = (), *, going_live: bool = False) -> Steps[Examination]:
        """Have it examined by its doctor: these checks or areas of them, all without."""
        asked = [("check", name) for name in checks] + ([("going_live", "true")] if going_live else [])
        path = "/v1/doctor" + (f"?{urlencode(asked)}" if asked else "")
        return self._exchange.ask(Request("GET", path, timeout_s=EXAMINING_S), Examination)
