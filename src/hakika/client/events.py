"""`client.events`: everything that happened, in order, and everything that happens."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

import msgspec

from hakika.client.errors import NotHakika
from hakika.client.exchange import Exchange, error_of, get
from hakika.client.models import Event, Page
from hakika.client.steps import (
    Answer,
    Give,
    Giving,
    Lost,
    Message,
    Request,
    Resource,
    Shell,
    Steps,
    call,
    hear,
    listen,
    pause,
    stream,
)  # fmt: skip

PATH = "/v1/events"
SILENCE_S = 45.0  # three of the server's heartbeats
SILENCES = 2  # so often in a row nothing was heard: something between holds the stream back
POLL_S = 2.0
PAGE = 100
PATIENCE_S = 300.0
NOBODYS = "none"  # no payment has this id: the page is empty, and says where the events end
NO_STREAM = frozenset({404, 405, 406, 501})


class Events(Resource[Shell]):
    """Events."""

    @call
    def retrieve(self, event: str) -> Steps[Event]:
        """Read one."""
        return self._exchange.ask(get(f"{PATH}/{quote(event, safe='')}"), Event)

    @call
    def list(
        self,
        *,
        after: int | None = None,
        type: str | None = None,  # noqa: A002 - as the API calls it
        payment: str | None = None,
        checkout: str | None = None,
        limit: int | None = None,
    ) -> Steps[Page[Event]]:
        """Read events, oldest first, after the number of one; `next_after` of the page leads on."""
        request = get(PATH, after=after, type=type, payment=payment, checkout=checkout, limit=limit)
        return self._exchange.ask(request, Page[Event])

    @stream
    def stream(
        self, *, after: int | str | None = None, types: Sequence[str] = (), patience_s: float = PATIENCE_S
    ) -> Giving[Event]:
        """Give each event as it happens: from now on, or after a number or the `cursor` of an event.

        Goes on by itself where a connection breaks, without a gap and without a repetition, and asks every two seconds
        where no stream comes through. Raises NoAnswer when the server was out of reach for `patience_s`, InvalidCursor
        for a cursor of another database. Keep the last event's `cursor` where what you do with it is kept.
        """
        return _Following(self._exchange, after, ",".join(types), patience_s).follow()


class _Following:
    """How far a stream has come."""

    def __init__(self, exchange: Exchange, after: int | str | None, types: str, patience_s: float) -> None:
        self._exchange, self._types, self._patience_s = exchange, types or None, patience_s
        self._cursor = "" if after is None else str(after)
        self._number = 0
        self._failures = self._silences = 0
        self._until = 0.0

    def follow(self) -> Giving[Event]:
        """Listen, again and again; where that cannot be, poll."""
        self._until = self._exchange.clock() + self._patience_s
        if not self._cursor:  # a connection that breaks before the first event should leave no gap
            page = yield from self._exchange.ask(get(PATH, payment=NOBODYS, limit=1), Page[Event], self._until)
            self._cursor = str(page.next_after or 0)
        while self._silences < SILENCES:
            answer = yield from listen(self._request())
            if isinstance(answer, Answer) and answer.status == 200 and _is_stream(answer):
                yield from self._hear_out()
                self._until = self._exchange.clock() + self._patience_s
            elif isinstance(answer, Answer) and (answer.status in NO_STREAM or answer.status == 200):
                break
            yield from self._rest(None if isinstance(answer, Answer) and answer.status == 200 else answer)
        yield from self._poll()

    def _request(self) -> Request:
        request = get(f"{PATH}/stream", type=self._types, after=self._cursor)
        return replace(request, headers={"Accept": "text/event-stream"}, timeout_s=SILENCE_S)

    def _hear_out(self) -> Giving[Event]:
        while isinstance(came := (yield from hear()), Message):
            self._silences = self._failures = 0
            event = _read(came) if came.data and came.kind != "payment.stage" else None
            self._cursor = came.cursor or self._cursor
            if event is not None and self._is_news(event):
                yield Give(msgspec.structs.replace(event, cursor=self._cursor))
        self._silences = self._silences + 1 if came.silent else 0

    def _is_news(self, event: Event) -> bool:
        news = event.number > self._number
        self._number = max(self._number, event.number)
        return news

    def _rest(self, failed: Answer | Lost | None) -> Steps[None]:
        """Let a little time pass before the next try. Raises what would not pass by itself, and what took too long."""
        self._failures += 1
        came = failed or Lost("the stream ended", sent=True)
        wait_s = self._exchange.retries.pause_s(self._failures, came, repeatable=True)
        left_s = self._until - self._exchange.clock()
        if wait_s is None or left_s <= 0:
            raise error_of(came)
        yield from pause(min(wait_s, left_s))

    def _poll(self) -> Giving[Event]:
        """Ask for the list, every so often."""
        store = self._cursor.rpartition("-")[0]  # so that a cursor still says of which database it is
        while True:
            until = self._exchange.clock() + self._patience_s
            request = get(PATH, after=self._cursor, type=self._types, limit=PAGE)
            page = yield from self._exchange.ask(request, Page[Event], until)
            last = page.data[-1].number if page.data else 0
            for event in page.data:
                self._cursor = f"{store}-{event.number}" if store else str(event.number)
                if self._is_news(event):
                    yield Give(msgspec.structs.replace(event, cursor=self._cursor))
            if page.next_after is not None and page.next_after > last:
                self._cursor = f"{store}-{page.next_after}" if store else str(page.next_after)
            if not page.has_more:
                yield from pause(POLL_S)


def _is_stream(answer: Answer) -> bool:
    return answer.headers.get("content-type", "").startswith("text/event-stream")


def _read(message: Message) -> Event:
    try:
        return msgspec.json.decode(message.data, type=Event)
    except msgspec.MsgspecError as error:
        raise NotHakika(f"A message of the stream is no event: {error}.") from error
