"""`client.endpoints`: where webhooks go."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from hakika.client.codes import NotFound
from hakika.client.exchange import get, post
from hakika.client.models import Endpoint, Page, Ping
from hakika.client.steps import Resource, Shell, Steps, call

PATH = "/v1/endpoints"
PING_S = 60.0  # the endpoint itself has 15 s


class Endpoints(Resource[Shell]):
    """Endpoints. Wherever one is named, its id or the endpoint itself will do."""

    @call
    def create(
        self,
        *,
        url: str,
        event_types: Sequence[str] | None = None,
        description: str | None = None,
        mode: str | None = None,
    ) -> Steps[Endpoint]:
        """Make an endpoint; its `secret` is shown now and never again.

        It is not tried again after a lost answer, which would leave one whose secret nobody knows.
        """
        body = {"url": url, "event_types": _listed(event_types), "description": description, "mode": mode}
        return self._exchange.ask(post(PATH, body, repeatable=False), Endpoint)

    @call
    def list(self) -> Steps[tuple[Endpoint, ...]]:
        """Read all endpoints."""
        page = yield from self._exchange.ask(get(PATH), Page[Endpoint])
        return tuple(page.data)

    @call
    def retrieve(self, endpoint: str | Endpoint) -> Steps[Endpoint]:
        """Read one."""
        return self._exchange.ask(get(_path(endpoint)), Endpoint)

    @call
    def update(
        self,
        endpoint: str | Endpoint,
        *,
        url: str | None = None,
        event_types: Sequence[str] | None = None,
        description: str | None = None,
        active: bool | None = None,
    ) -> Steps[Endpoint]:
        """Change what is given; `active=False` pauses it, and events wait."""
        body = {"url": url, "event_types": _listed(event_types), "description": description, "active": active}
        return self._exchange.ask(post(_path(endpoint), body, method="PATCH"), Endpoint)

    @call
    def delete(self, endpoint: str | Endpoint) -> Steps[None]:
        """Remove it, for good."""
        try:
            yield from self._exchange.ask(post(_path(endpoint), method="DELETE"), type(None))
        except NotFound as error:
            if not error.repeated:  # else an earlier try of this call did it, whose answer was lost
                raise

    @call
    def rotate(self, endpoint: str | Endpoint, *, overlap_s: int | None = None) -> Steps[Endpoint]:
        """Give it a new secret, shown now and never again; both sign until `overlap_s` is over (a day)."""
        request = post(f"{_path(endpoint)}/rotate", {"overlap_s": overlap_s}, repeatable=False)
        return self._exchange.ask(request, Endpoint)

    @call
    def ping(self, endpoint: str | Endpoint) -> Steps[Ping]:
        """Send it a `test.ping` now, and say what came of it."""
        return self._exchange.ask(replace(post(f"{_path(endpoint)}/ping"), timeout_s=PING_S), Ping)


def _listed(given: Sequence[str] | None) -> Sequence[str] | None:
    return None if given is None else [*given]


def _path(endpoint: str | Endpoint) -> str:
    return f"{PATH}/{quote(endpoint if isinstance(endpoint, str) else endpoint.id, safe='')}"
