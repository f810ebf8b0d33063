"""Who posted a callback: only our own proxies are believed about that."""

from pathlib import Path

import pytest

from hakika.api.callbacks import AddressBook
from tests.api.house import ACCEPTED, SAFARICOM, open_house, result, settings_for

pytestmark = pytest.mark.anyio
PROXIES = ("10.0.0.0/8", "fd00::/8", "192.0.2.7")


def sender(client: str, *forwarded: str, proxies: tuple[str, ...] = PROXIES) -> str:
    """Who posted, seen from our proxies, with these X-Forwarded-For headers."""
    book = AddressBook((SAFARICOM,), proxies, refuse=False)
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    return book.find_sender({"client": (client, 1), "headers": headers})


@pytest.mark.parametrize(
    ("client", "forwarded", "found"),
    [
        ("203.0.113.9", [SAFARICOM], "203.0.113.9"),  # a stranger's own word
        ("10.0.0.1", [SAFARICOM], SAFARICOM),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [f"{SAFARICOM}, 203.0.113.9"], "203.0.113.9"),  # forged by who came to our proxy
        ("10.0.0.1", [SAFARICOM, "203.0.113.9"], "203.0.113.9"),  # the proxy's own line below the forged one
        ("10.0.0.1", [f"1.1.1.1, {SAFARICOM}, 10.0.0.3, 192.0.2.7"], SAFARICOM),  # a chain of ours
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", [f"::ffff:{SAFARICOM}"], SAFARICOM),  # a dual-stack socket
        ("10.0.0.1", [f"{SAFARICOM}:50123"], SAFARICOM),
        ("10.0.0.1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("10.0.0.1", [f"{SAFARICOM}, <script>"], "<script>"),
        ("10.0.0.1", ["x" * 10_000], "x" * 64),
        ("10.0.0.1", [" , ,"], "10.0.0.1"),
        ("", [SAFARICOM], ""),
    ],
)
def test_the_sender_is_the_last_that_our_proxies_saw(client: str, forwarded: list[str], found: str) -> None:
    """Read from the right, through our own proxies only, all headers of that name together."""
    assert sender(client, *forwarded) == found


def test_without_proxies_the_header_says_nothing() -> None:
    """Not even from loopback."""
    assert sender("127.0.0.1", SAFARICOM, proxies=()) == "127.0.0.1"


def test_every_spelling_of_an_address_is_that_address() -> None:
    """A network covers what is in it; what is no address is foreign."""
    book = AddressBook(("196.201.212.0/24", "2001:db8::/32"), (), refuse=False)
    assert not book.is_foreign(SAFARICOM)
    assert not book.is_foreign("2001:db8::7")
    assert book.is_foreign("garbage")
    assert book.is_foreign("")
    assert not AddressBook((), (), refuse=True).is_foreign("203.0.113.9"), "no list, no foreigners"


async def test_a_foreign_address_is_flagged_and_believed(migrated_database_url: str, tmp_path: Path) -> None:
    """Safaricom's list is advisory (daraja.md §2.4): the token proves, the flag tells a person."""
    async with open_house(settings_for(migrated_database_url, tmp_path)) as hakika:
        payment, path = await hakika.prompt()
        answer = await hakika.post(path, result("ws_CO_1"), "203.0.113.9", X_Forwarded_For=SAFARICOM)
        assert answer.content == ACCEPTED
        assert (await hakika.read(payment["id"]))["status"] == "completed"
        told = next(one for one in await hakika.timeline(payment["id"]) if one["kind"] == "callback")
        assert (told["origin"]["remote"], told["reading"]["flags"]) == ("203.0.113.9", ["foreign_ip"])


async def test_where_foreigners_are_refused_they_only_claim(migrated_database_url: str, tmp_path: Path) -> None:
    """403, and what they said is kept as a claim; the same bytes from Safaricom then count."""
    async with open_house(settings_for(migrated_database_url, tmp_path, refuse_foreign_ips=True)) as hakika:
        payment, path = await hakika.prompt()
        assert (await hakika.post(path, result("ws_CO_1"), "203.0.113.9")).status_code == 403
        assert (await hakika.read(payment["id"]))["status"] == "pending"
        told = [one for one in await hakika.timeline(payment["id"]) if one["kind"] == "callback"]
        assert [one["reading"].get("trusted", False) for one in told] == [False]
        assert (await hakika.post(path, result("ws_CO_1"))).status_code == 200
        assert (await hakika.read(payment["id"]))["status"] == "completed"
