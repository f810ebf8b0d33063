"""RouterOS' API on the wire: the bytes of its documentation, however the network cuts them."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakika_hotspot.network.router import RouterRefused, RouterUnreachable
from hakika_hotspot.network.routeros import read_duration_seconds
from hakika_hotspot.network.routeros_connection import Door, connect
from hakika_hotspot.network.routeros_wire import (
    Reply,
    SentenceReader,
    WireError,
    answer_challenge,
    build_command,
    encode_length,
    encode_sentence,
    read_reply,
)
from tests.hotspot.mikrotik import ADMIN, MikroTik, running_mikrotik


@pytest.mark.parametrize(
    ("length", "encoded"),
    [
        (0, "00"),
        (0x7F, "7f"),
        (0x80, "8080"),
        (0x3FFF, "bfff"),
        (0x4000, "c04000"),
        (0x1FFFFF, "dfffff"),
        (0x200000, "e0200000"),
        (0xFFFFFFF, "efffffff"),
        (0x10000000, "f010000000"),
    ],
)
def test_lengths_are_written_as_documented(length: int, encoded: str) -> None:
    """Each of the five forms begins where MikroTik's table says."""
    assert encode_length(length).hex() == encoded


@given(st.lists(st.lists(st.text(min_size=1, max_size=300), min_size=1, max_size=5), max_size=5), st.integers(1, 50))
def test_sentences_survive_any_cut(sentences: list[list[str]], size: int) -> None:
    """What is written is read again, in pieces of any size."""
    data = b"".join(map(encode_sentence, sentences))
    reader = SentenceReader()
    heard = [words for start in range(0, len(data), size) for words in reader.feed(data[start : start + size])]
    assert heard == sentences


@given(st.binary(max_size=200))
def test_nonsense_is_refused_and_never_hangs(data: bytes) -> None:
    """Any bytes are sentences, a beginning of one, or an error that says so."""
    try:
        for words in SentenceReader().feed(data):
            read_reply(words)
    except WireError:
        pass


def test_a_long_word_is_read_and_an_endless_one_refused() -> None:
    """A word of three length bytes is read; one of gigabytes is no router's."""
    [words] = SentenceReader().feed(encode_sentence(["x" * 20_000]))
    assert len(words[0]) == 20_000
    with pytest.raises(WireError):
        SentenceReader().feed(bytes.fromhex("f0ffffffff"))


def test_commands_and_replies_are_spelled_as_documented() -> None:
    """Attributes, queries and the tag of a command; kind, tag and attributes of a reply, with `=` in a value."""
    words = build_command("/ip/hotspot/user/print", {".proplist": "name"}, {"name": "a"}, "7")
    assert words == ["/ip/hotspot/user/print", "=.proplist=name", "?name=a", ".tag=7"]
    assert read_reply(["!re", "=.id=*1", "=comment=a=b", ".tag=7"]) == Reply("re", "7", {".id": "*1", "comment": "a=b"})
    assert read_reply(["!fatal", "not logged in"]).text == "not logged in"


def test_the_old_login_sends_a_digest() -> None:
    """The challenge of the documentation, with an empty password, gives the digest that MD5 of the two gives."""
    assert answer_challenge("", "856780b7411eefd3abadee2058c149a3") == "005062f7a5ef124d34675bf3e81f56c556"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("1h2m3s", 3723), ("1w2d", 777_600), ("1d02:03:04", 93_784), ("00:01:30", 90), ("5s300ms", 5)],
)
def test_times_are_read_as_routers_write_them(text: str, seconds: int) -> None:
    """Both spellings of RouterOS 6 and 7."""
    assert read_duration_seconds(text) == seconds


@pytest.mark.anyio
@pytest.mark.parametrize("legacy", [False, True])
async def test_both_logins_work(legacy: bool) -> None:
    """A password for RouterOS 6.43 and later, a digest for older ones; a wrong one is refused in the router's words."""
    async with running_mikrotik(MikroTik(lambda: 0, legacy=legacy, says_empty=not legacy)) as router:
        async with connect(Door("127.0.0.1", router.port, *ADMIN)) as connection:
            assert await connection.call("/ip/hotspot/active/print") == []
            with pytest.raises(RouterRefused, match="no such item"):
                await connection.call("/ip/hotspot/active/remove", {".id": "*77"})
        with pytest.raises(RouterRefused, match="invalid user name or password"):
            async with connect(Door("127.0.0.1", router.port, ADMIN[0], "wrong")):
                pass


@pytest.mark.anyio
async def test_answers_go_to_who_asked() -> None:
    """Two commands at once, answered the other way round and in pieces: each gets its own rows."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b".tag=1\0")
        writer.write(encode_sentence(["!done", ".tag=1"]))
        await reader.readuntil(b".tag=3\0")
        rows = [["!re", "=name=b", ".tag=3"], ["!re", "=name=a", ".tag=2"], ["!done", ".tag=3"], ["!done", ".tag=2"]]
        for byte in b"".join(map(encode_sentence, rows)):
            writer.write(bytes([byte]))
            await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, connect(Door("127.0.0.1", server.sockets[0].getsockname()[1], *ADMIN)) as connection:
        first, second = await asyncio.gather(connection.call("/a"), connection.call("/b"))
    assert (first, second) == ([{"name": "a"}], [{"name": "b"}])


@pytest.mark.anyio
@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", encode_sentence(["!fatal", "too many"])])
async def test_what_is_no_answer_is_a_router_out_of_reach(said: bytes) -> None:
    """Another service, a closed connection and !fatal end in RouterUnreachable, not in a wait without end."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        with pytest.raises(RouterUnreachable):
            async with connect(Door("127.0.0.1", server.sockets[0].getsockname()[1], *ADMIN)):
                pass
