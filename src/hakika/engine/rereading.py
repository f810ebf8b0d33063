"""Reading kept bytes again, with today's reader: whether it still says what is stored."""

import msgspec

from hakika.daraja.answers import read_push_answer, read_query_answer
from hakika.daraja.callbacks import read_callback
from hakika.daraja.protocol import RAW_KEPT_BYTES, Answer
from hakika.domain import evidence as said
from hakika.domain.evidence import AnyReading


def reread(reading: AnyReading, raw: bytes | None) -> AnyReading | None:
    """What today's reader makes of the bytes, with the stamps that were no part of them; None if nobody can say.

    The HTTP status of an answer is not kept, so only what needs none is read again: acceptances and results.
    """
    if not raw:
        return None
    match reading:
        case said.CallbackReceived() | said.CallbackUnreadable():
            return _restamp(read_callback(raw, reading.at_ms, trusted=reading.trusted), reading)
        case said.PushAccepted(at_ms=at_ms, attempt=attempt) if len(raw) < RAW_KEPT_BYTES:
            return read_push_answer(Answer(200, {}, raw), attempt, at_ms).reading
        case said.QueryAnswered(at_ms=at_ms, checkout_request_id=asked, last_word=last) if len(raw) < RAW_KEPT_BYTES:
            fresh = read_query_answer(Answer(200, {}, raw), asked, at_ms, last).reading
            if isinstance(fresh, said.QueryAnswered):
                return msgspec.structs.replace(fresh, overruled=reading.overruled)
            return fresh
        case _:
            return None


def _restamp(
    fresh: said.CallbackReceived | said.CallbackUnreadable, kept: said.CallbackReceived | said.CallbackUnreadable
) -> AnyReading:
    """Who sent it and whose receipt it names were seen when it came, not in its bytes."""
    flags = tuple(dict.fromkeys((*fresh.flags, *kept.flags)))
    if set(flags) == set(kept.flags):
        flags = kept.flags
    if isinstance(fresh, said.CallbackReceived) and isinstance(kept, said.CallbackReceived):
        return msgspec.structs.replace(fresh, flags=flags, taken=kept.taken, overruled=kept.overruled)
    return msgspec.structs.replace(fresh, flags=flags)
