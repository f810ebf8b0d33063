"""Asking for money: what may be asked, what is refused, and what the same key answers."""

import asyncio

import msgspec
import pytest

from hakika.domain.errors import (
    AlreadyEnded,
    AlreadyRegistered,
    CannotCancel,
    IdempotencyKeyInFlight,
    IdempotencyKeyReused,
    InvalidRequest,
    NotFound,
    PayerBusy,
    ReferenceInUse,
    RepeatedTooSoon,
)
from hakika.engine.once import KEYS_LIVE_MS, Answered, IdempotencyKey, fingerprint_body
from hakika.engine.orders import Registration, read_registration
from tests.engine.till import START_MS, Till, lose, paid_row

pytestmark = pytest.mark.anyio


def key(body: str = "a body", name: str = "k1", api_key: str = "key_1") -> IdempotencyKey:
    """Make an idempotency key for a body."""
    return IdempotencyKey(api_key, name, fingerprint_body("/v1/payments", body))


def id_of(answered: Answered) -> str:
    """Return the id of the payment that was answered."""
    return str(msgspec.json.decode(answered.body)["id"])


# ── the same key ──────────────────────────────


async def test_the_same_key_and_body_get_the_same_bytes(till: Till) -> None:
    """A repeated request is answered byte for byte, even after the payment went on, and makes no second one."""
    order = till.order()
    first = await till.cashier.request(order, key())
    await till.work(after_s=1)
    again = await till.cashier.request(order, key())
    assert (again.body, first.replayed, again.replayed) == (first.body, False, True)
    assert len(await till.find()) == 1


async def test_the_same_key_with_another_body_is_refused(till: Till) -> None:
    """One key means one request."""
    await till.cashier.request(till.order(), key("a body"))
    with pytest.raises(IdempotencyKeyReused):
        await till.cashier.request(till.order(), key("another body"))
    assert len(await till.find()) == 1


async def test_keys_belong_to_their_api_key(till: Till) -> None:
    """Two callers may use the same key for different things."""
    await till.cashier.request(till.order(), key(api_key="key_1"))
    await till.cashier.request(till.order(), key("another body", api_key="key_2"))
    assert len(await till.find()) == 2


async def test_keys_live_for_a_day(till: Till) -> None:
    """After 24 h a key is free again."""
    first = await till.cashier.request(till.order(), key())
    till.clock.pass_ms(KEYS_LIVE_MS)
    assert (await till.cashier.request(till.order(), key())).body == first.body
    till.clock.pass_ms(1)
    assert id_of(await till.cashier.request(till.order(), key())) != id_of(first)


async def test_a_refused_request_is_not_remembered(till: Till) -> None:
    """After a refusal the same key may be used with the same or with a better body."""
    await till.ask(reference="INV-1")
    with pytest.raises(ReferenceInUse):
        await till.cashier.request(till.order(reference="INV-1"), key("taken"))
    assert not (await till.cashier.request(till.order(), key("free"))).replayed


async def test_the_same_key_at_the_same_time_is_in_flight(till: Till) -> None:
    """Of two equal requests at once one is answered, the other told to repeat itself."""
    order = till.order()
    answers = await asyncio.gather(
        till.cashier.request(order, key()), till.cashier.request(order, key()), return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Answered", "IdempotencyKeyInFlight"]
    assert (await till.cashier.request(order, key())).replayed


async def test_the_same_key_on_two_nodes_makes_one_payment(till: Till, second_till: Till) -> None:
    """Two nodes that get the same request at once make one payment."""
    order = till.order()
    answers = await asyncio.gather(
        *(node.cashier.request(order, key()) for node in (till, second_till)), return_exceptions=True
    )
    assert len(await till.find()) == 1
    for answer in answers:
        assert isinstance(answer, Answered | IdempotencyKeyInFlight)


# ── what is refused ──────────────────────────────


async def test_a_reference_is_charged_once_and_names_its_payment(till: Till) -> None:
    """While a payment holds a reference another request is refused, naming it; on purpose it may repeat."""
    row = await till.ask(reference="INV-1")
    with pytest.raises(ReferenceInUse) as refused:
        await till.ask(reference="INV-1")
    assert refused.value.extra["payment"] == row.id
    assert (await till.ask(reference="INV-1", allow_repeat=True)).id != row.id


async def test_a_reference_belongs_to_its_account(till: Till) -> None:
    """Two accounts may charge the same reference."""
    await till.add_account("second")
    await till.ask(reference="INV-1", account="default")
    assert (await till.ask(reference="INV-1", account="second")).holds_reference


async def test_two_nodes_charge_a_reference_once(till: Till, second_till: Till) -> None:
    """Asked of two nodes at once under one reference, one payment is made."""
    answers = await asyncio.gather(
        till.ask(reference="INV-1", phone="0712000001"),
        second_till.ask(reference="INV-1", phone="0712000002"),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, ReferenceInUse) for answer in answers) == 1
    assert len(await till.find()) == 1


async def test_one_prompt_at_a_time_on_a_phone(till: Till) -> None:
    """While a prompt is open its phone is busy, with the seconds left; when it ended it is free."""
    row = await till.prompt(phone="0712345678", amount=100)
    till.clock.pass_s(20.5)
    with pytest.raises(PayerBusy) as refused:
        await till.ask(phone="0712345678", amount=200)
    assert refused.value.extra == {"payment": row.id, "retry_after": 40}
    await till.call_back(row, "1032")
    assert (await till.ask(phone="0712345678", amount=200)).status == "pending"


