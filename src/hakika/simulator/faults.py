"""Every way in which the simulated Daraja can misbehave: one table, read by the network and shown to people.

A *payment* fault is drawn when a push is accepted and stays with that payment. A *request* fault is drawn when a
request arrives, before anything is read, and so also says `on` which requests it falls.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hakika.simulator.orders import Misused, read_code, read_whole

Stage = Literal["payment", "request"]
ON = ("push", "query", "token", "any")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting of a fault: a whole number, a choice, or a result code."""

    default: int | str
    doc: str
    choices: tuple[str, ...] = ()
    least: int = 0

    def read(self, name: str, value: object) -> int | str:
        """Read a value that somebody gave for it."""
        if self.choices:
            if value not in self.choices:
                raise Misused(f"{name} must be one of {', '.join(self.choices)}")
            return str(value)
        return read_whole(value, name, self.least) if isinstance(self.default, int) else read_code(value)


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to misbehave."""

    name: str
    stage: Stage
    doc: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


def on(default: str = "push") -> dict[str, Parameter]:
    """Say on which requests a fault falls."""
    return {"on": Parameter(default, "which requests it falls on", ON)}


def delay(default_ms: int, doc: str) -> dict[str, Parameter]:
    """Say how long a fault delays."""
    return {"delay_ms": Parameter(default_ms, doc)}


def shape(doc: str, *choices: str) -> dict[str, Parameter]:
    """Say which of several shapes a fault takes; the first is the default."""
    return {"shape": Parameter(choices[0], doc, choices)}


def says(default: str) -> dict[str, Parameter]:
    """Say which result code a fault tells."""
    return {"says": Parameter(default, "the result code that it tells instead of the true one")}


TABLE = (
    Kind("callback_lost", "payment", "No callback is posted."),
    Kind("callback_late", "payment", "The callback comes late.", delay(120_000, "later than usual by")),
    Kind(
        "callback_repeated",
        "payment",
        "The same callback is posted several times.",
        {"copies": Parameter(4, "how often in all", least=2), "gap_ms": Parameter(300, "time between copies")},
    ),
    Kind(
        "callback_early",
        "payment",
        "The payer answers at once and the callback arrives before the push's own answer.",
        delay(1_500, "how long the push's answer is held back"),
    ),
    Kind(
        "callback_reordered",
        "payment",
        "The callback waits until another payment's callback has overtaken it.",
        {"hold_ms": Parameter(30_000, "how long it waits at most")},
    ),
    Kind("callback_contradicts", "payment", "The callback tells another result than happened.", says("1032")),
    Kind(
        "callback_amount",
        "payment",
        "The callback names another amount than was asked.",
        {"amount": Parameter(1, "the amount it names", least=1)},
    ),
    Kind("callback_receipt_repeated", "payment", "The callback carries the receipt of the last other payment."),
    Kind("callback_phone_masked", "payment", "The callback masks the payer's number: 0722000***."),
    Kind("query_contradicts", "payment", "Queries tell another result than happened.", says("1037")),
    Kind("push_cut", "payment", "The push is accepted, but the connection is cut before its answer."),
    Kind(
        "push_error_after_acceptance",
        "payment",
        "The push is accepted and the phone rings, but the answer is a server error.",
        shape("500.003.1001, 500.003.02 or a page of HTML", "internal", "busy", "html"),
    ),
    Kind("push_vanished", "request", "The connection is cut and nothing is processed.", on()),
    Kind(
        "spike_arrest",
        "request",
        "Refused for asking too fast.",
        shape("500.003.02, or the gateway's 429", "daraja", "apigee") | on(),
    ),
    Kind("busy", "request", "Refused with 500.003.02 System is busy; nothing is processed.", on()),
    Kind("internal_error", "request", "Refused with 500.003.1001 Internal error; nothing is processed.", on()),
    Kind("html_503", "request", "The firewall answers with HTTP 503 and a page of HTML.", on()),
    Kind("subscriber_locked", "request", "Refused with 500.001.1001 Unable to lock subscriber.", on()),
    Kind("no_such_product", "request", "Refused with 401.003.01: the product is not on the app.", on()),
    Kind("token_revoked", "request", "Every access token so far stops working, also for this request.", on()),
    Kind("slow", "request", "The answer takes long.", delay(8_000, "how long") | on()),
    Kind(
        "query_flapping",
        "request",
        "A query gives 500.001.1001, whatever is known by then.",
        shape("HTTP 500 with a text, HTTP 200 without one, or either by chance", "any", "processing", "empty")
        | on("query"),
    ),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in TABLE}


@dataclass(frozen=True, slots=True)
class Fault:
    """One misbehaviour with its parameters filled in."""

    name: str
    parameters: Mapping[str, int | str]

    @property
    def stage(self) -> Stage:
        """Say when it is drawn."""
        return KINDS[self.name].stage

    @property
    def on(self) -> str:
        """Say which requests it falls on."""
        return str(self.parameters.get("on", "push"))

    def number(self, name: str) -> int:
        """Read a parameter that is a whole number."""
        return int(self.parameters[name])

    def text(self, name: str) -> str:
        """Read a parameter that is a choice or a code."""
        return str(self.parameters[name])

    def document(self) -> dict[str, Any]:
        """Show it as `read_fault` takes it."""
        return {"fault": self.name, **self.parameters}


def read_fault(name: object, given: Mapping[str, Any]) -> Fault:
    """Read a fault with some of its parameters; unknown names are refused by naming the known."""
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise Misused(f"no such fault: {name!r}; there are {', '.join(KINDS)}")
    unknown = set(given) - set(kind.parameters)
    if unknown:
        has = ", ".join(kind.parameters) or "no parameters"
        raise Misused(f"{kind.name} has {has}; not {', '.join(sorted(unknown))}")
    read = {key: each.read(key, given.get(key, each.default)) for key, each in kind.parameters.items()}
    return Fault(kind.name, read)


def describe_faults() -> list[dict[str, Any]]:
    """Show the table to people and programs."""
    return [
        {
            "fault": kind.name,
            "stage": kind.stage,
            "doc": kind.doc,
            "parameters": {
                name: {"default": each.default, "doc": each.doc, "choices": list(each.choices)}
                for name, each in kind.parameters.items()
            },
        }
        for kind in TABLE
    ]
