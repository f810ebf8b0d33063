"""Read what Daraja answers: one function an answer, each result a reading (daraja.md §1, §2.2 and §7).

A push is *refused* only where Daraja says in documented words that it did not process it; whatever else
is no acceptance is *lost*, because a second prompt for money that is already moving is the worst outcome.

    what came                                                         reading         and
    ResponseCode 0 with a CheckoutRequestID                           PushAccepted
    any invalid-token shape                                           PushRefused     resend, token_invalid
    429, spike arrest, quota                                          PushRefused     resend, pressure
    a documented 4xx error code; 5xx naming our own mistake           PushRefused
    everything else                                                   PushLost        pressure if busy
"""

import re
from enum import Enum, auto
from typing import Final

import msgspec

from hakika.daraja.codes import is_certain_refusal, look_up
from hakika.daraja.errors import TokenUnavailable, WrongKeyOrSecret
from hakika.daraja.protocol import RAW_KEPT_BYTES, Answer, PushOutcome, QueryOutcome, Token
from hakika.daraja.tolerance import (
    Unreadable,
    clean_text,
    load_document,
    pick_object,
    read_code,
    read_whole_number,
)
from hakika.domain.evidence import PushAccepted, PushLost, PushRefused, QueryAnswered, QueryUnanswered

_MESSAGE_LIMIT: Final = 256
_ID_LIMIT: Final = 128
_CODE_LIMIT: Final = 64

# Documented as about the header or the token, so checked before the push is looked at (daraja.md §1, §7).
_TOKEN_CODES: Final = {
    "400.003.01",
    "400.003.02",
    "400.008.01",
    "400.008.02",
    "401.002.01",
    "404.001.03",
}
# A 401, but about the product: a fresh token would not help (daraja.md §1, 401.003.01).
_PRODUCT_CODES: Final = {"401.003.01"}

_DEFAULT_TOKEN_LIFE_S: Final = 300  # where `expires_in` cannot be read: short, so that it is soon known
_LONGEST_TOKEN_LIFE_S: Final = 3600
_TOKEN_TEXT = re.compile(r"[\x21-\x7e]{1,2048}")
_LONGEST_WAIT_S: Final = 3600


class _Fault(msgspec.Struct, frozen=True):
    """An answer that is no success, whatever its shape. `status` is the one that its code carries, if any.

    `stated`: it came as a documented error body; else `message` is ours and its words decide nothing.
    """

    status: int
    code: str
    message: str
    stated: bool

    @property
    def said(self) -> str:
        return f"{self.code} {self.message}".lower() if self.stated else ""


class _Verdict(Enum):
    """What a fault means for the request that met it."""

    TOKEN_INVALID = auto()
    THROTTLED = auto()
    REFUSED = auto()
    UNKNOWN = auto()


_PLAIN_CODES: Final = {_Verdict.TOKEN_INVALID: "401", _Verdict.THROTTLED: "429"}


def read_token_answer(answer: Answer, now_ms: int) -> Token:
    """Read an access token; `now_ms` is when it was asked for. Raises TokenUnavailable, WrongKeyOrSecret."""
    document, shape = _open(answer)
    text = document.get("accesstoken")
    if 200 <= answer.status < 300 and isinstance(text, str) and _TOKEN_TEXT.fullmatch(text):
        life_s = read_whole_number(document.get("expiresin"))
        life_s = _DEFAULT_TOKEN_LIFE_S if life_s < 0 else min(life_s, _LONGEST_TOKEN_LIFE_S)
        return Token(text, now_ms + life_s * 1000)
    fault = _read_fault(answer, document, shape)
    if _is_about_credentials(answer, fault):
        raise WrongKeyOrSecret(
            f"Daraja refused consumer key and secret (HTTP {answer.status}: {fault.message}). "
            "An empty 400 is how it says that they are wrong, or of the other environment."
        )
    raise TokenUnavailable(
        f"No access token in Daraja's answer (HTTP {answer.status}: {fault.message}).",
        pressure=_is_pressure(fault),
        retry_after_s=_read_retry_after_s(answer),
    )


