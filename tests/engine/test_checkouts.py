"""Checkouts: one purchase, several attempts, at most one alive, and an end that is true."""

import asyncio
from collections import Counter
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from hakika.domain.errors import (
    CheckoutBusy,
    CheckoutEnded,
    InvalidAmount,
    InvalidRequest,
    LinkUsed,
    NotFound,
    PayerBusy,
    ReferenceInUse,
    RepeatedTooSoon,
)
from hakika.domain.phone import Phone
from hakika.engine.checkout.purchase import read_purchase
from hakika.engine.once import IdempotencyKey
from hakika.store.tables import events
from tests.engine.purchases import DAY_S, HERS, HIS, begin, prompt, see, told
from tests.engine.till import Till

pytestmark = pytest.mark.anyio

# ── attempts ──────────────────────────────


async def test_one_attempt_completes_it(till: Till) -> None:
    """Asked once, paid once: completed, by an event of its own beside the payment's."""
    checkout = await begin(till)
    paid = await prompt(till, checkout)
    assert (paid.reference, paid.amount, paid.checkout) == ("order-1", 100, checkout.id)
    await till.call_back(paid)
    done = await see(till, checkout.id)
    assert (done.status, done.payment, done.attempts, done.due_at_ms) == ("completed", paid.id, 1, None)
    assert await told(till, checkout) == ["payment.created", "payment.completed", "checkout.completed"]


async def test_completing_is_one_transaction(till: Till) -> None:
    """Wherever a process is killed: the events of payment and checkout are both there, with numbers in a row."""
    checkout = await begin(till)
    await till.call_back(await prompt(till, checkout))
    columns: Any = (events.c.number, events.c.snapshot)
    found = select(*columns).where(events.c.type.like("%.completed"))
    first, second = [tuple(row) for row in await till.store.read(lambda tx: tx.all(found.order_by(events.c.number)))]
    assert second[0] == first[0] + 1
    snapshot = msgspec.json.decode(second[1])
    assert (snapshot["object"], snapshot["status"], snapshot["receipt"]) == ("checkout", "completed", "SFF6XYZ123")


async def test_two_tabs_yield_one_prompt(till: Till) -> None:
    """Pay is pressed in two tabs at once: both have the same attempt, and the phone rings once."""
    checkout = await begin(till)
    first, second = await till.together(*(till.prompting.attempt(checkout.id, HERS) for _ in range(2)))
    await till.worker.run_once()
    assert first.id == second.id
    assert len(till.daraja.pushes) == 1
    assert await told(till, checkout) == ["payment.created"]


async def test_two_nodes_yield_one_prompt(till: Till, second_till: Till) -> None:
    """Two tabs, each at another node of ours: one attempt all the same."""
    checkout = await begin(till)
    first, second = await till.together(
        till.prompting.attempt(checkout.id, HERS), second_till.prompting.attempt(checkout.id, HERS)
    )
    assert first.id == second.id


async def test_another_phone_waits_for_the_first(till: Till) -> None:
    """While one phone is asked no other is: both could pay."""
    checkout = await begin(till)
    alive = await prompt(till, checkout)
    with pytest.raises(CheckoutBusy) as refused:
        await till.prompting.attempt(checkout.id, HIS)
    assert refused.value.extra == {"payment": alive.id}


@pytest.mark.parametrize("ending", ["mispaid", "unresolved"])
async def test_nobody_is_asked_while_money_is_in_question(till: Till, ending: str) -> None:
    """An attempt that may hold money keeps its checkout: no further phone, no expiry, no cancelling."""
    checkout = await begin(till)
    attempt = await prompt(till, checkout)
    if ending == "mispaid":
        await till.call_back(attempt, amount=1)
    else:
        await till.spoil(attempt, status="unresolved", stage="done")
    assert (await till.read(attempt.id)).status == ending
    with pytest.raises(CheckoutBusy):
        await till.prompting.attempt(checkout.id, HIS)
    with pytest.raises(CheckoutBusy):
        await till.checkouts.cancel(checkout.id)
    till.clock.pass_s(2 * DAY_S)
    await till.prompting.run_once()
    assert (await see(till, checkout.id)).status == "open"


