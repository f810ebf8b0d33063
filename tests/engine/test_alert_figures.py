"""What rules see in a real store, and what is measured outside it: each opens its alert, and closes it again."""

import msgspec
import pytest

from hakika.domain.schedule import HOUR_MS, MINUTE_MS
from hakika.engine.alerts.lookout import Measures
from hakika.engine.alerts.rule import Certificate, Disk
from hakika.store.alerts.records import OPEN
from tests.engine.till import ScriptedDaraja, Till, refuse
from tests.engine.watching import Watched, pend, set_hour

pytestmark = pytest.mark.anyio


# ── every rule, from the store ──────────────────────────────


@pytest.mark.parametrize(
    ("status", "rule"), [("unresolved", "unresolved"), ("mispaid", "mispaid"), ("frozen", "invariant-broken")]
)
async def test_payments_that_need_a_person(watched: Watched, status: str, rule: str) -> None:
    """Any of them opens the rule's alert, with its id; it closes when a person has seen to it."""
    row = await watched.till.ask()
    await watched.till.spoil(row, due_at_ms=None, updated_at_ms=watched.clock(), status="failed")
    await watched.till.spoil(row, **({"frozen": "an amount"} if status == "frozen" else {"status": status}))
    assert await watched.look() == {"opened": 1}
    (alert,) = await watched.alerts()
    assert (alert.rule, msgspec.json.decode(alert.evidence)["first"]) == (rule, [row.id])
    await watched.till.spoil(row, status="completed", frozen="")
    assert await watched.watch(6) == {"closed": 1}


async def test_what_one_lives_with_is_told_no_more(light: Watched) -> None:
    """A payment that has been mispaid for longer than the threshold's days closes the alert, and opens none."""
    row = await light.till.ask()
    await light.spoil(row, "mispaid")
    await light.set_rule("mispaid", within_days=1)
    assert await light.look() == {"opened": 1}
    assert await light.look(after_s=24 * 3600 + 60) == {"closed": 1}


async def test_silent_callbacks(watched: Watched) -> None:
    """Three phones prompted in an hour and no callback: it opens; the first callback that comes closes it."""
    for _ in range(3):
        await watched.spoil(await watched.till.prompt(), "failed")
    assert await watched.look(after_s=60) == {}, "a callback may still come"
    assert await watched.look(after_s=90) == {"opened": 1}
    assert await watched.open_rules() == ["callbacks-silent"]
    row = await watched.till.prompt()
    await watched.till.call_back(row)
    assert await watched.look(after_s=130) == {}
    assert await watched.look(after_s=310) == {"closed": 1}


async def test_at_night_silence_is_not_told(light: Watched) -> None:
    """Outside of business hours in Nairobi nothing opens, and what is open does not close by that alone."""
    set_hour(light.clock, 2)
    for _ in range(3):
        await light.spoil(await light.till.prompt(), "failed")
    assert await light.look(after_s=180) == {}
    set_hour(light.clock, 19.5)
    for _ in range(3):
        await light.spoil(await light.till.prompt(), "failed")
    assert await light.look(after_s=180) == {"opened": 1}
    assert await light.look(after_s=3600) == {}
    assert await light.open_rules() == ["callbacks-silent"]


async def test_callbacks_that_say_nothing(watched: Watched) -> None:
    """More than a twentieth about no payment of ours; those of foreign addresses do not count."""
    from hakika.engine.case import Origin  # noqa: PLC0415

    row = await watched.till.prompt()
    await watched.till.call_back(row)
    for number in range(3):
        name = f"ws_CO_stranger_{number}"
        await watched.till.call_back(row, token="", checkout_request_id=name, flags=("foreign_ip",), origin=Origin())
    assert await watched.look() == {}
    for number in range(3):
        await watched.till.call_back(row, token="", checkout_request_id=f"ws_CO_other_{number}")
    assert await watched.look() == {"opened": 1}
    (alert,) = await watched.alerts()
    assert (alert.rule, alert.summary[:19]) == ("callback-errors", "3 of 4 callbacks in")
    assert await watched.look(after_s=3700) == {"closed": 1}


async def test_far_fewer_successes_than_at_these_hours_before(watched: Watched) -> None:
    """Nine of ten paid at these hours of the week before, and now two of ten do."""
    await watched.set_rule("success-rate", payments=5)
    await watched.set_rule("successes-few", active=False)
    await watched.set_rule("callbacks-silent", active=False)
    for days in (1, 2):
        before_ms = watched.clock() - days * 24 * HOUR_MS
        await make(watched, "completed", 5, before_ms)
        await make(watched, "failed", 1, before_ms)
    await make(watched, "completed", 1, watched.clock() + 10 * MINUTE_MS)
    await make(watched, "cancelled", 4, watched.clock() + 10 * MINUTE_MS)
    assert await watched.look(after_s=20 * 60) == {"opened": 1}
    (alert,) = await watched.alerts()
    assert alert.summary == (
        "20 % of the payments of the last 60 min succeeded (default); at these hours of the week before 83 % did."
    )
    await make(watched, "completed", 20, watched.clock())
    assert await watched.look(after_s=360) == {"closed": 1}