def read_push_answer(answer: Answer, attempt: int, at_ms: int) -> PushOutcome:
    """Read the answer to a push into exactly one of accepted, refused, lost (this module's table)."""
    document, shape = _open(answer)
    checkout_request_id = _read_id(document, "checkoutrequestid")
    # Whatever the status: an acceptance is the one thing that must not be taken for anything else.
    if checkout_request_id and _is_zero(document.get("responsecode")):
        merchant_request_id = _read_id(document, "merchantrequestid")
        reading = PushAccepted(at_ms, attempt, checkout_request_id, merchant_request_id)
        return PushOutcome(reading, raw=answer.body[:RAW_KEPT_BYTES], http_status=answer.status)
    return _conclude_push(answer, _read_fault(answer, document, shape), attempt, at_ms)


def read_query_answer(answer: Answer, asked_id: str, asked_at_ms: int, last_word: bool) -> QueryOutcome:
    """Read the answer to a query. It counts only with a ResultCode, about the id that was asked (§2.2)."""
    document, shape = _open(answer)
    code = read_code(document.get("resultcode"))
    if code and 200 <= answer.status < 300 and "errorcode" not in document:
        reading = _read_result(document, code, asked_id, asked_at_ms, last_word)
        return QueryOutcome(reading, raw=answer.body[:RAW_KEPT_BYTES], http_status=answer.status)
    fault = _read_fault(answer, document, shape)
    return QueryOutcome(
        QueryUnanswered(asked_at_ms, f"HTTP {answer.status}: {fault.message}", fault.code),
        token_invalid=_judge(fault) is _Verdict.TOKEN_INVALID,
        pressure=_is_pressure(fault),
        retry_after_s=_read_retry_after_s(answer),
        raw=answer.body[:RAW_KEPT_BYTES],
        http_status=answer.status,
    )


def _read_result(
    document: dict[str, object], code: str, asked_id: str, asked_at_ms: int, last_word: bool
) -> QueryAnswered | QueryUnanswered:
    answered_id = _read_id(document, "checkoutrequestid")
    if answered_id != asked_id:
        return QueryUnanswered(asked_at_ms, "an answer about another CheckoutRequestID")
    if "responsecode" in document and not _is_zero(document["responsecode"]):
        return QueryUnanswered(asked_at_ms, "the query itself was not accepted", code)
    description = clean_text(document.get("resultdesc"), _MESSAGE_LIMIT)
    return QueryAnswered(asked_at_ms, code, asked_id, description, last_word)


def _conclude_push(answer: Answer, fault: _Fault, attempt: int, at_ms: int) -> PushOutcome:
    verdict = _judge(fault)
    if verdict is _Verdict.UNKNOWN:
        reason = f"HTTP {answer.status}: {fault.code} {fault.message}".replace(":  ", ": ")
        reading: PushLost | PushRefused = PushLost(at_ms, attempt, reason[:_MESSAGE_LIMIT])
    else:
        resend = verdict in {_Verdict.TOKEN_INVALID, _Verdict.THROTTLED}
        # A code that the table cannot explain as a refusal gives way to the plain status for what it means.
        known = is_certain_refusal(fault.code, fault.message)
        code = fault.code if known else _PLAIN_CODES[verdict]
        reading = PushRefused(at_ms, attempt, code, fault.message, resend)
    return PushOutcome(
        reading,
        token_invalid=verdict is _Verdict.TOKEN_INVALID,
        pressure=_is_pressure(fault),
        retry_after_s=_read_retry_after_s(answer) or _advise_wait_s(reading),
        raw=answer.body[:RAW_KEPT_BYTES],
        http_status=answer.status,
    )


def _advise_wait_s(reading: PushLost | PushRefused) -> int:
    # What is re-sent goes by the design's own delays, unless Daraja names one.
    if isinstance(reading, PushLost) or reading.resend:
        return 0
    return look_up(reading.code, reading.message).wait_s


