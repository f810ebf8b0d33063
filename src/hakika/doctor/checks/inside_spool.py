"""No callback waits in the spool, and none was spoiled or lost."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import count_things
from hakika.engine.aside import run_aside
from hakika.engine.spool import Spool

FILE = "callbacks.spool"


async def look(ground: Ground) -> list[Finding]:
    """The files of the spool, and what the running server counted."""
    return [await run_aside(lambda: _judge(ground))]


def _judge(ground: Ground) -> Finding:
    spool, desk = Spool(ground.settings.data_dir / FILE), ground.live.get("desk")
    lost = desk.lost if desk is not None else 0
    if lost:
        cure = "Free the disk, see inside.database; their payments end by queries. The log has the callbacks' bodies."
        return Finding(Outcome.FAILED, f"{count_things(lost, 'callback')} fitted neither database nor spool.", cure)
    try:
        waiting, spoiled = spool.count(), spool.spoiled.exists() and spool.spoiled.stat().st_size > 0
        full = spool.is_full()
    except OSError as error:
        return Finding(Outcome.FAILED, f"{spool.file} cannot be read: {error.strerror}.", "Let this user read it.")
    if spoiled:
        cure = f"Send {spool.spoiled} to us with the log's `spool_line_spoiled`; then move it away."
        return Finding(Outcome.FAILED, f"{spool.spoiled} holds callbacks that could not be recorded.", cure)
    if waiting:
        evidence = f"{count_things(waiting, 'callback')} wait in {spool.file}{' , which is full' if full else ''}."
        return Finding(Outcome.FAILED if full or not ground.live else Outcome.WARNING, evidence)
    return Finding(Outcome.OK, "It is empty.")


CHECK = Check(
    name="inside.spool",
    area=Area.INSIDE,
    title="No callback waits in the spool",
    meaning="Safaricom has told what became of these payments, it is safe on the disk, and nobody has heard it yet.",
    cure=(
        "Have a server run with this HAKIKA_DATA_DIR and a database that takes writes (inside.database): it records "
        "them within seconds."
    ),
    look=look,
)
