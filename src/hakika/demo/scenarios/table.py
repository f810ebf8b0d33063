"""The scenarios, in the order in which they are shown. Times are seconds of the scaled clock."""

from hakika.demo.scenarios.merchant import Payment
from hakika.demo.scenarios.scene import AMOUNT, Scenario, Scene

LATE_MS = 60_000
LONG_ENOUGH_S = 20.0
"""Until a payer answers where something must happen first: on the wall it is two seconds at ten times the speed."""

# ── what payers do ──────────────────────────────


async def pays(scene: Scene) -> Payment:
    """The payer enters the PIN."""
    return await scene.receipted(await scene.ask("pay"))


async def cancels(scene: Scene) -> Payment:
    """The payer presses Cancel."""
    return await scene.ended(await scene.ask("cancel"))


async def types_a_wrong_pin(scene: Scene) -> Payment:
    """The payer enters a wrong PIN."""
    return await scene.ended(await scene.ask("wrong_pin"))


async def has_no_funds(scene: Scene) -> Payment:
    """The payer has too little money."""
    return await scene.ended(await scene.ask("no_funds"))


async def ignores(scene: Scene) -> Payment:
    """The payer does nothing until the prompt goes away."""
    return await scene.ended(await scene.ask("ignore"))


# ── what callbacks do ──────────────────────────────


async def callback_lost(scene: Scene) -> Payment:
    """No callback ever comes."""
    await scene.order("callback_lost")
    payment = await scene.ended(await scene.ask("pay"))
    scene.holds("a query has no receipt to give", payment.receipt is None)
    return payment


async def callback_late(scene: Scene) -> Payment:
    """The callback comes a minute after a query settled the payment, and brings the receipt."""
    await scene.order("callback_late", delay_ms=LATE_MS)
    payment = await scene.ended(await scene.ask("pay"))
    scene.holds("it is certain before the callback comes", payment.confirmed_by == "query")
    payment = await scene.receipted(payment)
    scene.holds("the receipt is told as payment.updated", await scene.events(payment, "payment.updated"))
    return payment


async def callback_four_times(scene: Scene) -> Payment:
    """The same callback comes four times."""
    await scene.order("callback_repeated", copies=4)
    payment = await scene.receipted(await scene.ask("pay"))
    while sum(one.copies for one in await scene.events(payment, "callback")) < 4:
        await scene.pause()
    return await scene.ended(payment)


async def callback_early(scene: Scene) -> Payment:
    """The callback overtakes the push's own answer."""
    await scene.order("callback_early")
    return await scene.receipted(await scene.ask("pay"))


# ── what becomes of the push ──────────────────────────────


async def push_answer_lost(scene: Scene) -> Payment:
    """M-Pesa takes the push, and the connection is cut before it can say so."""
    await scene.order("push_cut")
    return await _unsure(scene)


async def error_after_acceptance(scene: Scene) -> Payment:
    """M-Pesa takes the push, the phone rings, and the answer is HTTP 500."""
    await scene.order("push_error_after_acceptance")
    return await _unsure(scene)


async def _unsure(scene: Scene) -> Payment:
    payment = await scene.ask("pay", LONG_ENOUGH_S)
    await scene.world.merchant.until(payment.id, lambda now: now.stage == "unsure")
    payment = await scene.receipted(payment)
    scene.holds("it was sent once", await scene.world.backstage.pushes(scene.phone) == 1)
    return payment


async def spike_arrest(scene: Scene) -> Payment:
    """The gateway refuses the first push: too many at once. It is sent again."""
    await scene.order("spike_arrest")
    payment = await scene.receipted(await scene.ask("pay"))
    scene.holds("it was sent again", await scene.world.backstage.pushes(scene.phone) == 2)
    return payment


async def token_revoked(scene: Scene) -> Payment:
    """The access token stops working at the push, and again at the query that replaces a lost callback."""
    await scene.order("token_revoked", on="push")
    await scene.order("token_revoked", on="query")
    await scene.order("callback_lost")
    return await scene.ended(await scene.ask("pay"))


# ── what queries and strangers say ──────────────────────────────


async def query_flaps(scene: Scene) -> Payment:
    """No callback comes, and the first three queries answer with an error that says nothing."""
    await scene.order("callback_lost")
    await scene.order("query_flapping", times=3)
    payment = await scene.ended(await scene.ask("pay"))
    scene.holds("it went on asking", payment.queries >= 4)
    return payment


async def forged_without_token(scene: Scene) -> Payment:
    """Somebody posts "paid" to a well-known path; the payer cancels."""
    return await _forged(scene, "/mpesa/callback", "FORGED0001")


async def forged_with_a_wrong_token(scene: Scene) -> Payment:
    """Somebody posts "paid" to a secret path that is nobody's; the payer cancels."""
    return await _forged(scene, f"/c/{'0' * 64}", "FORGED0002")


