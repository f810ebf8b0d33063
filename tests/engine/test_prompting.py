"""Phones are asked only so often by whoever has a page's address, and again by itself only where the rule says so."""

from collections import Counter

import pytest

from hakika.domain.errors import (
    TooManyRequests,
)
from hakika.domain.phone import Phone
from hakika.engine.checkout.prompting import PAGE_PROMPTS, PHONE_PROMPTS, PHONE_UNPAID
from tests.engine.purchases import AGAIN, DAY_S, HERS, HIS, begin, prompt, see
from tests.engine.till import Till

pytestmark = pytest.mark.anyio

# ── what just anyone may ask ──────────────────────────────


async def press(till: Till, phone: Phone, number: int) -> None:
    """Open a page of one's own, have a phone asked, and let that end without money."""
    checkout = await begin(till, reference=f"order-{number}", amount=100 + number)
    attempt = await prompt(till, checkout, phone, by_anyone=True)
    await till.call_back(attempt, "1032")


async def test_a_phone_is_asked_only_so_often_over_all_pages(till: Till, second_till: Till) -> None:
    """The fifth prompt in ten minutes is refused, by a restarted server too, and says how long to wait."""
    for number in range(PHONE_PROMPTS):
        await press(till, HERS, number)
    checkout = await begin(till, reference="one-more", amount=500)
    with pytest.raises(TooManyRequests) as refused:
        await second_till.prompting.attempt(checkout.id, HERS, by_anyone=True)
    assert 0 < int(str(refused.value.extra["retry_after"])) <= 600
    assert (await prompt(till, checkout, HIS, by_anyone=True)).status == "pending"
    till.clock.pass_s(601)
    assert (await prompt(till, await begin(till, reference="later"), HERS, by_anyone=True)).status == "pending"


async def test_a_phone_is_asked_only_so_often_a_day(till: Till) -> None:
    """Twelve prompts that nobody paid are a day's; whoever pays may go on."""
    for number in range(PHONE_UNPAID):
        await press(till, HERS, number)
        till.clock.pass_s(300)
    with pytest.raises(TooManyRequests):
        await till.prompting.attempt((await begin(till, reference="more", amount=5)).id, HERS, by_anyone=True)
    for number in range(PHONE_UNPAID + 1):
        checkout = await begin(till, reference=f"paid-{number}", amount=300 + number)
        await till.call_back(await prompt(till, checkout, HIS, by_anyone=True), receipt=f"SFF6PAID{number:02}")
        till.clock.pass_s(300)


async def test_a_page_asks_only_so_many_phones(till: Till) -> None:
    """Whoever has one address of ours cannot ring a town with it."""
    checkout = await begin(till)
    for number in range(PAGE_PROMPTS):
        await till.call_back(await prompt(till, checkout, Phone(f"2547330000{number:02}"), by_anyone=True), "1032")
    with pytest.raises(TooManyRequests):
        await till.prompting.attempt(checkout.id, HERS, by_anyone=True)


# ── asking again by itself ──────────────────────────────


@pytest.mark.parametrize(("code", "asked"), [("1037", 1), ("1001", 1), ("1019", 1), ("1032", 0), ("1", 0), ("2001", 0)])
async def test_only_no_answer_is_asked_again(till: Till, code: str, asked: int) -> None:
    """After 1037, 1001 and 1019 the same phone is asked again, two minutes apart; whoever said no is left alone."""
    checkout = await begin(till, ask_again=AGAIN)
    await till.call_back(await prompt(till, checkout), code)
    till.clock.pass_s(119)
    assert (await till.prompting.run_once())["asked_again"] == 0
    till.clock.pass_s(3)
    assert (await till.prompting.run_once())["asked_again"] == asked
    assert (await see(till, checkout.id)).attempts == 1 + asked


async def test_it_is_asked_again_so_many_times(till: Till) -> None:
    """Twice means two more prompts; then the checkout waits for its payer, and expires."""
    checkout = await begin(till, ask_again=AGAIN)
    await till.call_back(await prompt(till, checkout), "1037")
    for _ in range(4):
        till.clock.pass_s(122)
        await till.prompting.run_once()
        await till.worker.run_once()
        latest = await till.read((await see(till, checkout.id)).payment)
        if latest.status == "pending":
            await till.call_back(latest, "1037")
    assert (await see(till, checkout.id)).attempts == 3
    till.clock.pass_s(DAY_S)
    assert (await till.prompting.run_once())["expired"] == 1


async def test_it_is_not_asked_again_after_its_window(till: Till) -> None:
    """An answer that came too late for the window makes nobody's phone ring."""
    checkout = await begin(till, ask_again={"times": 5, "within_s": 150})
    attempt = await prompt(till, checkout)
    till.clock.pass_s(60)
    await till.call_back(attempt, "1037")
    due_at_ms = (await see(till, checkout.id)).due_at_ms
    assert due_at_ms == attempt.prompted_at_ms + 121_000
    till.clock.pass_s(3600)  # the server was down
    assert (await till.prompting.run_once())["asked_again"] == 0
    assert (await see(till, checkout.id)).due_at_ms == checkout.expires_at_ms


async def test_it_is_never_asked_again_while_an_outcome_is_open(till: Till) -> None:
    """While an attempt is pending nothing is due of its checkout, not even its end."""
    checkout = await begin(till, ask_again=AGAIN, expires_in_s=120)
    attempt = await prompt(till, checkout)
    assert (await see(till, checkout.id)).due_at_ms is None
    till.clock.pass_s(200)
    assert await till.prompting.run_once() == Counter()
    await till.call_back(attempt, "1037")
    assert await till.prompting.run_once() == Counter(expired=1)


async def test_two_nodes_ask_again_once(till: Till, second_till: Till) -> None:
    """Both find it due; one asks."""
    checkout = await begin(till, ask_again=AGAIN)
    await till.call_back(await prompt(till, checkout), "1037")
    till.clock.pass_s(122)
    done = await till.together(till.prompting.run_once(), second_till.prompting.run_once())
    assert sum(one["asked_again"] for one in done) == 1


async def test_a_busy_phone_is_asked_a_little_later(till: Till) -> None:
    """Another prompt is open on the phone when it is time: it is tried again when that one is over."""
    checkout = await begin(till, ask_again=AGAIN)
    await till.call_back(await prompt(till, checkout), "1037")
    till.clock.pass_s(122)
    await till.prompt(phone=HERS, amount=7)
    assert await till.prompting.run_once() == Counter(postponed=1)
    due_at_ms = (await see(till, checkout.id)).due_at_ms
    assert due_at_ms is not None
    assert 0 < due_at_ms - till.clock() <= 62_000


async def test_killed_before_it_asked_again_it_asks_when_it_is_back(till: Till) -> None:
    """Counting and asking are one transaction: where it fails, neither was done."""
    checkout = await begin(till, ask_again=AGAIN)
    await till.call_back(await prompt(till, checkout), "1037")
    till.clock.pass_s(122)
    announce = till.cashier.announce
    till.cashier.announce = lambda *_: (_ for _ in ()).throw(RuntimeError("killed"))  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        await till.prompting.run_once()
    till.cashier.announce = announce  # type: ignore[method-assign]
    assert len(await till.checkouts.read_attempts(checkout.id)) == 1
    assert await till.prompting.run_once() == Counter(asked_again=1)
