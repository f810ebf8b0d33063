"""Every pain that integrators know (docs/troubleshooting.md) is explained: what happened, the money, the cure."""

from typing import Any

import pytest

from hakika.daraja.codes import ALL_CODES
from hakika.daraja.protocol import PushOutcome, QueryOutcome
from hakika.domain.evidence import PushRefused, QueryUnanswered
from hakika.domain.payment import KNOWN_FINAL
from hakika.engine.explaining.causes import CAUSES, TROUBLES, find_cause, recognise
from hakika.engine.explaining.explanation import Explanation, Remark
from hakika.engine.representation import as_dict
from hakika.engine.resolution import Resolution
from hakika.store.payments import PaymentRow
from tests.engine.pains import PLAYS, Play, called_back, refused
from tests.engine.till import Till, say

pytestmark = pytest.mark.anyio
ROWS = range(1, 21)


async def explain(till: Till, row: PaymentRow) -> Explanation:
    """Explain it as the API does."""
    return await till.cashier.explain(row.id)


def named(explanation: Explanation) -> set[str]:
    """What it mainly shows, and what stands beside that."""
    return {explanation.cause, *(remark.cause for remark in explanation.also)}


@pytest.mark.parametrize(("number", "cause", "play"), PLAYS, ids=[f"{row}-{cause}" for row, cause, _ in PLAYS])
async def test_every_pain_is_explained(till: Till, number: int, cause: str, play: Play) -> None:
    """What happened leads to its cause, by name: with what it means for the money, the cure, a place in the docs."""
    explanation = await explain(till, await play(till))
    assert cause in named(explanation), explanation
    shown: list[Explanation | Remark] = [explanation, *explanation.also]
    told = next(one for one in shown if one.cause == cause)
    assert told.happened
    assert told.money
    assert told.cure
    assert told.docs == f"docs/troubleshooting.md#{cause}"
    assert told.checks == CAUSES[cause].checks
    assert CAUSES[cause].pain in {number, 0, 12}  # a wrong shortcode is row 12, whatever row it was met in


async def test_a_wrong_passkey_does_not_read_as_if_it_were_still_open(till: Till) -> None:
    """The code alone has several meanings; of a payment that failed nobody is told to wait and not to pay again."""
    shown = as_dict(await refused(till, "500.001.1001", "Wrong credentials"))
    assert shown["status"] == "failed"
    assert "You have not been charged" in shown["failure"]["message"]
    assert "nothing is concluded" not in shown["failure"]["advice"]


ERRORS = [
    (16, "urls-registered", "Urls are already registered"),
    (17, "initiator", "The initiator information is invalid"),
    (17, "initiator", "System internal error"),
    (9, "access-token", 'errorMessage: "Invalid Access Token"'),
    (10, "product-missing", "Invalid API call as no apiproduct match found"),
    (19, "no-answer", "1037"),
    (12, "shortcode", "sfc_ic0003"),
]


@pytest.mark.parametrize(("number", "cause", "words"), ERRORS)
def test_an_error_is_recognised_by_its_words(number: int, cause: str, words: str) -> None:
    """Who has no payment, only Daraja's words or a code, is told the cause as well."""
    assert [known.name for known in recognise(words)] == [cause]
    assert CAUSES[cause].pain == number


def test_every_row_of_the_table_has_a_test() -> None:
    """All twenty are played, or recognised; and each trouble that we know is shown by some play."""
    shown = {row for row, _, _ in PLAYS} | {row for row, _, _ in ERRORS}
    assert set(ROWS) <= shown
    assert {cause.pain for cause in TROUBLES} >= set(ROWS)
    played = {cause for _, cause, _ in PLAYS} | {cause for _, cause, _ in ERRORS}
    assert {cause.name for cause in TROUBLES} == played


def test_what_is_no_error_is_not_recognised() -> None:
    """A reference that somebody mistyped is not taken for an error."""
    assert [recognise(words) for words in ("order-1042", "", "  ", "pay_01m2x5h9q0d2n8r4t6v8y0a2c4")] == [()] * 4


@pytest.mark.parametrize("code", sorted(ALL_CODES))
def test_every_code_has_a_cause(code: str) -> None:
    """M-Pesa's, Daraja's and ours; a code that ends a payment is never called still processing."""
    cause = find_cause(code)
    assert cause.cure or ALL_CODES[code].advice
    if code in KNOWN_FINAL:
        assert cause.name != "still-processing"
        assert cause.money.startswith("None moved")


async def tell(till: Till, **changes: Any) -> dict[str, str]:
    """What is said of a payment at each step of a usual life: status → cause."""
    row = await till.ask(**changes)
    told = {"queued": (await explain(till, row)).cause}
    await till.worker.run_once()
    told["prompted"] = (await explain(till, row)).cause
    await till.call_back(await till.read(row.id))
    paid = await explain(till, row)
    assert paid.also == ()
    return told | {paid.status: paid.cause}


async def test_a_payment_without_trouble_shows_none(till: Till) -> None:
    """Queued, ringing, paid: nothing stands beside it."""
    assert await tell(till) == {"queued": "queued", "prompted": "ringing", "completed": "paid"}


