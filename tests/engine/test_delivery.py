"""Delivering events: the schedule, the signatures, and each way in which a receiver can misbehave."""

import asyncio
import base64
import hashlib
import hmac
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from hakika.domain.schedule import HOUR_MS, RETRY_DELIVERY_AFTER_MS
from hakika.engine.webhooks.addresses import read_rule
from hakika.store.webhooks.endpoints import EndpointRow
from tests.engine.receiver import SHORTLY_S, Post, Received, Receiver, posting, receiving, resolving, spell
from tests.engine.till import HeldClock

pytestmark = pytest.mark.anyio


# ── what arrives ──────────────────────────────


async def test_an_event_arrives_as_it_was_published(post: Post, receiver: Receiver, hook: EndpointRow) -> None:
    """Once, with its id, its number and its data; the answer is logged."""
    await post.publish()
    assert await post.work() == {"delivered": 1}
    assert await post.work() == {}
    (got,) = receiver.got
    assert (got.path, got.headers["webhook-id"], got.headers["user-agent"][:7]) == ("/hook", "evt_1", "Hakika/")
    assert (got.event["number"], got.event["data"]) == (1, {"id": "pay_1"})
    (attempt,) = await post.attempts()
    assert (attempt.status_code, attempt.error, attempt.answer) == (200, "", b"thanks")
    assert await post.statuses() == ["delivered"]


