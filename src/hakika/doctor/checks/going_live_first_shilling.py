"""A real shilling came, and its callback with it."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import look_in
from hakika.store.search import Search, search_payments

LATEST = 20  # payments that are looked at


async def look(ground: Ground) -> list[Finding]:
    """The newest live payments that were paid: one whose callback came is enough."""
    wanted = Search(mode="live", status="completed", limit=LATEST)
    paid = await look_in(ground, lambda tx: search_payments(tx, wanted))
    told = [row for row in paid if row.called_back_at_ms]
    if told:
        return [Finding(Outcome.OK, f"{told[0].id} was paid, and its callback came.")]
    if paid:
        cure = f"`hakika explain {paid[0].id}`, then `hakika doctor callback-url`."
        return [Finding(Outcome.WARNING, f"{paid[0].id} was paid, but its callback did not come.", cure)]
    return [Finding(Outcome.WARNING, "No live payment was paid here yet.")]


CHECK = Check(
    name="going-live.first-shilling",
    area=Area.GOING_LIVE,
    title="The first real shilling came, and its callback",
    meaning="Nobody knows yet whether money arrives at the right PayBill or Till.",
    cure="`hakika pay YOUR-PHONE 1 --reference first-shilling --wait`, and look at the M-Pesa statement.",
    look=look,
    going_live=True,
)