async def test_a_second_attempt_after_the_first_ended(till: Till) -> None:
    """Cancelled on the phone, then paid with another: the checkout owns both, and names the one that paid."""
    checkout = await begin(till)
    first = await prompt(till, checkout)
    await till.call_back(first, "1032")
    second = await prompt(till, checkout, HIS)
    await till.call_back(second)
    done = await see(till, checkout.id)
    assert (done.status, done.payment, done.attempts) == ("completed", second.id, 2)
    assert [row.id for row in await till.checkouts.read_attempts(checkout.id)] == [first.id, second.id]


async def test_late_success_of_an_earlier_attempt_completes_it(till: Till) -> None:
    """The first attempt was paid after all, while the second is still on a phone: completed by the first."""
    checkout = await begin(till)
    first = await prompt(till, checkout)
    await till.call_back(first, "1037")
    second = await prompt(till, checkout, HIS)
    await till.call_back(first, receipt="SFF6LATE01")
    assert (await see(till, checkout.id)).payment == first.id
    await till.call_back(second, "1032")
    done = await see(till, checkout.id)
    assert (done.status, done.payment) == ("completed", first.id)
    assert (await told(till, checkout)).count("checkout.completed") == 1


async def test_late_success_completes_even_what_expired(till: Till) -> None:
    """Money that came is never denied: an expired checkout is completed by it."""
    checkout = await begin(till, expires_in_s=600)
    attempt = await prompt(till, checkout)
    await till.call_back(attempt, "1037")
    till.clock.pass_s(600)
    assert await till.prompting.run_once() == Counter(expired=1)
    await till.call_back(attempt, receipt="SFF6LATE02")
    assert (await see(till, checkout.id)).status == "completed"
    assert (await told(till, checkout))[-3:] == ["checkout.expired", "payment.completed", "checkout.completed"]


async def test_late_success_meets_a_new_attempt(till: Till, second_till: Till) -> None:
    """Proof of the first attempt and the press for a second at once, on two nodes: nobody hangs, it is completed."""
    for number in range(5):
        checkout = await begin(till, reference=f"order-{number}", amount=200 + number)
        first = await prompt(till, checkout, Phone(f"25470000000{number}"))
        await till.call_back(first, "1037")
        outcomes = await asyncio.gather(
            till.call_back(first, receipt=f"SFF6LATE{number}0"),
            second_till.prompting.attempt(checkout.id, Phone(f"25471000000{number}")),
            return_exceptions=True,
        )
        assert not isinstance(outcomes[0], BaseException)
        assert not isinstance(outcomes[1], BaseException) or isinstance(outcomes[1], CheckoutEnded | ReferenceInUse)
        assert (await see(till, checkout.id)).payment == first.id


async def test_the_same_phone_again_needs_no_spelling(till: Till) -> None:
    """Without a phone the latest one is asked, for the same amount; where there is none, that is said."""
    checkout = await begin(till, amount=None)
    with pytest.raises(InvalidRequest):
        await till.prompting.attempt(checkout.id, None)
    first = await prompt(till, checkout, amount=70)
    await till.call_back(first, "1032")
    with pytest.raises(RepeatedTooSoon):
        await till.prompting.attempt(checkout.id, None)
    till.clock.pass_s(121)
    second = await prompt(till, checkout, None)
    assert (second.phone, second.amount) == (HERS, 70)


@pytest.mark.parametrize("amount", [0, 49, 501, -5])
async def test_a_chosen_amount_is_within_bounds(till: Till, amount: int) -> None:
    """What the payer chooses is held to the merchant's bounds."""
    checkout = await begin(till, amount=None, amount_least=50, amount_most=500)
    with pytest.raises(InvalidAmount):
        await till.prompting.attempt(checkout.id, HERS, amount)


