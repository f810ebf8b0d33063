"""examples/retail: what its order service did wrong before, and that it is right after, on both databases."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path

import pytest

from docs.generate import show_adoption
from tests.examples.retail import HOOK, Service, adopted, daraja, open_service
from tests.examples.world import World, until

PAGE = Path(__file__).parents[2] / "docs/adopting.md"
CHANGED_LINES_BELOW = 60


@pytest.fixture
def after(database_url: str) -> Iterator[Service]:
    """The service after the change; the events are ours."""
    with open_service("after", database_url) as service:
        yield service


# ── after ──────────────────────────────


def test_a_sale_counts_once_through_every_crash(world: World, database_url: str) -> None:
    """The database fails, then the answer is lost: Hakika delivers again, and one thing leaves the shelf."""
    with adopted(world, database_url) as service:
        no, yes = world.phone(), world.phone()
        world.let_answer(no, "cancel")
        order = service.sell(no)
        until(lambda: service.status(order)[0] == "failed")
        service.break_commits(1)
        service.lose_answers = 2
        world.let_answer(yes)
        service.initiate(order, yes)
        until(lambda: service.status(order)[0] == "completed")
        paid = world.client.payments.list(reference=order).data[0]
        assert service.status(order) == ("completed", paid.receipt)
        until(lambda: max(map(service.deliveries.count, service.deliveries)) >= 2 and not service.lose_answers)
        until(lambda: not any(endpoint.owed for endpoint in world.client.endpoints.list()))
        assert service.left() == 4


def test_the_same_event_counts_once(after: Service) -> None:
    """Four times at the same moment, and again: one thing leaves the shelf."""
    order = after.sell()
    with ThreadPoolExecutor(4) as threads:
        answers = [*threads.map(lambda _: after.deliver(order, "completed"), range(4))]
    assert after.deliver(order, "completed") == 200
    assert 200 in answers
    assert (after.status(order), after.left()) == (("completed", "NLJ7RT61SV"), 4)


def test_work_and_event_are_kept_together_or_not_at_all(after: Service) -> None:
    """What fails at the commit leaves nothing behind, answers 500, and is done when it comes again."""
    order = after.sell()
    after.break_commits(1)
    assert after.deliver(order, "completed") == 500
    assert (after.status(order)[0], after.left()) == ("pending", 5)
    assert after.deliver(order, "completed") == 200
    assert (after.status(order)[0], after.left()) == ("completed", 4)


LATE_SUCCESS = (("pay_1", 1, "pending"), ("pay_1", 2, "cancelled"), ("pay_1", 3, "completed"))
SECOND_TRY = (("pay_1", 2, "cancelled"), ("pay_2", 1, "pending"), ("pay_2", 2, "completed"))
LATE_BESIDE_SECOND = (("pay_1", 2, "expired"), ("pay_1", 3, "completed"), ("pay_2", 2, "expired"))


@pytest.mark.parametrize("history", [LATE_SUCCESS, SECOND_TRY, LATE_BESIDE_SECOND])
def test_events_that_overtake_one_another_come_to_the_same(
    world: World, tmp_path: Path, history: tuple[tuple[str, int, str], ...]
) -> None:
    """Whatever order they arrive in: the order is paid, and one thing has left the shelf."""
    with open_service("after", f"sqlite:///{tmp_path / 'shop.db'}") as service:
        for number, events in enumerate(permutations(history)):
            order = service.sell()
            for payment, sequence, status in events:
                tag = f"{payment}_{number}" if payment else payment
                assert service.deliver(order, status, payment=tag, sequence=sequence) == 200
            assert (service.status(order)[0], service.left()) == ("completed", 4), events


def test_money_that_was_sent_back_is_not_paid(after: Service) -> None:
    """Also where the news of the payment comes after that of its reversal."""
    order, other = after.sell(), after.sell()
    for paid, sent_back in ((order, ("completed", "reversed")), (other, ("reversed", "completed"))):
        for status in sent_back:
            sequence = 2 + (status == "reversed")
            assert after.deliver(paid, status, payment=f"pay_{paid}", sequence=sequence) == 200
        assert after.status(paid)[0] == "failed"


@pytest.mark.parametrize("status", ["pending", "mispaid", "unresolved"])
def test_what_is_not_certain_is_pending(after: Service, status: str) -> None:
    """Nothing is delivered, and nobody is told that it failed."""
    order = after.sell()
    assert after.deliver(order, status) == 200
    assert (after.status(order)[0], after.left()) == ("pending", 5)


def test_strangers_change_nothing(after: Service) -> None:
    """What Hakika did not sign is refused; an order of another shop's is nobody's here."""
    order = after.sell()
    lie = {"type": "payment.completed", "data": {"reference": order, "status": "completed"}}
    assert after.http.post(HOOK, json=lie).status_code == 400
    assert after.deliver("order-of-another", "completed") == 200
    assert (after.status(order)[0], after.left()) == ("pending", 5)


# ── before ──────────────────────────────


def test_before_a_repeated_callback_sold_twice(world: World, tmp_path: Path) -> None:
    """Safaricom posts a callback twice: two things leave the shelf for one payment."""
    with open_service("before", f"sqlite:///{tmp_path / 'shop.db'}", **daraja(world)) as service:
        phone = world.phone()
        world.let_answer(phone)
        world.order(fault="callback_repeated", copies=2, msisdn=phone)
        order = service.sell(phone)
        until(lambda: len(service.deliveries) == 2)
        until(lambda: service.left() == 3)
        assert service.status(order)[0] == "completed"


def test_before_a_crash_lost_the_payment(world: World, tmp_path: Path) -> None:
    """The database fails while the callback is handled: it was answered 200, so nobody ever says it again."""
    with open_service("before", f"sqlite:///{tmp_path / 'shop.db'}", **daraja(world)) as service:
        phone = world.phone()
        order = service.sell(phone)
        service.break_commits(1)
        world.answer(phone)
        until(lambda: len(service.deliveries) == 1)
        assert (service.status(order)[0], service.left()) == ("pending", 5)


# ── the change ──────────────────────────────


def test_the_change_is_small() -> None:
    """Lines added and lines removed, together, are fewer than 60."""
    diff = show_adoption().splitlines()[3:]
    changed = [line for line in diff if line.startswith(("+", "-"))]
    assert 0 < len(changed) < CHANGED_LINES_BELOW


def test_the_page_shows_the_change() -> None:
    """docs/adopting.md has the diff of what lies in examples/retail, as it is now."""
    assert show_adoption() in PAGE.read_text()
