"""What each code of M-Pesa and Daraja means, for the payer, for the developer and for the machine.

Three tables, one answer (`look_up`): result codes of a payment (`result_codes`, daraja.md §2.1), error codes
of the API (`error_codes`, daraja.md §1 and §7), and the words of our own. A code that stands in none of them
decides nothing: the payment stays pending until something known is said.
"""

from typing import Final

import msgspec

from hakika.daraja.error_codes import ERROR_CODES, OVERLOADED
from hakika.daraja.result_codes import (
    CHECKING_EN,
    CHECKING_SW,
    DECLINE_CODES,
    OWN_CODES,
    REFUSED_EN,
    REFUSED_SW,
    RESULT_CODES,
    Code,
    CodeClass,
)

__all__ = [
    "ALL_CODES",
    "DECLINE_CODES",
    "OWN_CODES",
    "RESULT_CODES",
    "Code",
    "CodeClass",
    "is_certain_refusal",
    "look_up",
    "look_up_decline",
]

ALL_CODES: Final = {**RESULT_CODES, **OWN_CODES, **ERROR_CODES}

_DECLINE_ADVICE = "This code has several meanings, and the message beside it said which: `hakika explain` quotes it."


def look_up(code: str, message: str = "") -> Code:
    """Explain `code`. Where Daraja gives one code several meanings, `message` (as received) chooses."""
    return _find_overloaded(code, message) or ALL_CODES.get(code) or _explain_unknown(code)


def look_up_decline(code: str) -> Code:
    """Explain the code of a payment that ended without money.

    Where the code alone concludes nothing, its message did (`OVERLOADED`): what it says of a payment that is still open
    must not be said of this one.
    """
    known = look_up(code)
    if known.kind is not CodeClass.PENDING:
        return known
    return msgspec.structs.replace(known, english=REFUSED_EN, swahili=REFUSED_SW, advice=_DECLINE_ADVICE)


def is_certain_refusal(code: str, message: str) -> bool:
    """Tell whether an API error says in documented words that the request was not processed."""
    meaning = _find_overloaded(code, message) or ERROR_CODES.get(code)
    return meaning is not None and meaning.kind is not CodeClass.PENDING


def _find_overloaded(code: str, message: str) -> Code | None:
    said = message.lower()
    for beginning, phrase, meaning in OVERLOADED:
        if code.startswith(beginning) and phrase in said:
            return msgspec.structs.replace(meaning, code=code)
    return None


def _explain_unknown(code: str) -> Code:
    advice = "This code is not known: the payment stays pending until something known is said. Please report it."
    return Code(code, CodeClass.PENDING, CHECKING_EN, CHECKING_SW, advice)
