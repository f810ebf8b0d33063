"""Everything that was said to the simulator and by it, in order, with secrets masked; the oldest is forgotten."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

MASK = "***"
SECRETS = frozenset({"password", "securitycredential", "access_token"})
SECRET_IN_TEXT = re.compile(rf"(?i)((?:{'|'.join(sorted(SECRETS))})\"?\s*[=:]\s*\"?)[^\"&,}}\s]+")
LONGEST_BODY = 4_096


@dataclass(slots=True)
class Entry:
    """One exchange: a request with our answer, or a callback with theirs."""

    number: int
    at_ms: int
    kind: str
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    status: int | None
    answer: bytes
    note: str

    def document(self) -> dict[str, Any]:
        """Show the exchange without its secrets."""
        return {
            "number": self.number,
            "at_ms": self.at_ms,
            "kind": self.kind,
            "method": self.method,
            "target": self.target,
            "headers": {name: mask_header(name, value) for name, value in self.headers.items()},
            "body": mask_body(self.body),
            "status": self.status,
            "answer": mask_body(self.answer),
            "note": self.note,
        }


class Journal:
    """A ring of exchanges."""

    def __init__(self, keep: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=keep)
        self._number = 0

    def write(
        self,
        at_ms: int,
        kind: str,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        status: int | None,
        answer: bytes,
        note: str = "",
    ) -> None:
        """Add an exchange."""
        self._number += 1
        entry = Entry(self._number, at_ms, kind, method, target, headers, body, status, answer, note)
        self._entries.append(entry)

    def documents(self, after: int = 0) -> list[dict[str, Any]]:
        """Show what is kept, oldest first, from after a number on."""
        return [entry.document() for entry in self._entries if entry.number > after]


def mask_header(name: str, value: str) -> str:
    """Hide what a header proves, keeping how it proves it."""
    if name.lower() != "authorization":
        return value
    scheme, _, _ = value.partition(" ")
    return f"{scheme} {MASK}" if scheme in {"Basic", "Bearer"} else MASK


def mask_body(body: bytes) -> Any:
    """Show a JSON object with its secrets hidden; other bodies as text, shortened."""
    try:
        read = msgspec.json.decode(body)
    except ValueError:
        return SECRET_IN_TEXT.sub(rf"\1{MASK}", body[:LONGEST_BODY].decode("utf-8", "replace"))
    if not isinstance(read, dict):
        return read
    return {name: MASK if name.lower() in SECRETS else value for name, value in read.items()}
