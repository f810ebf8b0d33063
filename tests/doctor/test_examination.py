"""The examination under bad luck: a check that raises, hangs, will not be cancelled, or says too much."""

import asyncio
import dataclasses
from base64 import b64encode
from pathlib import Path

import pytest

from hakika.doctor import registry
from hakika.doctor.alone import open_ground
from hakika.doctor.check import Area, Check, Finding, Look, Outcome
from hakika.doctor.document import show_examination
from hakika.doctor.examination import examine, examine_all, judge, worst
from hakika.doctor.ground import Ground
from hakika.doctor.looking import Unseen, count_things, name_some, spell_age
from hakika.doctor.registry import CHECKS, find_checks
from hakika.domain.errors import InvalidRequest
from hakika.engine.aside import run_aside
from tests.api.house import settings_for

pytestmark = pytest.mark.anyio
SOON_S = 0.05


@pytest.fixture
def bare(tmp_path: Path) -> Ground:
    """A ground with nothing on it."""
    settings = settings_for(f"sqlite:///{tmp_path / 'none.db'}", tmp_path)
    return Ground(settings, {}, lambda: 1_790_000_000_000, None, None, "https://pay.example.com")


def made(name: str, look: Look, **given: bool) -> Check:
    """A check that looks so."""
    return Check(f"inside.{name}", Area.INSIDE, "It is well", "Nothing.", "The check's own cure.", look, **given)


def saying(outcome: Outcome, evidence: str = "Seen.", cure: str = "") -> Look:
    """A look that finds that."""

    async def look(_: Ground) -> list[Finding]:
        return [Finding(outcome, evidence, cure)]

    return look


async def raise_badly(_: Ground) -> list[Finding]:
    """A look that breaks."""
    raise ZeroDivisionError("division\nby zero")


async def hang(_: Ground) -> list[Finding]:
    """A look that never ends."""
    await asyncio.Event().wait()
    return []


async def hang_whatever_comes(_: Ground) -> list[Finding]:
    """A look that does not let itself be cancelled."""
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if asyncio.current_task().cancelling() > 1:  # type: ignore[union-attr]  # the test's own end
                raise


async def see_nothing(_: Ground) -> list[Finding]:
    """A look that does not apply."""
    raise Unseen("There is no such thing here.")


WELL = made("well", saying(Outcome.OK))


async def test_a_check_that_raises(bare: Ground) -> None:
    """Is a finding of its own, on one line, and the others still report."""
    broken, well = await examine_all(bare, [made("broken", raise_badly), WELL])
    assert (broken.outcome, well.outcome) == ("failed", "ok")
    (finding,) = broken.findings
    assert finding.evidence == "The check itself failed: ZeroDivisionError: division by zero"
    assert "Run it again by its name" in finding.cure


@pytest.mark.parametrize("look", [hang, hang_whatever_comes])
async def test_a_check_that_hangs(bare: Ground, look: Look) -> None:
    """Is given up after its bound, also where it will not be cancelled; the others have reported long before."""
    reports = [report async for report in examine(bare, [made("hanging", look), WELL], SOON_S)]
    assert [report.check.name for report in reports] == ["inside.well", "inside.hanging"]
    (finding,) = reports[1].findings
    assert finding.evidence == f"The check itself failed: it did not end within {SOON_S} s."


async def test_a_check_that_hangs_in_a_thread(bare: Ground) -> None:
    """Blocking work is left behind, in a thread for which no exit waits."""
    import threading  # noqa: PLC0415

    let_go = threading.Event()

    async def block(_: Ground) -> list[Finding]:
        return await run_aside(lambda: [Finding(Outcome.OK, str(let_go.wait()))])

    (report,) = await examine_all(bare, [made("blocking", block)], SOON_S)
    left = [thread for thread in threading.enumerate() if thread.name == "hakika-aside"]
    assert (report.outcome, all(thread.daemon for thread in left)) == ("failed", True)
    let_go.set()


