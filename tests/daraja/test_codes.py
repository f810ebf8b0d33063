"""The code table."""

import importlib

import pytest

from hakika.daraja.codes import (
    ALL_CODES,
    DECLINE_CODES,
    OWN_CODES,
    RESULT_CODES,
    Code,
    CodeClass,
    look_up,
    look_up_decline,
)

_CLOSED_LIST = (
    "1 2 3 4 8 11 17 20 21 26 1001 1019 1025 1031 1032 1036 1037 1101 1102 2001 2002 2006 2008 2026 2028 "
    "2029 8006 9999 SFC_IC0003 E3008"
)


def test_declines_are_the_closed_list() -> None:
    """Exactly the codes that design.md lists decline a payment; 0 and 4999 stand beside them."""
    assert set(_CLOSED_LIST.split()) == DECLINE_CODES
    assert set(RESULT_CODES) == DECLINE_CODES | {"0", "4999"}


def test_declines_are_those_of_the_machine() -> None:
    """The table and the payment machine agree on which codes are final."""
    machine = importlib.import_module("hakika.domain.payment")
    assert machine.KNOWN_FINAL == DECLINE_CODES


def test_the_machine_itself_has_words_for_what_it_decides() -> None:
    """Our own codes can be looked up like Daraja's."""
    assert {"not_sent", "withdrawn", "operator", "not_connected"} <= set(OWN_CODES)


@pytest.mark.parametrize("code", ALL_CODES.values(), ids=lambda code: code.code)
def test_every_code_explains_itself(code: Code) -> None:
    """Each code speaks to the payer in two languages and to the developer; a wait goes with retry_after."""
    assert look_up(code.code) == code
    assert code.english.endswith(".")
    assert code.swahili.endswith(".")
    assert code.english != code.swahili
    assert code.advice.endswith(".")
    assert (code.wait_s > 0) == (code.kind is CodeClass.RETRY_AFTER)
    assert code.retryable or code.kind is not CodeClass.RETRY_AFTER


@pytest.mark.parametrize("code", ["", "1050", "00", "0.0", "500.999.1", "sfc_ic0003"])
def test_an_unknown_code_decides_nothing(code: str) -> None:
    """What stands in no table is pending, and says so."""
    meaning = look_up(code)
    assert meaning.kind is CodeClass.PENDING
    assert "not known" in meaning.advice
    assert not meaning.retryable


def test_a_payer_is_told_not_to_pay_again_while_it_is_open() -> None:
    """While nobody knows, the payer reads that it is being confirmed, in Swahili too."""
    meaning = look_up("500.003.1001")
    assert "not pay again" in meaning.english
    assert "usilipe tena" in meaning.swahili


@pytest.mark.parametrize("code", [*sorted(ALL_CODES), "4711"])
def test_of_a_payment_that_failed_nobody_reads_that_it_is_being_confirmed(code: str) -> None:
    """Also where the code alone concludes nothing: it failed because the message beside it did."""
    meaning = look_up_decline(code)
    assert "confirming" not in meaning.english
    assert "tunathibitisha" not in meaning.swahili
    assert "stays pending" not in meaning.advice


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("500.001.1001", "Wrong credentials", CodeClass.CONFIG),
        ("500.001.1001", "Merchant does not exist", CodeClass.CONFIG),
        ("500.001.1001", "Unable to lock subscriber, a transaction …", CodeClass.RETRY_AFTER),
        ("500.001.1001", "The transaction is being processed", CodeClass.PENDING),
        ("500.003.02", "Error Occurred: Spike Arrest Violation", CodeClass.RETRY_AFTER),
        ("500.003.02", "System is busy", CodeClass.PENDING),
    ],
)
def test_an_overloaded_code_is_told_by_its_message(code: str, message: str, kind: CodeClass) -> None:
    """One code, several meanings (daraja.md §7, Errors): the message chooses."""
    assert look_up(code, message).kind is kind


def test_the_minute_and_the_two_minutes() -> None:
    """A locked subscriber waits a minute, the same amount two (daraja.md §2.1)."""
    assert (look_up("1001").wait_s, look_up("17").wait_s) == (60, 120)