async def _forged(scene: Scene, path: str, receipt: str) -> Payment:
    payment = await scene.prompted(await scene.ask("cancel", LONG_ENOUGH_S))
    status = await scene.world.forger.say_paid(path, payment.checkout_request_id or "", AMOUNT, receipt)
    scene.holds("the forger is answered 200", status == 200)
    payment = await scene.world.merchant.until(payment.id, lambda now: now.queries)
    scene.holds("it is still pending after the forgery and the query that it caused", payment.status == "pending")
    payment = await scene.ended(payment)
    scene.holds("the forged receipt is nobody's", not await scene.world.merchant.find(receipt=receipt))
    return payment


async def wrong_amount(scene: Scene) -> Payment:
    """The callback says that KES 1 came where KES 100 was asked for."""
    await scene.order("callback_amount", amount=1)
    await scene.order("query_flapping", times=5)  # else a query, which knows no amount, may speak first
    payment = await scene.ended(await scene.ask("pay"))
    scene.holds("it says what came", payment.amount_received == 1)
    return payment


async def contradiction(scene: Scene) -> Payment:
    """Two queries say that nobody answered; then the callback says that it was paid."""
    await scene.order_both(
        {"fault": "query_contradicts", "says": "1037"}, {"fault": "callback_late", "delay_ms": LATE_MS}
    )
    payment = await scene.ended(await scene.ask("pay"))
    scene.holds("the queries were believed first", payment.status == "expired")
    payment = await scene.receipted(payment)
    scene.holds("a person is told", {"contradicted", "late"} <= set(payment.flags))
    return payment


async def receipt_taken(scene: Scene) -> Payment:
    """The callback of a second payment carries the receipt of the first."""
    await scene.receipted(await scene.ask("pay"))
    second = scene.phones[1]
    await scene.order("callback_receipt_repeated", phone=second)
    await scene.order("query_flapping", phone=second, times=20)
    payment = await scene.ended(await scene.ask("pay", phone=second))
    scene.holds("a person is told", "receipt_taken" in payment.flags)
    scene.holds("it has no receipt", payment.receipt is None)
    return payment


# ── what breaks on our side ──────────────────────────────


async def server_killed(scene: Scene) -> Payment:
    """The server is killed while the phone rings, and the callback finds nobody."""
    payment = await scene.prompted(await scene.ask("pay", LONG_ENOUGH_S))
    await scene.world.server.kill()
    posted = await scene.world.backstage.until_called_back(payment.checkout_request_id or "")
    scene.holds("the callback was lost", posted.status is None)
    await scene.world.server.start()
    await scene.world.merchant.until_alive()
    return await scene.ended(payment)


async def database_away(scene: Scene) -> Payment:
    """The database is away when the callback comes; it waits in the spool."""
    payment = await scene.prompted(await scene.ask("pay", LONG_ENOUGH_S))
    async with scene.world.database.outage():
        posted = await scene.world.backstage.until_called_back(payment.checkout_request_id or "")
        scene.holds("the callback is answered 200", posted.status == 200)
        scene.holds("it waits in the spool", await scene.world.merchant.spooled() == 1)
    payment = await scene.receipted(payment)
    while await scene.world.merchant.spooled():
        await scene.pause()
    return payment


SCENARIOS = (
    Scenario("pays", "Pays", "completed", pays),
    Scenario("cancels", "Cancels", "cancelled", cancels),
    Scenario("wrong-pin", "Wrong PIN", "failed", types_a_wrong_pin),
    Scenario("no-funds", "No funds", "failed", has_no_funds),
    Scenario("ignores", "Ignores", "expired", ignores),
    Scenario("callback-lost", "Callback lost", "completed", callback_lost),
    Scenario("callback-late", "Late, after a query settled", "completed", callback_late),
    Scenario("callback-x4", "Callback ×4", "completed", callback_four_times),
    Scenario("callback-early", "Before the push's answer", "completed", callback_early),
    Scenario("push-answer-lost", "Push answer lost", "completed", push_answer_lost),
    Scenario("push-500", "500 after acceptance", "completed", error_after_acceptance),
    Scenario("spike-arrest", "Spike arrest", "completed", spike_arrest),
    Scenario("token-revoked", "Token revoked midway", "completed", token_revoked),
    Scenario("query-flaps", "Flapping query", "completed", query_flaps),
    Scenario("forged-no-token", "Forged without token", "cancelled", forged_without_token),
    Scenario("forged-token", "Forged with a wrong token", "cancelled", forged_with_a_wrong_token),
    Scenario("wrong-amount", "KES 1 for KES 100", "mispaid", wrong_amount),
    Scenario("contradiction", "Query declines, callback pays", "completed", contradiction),
    Scenario("receipt-taken", "One receipt for two payments", "unresolved", receipt_taken),
    Scenario("server-killed", "Server killed meanwhile", "completed", server_killed, alone=True),
    Scenario("database-away", "Database away at callback", "completed", database_away, alone=True),
)