async def test_work_aside_gives_its_answer_or_its_error() -> None:
    """As if it were called."""
    assert await run_aside(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await run_aside(lambda: 1 // 0)


async def test_what_does_not_apply_is_skipped(bare: Ground) -> None:
    """With the reason; so is what needs a running server where none is, and what finds nothing to look at."""
    nothing = made("nothing", saying(Outcome.OK))
    reports = await examine_all(bare, [made("unseen", see_nothing), nothing._replace(live=True)])
    assert [report.outcome for report in reports] == ["skipped", "skipped"]
    assert reports[0].findings[0].evidence == "There is no such thing here."
    assert "none runs here" in reports[1].findings[0].evidence


async def test_no_secret_and_no_page_is_shown(bare: Ground) -> None:
    """Whatever a check quotes, secrets of the settings are masked, and a whole page is cut."""
    urls = {"database_url": "postgresql://asha:hunter22@db/hakika", "base_url": "https://gw:gate%21way@gw.example"}
    settings = bare.settings.model_copy(update=urls)
    bare = dataclasses.replace(bare, settings=settings, callback_origin="https://me:hush-hush@pay.example.com")
    told = f"{settings.passkey} {settings.consumer_secret} hunter22 {settings.api_key} {settings.secret_key}"
    told += " gate%21way gate!way hush-hush"
    (report,) = await examine_all(bare, [made("talkative", saying(Outcome.FAILED, told + " page" * 1_000, told))])
    shown = str(show_examination([report], "test"))
    assert [secret for secret in told.split() if secret in shown] == []
    assert len(report.findings[0].evidence) < 700


async def test_secrets_of_accounts_are_masked_too_and_their_beginnings(ground: Ground) -> None:
    """Those of the database, as they are sent as well, and one that was cut off while it was quoted."""
    assert ground.accounts is not None
    (account,) = ground.accounts.known()
    blank = ground.settings.model_copy(update={"consumer_key": "", "consumer_secret": "", "passkey": ""})
    own = account.shortcode
    basic = b64encode(f"{own.consumer_key}:{own.consumer_secret}".encode()).decode()
    password = b64encode(f"{own.shortcode}{own.passkey}20261121093000".encode()).decode()
    told = f"{own.consumer_secret} Basic {basic} {password} “{own.passkey[:20]}” all {own.passkey[:20]}"
    bare = dataclasses.replace(ground, settings=blank)
    (report,) = await examine_all(bare, [made("echo", saying(Outcome.FAILED, told))])
    shown = report.findings[0].evidence
    assert not [secret for secret in (own.consumer_secret, basic, password[:40], own.passkey[:20]) if secret in shown]
    assert "” all ••••••" in shown


async def test_the_whole_is_as_bad_as_its_worst(bare: Ground) -> None:
    """Only what failed fails it; what cannot be told is neither good nor bad."""

    async def judged(*outcomes: Outcome) -> str:
        return judge(await examine_all(bare, [made(str(number), saying(one)) for number, one in enumerate(outcomes)]))

    assert await judged(Outcome.OK, Outcome.SKIPPED, Outcome.UNKNOWN) == "ok"
    assert await judged(Outcome.OK, Outcome.WARNING, Outcome.UNKNOWN) == "warning"
    assert await judged(Outcome.FAILED, Outcome.WARNING) == "failed"
    assert worst([]) == "skipped"


async def test_the_checks_own_cure_stands_where_the_finding_has_none(bare: Ground) -> None:
    """So that nothing that failed is shown without a cure."""
    both = [made("own", saying(Outcome.FAILED)), made("other", saying(Outcome.FAILED, cure="Do that."))]
    shown = show_examination(await examine_all(bare, both), "test")["checks"]
    assert [found["cure"] for found in shown] == ["The check's own cure.", "Do that."]


def test_checks_are_found_by_name_and_by_area() -> None:
    """What is asked for alone runs only then; a name that is none's says what there is."""
    assert {check.area for check in find_checks(["settings"])} == {Area.SETTINGS}
    assert [check.name for check in find_checks(["inside.spool", "settings.till"])] == ["settings.till", "inside.spool"]
    usual = find_checks()
    assert [check.name for check in usual if check.asked or check.going_live] == []
    assert set(find_checks(callback=True)) - set(usual) == {check for check in CHECKS if check.asked}
    assert set(find_checks(going_live=True)) - set(usual) == {check for check in CHECKS if check.going_live}
    with pytest.raises(InvalidRequest, match=r"There are .*inside\.spool"):
        find_checks(["spool"])
    with pytest.raises(InvalidRequest, match="The areas are settings, daraja, callback-url, callers, inside"):
        find_checks(["horoscope"])


def test_every_module_is_a_registered_check() -> None:
    """One module a check, called as its file is, in order of its area; nothing is registered twice or forgotten."""
    folder = Path(registry.__file__).parent / "checks"
    modules = {file.stem for file in folder.glob("[a-z]*.py")}
    names = [check.name for check in CHECKS]
    assert {name.replace("-", "_").replace(".", "_") for name in names} == modules
    assert len(names) == len(set(names))
    assert [check.area for check in CHECKS] == sorted((check.area for check in CHECKS), key=list(Area).index)
    assert all(check.name.startswith(f"{check.area.value}.") for check in CHECKS)


def test_every_check_says_what_it_means_and_what_to_do() -> None:
    """In sentences; the title has no full stop, because it stands as a heading."""
    for check in CHECKS:
        assert check.meaning.endswith("."), check.name
        assert check.cure.endswith("."), check.name
        assert not check.title.endswith("."), check.name
        assert (check.look.__doc__ or "").endswith("."), check.name


def list_files(folder: Path) -> list[Path]:
    """What is in a folder."""
    return list(folder.iterdir())


async def test_alone_nothing_is_made(tmp_path: Path) -> None:
    """Where there is no database, no folder and no key the doctor leaves none behind."""
    settings = settings_for(f"sqlite:///{tmp_path / 'sub' / 'hakika.db'}", tmp_path / "data", secret_key="")
    async with open_ground(settings, {}) as ground:
        assert (ground.store, ground.store_trouble, ground.vault) == (None, "", None)
        checks = [check for check in find_checks() if check.area in {Area.SETTINGS, Area.CALLERS, Area.INSIDE}]
        reports = await examine_all(ground, checks)
    assert judge(reports) != "failed"
    assert list_files(tmp_path) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///{folder}", "is no file"),
        ("sqlite:///{folder}/garbage.db", "not a database"),
        ("mysql://db/hakika", "no database that Hakika speaks"),
        ("postgresql://127.0.0.1:1/hakika?connect_timeout=1", "refused"),
    ],
)
async def test_alone_a_database_that_cannot_be_opened_is_one_finding(tmp_path: Path, url: str, said: str) -> None:
    """A folder, garbage, a database that we do not speak, a server that is not there: inside.database says why."""
    (tmp_path / "garbage.db").write_bytes(b"no database at all " * 100)
    settings = settings_for(url.format(folder=tmp_path), tmp_path / "data")
    async with open_ground(settings, {}) as ground:
        checks = [check for check in find_checks(["inside"]) if check.name != "inside.durability"]
        reports = await examine_all(ground, checks)
    amiss = {report.check.name: report for report in reports if report.outcome in {Outcome.FAILED, Outcome.UNKNOWN}}
    assert list(amiss) == ["inside.database"]
    assert said in amiss["inside.database"].findings[0].evidence


def test_how_things_are_said() -> None:
    """Ages, numbers and lists, as people say them."""
    assert [spell_age(ms) for ms in (-5, 40_000, 180_000, 7_200_000, 260_000_000)] == [
        *("0 s", "40 s", "3 min", "2 h", "3 days")
    ]
    assert (count_things(1, "payment"), count_things(2, "payment")) == ("1 payment", "2 payments")
    assert name_some(["a", "b", "c", "d"], 9) == "a, b, c and 6 more"