def _judge(fault: _Fault) -> _Verdict:
    if _is_token_invalid(fault):
        return _Verdict.TOKEN_INVALID
    if _is_throttled(fault):
        return _Verdict.THROTTLED
    if fault.stated and is_certain_refusal(fault.code, fault.message):
        return _Verdict.REFUSED
    return _Verdict.UNKNOWN


def _is_token_invalid(fault: _Fault) -> bool:
    if fault.code in _PRODUCT_CODES or "apiproduct" in fault.said:
        return False
    # 400.008.02 is a wrong phone to some (daraja.md §7, Errors: disagree): the message tells.
    if fault.code in _TOKEN_CODES:
        return "phone" not in fault.said
    return fault.status == 401 or bool(re.search(r"(invalid|expired).{0,3}access.{0,2}token", fault.said))


def _is_throttled(fault: _Fault) -> bool:
    said = fault.said
    # Both are refused by the gateway's policies, before the request goes any further.
    return fault.status == 429 or fault.code == "500.003.03" or "spike arrest" in said or "ratelimit" in said


def _is_pressure(fault: _Fault) -> bool:
    return _is_throttled(fault) or fault.status == 503 or "system is busy" in fault.said


def _is_about_credentials(answer: Answer, fault: _Fault) -> bool:
    if _is_throttled(fault):
        return False
    if answer.status == 400 and not answer.body.strip():
        return True
    return fault.status == 401 or fault.code in _TOKEN_CODES


def _read_fault(answer: Answer, document: dict[str, object], shape: str) -> _Fault:
    gateway, stated = pick_object(document, "fault"), True
    if "errorcode" in document and "checkoutrequestid" in document:
        # Where the two stand together, the push has an id, and so may have been processed after all.
        code, message, stated = "", "an error beside a CheckoutRequestID", False
    elif "errorcode" in document:
        code = clean_text(document["errorcode"], _CODE_LIMIT)
        message = clean_text(document.get("errormessage"), _MESSAGE_LIMIT)
    elif gateway:
        code = clean_text(pick_object(gateway, "detail").get("errorcode"), _CODE_LIMIT)
        message = clean_text(gateway.get("faultstring"), _MESSAGE_LIMIT)
    else:
        code, message, stated = "", shape, False
    return _Fault(_read_status(answer, code), code, message, stated)


def _read_status(answer: Answer, code: str) -> int:
    # Errors also come as HTTP 200 (daraja.md §1, Other shapes): the code's first digits are its status.
    if answer.status == 429:
        return 429
    head = code.partition(".")[0]
    return int(head) if re.fullmatch(r"[45][0-9][0-9]", head) else answer.status


def _open(answer: Answer) -> tuple[dict[str, object], str]:
    """Return the document and, in our words, the shape of what came instead of an answer that we know."""
    try:
        document = load_document(answer.body)
    except Unreadable as unreadable:
        return {}, _name_shape(answer, str(unreadable))
    if "envelope" in document:
        return document, "a SOAP fault as JSON"
    said = clean_text(document.get("responsedescription") or document.get("resultdesc"), _MESSAGE_LIMIT)
    return document, said or "JSON of a shape that is not known"


def _name_shape(answer: Answer, fault: str) -> str:
    if 300 <= answer.status < 400:
        return "a redirect, not followed"
    head = answer.body[:RAW_KEPT_BYTES].lower()
    if b"incapsula" in head or b"request unsuccessful" in head:
        # Its page is also shown when the server behind gave no answer in time: no proof of a refusal.
        return "the firewall's page (Incapsula)"
    return "a page of HTML" if b"<html" in head or b"<!doctype" in head else fault


def _read_id(document: dict[str, object], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or len(value) > _ID_LIMIT or not (value.isascii() and value.isprintable()):
        return ""
    return value.strip()


def _is_zero(value: object) -> bool:
    # "0" by the documents, "00000000" by some libraries (daraja.md §7, Acks).
    return bool(re.fullmatch(r"0{1,8}", clean_text(value, 16)))


def _read_retry_after_s(answer: Answer) -> int:
    for name, value in answer.headers.items():
        if name.lower() == "retry-after":
            return max(0, min(read_whole_number(value), _LONGEST_WAIT_S))
    return 0
