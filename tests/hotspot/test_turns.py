"""What a set of grants adds up to, for any set."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hakika_hotspot.domain.mac import is_randomised, read_mac
from hakika_hotspot.domain.package import Package, read_duration_s, read_rate_kbps
from hakika_hotspot.domain.turns import Grant, bytes_left, end_of_terms_ms, find_turn, take_turns

SLOW = Package(id="slow", name="Slow", seconds=0, rate_down_kbps=1000)
FAST = Package(id="fast", name="Fast", seconds=0, rate_down_kbps=9000)
DATA = Package(id="data", name="Data", seconds=0, bytes_limit=1000)

grants = st.lists(
    st.builds(
        Grant,
        source=st.integers(0, 10**6).map(str),
        package=st.sampled_from([SLOW, FAST, DATA]),
        granted_at_ms=st.integers(1_000, 50_000),
        seconds=st.integers(1, 30),
        bytes_used=st.just(0),
        exhausted_at_ms=st.none(),
        revoked_at_ms=st.sampled_from([None, None, 40_000]),
    ),
    max_size=6,
    unique_by=lambda grant: grant.source,
)


@given(grants, st.randoms())
def test_the_order_of_grants_does_not_matter(given_grants: list[Grant], chance: object) -> None:
    """Turns follow from the set of grants: shuffled, they are the same."""
    shuffled = list(given_grants)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert take_turns(shuffled) == take_turns(given_grants)


@given(grants)
def test_nobody_loses_or_gains_a_second(given_grants: list[Grant]) -> None:
    """Every grant that stands runs for exactly its time, one at a time and not before it was granted."""
    turns = take_turns(given_grants)
    for before, after in pairwise(turns):
        assert before.until_ms <= after.from_ms
    for grant in given_grants:
        mine = [turn for turn in turns if turn.grant.source == grant.source]
        ran_ms = sum(turn.until_ms - turn.from_ms for turn in mine)
        assert ran_ms == (0 if grant.revoked_at_ms else grant.seconds * 1000)
        assert all(turn.from_ms >= grant.granted_at_ms for turn in mine)


@given(grants)
def test_a_revoked_grant_is_as_if_it_never_was(given_grants: list[Grant]) -> None:
    """What the others give is what they would have given alone."""
    assert take_turns(given_grants) == take_turns([grant for grant in given_grants if not grant.revoked_at_ms])


@given(grants, st.integers(0, 120_000))
def test_terms_stay_until_they_are_said_to_change(given_grants: list[Grant], now_ms: int) -> None:
    """Until the end of the terms each moment has a turn, and all of them the same terms."""
    turns = take_turns(given_grants)
    turn, end_ms = find_turn(turns, now_ms), end_of_terms_ms(turns, now_ms)
    if turn is None:
        return
    assert end_ms > now_ms
    within = [find_turn(turns, at_ms) for at_ms in (now_ms, (now_ms + end_ms) // 2, end_ms - 1)]
    assert {one.grant.package.terms for one in within if one} == {turn.grant.package.terms}
    assert None not in within


def test_used_up_data_gives_the_turn_to_the_next() -> None:
    """A grant whose data is used up ends then; the next of its terms goes on, with its own data."""
    first = Grant("1", DATA, 0, 100, bytes_used=1000, exhausted_at_ms=5_000)
    second = Grant("2", DATA, 1_000, 100, bytes_used=300)
    turns = take_turns([first, second])
    assert [(turn.grant.source, turn.from_ms, turn.until_ms) for turn in turns] == [
        ("1", 0, 5_000),
        ("2", 5_000, 105_000),
    ]
    assert bytes_left(turns, 6_000) == 700
    assert bytes_left(take_turns([Grant("1", SLOW, 0, 9)]), 0) is None


def test_spellings() -> None:
    """MACs, times and speeds are read in the spellings that routers and people use; nonsense is refused."""
    spelled = ["aa-bb-cc-dd-ee-01", "AABB.CCDD.EE01", "aabbccddee01", "AA:BB:CC:DD:EE:01:Jamii WiFi"]
    assert {read_mac(text) for text in spelled} == {"AA:BB:CC:DD:EE:01"}
    assert {read_mac(text) for text in ["", "xyz", "aabbccddee0", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"]} == {""}
    assert is_randomised("02:11:22:33:44:55")
    assert not is_randomised("00:11:22:33:44:55")
    assert [read_duration_s(text) for text in ("30m", "1h", "7d", "2w")] == [1800, 3600, 604_800, 1_209_600]
    assert [read_rate_kbps(text) for text in ("512k", "5M", "1.5M")] == [512, 5000, 1500]
    wrong = 0
    for read, text in [(read_duration_s, "0m"), (read_duration_s, "soon"), (read_rate_kbps, "fast")]:
        try:
            read(text)
        except ValueError:
            wrong += 1
    assert wrong == 3