@pytest.mark.parametrize(
    ("code", "cause", "cure"),
    [
        ("1032", "payer-cancelled", "Offer to try again"),
        ("1", "payer-declined", "Insufficient funds: offer to try again when the payer has topped up."),
        ("26", "too-fast", "Hakika slows down by itself."),
    ],
)
async def test_a_decline_says_that_no_money_moved(till: Till, code: str, cause: str, cure: str) -> None:
    """With M-Pesa's own words, and the advice of that code where the cause has none of its own."""
    explanation = await explain(till, await called_back(till, code, "in M-Pesa's words"))
    assert explanation.cause == cause
    assert explanation.happened == f"M-Pesa said {code} “in M-Pesa's words”, by callback."
    assert explanation.money.startswith("None moved.")
    assert explanation.cure.startswith(cure)


async def test_a_withdrawn_payment_and_a_person_s_word_are_told_as_such(till: Till) -> None:
    """Nobody is sent to look for a fault where somebody decided."""
    withdrawn = await till.ask()
    await till.cashier.cancel(withdrawn.id, "The customer left")
    assert (await explain(till, withdrawn)).cause == "withdrawn"
    looked_up = await till.prompt()
    till.clock.pass_s(120)
    await till.cashier.resolve(looked_up.id, Resolution("failed", "Not on the statement"), "asha")
    assert (await explain(till, looked_up)).cause == "person-decided"


@pytest.mark.parametrize(
    ("code", "reason", "cause"),
    [
        ("429", "HTTP 429: Spike arrest violation", "too-fast"),
        ("", "HTTP 503: the firewall's page (Incapsula)", "firewall"),
        ("not_connected", "ClientConnectorError: Connect call failed", "unreachable"),
    ],
)
async def test_why_daraja_could_not_be_asked_is_told(till: Till, code: str, reason: str, cause: str) -> None:
    """A payment that hangs because queries fail says why they do."""
    row = await till.prompt()
    till.daraja.query_default = lambda at_ms, _, __: QueryOutcome(QueryUnanswered(at_ms, reason, code))
    await till.work(after_s=90)
    explanation = await explain(till, row)
    assert explanation.cause == "callback-missing"
    assert reason in explanation.happened
    assert cause in named(explanation)


@pytest.mark.parametrize("code", ["not_connected", "429"])
async def test_a_query_that_failed_says_nothing_of_the_money(till: Till, code: str) -> None:
    """The phone rang: that Daraja could not be asked afterwards never reads as if no money had moved."""
    row = await till.prompt()
    till.daraja.query_default = lambda at_ms, _, __: QueryOutcome(QueryUnanswered(at_ms, "no answer", code))
    await till.work(after_s=90)
    explanation = await explain(till, row)
    assert explanation.money.startswith("May have moved")
    assert {one.money for one in explanation.also} == {"As the payment's status says."}


async def test_a_callback_that_may_be_on_its_way_is_not_called_missing(till: Till) -> None:
    """A query that was asked for somebody who waits can be the quicker one: 15 s later the callback is missing."""
    row = await till.prompt()
    till.daraja.query_default = say("0")
    await till.work(after_s=20)
    assert (await explain(till, row)).also == ()
    till.clock.pass_s(15)
    assert [one.cause for one in (await explain(till, row)).also] == ["callback-missing"]


async def test_what_stands_beside_a_settled_payment_leaves_its_money_alone(till: Till) -> None:
    """Its callback did not come: that is told, but not that the money may have moved, for it has."""
    row = await till.prompt()
    till.daraja.query_default = say("0")
    await till.work(after_s=90)
    explanation = await explain(till, row)
    assert (explanation.cause, explanation.money) == ("paid", "KES 100 arrived.")
    assert [(one.cause, one.money) for one in explanation.also] == [
        ("callback-missing", "As the payment's status says.")
    ]


async def test_an_outage_does_not_read_as_a_wrong_set_up(till: Till) -> None:
    """Daraja's firewall answered the token call: the first check is whether Daraja can be reached, not the keys."""
    said = "No access token in Daraja's answer (HTTP 503: the firewall's page (Incapsula))."
    till.daraja.obstacles = [PushOutcome(PushRefused(till.clock(), 1, "no_token", said, resend=True))]
    explanation = await explain(till, await till.prompt())
    assert (explanation.cause, explanation.checks[0]) == ("no-token", "daraja.reachable")
    assert said in explanation.happened
    assert "MPESA_ENVIRONMENT" not in explanation.cure


async def test_what_happened_quotes_daraja(till: Till) -> None:
    """The code and the words that came are in the sentence, and no claim that money moved."""
    explanation = await explain(till, await refused(till, "500.001.1001", "Wrong credentials"))
    assert explanation.happened == "Daraja refused the request: 500.001.1001 “Wrong credentials”."
    assert explanation.money.startswith("None moved: nothing was processed.")
    assert explanation.checks[0] == "daraja.passkey"
