"""Requests that make something, with an Idempotency-Key: how it is given, and how a repeat is answered."""

from typing import Annotated, Any

from fastapi import Header, Response

from hakika.api.access import Caller
from hakika.domain.errors import IdempotencyKeyInFlight, IdempotencyKeyReused
from hakika.engine.once import Answered, IdempotencyKey, fingerprint_body

KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[ -~]*$",
        description="Makes a repeat safe: the same key and body give the first answer again, for 24 hours.",
    ),
]
REPLAYED: dict[str, Any] = {
    "headers": {
        "Idempotent-Replayed": {
            "description": "`true` where the Idempotency-Key came before: this is the first answer, byte for byte.",
            "schema": {"type": "string", "enum": ["true"]},
        }
    },
}
KEY_ERRORS = (IdempotencyKeyReused, IdempotencyKeyInFlight)


def read_key(path: str, caller: Caller, key: str | None, body: object) -> IdempotencyKey | None:
    """The key of a request to `path`; `body` as it was given."""
    return IdempotencyKey(caller.key, key, fingerprint_body(path, body)) if key else None


def answer_created(answered: Answered) -> Response:
    """What was made, or the first answer again."""
    replayed = {"Idempotent-Replayed": "true"} if answered.replayed else {}
    return Response(answered.body, 201, replayed, media_type="application/json")
