"""The result codes of a payment (daraja.md §2.1) and our own words beside them: class, meaning, advice.

Read them through `codes.look_up`. The wording for payers is one of a few sentences wherever the fault is not
theirs: they need to know that they were not charged, not why the merchant's set-up is wrong.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec


class CodeClass(StrEnum):
    """What a code means for what happens next."""

    SUCCESS = "success"  # the money moved
    FINAL = "final"  # no money moved; another request is a new decision
    RETRY_AFTER = "retry_after"  # no money moved; the same request may pass after `wait_s`
    CONFIG = "config"  # no money moved, and none will until somebody corrects the set-up
    PENDING = "pending"  # it says nothing about the money


class Code(msgspec.Struct, frozen=True, gc=False):
    """One code, explained. `retryable`: asking again makes sense, once time or the payer has helped."""

    code: str
    kind: CodeClass
    english: str
    swahili: str
    advice: str
    wait_s: int = 0
    retryable: bool = False


_SUCCESS, _FINAL, _CONFIG, _PENDING = CodeClass.SUCCESS, CodeClass.FINAL, CodeClass.CONFIG, CodeClass.PENDING
_LATER = CodeClass.RETRY_AFTER

# What the payer reads where the fault is the merchant's, or M-Pesa's, and never the payer's.
SETUP_EN = "This business cannot take M-Pesa payments at the moment. You have not been charged."
SETUP_SW = "Biashara hii haiwezi kupokea malipo ya M-Pesa kwa sasa. Hujatozwa pesa yoyote."
PROMPT_EN = "M-Pesa could not send the payment request to your phone. Please try again in a minute."
PROMPT_SW = "M-Pesa haikuweza kutuma ombi la malipo kwenye simu yako. Tafadhali jaribu tena baada ya dakika moja."
STATUS_EN = "Your M-Pesa account does not allow this payment. Please contact Safaricom customer care."
STATUS_SW = "Akaunti yako ya M-Pesa hairuhusu malipo haya. Tafadhali wasiliana na huduma kwa wateja ya Safaricom."
BUSY_EN = "M-Pesa is very busy right now. You have not been charged. Please try again in a minute."
BUSY_SW = "M-Pesa ina shughuli nyingi kwa sasa. Hujatozwa pesa yoyote. Tafadhali jaribu tena baada ya dakika moja."
CHECKING_EN = "We are still confirming this payment with M-Pesa. Please do not pay again yet."
CHECKING_SW = "Bado tunathibitisha malipo haya na M-Pesa. Tafadhali usilipe tena kwa sasa."
REFUSED_EN = "M-Pesa refused this payment request. You have not been charged."
REFUSED_SW = "M-Pesa imekataa ombi hili la malipo. Hujatozwa pesa yoyote."
_STATUS_ADVICE = "A rule on the status of the account, nearly always the payer's: let the payer call Safaricom."
_PROMPT_ADVICE = (
    "The prompt could not be delivered. Keep organisation name and account reference short (the text may "
    "have 182 characters), then try again later."
)
_TYPE_ADVICE = (
    "Transaction type and receiver do not fit. For a till, the shortcode is the store (head-office) number "
    "and `till` the till number; for a PayBill leave `till` empty."
)

_RESULTS: Final = (
    Code(
        "0",
        _SUCCESS,
        "Payment received. Thank you.",
        "Malipo yamepokelewa. Asante.",
        "Nothing to do: deliver what was paid for.",
    ),
    Code(
        "1",
        _FINAL,
        "Your M-Pesa balance is not enough for this payment. Add money and try again.",
        "Salio lako la M-Pesa halitoshi kwa malipo haya. Ongeza pesa kisha ujaribu tena.",
        "Insufficient funds: offer to try again when the payer has topped up.",
        retryable=True,
    ),
    Code(
        "2",
        _FINAL,
        "The amount is less than M-Pesa allows.",
        "Kiasi hiki ni chini ya kiwango cha chini kinachoruhusiwa na M-Pesa.",
        "Below the minimum: ask for at least KES 1, or for the minimum set on this shortcode.",
    ),
    Code(
        "3",
        _FINAL,
        "The amount is more than M-Pesa allows in one payment.",
        "Kiasi hiki kinazidi kiwango cha juu kinachoruhusiwa na M-Pesa kwa malipo ya mara moja.",
        "Above the maximum: KES 250,000 a payment; split the amount over several payments.",
    ),
    Code(
        "4",
        _FINAL,
        "You have reached your M-Pesa limit for today. Please try again tomorrow.",
        "Umefikia kikomo chako cha M-Pesa cha leo. Tafadhali jaribu tena kesho.",
        "The payer's daily limit (KES 500,000) would be exceeded: try again tomorrow.",
        retryable=True,
    ),
    Code(
        "8",
        _FINAL,
        "This business's M-Pesa account cannot receive this amount at the moment. You have not been charged.",
        "Akaunti ya M-Pesa ya biashara hii haiwezi kupokea kiasi hiki kwa sasa. Hujatozwa pesa yoyote.",
        "The receiving account would exceed its maximum balance: withdraw from it or raise its limit.",
    ),
    Code(
        "11",
        _FINAL,
        STATUS_EN,
        STATUS_SW,
        "The payer's account is in an invalid state (dormant, suspended): let the payer call Safaricom.",
    ),
    Code(
        "17",
        _LATER,
        "The same amount was asked of this number less than two minutes ago. Wait two minutes and try again.",
        "Kiasi hiki hiki kiliombwa kutoka nambari hii chini ya dakika mbili zilizopita. "
        "Subiri dakika mbili kisha ujaribu tena.",
        "M-Pesa refuses the same amount from the same payer within two minutes. First make sure that the "
        "earlier payment did not pass.",
        120,
        retryable=True,
    ),
    Code(
        "20",
        _CONFIG,
        SETUP_EN,
        SETUP_SW,
        "The initiator could not be resolved: check shortcode and passkey, and that the app is live for it.",
    ),
    Code(
        "21",
        _CONFIG,
        SETUP_EN,
        SETUP_SW,
        "The initiator may not do this: have M-Pesa Express enabled for this shortcode on the portal.",
    ),
    Code(
        "26",
        _LATER,
        BUSY_EN,
        BUSY_SW,
        "M-Pesa blocked traffic because it was busy: try again after a minute, and not in a burst.",
        60,
        retryable=True,
    ),
    Code(
        "1001",
        _LATER,
        "Another M-Pesa request is open on your phone. Finish or close it, wait a minute and try again.",
        "Kuna ombi jingine la M-Pesa kwenye simu yako. Likamilishe au lifunge, subiri dakika moja, kisha ujaribu tena.",
        "The subscriber is locked by another session: wait at least a minute; one prompt a phone at a time.",
        60,
        retryable=True,
    ),
    Code(
        "1019",
        _FINAL,
        "The payment request expired before it was completed. Please try again.",
        "Muda wa ombi la malipo uliisha kabla ya kukamilika. Tafadhali jaribu tena.",
        "Expired before it was processed: offer to try again.",
        retryable=True,
    ),
    Code("1025", _LATER, PROMPT_EN, PROMPT_SW, _PROMPT_ADVICE, 60, retryable=True),
    Code(
        "1031",
        _FINAL,
        "You cancelled the payment. You have not been charged.",
        "Umeghairi malipo. Hujatozwa pesa yoyote.",
        "Cancelled by the payer (the older code): offer to try again, do not prompt again unasked.",
        retryable=True,
    ),
    Code(
        "1032",
        _FINAL,
        "You cancelled the payment. You have not been charged.",
        "Umeghairi malipo. Hujatozwa pesa yoyote.",
        "Cancelled by the payer: offer to try again, do not prompt again unasked.",
        retryable=True,
    ),
    Code(
        "1036",
        _FINAL,
        "The payment request did not reach your phone. Check that it is on and has network, then try again.",
        "Ombi la malipo halikufika kwenye simu yako. Hakikisha simu imewashwa na ina mtandao, kisha ujaribu tena.",
        "The prompt could not be delivered: phone off, no network, or an old SIM (dial *234*1*6#).",
        retryable=True,
    ),
    Code(
        "1037",
        _FINAL,
        "There was no answer from your phone. Check that it is on, has network and is unlocked, then try again.",
        "Hatukupata jibu kutoka kwa simu yako. Hakikisha simu imewashwa, ina mtandao na skrini haijafungwa, "
        "kisha ujaribu tena.",
        "Unreachable or unanswered, the most common failure: offer to try again, or PayBill instructions. "
        "An old SIM is updated with *234*1*6#.",
        retryable=True,
    ),
    Code("1101", _LATER, PROMPT_EN, PROMPT_SW, _PROMPT_ADVICE, 60, retryable=True),
    Code("1102", _LATER, PROMPT_EN, PROMPT_SW, _PROMPT_ADVICE, 60, retryable=True),
    Code(
        "2001",
        _FINAL,
        "The M-Pesa PIN was wrong. Try again with the right PIN.",
        "PIN ya M-Pesa uliyoweka si sahihi. Jaribu tena ukitumia PIN sahihi.",
        "Wrong PIN (its text speaks of an initiator; on an STK push it is the payer): offer to try again.",
        retryable=True,
    ),
    Code("2002", _CONFIG, SETUP_EN, SETUP_SW, _TYPE_ADVICE),
    Code("2006", _FINAL, STATUS_EN, STATUS_SW, _STATUS_ADVICE),
    Code("2008", _FINAL, STATUS_EN, STATUS_SW, _STATUS_ADVICE),
    Code("2026", _FINAL, STATUS_EN, STATUS_SW, _STATUS_ADVICE),
    Code("2028", _CONFIG, SETUP_EN, SETUP_SW, _TYPE_ADVICE),
    Code("2029", _CONFIG, SETUP_EN, SETUP_SW, _TYPE_ADVICE),
    Code(
        "8006",
        _FINAL,
        "Your M-Pesa PIN is locked. Please contact Safaricom customer care to unlock it.",
        "PIN yako ya M-Pesa imefungwa. Tafadhali wasiliana na huduma kwa wateja ya Safaricom ili ifunguliwe.",
        "The payer's PIN is locked after wrong tries: only Safaricom can unlock it.",
    ),
    Code("9999", _LATER, PROMPT_EN, PROMPT_SW, _PROMPT_ADVICE, 60, retryable=True),
    Code("SFC_IC0003", _CONFIG, SETUP_EN, SETUP_SW, _TYPE_ADVICE),
    Code(
        "E3008",
        _FINAL,
        STATUS_EN,
        STATUS_SW,
        "M-Pesa refused over a debt contract; seen in the sandbox with real numbers: use its test number.",
    ),
    Code(
        "4999",
        _PENDING,
        "Waiting for you to confirm the payment on your phone.",
        "Tunasubiri uthibitishe malipo kwenye simu yako.",
        "Still under processing: not a failure. Nothing to do, it is asked again by itself.",
    ),
)

_OURS: Final = (
    Code(
        "not_sent",
        _FINAL,
        "The payment request did not reach M-Pesa. You have not been charged. Please try again.",
        "Ombi la malipo halikufika M-Pesa. Hujatozwa pesa yoyote. Tafadhali jaribu tena.",
        "Nothing reached M-Pesa's processing: look at the push's evidence for why, then ask again.",
        retryable=True,
    ),
    Code(
        "withdrawn",
        _FINAL,
        "The business withdrew this payment request. You have not been charged.",
        "Biashara imeondoa ombi hili la malipo. Hujatozwa pesa yoyote.",
        "Called off by the merchant before anything was sent.",
        retryable=True,
    ),
    Code(
        "operator",
        _FINAL,
        "The business looked into this payment and closed it as not paid.",
        "Biashara imechunguza malipo haya na kuyafunga kuwa hayakulipwa.",
        "A person decided it: the reason stands in the payment's timeline.",
        retryable=True,
    ),
    Code(
        "not_connected",
        _LATER,
        BUSY_EN,
        BUSY_SW,
        "No connection to Daraja could be opened: check DNS, firewall, proxy and base URL. Nothing was sent.",
        5,
        retryable=True,
    ),
    Code(
        "no_token",
        _LATER,
        BUSY_EN,
        BUSY_SW,
        "Daraja gave no access token, so nothing was sent: look at the message; usually an outage.",
        5,
        retryable=True,
    ),
    Code(
        "wrong_key_or_secret",
        _CONFIG,
        SETUP_EN,
        SETUP_SW,
        "Consumer key or secret is wrong, or of the other environment (sandbox, production): copy both again "
        "from the app on the Daraja portal.",
    ),
)


def _index(codes: Iterable[Code]) -> dict[str, Code]:
    return {code.code: code for code in codes}


RESULT_CODES: Final = _index(_RESULTS)
OWN_CODES: Final = _index(_OURS)

# Design, "Silence is never failure": only these decline a payment.
DECLINE_CODES: Final = frozenset(code.code for code in _RESULTS if code.kind not in {_SUCCESS, _PENDING})