async def test_two_nodes_prompt_a_phone_once(till: Till, second_till: Till) -> None:
    """Asked of two nodes at once for one phone, one payment is made."""
    answers = await asyncio.gather(
        till.ask(phone="0712345678", reference="A"),
        second_till.ask(phone="0712345678", reference="B"),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, PayerBusy) for answer in answers) == 1


async def test_the_same_amount_twice_in_two_minutes_is_refused_here(till: Till) -> None:
    """What M-Pesa would refuse with code 17 is refused before it is sent, with the seconds to wait."""
    row = await till.prompt(phone="0712345678", amount=100)
    await till.call_back(row)
    till.clock.pass_s(30)
    with pytest.raises(RepeatedTooSoon) as refused:
        await till.ask(phone="0712345678", amount=100)
    assert refused.value.extra == {"payment": row.id, "retry_after": 90}
    await till.ask(phone="0712345678", amount=101)
    till.clock.pass_s(90)
    assert (await till.ask(phone="0712345678", amount=100)).status == "pending"


async def test_what_never_reached_the_phone_may_be_asked_again(till: Till) -> None:
    """A payment that was called off, or refused before it was processed, keeps no phone waiting."""
    row = await till.ask(phone="0712345678", amount=100)
    await till.cashier.cancel(row.id)
    assert (await till.ask(phone="0712345678", amount=100)).status == "pending"


async def test_a_prompt_that_may_have_reached_the_phone_counts(till: Till) -> None:
    """Where the push's answer was lost the same amount is refused for two minutes all the same."""
    till.daraja.push_answers = [lose]
    await till.prompt(phone="0712345678", amount=100)
    till.clock.pass_s(61)
    with pytest.raises(RepeatedTooSoon):
        await till.ask(phone="0712345678", amount=100)


async def test_the_account_must_be_clear(till: Till) -> None:
    """An unknown account is refused; without a name the one called `default` is paid."""
    await till.add_account("second")
    with pytest.raises(InvalidRequest):
        await till.ask(account="third")
    assert (await till.ask()).account == (await till.ask(account="default")).account


# ── following and calling off ──────────────────────────────


def registration(till: Till, checkout_id: str = "ws_CO_elsewhere", **changes: object) -> Registration:
    """Make a registration of a push that another program made."""
    return read_registration(checkout_request_id=checkout_id, merchant_request_id="mr-9", order=till.order(**changes))


async def test_a_push_made_elsewhere_is_followed(till: Till) -> None:
    """A registered payment is at its prompt, is never pushed, and is queried."""
    answered = await till.cashier.register(registration(till))
    row = await till.read(id_of(answered))
    assert (row.status, row.stage, row.checkout_request_id) == ("pending", "prompted", "ws_CO_elsewhere")
    assert (row.verified, row.prompted_at_ms, row.merchant_request_id) == (False, START_MS, "mr-9")
    assert await till.work(after_s=10) == {"queried": 1}
    assert till.daraja.pushes == []


async def test_a_push_is_followed_once(till: Till, second_till: Till) -> None:
    """The second registration of one CheckoutRequestID is refused, naming the payment, on whatever node."""
    row = await till.prompt()
    with pytest.raises(AlreadyRegistered) as refused:
        await till.cashier.register(registration(till, str(row.checkout_request_id)))
    assert refused.value.extra == {"payment": row.id}
    answers = await asyncio.gather(
        *(node.cashier.register(registration(node)) for node in (till, second_till)), return_exceptions=True
    )
    assert sum(isinstance(answer, AlreadyRegistered) for answer in answers) == 1


async def test_a_registered_amount_is_unverified_until_a_trusted_source_states_it(till: Till) -> None:
    """What only the registrant claims is flagged; what the callback on our path states counts."""
    row = await till.read(id_of(await till.cashier.register(registration(till, amount=100))))
    row = paid_row(await till.call_back(row, amount=0))
    assert "amount_unverified" in row.flags
    row = paid_row(await till.call_back(row, amount=70))
    assert (row.status, row.amount_received) == ("completed", 70)
    assert "amount_unverified" not in row.flags


async def test_what_was_not_sent_can_be_called_off(till: Till) -> None:
    """A queued payment is cancelled, is due no more, and its reference is free."""
    row = await till.cashier.cancel((await till.ask()).id, "changed my mind")
    assert (row.status, row.code, row.due_at_ms, row.holds_reference) == ("cancelled", "withdrawn", None, False)
    assert await till.work() == {}
    assert till.daraja.pushes == []


@pytest.fixture
async def sent(till: Till) -> list[str]:
    """Ids of payments that cannot be called off: prompted, unsure, completed."""
    prompted, completed = await till.prompt(), await till.prompt()
    await till.call_back(completed)
    till.daraja.push_answers = [lose]
    unsure = await till.prompt()
    return [prompted.id, unsure.id, completed.id]


async def test_what_was_sent_cannot_be_called_off(till: Till, sent: list[str]) -> None:
    """Once the prompt may be on the phone, M-Pesa has no recall."""
    prompted, unsure, completed = sent
    for payment_id in (prompted, unsure):
        with pytest.raises(CannotCancel):
            await till.cashier.cancel(payment_id)
    with pytest.raises(AlreadyEnded):
        await till.cashier.cancel(completed)


async def test_what_does_not_exist_is_not_found(till: Till) -> None:
    """Every verb says so."""
    verbs = [till.cashier.read, till.cashier.tell, till.cashier.query, till.cashier.cancel]
    for verb in verbs:
        with pytest.raises(NotFound):
            await verb("pay_none")
    with pytest.raises(NotFound):
        await till.cashier.wait("pay_none", 1_000)