async def test_fewer_than_n_successes_in_m_minutes(watched: Watched) -> None:
    """Ten asked and none paid; set to 5 in 5 minutes and 0 asked it also holds while nobody asks."""
    await watched.set_rule("callbacks-silent", active=False)
    await make(watched, "cancelled", 10, watched.clock())
    assert await watched.look(after_s=180) == {"opened": 1}
    assert await watched.open_rules() == ["successes-few"]
    await make(watched, "completed", 1, watched.clock())
    assert await watched.look(after_s=180) == {}
    assert await watched.look(after_s=200) == {"closed": 1}
    await watched.set_rule("successes-few", successes=5, minutes=5, asked=0)
    assert await watched.look(after_s=1200) == {"opened": 1}


async def make(watched: Watched, status: str, count: int, at_ms: int) -> None:
    """Have payments that were asked for then, and ended so."""
    for _ in range(count):
        row = await watched.till.ask()
        await watched.spoil(row, status, created_at_ms=at_ms)


async def test_spike_arrests(watched: Watched, daraja: ScriptedDaraja) -> None:
    """Two in a few seconds halve the budget twice: it opens, and closes when the calls have grown back."""
    daraja.push_answers = [refuse, refuse]
    await watched.till.ask()
    await watched.till.work()
    await watched.till.work(after_s=6)
    assert await watched.look() == {"opened": 1}
    assert await watched.open_rules() == ["spike-arrests"]
    done = await watched.watch(20)
    assert done["closed"] >= 1
    assert "spike-arrests" not in await watched.open_rules()


async def test_an_account_that_is_off_and_a_mode_without_accounts(watched: Watched) -> None:
    """What is in trouble of an account that is off is still told; the other mode is left alone."""
    (row,) = await pend(watched)
    await watched.till.store.write(lambda tx: watched.till.accounts.amend(tx, "default", active=False))
    assert await watched.look(after_s=320) == {"opened": 1}
    assert {alert.mode for alert in await watched.alerts()} == {"test"}
    assert row.id in (await watched.alerts())[0].evidence


# ── what is measured ──────────────────────────────


class Measured:
    """Measures that a test sets."""

    def __init__(self) -> None:
        self.certificate: Certificate | Exception | None = None
        self.disk: Disk | Exception | None = None
        self.asked = 0

    async def read_certificate(self) -> Certificate | None:
        """See Measures."""
        self.asked += 1
        if isinstance(self.certificate, Exception):
            raise self.certificate
        return self.certificate

    async def read_disk(self) -> Disk | None:
        """See Measures."""
        if isinstance(self.disk, Exception):
            raise self.disk
        return self.disk


@pytest.fixture
def measured() -> Measured:
    """Nothing measured yet."""
    return Measured()


@pytest.fixture
async def measuring(light_till: Till, measured: Measured) -> Watched:
    """A watched till with measures."""
    set_hour(light_till.clock, 10)
    return Watched(light_till, Measures(measured.read_certificate, measured.read_disk))


async def test_a_certificate_that_ends_soon(measuring: Watched, measured: Measured) -> None:
    """13 days left opens it; renewed it closes, within minutes; it is not asked for at every look."""
    measured.certificate = Certificate("pay.example.com", 13.4)
    assert await measuring.look() == {"opened": 1}
    assert (await measuring.alerts())[0].summary == "The certificate of pay.example.com ends in 13 days."
    measured.certificate = Certificate("pay.example.com", 100)
    assert await measuring.watch(12) == {"closed": 1}
    asked = measured.asked
    assert await measuring.watch(20) == {}
    assert measured.asked == asked


async def test_a_certificate_that_is_not_accepted(measuring: Watched, measured: Measured) -> None:
    """However many days it has: the alert says why."""
    measured.certificate = Certificate("pay.example.com", 80, "its chain is not complete")
    assert await measuring.look() == {"opened": 1}
    assert (await measuring.alerts())[0].summary.endswith("is not accepted: its chain is not complete")


async def test_a_full_disk(measuring: Watched, measured: Measured) -> None:
    """Little left, and a small share: it opens, and closes when there is room. A large disk is not full at 5 %."""
    measured.disk = Disk("hakika.db", 300 * 2**20, 20 * 2**30)
    assert await measuring.look() == {"opened": 1}
    assert (await measuring.alerts())[0].summary == "The disk of hakika.db has 300 MiB left, 1 %."
    measured.disk = Disk("hakika.db", 50 * 2**30, 1000 * 2**30)
    assert await measuring.watch(6) == {"closed": 1}


async def test_a_measure_that_fails_stops_no_other_rule(measuring: Watched, measured: Measured) -> None:
    """Nor does it open or close its own alert."""
    measured.disk = Disk("hakika.db", 1, 2**40)
    await measuring.look()
    measured.certificate, measured.disk = OSError("no network"), OSError("no disk")
    await pend(measuring)
    assert await measuring.watch(7) == {"opened": 1}
    assert await measuring.open_rules() == ["disk", "pending-long"]


async def test_what_all_modes_share_is_told_in_one(measuring: Watched, measured: Measured) -> None:
    """The live one, once there is a live account."""
    await measuring.till.add_account("live", environment="production", shortcode="600100")
    measured.disk = Disk("hakika.db", 1, 2**40)
    assert await measuring.look() == {"opened": 1}
    assert [alert.mode for alert in await measuring.alerts(status=OPEN)] == ["live"]
