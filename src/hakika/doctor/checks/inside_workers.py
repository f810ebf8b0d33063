"""The running server's worker and deliverer go round."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import NONE_RUNS, Unseen, spell_age
from hakika.domain.schedule import SECOND_MS

PARTS = {
    "worker": ("prompts and queries", 30 * SECOND_MS),
    "deliverer": ("deliveries", 30 * SECOND_MS),
    "lookout": ("alerts", 120 * SECOND_MS),  # it looks every 30 s, and measures in between
}
"""Part → what it does, and how long after its last round it is late."""
HUNG = (
    "It was killed, is stopped, hangs, or waits for a disk: see its log and `ps`, then start it again. What comes "
    "meanwhile is not taken; payments that were asked for are found out about as soon as it runs. If it runs where "
    "this cannot reach it, in another container say, run this there, or name it with --server."
)


async def look(ground: Ground) -> list[Finding]:
    """When each last went round; or of a server that does not answer, that it does not."""
    if not ground.live:
        if ground.silent:
            return [Finding(Outcome.FAILED, ground.silent, HUNG)]
        raise Unseen(NONE_RUNS)
    return [_judge(ground, part) for part in PARTS if part in ground.live]


def _judge(ground: Ground, part: str) -> Finding:
    beat_at_ms = int(ground.live[part].beat_at_ms)
    late_ms = ground.clock() - beat_at_ms
    ago = f"{spell_age(late_ms)} ago" if beat_at_ms else "never"
    does, allowed_ms = PARTS[part]
    late = late_ms > allowed_ms * getattr(ground.clock, "speed", 1)
    evidence = f"It went round {ago} ({does})."
    return Finding(Outcome.FAILED if late else Outcome.OK, evidence, subject=part)


CHECK = Check(
    name="inside.workers",
    area=Area.INSIDE,
    title="The server's workers are alive",
    meaning="What is due is not done: nobody is prompted, nothing is queried, or delivered. Nothing is lost.",
    cure="Start the server again, and report what the log says before: `round_failed`, `store_unavailable`.",
    look=look,
)
