"""The app on the portal has the product that STK pushes need."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.daraja import Asked, NotAsked, ask_query, each_account, quote_query, said_in, tell_not_asked
from hakika.doctor.ground import Ground
from hakika.domain.evidence import QueryUnanswered

SAME_PRODUCT = (
    "Push and query belong to one product (M-Pesa Express), so pushes are let through as well, as far as known."
)


async def look(ground: Ground) -> list[Finding]:
    """Ask about a prompt that never was: the gateway looks for the product before anything else."""

    async def judge(account: Asked) -> Finding:
        try:
            outcome = await ask_query(ground, account)
        except NotAsked as error:
            return tell_not_asked(error)
        quoted = f"A query about a prompt that never was: {quote_query(outcome)}."
        if lacks_product(said_in(outcome)):
            explained = "The key is good, but the app that it belongs to may not call M-Pesa Express."
            return Finding(Outcome.FAILED, f"{quoted} {explained}")
        if outcome.pressure or outcome.token_invalid or not _was_judged(outcome.reading):
            return Finding(Outcome.UNKNOWN, f"{quoted} That says nothing about the product; ask again in a minute.")
        return Finding(Outcome.OK, f"{quoted} {SAME_PRODUCT}")

    return await each_account(ground, judge)


def lacks_product(said: str) -> bool:
    """Whether an answer says that the product is not on the app."""
    return "401.003.01" in said or "apiproduct" in said


def _was_judged(reading: object) -> bool:
    """Whether M-Pesa itself answered, behind the gateway: in documented words."""
    return not isinstance(reading, QueryUnanswered) or bool(reading.code)


CHECK = Check(
    name="daraja.product",
    area=Area.DARAJA,
    title="The app may use M-Pesa Express (STK push)",
    meaning=(
        "Daraja refuses every push with 401.003.01 “Invalid API call as no apiproduct match found”: no phone rings "
        "and no money moves. The key is good, but its app lacks the product, or is an app of the other environment. "
        "What is asked is the query, which prompts nobody; that the push is let through as well is inferred, not seen."
    ),
    cure=(
        "On the Daraja portal add “M-Pesa Express” (Lipa na M-Pesa) to the app; in production the go-live for it must "
        "be done. Then wait some minutes, and see that MPESA_ENVIRONMENT is that of the app."
    ),
    look=look,
)
