"""How a prompt can end: result codes, the words that callbacks and queries put to them, and a payer's answers.

The words differ between callback and query, as they do in Daraja: only the code is a contract.
"""

from collections.abc import Mapping

PAID = "0"
NO_ANSWER = "1037"
STILL_PROCESSING = "4999"

SUCCESS_TEXT = "The service request is processed successfully."

CALLBACK_TEXTS: Mapping[str, str] = {
    PAID: SUCCESS_TEXT,
    "1": "The balance is insufficient for the transaction.",
    "2": "Declined due to limit rule: less than the minimum transaction amount.",
    "3": "Declined due to limit rule: greater than the maximum transaction amount.",
    "4": "Declined due to limit rule: would exceed daily transfer limit.",
    "8": "Declined due to limit rule: would exceed the maximum balance.",
    "11": "The DebitParty is in an invalid state.",
    "17": "A similar transaction was made within the last two minutes.",
    "26": "System busy: traffic blocking condition in place.",
    "1001": "Unable to lock subscriber, a transaction is already in process for the current subscriber.",
    "1019": "Transaction has expired.",
    "1025": "An error occurred while sending a push request.",
    "1031": "Request cancelled by user",
    "1032": "Request cancelled by user",
    "1036": "SMSC ACK timeout.",
    NO_ANSWER: "DS timeout user cannot be reached.",
    "2001": "The initiator information is invalid.",
    "2028": "The request is not permitted according to product assignment.",
    "8006": "The security credential is locked.",
    "9999": "An error occurred while sending a push request.",
    "SFC_IC0003": "The operator does not exist.",
    "E3008": "Transaction failed due to a bad debt contract.",
}

QUERY_TEXTS: Mapping[str, str] = {
    NO_ANSWER: "No response from user.",
    "1032": "Request Cancelled by user.",
    STILL_PROCESSING: "The transaction is still under processing",
}

ANSWERS: Mapping[str, str] = {
    "pay": PAID,
    "cancel": "1032",
    "wrong_pin": "2001",
    "no_funds": "1",
    "ignore": NO_ANSWER,
}
"""What a person can do with a prompt, and the code that it leads to."""


def callback_text(code: str) -> str:
    """Put a code into the words of a callback."""
    return CALLBACK_TEXTS.get(code, "The transaction could not be completed.")


def query_text(code: str) -> str:
    """Put a code into the words of a query's answer."""
    return QUERY_TEXTS.get(code, callback_text(code))


def callback_code(code: str) -> int | str:
    """Write a code as callbacks do: a number, unless it holds letters."""
    return int(code) if code.isdecimal() else code
