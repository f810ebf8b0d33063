"""The one next step after an attempt without money: for every code that M-Pesa may decline with."""

import random
from typing import Any

import pytest

from hakika.api.pages.screens import Step, find_return_url, find_step
from hakika.api.pages.words import LANGUAGES, WORDS, tell_phone, tell_time, tell_wait
from hakika.daraja.codes import DECLINE_CODES
from hakika.domain.phone import Phone
from hakika.engine.accounts import Account
from hakika.engine.admission import open_payment
from hakika.engine.orders import read_order
from hakika.store.checkouts import CheckoutRow
from hakika.store.payments import PaymentRow
from tests.api.house import START_MS

ENTROPY = random.Random(1).randbytes  # noqa: S311 - the same in every run
LATER_MS = START_MS + 600_000


def checkout(**changes: Any) -> CheckoutRow:
    """A checkout of KES 100."""
    texts = dict.fromkeys(("return_url", "cancel_url", "language", "link", "description", "payment"), "")
    fields: dict[str, Any] = {
        **texts,
        "id": "chk_1",
        "mode": "test",
        "account": "acc_1",
        "reference": "order-1",
        "metadata": "{}",
        "amount": 100,
        "amount_least": 1,
        "amount_most": 250_000,
        "ask_again": "{}",
        "status": "open",
        "created_at_ms": START_MS,
        "expires_at_ms": START_MS + 10**8,
        "due_at_ms": START_MS + 10**8,
        "attempts": 1,
        "sequence": 1,
        "ended_at_ms": 0,
    }
    return CheckoutRow(**(fields | changes))


def declined(code: str, **changes: Any) -> PaymentRow:
    """A payment that was prompted at the start, and declined ten seconds later."""
    account = Account("acc_1", "default", "sandbox", None, 1, 1, True, 0, "", ())  # type: ignore[arg-type] # noqa: FBT003
    order = read_order(amount=100, phone=Phone("254712345678"), reference="order-1")
    row = open_payment(order, account, START_MS, ENTROPY, verified=True)
    fields: dict[str, Any] = {
        "status": "failed",
        "code": code,
        "prompted_at_ms": START_MS,
        "final_at_ms": START_MS + 10_000,
    }
    return row._replace(**(fields | changes))


@pytest.mark.parametrize("code", sorted(DECLINE_CODES))
def test_every_code_has_one_step(code: str) -> None:
    """Each leads somewhere, and nobody is told to try at once what M-Pesa would refuse within two minutes."""
    step, until_ms = find_step(checkout(), declined(code), START_MS + 10_000)
    assert step is not Step.AGAIN
    assert (step is Step.WAIT) == (until_ms >= START_MS + 120_000)


@pytest.mark.parametrize(
    ("code", "step"),
    [
        *(("1", Step.AGAIN), ("17", Step.AGAIN), ("1032", Step.AGAIN), ("1037", Step.AGAIN), ("2001", Step.AGAIN)),
        *(("26", Step.AGAIN), ("9999", Step.AGAIN), ("operator", Step.AGAIN), ("not_sent", Step.AGAIN)),
        *(("4", Step.OTHER_PHONE), ("11", Step.OTHER_PHONE), ("8006", Step.OTHER_PHONE), ("E3008", Step.OTHER_PHONE)),
        *(("2", Step.MERCHANT), ("8", Step.MERCHANT), ("2002", Step.MERCHANT), ("20", Step.MERCHANT)),
        *(("withdrawn", Step.MERCHANT), ("nobody-knows", Step.MERCHANT)),
    ],
)
def test_the_step_when_time_has_passed(code: str, step: Step) -> None:
    """After ten minutes: again, another phone, or the merchant."""
    assert find_step(checkout(), declined(code), LATER_MS) == (step, find_step(checkout(), declined(code), LATER_MS)[1])


def test_what_never_rang_may_be_tried_at_once() -> None:
    """No prompt reached the phone: M-Pesa's two minutes do not apply."""
    unsent = declined("not_sent", prompted_at_ms=0)
    assert find_step(checkout(), unsent, START_MS + 11_000) == (Step.AGAIN, 0)


def test_an_amount_that_the_payer_chose_is_chosen_again() -> None:
    """Too much or too little: where the payer chooses, the payer corrects."""
    assert find_step(checkout(amount=0), declined("3"), LATER_MS)[0] is Step.AMOUNT


def test_the_rule_comes_first() -> None:
    """Where the checkout asks again by itself the payer is told when."""
    due_at_ms = START_MS + 121_000
    assert find_step(checkout(due_at_ms=due_at_ms), declined("1037"), START_MS + 20_000) == (Step.AUTOMATIC, due_at_ms)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", ""),
        ("https://s.example/t", "https://s.example/t?checkout=chk_1&status=completed"),
        ("https://s.example/t?a=1#x", "https://s.example/t?a=1&checkout=chk_1&status=completed#x"),
    ],
)
def test_the_way_back(url: str, expected: str) -> None:
    """The merchant's own query and fragment stay."""
    assert find_return_url(checkout(return_url=url, status="completed")) == expected


def test_both_languages_say_the_same_things() -> None:
    """Each text exists in both, with the same values in it."""
    assert WORDS["en"].keys() == WORDS["sw"].keys()
    for name, english in WORDS["en"].items():
        swahili = WORDS["sw"][name]
        assert english
        assert {part.split("}")[0] for part in english.split("{")[1:]} == {
            part.split("}")[0] for part in swahili.split("{")[1:]
        }, name


@pytest.mark.parametrize(
    ("seconds", "english", "swahili"),
    [
        (1, "1 second", "sekunde 1"),
        (119, "119 seconds", "sekunde 119"),
        (121, "3 minutes", "dakika 3"),
        (600, "10 minutes", "dakika 10"),
        (86_399, "24 hours", "saa 24"),
    ],
)
def test_a_wait_is_told_as_people_tell_it(seconds: int, english: str, swahili: str) -> None:
    """A payer who is to come back tomorrow is not told so in seconds."""
    assert (tell_wait(seconds, "en"), tell_wait(seconds, "sw")) == (english, swahili)


def test_times_and_phones_as_kenyans_write_them() -> None:
    """Nairobi's time; a phone that its owner recognises and nobody else can call."""
    assert [tell_time(START_MS, language) for language in LANGUAGES] == ["21 Sep 2026, 17:13", "21 Sep 2026, 17:13"]
    assert tell_phone("254712345678") == "0712\u00a0***\u00a0678"
