"""What travels between a client and the simulated Daraja: requests, answers, and the error bodies of the gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import parse_qsl

import msgspec

JSON_HEADERS: Mapping[str, str] = {"Content-Type": "application/json;charset=UTF-8"}

FIREWALL_PAGE = b"""<html style="height:100%"><head><META NAME="ROBOTS" CONTENT="NOINDEX, NOFOLLOW"></head>
<body style="margin:0px;height:100%"><iframe id="main-iframe" frameborder=0 width="100%" height="100%">
Request unsuccessful. Incapsula incident ID: 466000710142534698-243610431246106055</iframe></body></html>"""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came, with the moment it came and its place in the order of all requests."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now_ms: int
    number: int

    @classmethod
    def read(cls, method: str, target: str, headers: Mapping[str, str], body: bytes, now_ms: int, number: int) -> Self:
        """Split the target into path and query and make the names of headers lower case."""
        path, _, query = target.partition("?")
        lowered = {name.lower(): value for name, value in headers.items()}
        return cls(method.upper(), path, dict(parse_qsl(query)), lowered, body, now_ms, number)

    @property
    def request_id(self) -> str:
        """The identity that error bodies carry, in the shape that Daraja gives it."""
        return f"{10000 + self.number % 89999}-{self.now_ms % 100_000_000}-1"

    def document(self) -> dict[str, Any]:
        """Read the body as a JSON object; anything else is an empty one."""
        try:
            read = msgspec.json.decode(self.body)
        except ValueError:
            return {}
        return read if isinstance(read, dict) else {}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client gets, how long after it asked, or that the connection is cut instead."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_ms: int = 0
    cut: bool = False
    after_callback: str | None = None
    """The CheckoutRequestID whose callback must have been delivered before this answer leaves."""

    def delayed(self, delay_ms: int) -> Self:
        """Give the same answer, later."""
        return replace(self, delay_ms=self.delay_ms + delay_ms)


class Refused(Exception):
    """Daraja refuses the request with one of its error bodies; raised by the checks, answered by the network."""

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = int(code[:3]) if status is None else status

    def answer(self, request_id: str) -> Answer:
        """Write the error body."""
        document = {"requestId": request_id, "errorCode": self.code, "errorMessage": self.message}
        return reply(document, self.status)


class RefusedRaw(Exception):
    """The gateway or the firewall before Daraja refuses, in a shape that is not Daraja's."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"HTTP {answer.status}")
        self.answer = answer


def reply(document: Mapping[str, Any], status: int = 200) -> Answer:
    """Answer with a JSON document."""
    return Answer(status, msgspec.json.encode(document), JSON_HEADERS)


def invalid_field(name: str) -> Refused:
    """Refuse a field by the name that Daraja gives it."""
    return Refused("400.002.02", f"Bad Request - Invalid {name}")


def firewall_page() -> Answer:
    """Answer as the web application firewall does: HTML where JSON was expected."""
    return Answer(503, FIREWALL_PAGE, {"Content-Type": "text/html"})


def spike_arrest(messages_per_minute: int) -> Answer:
    """Answer as the Apigee gateway does when a client asks too fast."""
    rate = f"messagesPerPeriod={messages_per_minute}, periodInMicroseconds=60000000, maxBurstMessageCount=1.0"
    fault = {
        "faultstring": f"Spike arrest violation. Allowed rate : MessageRate{{{rate}}}",
        "detail": {"errorcode": "policies.ratelimit.SpikeArrestViolation"},
    }
    return reply({"fault": fault}, 429)