async def test_a_given_amount_is_not_chosen(till: Till) -> None:
    """Where the merchant says the amount, what the page sends is ignored."""
    assert (await prompt(till, await begin(till), amount=1)).amount == 100


async def test_a_reference_is_charged_once_over_all_checkouts(till: Till) -> None:
    """Two checkouts of one order do not both ask."""
    first, second = await begin(till), await begin(till)
    await prompt(till, first)
    with pytest.raises(ReferenceInUse):
        await till.prompting.attempt(second.id, HIS)


# ── the end ──────────────────────────────


async def test_it_expires(till: Till) -> None:
    """After its time nobody is asked, even before anything has noticed; then the event says so."""
    checkout = await begin(till, expires_in_s=60)
    till.clock.pass_s(60)
    with pytest.raises(CheckoutEnded, match="expired"):
        await till.prompting.attempt(checkout.id, HERS)
    assert await till.prompting.run_once() == Counter(expired=1)
    assert await till.prompting.run_once() == Counter()
    assert await told(till, checkout) == ["checkout.expired"]


async def test_it_is_cancelled(till: Till) -> None:
    """The merchant calls it off, unless a phone is being asked."""
    checkout = await begin(till)
    attempt = await prompt(till, checkout)
    with pytest.raises(CheckoutBusy):
        await till.checkouts.cancel(checkout.id)
    await till.call_back(attempt, "1032")
    assert (await till.checkouts.cancel(checkout.id)).status == "cancelled"
    with pytest.raises(CheckoutEnded):
        await till.prompting.attempt(checkout.id, HERS)
    assert (await told(till, checkout))[-1] == "checkout.cancelled"


async def test_what_does_not_exist(till: Till) -> None:
    """An unknown checkout or link is not found."""
    for act in (
        till.prompting.attempt("chk_x", HERS),
        till.checkouts.read("chk_x"),
        till.checkouts.cancel("chk_x"),
        till.checkouts.use_link("lnk_x"),
        till.checkouts.read_link("lnk_x"),
    ):
        with pytest.raises(NotFound):
            await act


async def test_a_busy_phone_is_said(till: Till) -> None:
    """A prompt of somebody else's is open on the phone: refused, with the time left."""
    await till.prompt(phone=HERS)
    with pytest.raises(PayerBusy):
        await till.prompting.attempt((await begin(till)).id, HERS)


# ── waiting ──────────────────────────────


async def test_who_waits_is_told_at_once(till: Till) -> None:
    """A wait begun before the first attempt ends with the transaction that completes the checkout."""
    checkout, till.clock.patience = await begin(till), 100_000
    waiting = asyncio.create_task(till.checkouts.wait(checkout.id, 3_600_000))
    attempt = await prompt(till, checkout)
    await till.call_back(attempt)
    seen = await waiting
    assert (seen.checkout.status, seen.payment and seen.payment.receipt) == ("completed", "SFF6XYZ123")


async def test_a_wait_ends_with_its_time(till: Till) -> None:
    """Nothing happens: the checkout as it is."""
    checkout = await begin(till)
    assert (await till.checkouts.wait(checkout.id, 1_000)).checkout.status == "open"


# ── making ──────────────────────────────


