"""A payment is tried before real money moves."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import look_in
from hakika.store.search import Search, search_payments


async def look(ground: Ground) -> list[Finding]:
    """The newest test payment that was paid."""
    wanted = Search(mode="test", status="completed", limit=1)
    paid = await look_in(ground, lambda tx: search_payments(tx, wanted))
    if paid:
        return [Finding(Outcome.OK, f"A test payment was paid: {paid[0].id}.")]
    return [Finding(Outcome.WARNING, "No test payment was ever paid here.")]


CHECK = Check(
    name="going-live.practice",
    area=Area.GOING_LIVE,
    title="A test payment was paid",
    meaning="Whatever is not right yet is found out with customers, and their money.",
    cure="In the sandbox have one paid, one cancelled and one ring out, and see what your program shows.",
    look=look,
    going_live=True,
)
