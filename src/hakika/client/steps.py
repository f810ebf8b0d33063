"""A call written once, for both colours: what it does is a generator of steps, which a shell carries out.

The logic says `yield Send(request)` and is told what came of it. `Blocking` and `Awaiting` (shells.py) carry out each
step, the one at once, the other by awaiting it; neither knows what the steps are for.
"""

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeAlias, TypeVar, cast, overload

if TYPE_CHECKING:
    from hakika.client.exchange import Exchange
    from hakika.client.shells import Awaiting, Blocking

P = ParamSpec("P")
T = TypeVar("T")
Shell = TypeVar("Shell", bound="Blocking | Awaiting")


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. `repeatable`: doing it twice is as good as once, so it is sent again where no answer came."""

    method: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    timeout_s: float | None = None
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server, or something on the way to it, answered."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer came. `sent`: the request may have reached the server."""

    reason: str
    sent: bool


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an event stream; the id alone where it has no data."""

    kind: str
    data: str
    cursor: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The stream is over. `silent`: nothing came for as long as something should have."""

    silent: bool


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request. → Answer or Lost."""

    request: Request


@dataclass(frozen=True, slots=True)
class Pause:
    """Let time pass. → None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Listen:
    """Send a request and leave the answer open, closing what was open. → Answer (no body if it is open) or Lost."""

    request: Request


@dataclass(frozen=True, slots=True)
class Hear:
    """Take the next message of what is open. → Message or Ended."""


@dataclass(frozen=True, slots=True)
class Give(Generic[T]):
    """Hand one thing to the caller, who iterates. → None."""

    thing: T


Step: TypeAlias = Send | Pause | Listen | Hear
Steps: TypeAlias = Generator[Step, Any, T]
Giving: TypeAlias = Generator[Step | Give[T], Any, None]


def send(request: Request) -> Steps[Answer | Lost]:
    """Send a request."""
    return cast("Answer | Lost", (yield Send(request)))


def pause(seconds: float) -> Steps[None]:
    """Let time pass."""
    yield Pause(seconds)


def listen(request: Request) -> Steps[Answer | Lost]:
    """Open a stream."""
    return cast("Answer | Lost", (yield Listen(request)))


def hear() -> Steps[Message | Ended]:
    """Take the stream's next message."""
    return cast("Message | Ended", (yield Hear()))


class Resource(Generic[Shell]):
    """A group of calls, of one colour."""

    def __init__(self, exchange: "Exchange", shell: Shell) -> None:
        self._exchange = exchange
        self._shell = shell


class call(Generic[P, T]):  # noqa: N801 - it is used as a decorator
    """A method with one answer: `Hakika` gives it, `AsyncHakika` gives what to await."""

    def __init__(self, steps: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        self._steps = steps
        self.__doc__ = steps.__doc__

    @overload
    def __get__(self, resource: "Resource[Blocking]", owner: type) -> Callable[P, T]: ...

    @overload
    def __get__(self, resource: "Resource[Awaiting]", owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...

    @overload
    def __get__(self, resource: None, owner: type) -> "call[P, T]": ...

    def __get__(self, resource: Any, owner: type) -> Any:
        """Bind the method to its resource, in the resource's colour."""
        if resource is None:
            return self

        @functools.wraps(self._steps)
        def run(*given: P.args, **named: P.kwargs) -> Any:
            return resource._shell.run(self._steps(resource, *given, **named))  # noqa: SLF001 - the resource is ours

        return run


class stream(Generic[P, T]):  # noqa: N801
    """A method with many answers: `Hakika` gives an iterator, `AsyncHakika` an asynchronous one."""

    def __init__(self, steps: Callable[Concatenate[Any, P], Giving[T]]) -> None:
        self._steps = steps
        self.__doc__ = steps.__doc__

    @overload
    def __get__(self, resource: "Resource[Blocking]", owner: type) -> Callable[P, Iterator[T]]: ...

    @overload
    def __get__(self, resource: "Resource[Awaiting]", owner: type) -> Callable[P, AsyncIterator[T]]: ...

    @overload
    def __get__(self, resource: None, owner: type) -> "stream[P, T]": ...

    def __get__(self, resource: Any, owner: type) -> Any:
        """Bind the method to its resource, in the resource's colour."""
        if resource is None:
            return self

        @functools.wraps(self._steps)
        def run(*given: P.args, **named: P.kwargs) -> Any:
            return resource._shell.iterate(self._steps(resource, *given, **named))  # noqa: SLF001

        return run