async def test_a_key_makes_one(till: Till) -> None:
    """The same Idempotency-Key gives the first answer, byte for byte."""
    key, purchase = IdempotencyKey("key_1", "k", "f"), read_purchase(reference="order-1", amount=5)
    first, second = [await till.checkouts.create(purchase, "test", key) for _ in range(2)]
    assert (first.body, second.replayed) == (second.body, True)
    assert len(await till.checkouts.find("test", None, None, None, "", 10)) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"return_url": "https://evil.example/"},
        {"return_url": "https://shop.example.evil.example/"},
        {"cancel_url": "https://shop.example@evil.example/"},
        {"return_url": "javascript:alert(1)"},
        {"return_url": "//shop.example/"},
        {"return_url": "http://shop.example/"},
        {"return_url": "https://shop.example\\@evil.example/"},
        {"return_url": "https://shop.example/\r\nSet-Cookie: a=b"},
        {"amount_least": 5},
        {"amount": 0},
        {"expires_in_s": 59},
        {"language": "fr"},
        {"ask_again": {"times": 6}},
        {"account": "nobody"},
    ],
)
async def test_what_is_refused(till: Till, fields: dict[str, Any]) -> None:
    """Payers are sent only where the account says; amounts, times and languages are what they can be."""
    await till.store.write(lambda tx: till.accounts.amend(tx, "default", return_hosts=("shop.example",)))
    await till.load()
    with pytest.raises(InvalidRequest):
        await begin(till, **fields)


async def test_listed_hosts_are_returned_to(till: Till) -> None:
    """A host that the account lists; in the simulator, this machine as well."""
    await till.store.write(lambda tx: till.accounts.amend(tx, "default", return_hosts=("Shop.example",)))
    await till.load()
    for url in ("https://shop.example:8443/thanks?a=b#c", "https://SHOP.example/", "http://localhost:3000/"):
        assert (await begin(till, return_url=url)).return_url == url


# ── links ──────────────────────────────


async def link(till: Till, *, single_use: bool = False, **fields: Any) -> str:
    """Make a link. → its id."""
    given: dict[str, Any] = {"reference": "harambee", "amount": 50}
    purchase = read_purchase(**given | fields)
    answered = await till.checkouts.create_link(purchase, "test", single_use=single_use)
    return str(msgspec.json.decode(answered.body)["id"])


async def test_each_use_of_a_link_is_a_purchase(till: Till) -> None:
    """Many uses, each a checkout with a reference of its own."""
    made = [await till.checkouts.use_link(await link(till)) for _ in range(2)]
    assert [row.reference for row in made] == ["harambee-1", "harambee-1"]
    link_id = await link(till)
    assert [(await till.checkouts.use_link(link_id)).reference for _ in range(3)] == [
        *("harambee-1", "harambee-2", "harambee-3")
    ]
    assert (await till.checkouts.read_link(link_id)).used == 3


async def test_a_link_for_one_use(till: Till) -> None:
    """Whoever opens it gets the same checkout until it is paid, and a new one where that expired."""
    link_id = await link(till, single_use=True, expires_in_s=60)
    first, second = await till.checkouts.use_link(link_id), await till.checkouts.use_link(link_id)
    assert (first.id, first.reference) == (second.id, "harambee")
    till.clock.pass_s(60)
    third = await till.checkouts.use_link(link_id)
    assert third.id != first.id
    await till.call_back(await prompt(till, third))
    with pytest.raises(LinkUsed):
        await till.checkouts.use_link(link_id)


async def test_a_link_for_one_use_is_paid_late(till: Till) -> None:
    """Money for a checkout that expired, while a new one is open already: the link was paid."""
    link_id = await link(till, single_use=True, expires_in_s=600)
    first = await till.checkouts.use_link(link_id)
    attempt = await prompt(till, first)
    await till.call_back(attempt, "1037")
    till.clock.pass_s(600)
    assert await till.prompting.run_once() == Counter(expired=1)
    assert (await till.checkouts.use_link(link_id)).id != first.id
    await till.call_back(attempt, receipt="SFF6LATE03")
    with pytest.raises(LinkUsed):
        await till.checkouts.use_link(link_id)


async def test_a_link_is_switched_off(till: Till) -> None:
    """And on again."""
    link_id = await link(till)
    await till.checkouts.switch_link(link_id, active=False)
    with pytest.raises(LinkUsed):
        await till.checkouts.use_link(link_id)
    await till.checkouts.switch_link(link_id, active=True)
    assert (await till.checkouts.use_link(link_id)).link == link_id