def verify_by_hand(secret: str, got: Received) -> bool:
    """Check a signature from the specification alone: HMAC-SHA256 over `id.timestamp.body`, base64, `v1,`."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return expected in got.headers["webhook-signature"].split(" ")


async def test_two_verifiers_accept_both_secrets_while_they_rotate(post: Post, receiver: Receiver) -> None:
    """The library and one written from the specification; after a day only the new secret signs."""
    old, row = await post.add(f"http://127.0.0.1:{receiver.port}/hook")
    new, _ = await post.store.write(lambda tx: post.endpoints.rotate(tx, row))
    await post.publish(snapshot='{"id":"Kahawa – ☕"}')
    await post.work()
    for secret in (old, new):
        Webhook(secret).verify(receiver.got[0].body, receiver.got[0].headers)
        assert verify_by_hand(secret, receiver.got[0])
    await post.publish()
    await post.work(after_s=24 * 3600 + 1)
    Webhook(new).verify(receiver.got[1].body, receiver.got[1].headers)
    assert verify_by_hand(new, receiver.got[1])
    assert not verify_by_hand(old, receiver.got[1])
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(receiver.got[1].body, receiver.got[1].headers)


# ── the schedule ──────────────────────────────


async def test_what_fails_is_tried_again_by_the_schedule(post: Post, receiver: Receiver, hook: EndpointRow) -> None:
    """500: again after 5 s, give or take a fifth, with the same id and a new attempt in the log."""
    receiver.status = 500
    await post.publish()
    assert await post.work() == {"failed": 1}
    assert await post.work(after_s=3.9) == {}
    receiver.status = 200
    assert await post.work(after_s=2.2) == {"delivered": 1}
    assert receiver.ids == ["evt_1", "evt_1"]
    assert [attempt.status_code for attempt in await post.attempts()] == [500, 200]


async def test_after_75_hours_it_is_exhausted_and_kept(post: Post, receiver: Receiver, hook: EndpointRow) -> None:
    """44 attempts within 75 hours, then no more; the row stays."""
    receiver.status = 500
    await post.publish()
    started_ms = post.clock()
    while await post.statuses() == ["waiting"]:
        await post.work(after_s=300)
    assert len(await post.attempts()) == len(RETRY_DELIVERY_AFTER_MS) + 1
    assert 60 * HOUR_MS < post.clock() - started_ms < 90 * HOUR_MS
    assert await post.statuses() == ["exhausted"]


async def test_429_is_asked_again_when_it_said(post: Post, receiver: Receiver, hook: EndpointRow) -> None:
    """Nothing goes to it before, not even another event; then all of it does."""
    receiver.script = [spell(429, b"", "Retry-After: 120")]
    await post.publish()
    assert await post.work() == {"failed": 1}
    await post.publish()
    assert await post.work(after_s=119) == {}
    assert await post.work(after_s=2) == {"delivered": 2}


async def test_a_retry_after_of_a_year_is_two_hours(post: Post, receiver: Receiver, hook: EndpointRow) -> None:
    """A receiver cannot put us off for longer than our own longest delay."""
    receiver.script = [spell(503, b"", "Retry-After: 31536000")]
    await post.publish()
    await post.work()
    assert await post.work(after_s=7_000) == {}
    assert await post.work(after_s=201) == {"delivered": 1}


@pytest.mark.parametrize("wish", ["Mon, 01 Jan 2026 00:00:00 +99999999999999999", "soon", "\u00b2", "-5", "1e9"])
async def test_a_retry_after_that_is_none_is_passed_over(
    post: Post, receiver: Receiver, hook: EndpointRow, wish: str
) -> None:
    """Whatever stands there, the attempt is recorded and the next one comes by our own schedule."""
    receiver.script = [spell(429, b"slowly", f"Retry-After: {wish}")]
    await post.publish()
    assert await post.work() == {"failed": 1}
    (attempt,) = await post.attempts()
    assert (attempt.status_code, attempt.error, attempt.answer) == (429, "", b"slowly")
    assert await post.work(after_s=7) == {"delivered": 1}


async def test_410_turns_the_endpoint_off(post: Post, receiver: Receiver, hook: EndpointRow) -> None:
    """It is off, with the reason; what it is owed waits, however long, and comes when it is on again."""
    receiver.script = [spell(410)]
    await post.publish(2)
    await post.drain()
    row = await post.endpoint(hook)
    assert (bool(row.active), row.off_reason) == (False, "It answered 410 Gone.")
    assert [event.type for event in post.announced] == ["endpoint.failing"]
    assert await post.work(after_s=100 * 3600) == {}
    got = len(receiver.got)
    await post.store.write(lambda tx: post.endpoints.change(tx, row, active=True))
    await post.drain()
    assert "evt_1" in receiver.ids[got:]
    assert set(await post.statuses()) == {"delivered"}


# ── receivers ──────────────────────────────


async def test_a_receiver_that_never_answers_is_given_up_on(post: Post, receiver: Receiver, hook: EndpointRow) -> None:
    """When the time is over the attempt is a failure that says so, and the lane is free again."""
    never = asyncio.Event()

    async def hang(_: Received) -> bytes:
        await never.wait()
        return spell(200)

    post.hurry()
    receiver.answer = hang
    await post.publish()
    assert await post.work() == {"failed": 1}
    (attempt,) = await post.attempts()
    assert (attempt.status_code, attempt.error) == (0, f"no whole answer within {SHORTLY_S:g} s")


@pytest.mark.parametrize(
    "reply",
    [
        None,
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 twohundred\r\n\r\n",
        b"\x16\x03\x01 what is this",
        spell(200, b"half", "Connection: close", length=100),
    ],
)
async def test_a_connection_that_ends_in_the_middle(
    post: Post, receiver: Receiver, hook: EndpointRow, reply: bytes | None
) -> None:
    """Without a word or in the middle of the head: a failure. In the middle of the body: it said 200 before."""
    receiver.script, receiver.hangs_up = [reply], True
    await post.publish()
    came = await post.work()
    (attempt,) = await post.attempts()
    assert attempt.error
    assert came == ({"delivered": 1} if attempt.status_code == 200 else {"failed": 1})
    assert (attempt.status_code == 200) == (reply is not None and reply.endswith(b"half"))


async def test_302_is_not_followed(post: Post, receiver: Receiver, hook: EndpointRow) -> None:
    """A redirect is a failure that says so."""
    receiver.script = [spell(302, b"", f"Location: http://127.0.0.1:{receiver.port}/elsewhere")]
    await post.publish()
    assert await post.work() == {"failed": 1}
    assert [one.path for one in receiver.got] == ["/hook"]
    assert (await post.attempts())[0].error == "redirects are not followed"


async def test_10_mb_are_not_read(post: Post, receiver: Receiver, hook: EndpointRow) -> None:
    """4 KiB are kept, the connection is closed, and the next event arrives over another."""
    receiver.script = [spell(200, b"x" * 10_000_000)]
    await post.publish()
    assert await post.work() == {"delivered": 1}
    assert (await post.attempts())[0].answer == b"x" * 4096
    assert receiver.sent_bytes < 9_000_000
    await post.publish()
    assert await post.work() == {"delivered": 1}


# ── addresses ──────────────────────────────

PRIVATE = [
    "169.254.169.254", "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1",  # noqa: S104
    "240.0.0.1", "255.255.255.255", "168.63.129.16", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
    "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_is_refused(address: str) -> None:
    """Whatever is not a public address, however it is written; unless the setting allows it."""
    assert read_rule((), loopback=False).refuse("shop.example", address)
    assert not read_rule(("1",), loopback=False).refuse("shop.example", address)
    assert not read_rule(("shop.example",), loopback=False).refuse("shop.example", address)


def test_what_is_public_is_not_refused() -> None:
    """Nor is a network that the setting names, and that alone."""
    assert not read_rule((), loopback=False).refuse("shop.example", "196.201.214.200")
    assert not read_rule((), loopback=False).refuse("shop.example", "2606:4700::1111")
    rule = read_rule(("10.0.0.0/8",), loopback=True)
    assert not rule.refuse("shop.example", "10.1.2.3")
    assert not rule.refuse("shop.example", "127.0.0.1")
    assert rule.refuse("shop.example", "192.168.1.1")


async def test_a_name_that_leads_to_metadata_is_not_asked(
    migrated_database_url: str, clock: HeldClock, receiver: Receiver
) -> None:
    """One address among several is enough to refuse; nothing is sent, and the log says why."""
    resolve = resolving(["127.0.0.1", "169.254.169.254"])
    async with posting(migrated_database_url, clock, resolve=resolve) as post:
        await post.add(f"http://shop.example:{receiver.port}/hook")
        await post.publish()
        assert await post.work() == {"failed": 1}
        assert receiver.got == []
        assert "169.254.169.254 is a cloud's metadata" in (await post.attempts())[0].error


async def test_a_name_that_changes_its_mind_is_checked_each_time(
    migrated_database_url: str, clock: HeldClock, receiver: Receiver
) -> None:
    """What was checked is what is connected to, with the name in Host; the next attempt is checked anew."""
    resolve = resolving(["127.0.0.1"], ["169.254.169.254"])
    async with posting(migrated_database_url, clock, resolve=resolve) as post:
        await post.add(f"http://shop.example:{receiver.port}/hook")
        await post.publish()
        assert await post.work() == {"delivered": 1}
        assert receiver.got[0].headers["host"] == f"shop.example:{receiver.port}"
        await post.publish()
        assert await post.work() == {"failed": 1}
        assert len(receiver.got) == 1


# ── TLS ──────────────────────────────


@pytest.mark.parametrize(
    ("name", "trusted"), [("shop.example", True), ("other.example", True), ("shop.example", False)]
)
async def test_the_certificate_must_be_valid_for_the_name(
    migrated_database_url: str, clock: HeldClock, tmp_path: Path, name: str, trusted: bool
) -> None:
    """The name goes out as SNI and is what the certificate is checked for, though we connect to an address."""
    server_tls, client_tls = make_tls(tmp_path, name)
    asked: list[str | None] = []
    server_tls.sni_callback = lambda _, asked_for, __: asked.append(asked_for)
    async with (
        receiving(server_tls) as receiver,
        posting(
            migrated_database_url,
            clock,
            resolve=resolving(["127.0.0.1"]),
            tls=client_tls if trusted else True,
            within_s=5,
        ) as post,
    ):
        await post.add(f"https://shop.example:{receiver.port}/hook")
        await post.publish()
        valid = trusted and name == "shop.example"
        assert await post.work() == ({"delivered": 1} if valid else {"failed": 1})
        assert asked == ["shop.example"]
        assert bool(receiver.got) == valid
        if not valid:
            assert "its certificate is not valid" in (await post.attempts())[0].error


def make_tls(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate for a name. → a server that shows it, and a client that trusts nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    file = folder / "tls.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=pem.decode())
