"""The error codes of Daraja's API, as pushes meet them (daraja.md §1, Error body; §7, Errors).

Three of them carry several meanings, told apart by their message alone: those stand in `OVERLOADED`.
"""

from typing import Final

from hakika.daraja.result_codes import (
    BUSY_EN,
    BUSY_SW,
    CHECKING_EN,
    CHECKING_SW,
    RESULT_CODES,
    SETUP_EN,
    SETUP_SW,
    Code,
    CodeClass,
)


def _config(code: str, advice: str) -> Code:
    return Code(code, CodeClass.CONFIG, SETUP_EN, SETUP_SW, advice)


def _later(code: str, advice: str, wait_s: int) -> Code:
    return Code(code, CodeClass.RETRY_AFTER, BUSY_EN, BUSY_SW, advice, wait_s, retryable=True)


def _silent(code: str, advice: str) -> Code:
    return Code(code, CodeClass.PENDING, CHECKING_EN, CHECKING_SW, advice)


_REFETCH_ADVICE = (
    "Daraja did not accept the access token, fetched anew as it was. Check that key, secret and base URL "
    "belong to the same environment, and that nothing else fetches tokens with the same app."
)
_FIELD_ADVICE = (
    "A field of the push is wrong; the message names it. CallBackURL: public https, no localhost. "
    "PhoneNumber: a Safaricom line. BusinessShortCode: for a till, the store (head-office) number."
)
_SLOW_ADVICE = "More calls than this app may make: it is slowed down by itself; ask Safaricom for a higher rate."
_PATH_ADVICE = "A path or method that Daraja does not have: check the base URL; else it is a fault of ours, report it."
_PRODUCT_ADVICE = "The app has no M-Pesa Express product, or is of the other environment: add the product to the app."
_SILENT_ADVICE = "Daraja's inside failed: nobody can say whether the push was processed. Wait for the outcome."

ERROR_CODES: Final = {
    code.code: code
    for code in (
        _config("400.002.02", _FIELD_ADVICE),
        _config("400.002.05", "Daraja could not read the request's body: report it, with the account's set-up."),
        _later("400.003.01", _REFETCH_ADVICE, 5),
        _later("400.003.02", _REFETCH_ADVICE, 5),
        _later("400.008.01", _REFETCH_ADVICE, 5),
        _later("400.008.02", _REFETCH_ADVICE, 5),
        _later("401", _REFETCH_ADVICE, 5),
        _later("401.002.01", _REFETCH_ADVICE, 5),
        _config("401.003.01", _PRODUCT_ADVICE),
        _later("404.001.03", _REFETCH_ADVICE, 5),
        _config("404.001.01", _PATH_ADVICE),
        _config("404.001.04", _PATH_ADVICE),
        _config("405.001", _PATH_ADVICE),
        _later("429", _SLOW_ADVICE, 10),
        _later("policies.ratelimit.SpikeArrestViolation", _SLOW_ADVICE, 10),
        _later("policies.ratelimit.QuotaViolation", _SLOW_ADVICE, 60),
        _later("500.003.03", _SLOW_ADVICE, 60),
        _silent("500.001.1001", "Its message decides; this one is not known, so nothing is concluded from it."),
        _silent("500.002.1001", _SILENT_ADVICE),
        _silent("500.003.02", "System is busy: whether the push was processed is not known. Wait for the outcome."),
        _silent("500.003.1001", _SILENT_ADVICE),
        _silent("00.002.1001", "Daraja is under maintenance: nobody can say whether the push was processed."),
    )
}

_LOCKED = RESULT_CODES["1001"]

# In a 5xx, "Invalid X" is our mistake only if X is a field that we sent: "Invalid response from …" is theirs.
_FIELDS = (
    "businessshortcode",
    "password",
    "timestamp",
    "transactiontype",
    "amount",
    "partya",
    "partyb",
    "phonenumber",
    "callbackurl",
    "accountreference",
    "transactiondesc",
    "remarks",
)

# (how the code begins, what its message says in lower case, what that means).
OVERLOADED: Final = (
    (
        "500.",
        "wrong credentials",
        _config("", "The passkey does not belong to this shortcode, or is of the other environment."),
    ),
    (
        "500.",
        "merchant does not exist",
        _config("", "Daraja does not know this shortcode: for a till, it is the store (head-office) number."),
    ),
    # It is documented with "wait a minute" and no prompt: another transaction of the payer is under way. Were
    # it our own push that holds the lock, its callback would still arrive on its own path, and proof of
    # payment wins over a refusal. It is not re-sent: a minute is too late for that.
    ("500.", "unable to lock subscriber", _LOCKED),
    *(("500.", f"invalid {field}", _config("", _FIELD_ADVICE)) for field in _FIELDS),
    ("500.003.02", "spike arrest", _later("", _SLOW_ADVICE, 10)),
)
