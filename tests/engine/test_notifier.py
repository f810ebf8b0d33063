"""Telling people: a real SMTP server gets the alert, through the lanes; secrets of a URL are shown nowhere."""

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from hakika.domain.errors import InvalidRequest
from hakika.engine.alerts.wording import put_in_words
from hakika.engine.messages.apprise_calls import AT_ONCE, Calls, Crowded, open_plugin
from hakika.engine.messages.apprise_urls import (
    DEFAULT_TYPES,
    SERVICES,
    check_apprise_url,
    is_apprise_url,
    mask_url,
    scrub,
)
from hakika.engine.webhooks.addresses import AddressRule, read_rule
from hakika.engine.webhooks.deliver import Deliverer
from hakika.engine.webhooks.endpoints import show_endpoint
from hakika.engine.webhooks.notifier import open_notifier
from hakika.engine.webhooks.outbound import Resolve, open_sender
from hakika.engine.webhooks.samples import sample_payment
from hakika.store.events import EventRow
from tests.engine.receiver import LOOPBACK, Post, resolving
from tests.engine.till import START_MS, HeldClock

pytestmark = pytest.mark.anyio
PASSWORD = "s3cret-passw0rd"
TOKEN = "123456789:AAF-the-token-of-a-bot-9xyz"
WITHIN_S = 12.0


class Mailbox:
    """A mail server on this machine, and what it got."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.logins: list[str] = []
        self.answer = "250 OK"
        self.port = 0

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:  # noqa: N802 - the server calls it so
        """Take a mail, or refuse it."""
        if self.answer.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return self.answer

    def authenticate(self, *given: Any) -> AuthResult:
        """Take the one password."""
        login = given[-1]
        assert isinstance(login, LoginPassword)
        self.logins.append(login.login.decode())
        return AuthResult(success=login.password.decode() == PASSWORD, handled=False)

    def url(self, password: str = PASSWORD) -> str:
        """The URL that leads to it."""
        return f"mailto://asha:{password}@127.0.0.1:{self.port}?from=hakika@shop.example&to=asha@shop.example&mode=insecure"

    def text(self) -> str:
        """The text of the last mail."""
        body = self.mails[-1].get_body(("plain",))
        assert body is not None
        return str(body.get_content())


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """Run a mail server in a thread."""
    mailbox = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        mailbox.port = free.getsockname()[1]
    options: dict[str, Any] = {"auth_require_tls": False, "authenticator": mailbox.authenticate}
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, **options)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


@asynccontextmanager
async def telling(
    url: str, clock: HeldClock, *, rule: AddressRule = LOOPBACK, resolve: Resolve | None = None
) -> AsyncIterator[Post]:
    """Everything that delivering needs, with a notifier."""
    post = Post(url, clock, rule)
    try:
        async with (
            open_sender(rule, within_s=WITHIN_S) as sender,
            open_notifier(rule, resolve=resolve, within_s=WITHIN_S) as notifier,
        ):
            announce = post.announced.extend
            post.deliverer = Deliverer(post.store, post.endpoints, sender, clock, post.entropy, announce, notifier)
            yield post
    finally:
        await post.store.close()


@pytest.fixture
async def post(migrated_database_url: str, clock: HeldClock) -> AsyncIterator[Post]:
    """Telling, on each database."""
    async with telling(migrated_database_url, clock) as opened:
        yield opened


def sample(event_type: str, mode: str = "live") -> str:
    """What an event of that type could say."""
    return msgspec.json.encode(sample_payment(event_type, mode, START_MS)).decode()


async def alert(post: Post, event_type: str = "alert.opened", **changes: Any) -> EventRow:
    """Publish an alert."""
    fields = {"payment": "", "snapshot": sample("alert.opened", "test")}
    return (await post.publish(1, event_type, **(fields | changes)))[0]


# ── what arrives ──────────────────────────────


async def test_an_alert_arrives_as_an_email(post: Post, mailbox: Mailbox) -> None:
    """At a real mail server, which asked for the password: what, since when, the money, what to do first."""
    await post.add(mailbox.url())
    event = await alert(post)
    assert await post.work() == {"delivered": 1}
    (mail,) = mailbox.mails
    assert (mail["To"], mail["From"].addresses[0].addr_spec) == ("asha@shop.example", "hakika@shop.example")
    assert mail["Subject"] == "Hakika (test mode): Payments stay pending"
    for words in (
        "A sample: 3 payments",
        "Open since 21 Sep",
        "For the money: Nobody knows",
        "First: See",
        "See: hakika",
    ):
        assert words in mailbox.text()
    assert event.id in mailbox.text()
    assert mailbox.logins == ["asha"]
    (attempt,) = await post.attempts()
    assert (attempt.status_code, attempt.error) == (200, "")
    assert await post.work() == {}


async def test_nobody_is_mailed_each_payment(post: Post, mailbox: Mailbox) -> None:
    """Unless types are named, a person is owed alerts alone: of fifty endpoints that fail one alert tells, not each."""
    _, row = await post.add(mailbox.url())
    await post.publish(3)
    await post.publish(50, "endpoint.failing", payment="", snapshot=sample("endpoint.failing", "test"))
    assert await post.work() == {}
    assert set(DEFAULT_TYPES) == {name for name in row.event_types.split(",") if name}
    changed = await post.store.write(lambda tx: post.endpoints.change(tx, row, event_types=["payment.completed"]))
    await post.publish(1, snapshot=sample("payment.completed"))
    assert await post.work() == {"delivered": 1}
    assert "KES 100 for sample-1042, receipt SAMPLE0001." in mailbox.text()
    back = await post.store.write(lambda tx: post.endpoints.change(tx, changed, event_types=[]))
    assert back.event_types == row.event_types


async def test_what_a_service_refuses_is_tried_again(post: Post, mailbox: Mailbox) -> None:
    """By the schedule of every endpoint, with the reason kept; one that is down hinders no other endpoint."""
    mailbox.answer = "554 No mail from you"
    await post.add(mailbox.url())
    await alert(post)
    assert await post.work() == {"failed": 1}
    mailbox.answer = "250 OK"
    assert await post.work(after_s=7) == {"delivered": 1}
    assert [one.status_code for one in await post.attempts()] == [0, 200]


async def test_a_wrong_password_and_a_server_that_is_away(post: Post, mailbox: Mailbox) -> None:
    """A failed attempt says so, and names neither the password nor anything else that is secret."""
    await post.add(mailbox.url("wr0ng-passw0rd"))
    await post.add(mailbox.url().replace(str(mailbox.port), "9"))
    await alert(post)
    assert await post.work() == {"failed": 2}
    for attempt in await post.attempts():
        assert attempt.error.startswith('Connection error while submitting email to "127.0.0.1"')
        assert "passw0rd" not in attempt.error


async def test_an_endpoint_that_hangs_is_given_up_on(post: Post) -> None:
    """A service that takes the connection and says nothing costs one attempt, and its lane alone."""
    await asyncio.to_thread(open_plugin, "ntfy://loaded")
    assert post.deliverer._notifier is not None
    post.deliverer._notifier._within_s = 0.5
    with socket.create_server(("127.0.0.1", 0)) as silent:
        await post.add(f"mailto://127.0.0.1:{silent.getsockname()[1]}?from=a@b.example&to=c@d.example&mode=insecure")
        await alert(post)
        assert await post.work() == {"failed": 1}
    assert (await post.attempts())[0].error == "no answer within 0.5 s"


async def test_a_service_that_never_ends_holds_only_its_own_calls_up() -> None:
    """Threads cannot be ended: so many of one URL's may hang, then it is refused; another URL's call goes through."""
    calls, let_go = Calls(), threading.Event()
    try:
        hung = [calls.run("mailto://hangs", let_go.wait, 0.1) for _ in range(AT_ONCE)]
        ended = await asyncio.gather(*hung, return_exceptions=True)
        assert [type(one) for one in ended] == [TimeoutError] * AT_ONCE
        with pytest.raises(Crowded):
            await calls.run("mailto://hangs", let_go.wait, 0.1)
        assert await calls.run("mailto://well", lambda: "taken", 5) == "taken"
    finally:
        let_go.set()
    assert await calls.run("mailto://hangs", lambda: "taken", 5) == "taken"


def test_no_url_makes_a_plugin_follow_redirects_or_forget_certificates() -> None:
    """Also one that came into the database before such parameters were refused."""
    plugin = open_plugin("gotifys://push.example/tokentoken?verify=no&redirect=yes&retry=9")
    assert (plugin.verify_certificate, plugin.redirects, plugin.retry) == (True, False, 0)


# ── where it may go ──────────────────────────────


async def test_private_addresses_are_refused(migrated_database_url: str, clock: HeldClock, mailbox: Mailbox) -> None:
    """By the rule of all endpoints, also where a name leads there; and nothing was connected to."""
    nowhere = read_rule((), loopback=False)
    async with telling(migrated_database_url, clock, rule=nowhere, resolve=resolving(["127.0.0.1"])) as post:
        await post.add(f"mailto://mail.example:{mailbox.port}?from=a@b.example&to=c@d.example&mode=insecure")
        await post.add(f"ntfy://push.example:{mailbox.port}/topic")
        await post.add("mailto://gmail.com.example?smtp=10.0.0.7&from=a@b.example&to=c@d.example")
        await alert(post)
        assert await post.work() == {"failed": 3}
        errors = {attempt.error for attempt in await post.attempts()}
    assert errors == {"127.0.0.1 is this machine's own: not sent to (HAKIKA_WEBHOOK_ALLOW_PRIVATE)"}
    assert mailbox.mails == []


async def test_redirects_are_not_followed(post: Post) -> None:
    """A service of one's own that sends us on is a failure: nobody else is posted to."""
    paths: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            paths.append(self.path)
            self.send_response(307)
            self.send_header("Location", f"http://127.0.0.1:{server.server_port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        await post.add(f"ntfy://127.0.0.1:{server.server_port}/topic")
        await alert(post)
        assert await post.work() == {"failed": 1}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert len(paths) == 1
    assert "elsewhere" not in paths[0]


@pytest.mark.parametrize(
    "url",
    [
        "syslog://", "dbus://", "json://host.example/", "apprise://host.example/token", "windows://", "ftp://x.example/",
        "mailtos://", "tgram://", "slack://x", "mailtos://a:b@mail.example ?to=x@y.example",
        "mailtos://a:b@mail.example?to=x@y.example&verify=no", "mailtos://a:b@mail.example?pgpkey=/etc/passwd",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?template=/etc/passwd", "ntfys://x.example/t?redirect=yes",
        # As Apprise reads them, which is not as others do.
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?template%20=/etc/passwd",
        "mailtos://a:b@mail.example?%20verify=no", "mailtos://a:b@mail.example?a=b;pgpkey=/etc/passwd",
        "gotifys://x.example/tokentoken?redirect%0A=yes",
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_is_refused_without_repeating_it(url: str) -> None:
    """What acts on this machine, reads its files, turns off a check, or is not complete."""
    with pytest.raises(InvalidRequest) as refused:
        check_apprise_url(url)
    assert refused.value.extra == {"field": "url"}
    assert not url.partition("://")[2] or url not in refused.value.detail
    assert "passwd" not in refused.value.detail


@pytest.mark.parametrize(
    "url",
    [
        "mailtos://asha:pw@mail.example?to=asha@shop.example", f"tgram://{TOKEN}/12315544/", "ntfy://topic",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", "atalk://sandbox@apikey123456/254712345678",
        "whatsapp://tokentokentoken@123456/254712345678", "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "twilio://AC735c307c62944b5a8f0c8a9aa9a0b2c3:e29dfbcebf390dee9aaaaaaaaaaaaaaa@15555555555/254712345678",
    ],
)  # fmt: skip
def test_a_complete_url_is_taken(url: str) -> None:
    """Of each kind that the docs name first."""
    check_apprise_url(url)


# ── secrets ──────────────────────────────


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        (f"mailtos://asha:{PASSWORD}@mail.example:465?to=asha@shop.example", "mailtos://mail.example/…"),
        (f"tgram://{TOKEN}/12315544/", "tgram://…"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/", "slack://…"),
        ("mailtos://[half", "mailtos://…"),
    ],
)
def test_a_masked_url_tells_the_service_alone(url: str, masked: str) -> None:
    """And is known for what it is: a webhook's is not."""
    assert mask_url(url) == masked
    assert is_apprise_url(masked)
    assert not is_apprise_url("https://shop.example/hooks")


async def test_the_secrets_of_a_url_are_shown_nowhere(
    post: Post, mailbox: Mailbox, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither in the row, nor as it is shown, nor in the log of a failure; and it is sealed in the database."""
    caplog.set_level(logging.DEBUG)
    secret, row = await post.add(mailbox.url("wr0ng-passw0rd"))
    assert secret == ""
    await alert(post)
    await post.work()
    told = "".join([repr(row), repr(show_endpoint(row, post.clock())), repr(await post.attempts()), caplog.text])
    told += "".join(capfd.readouterr())
    assert "wr0ng" not in told
    assert "asha@shop.example" not in told
    assert post.endpoints.open_url(row) == mailbox.url("wr0ng-passw0rd")


async def test_a_new_url_seals_anew_and_a_webhook_stays_one(post: Post, mailbox: Mailbox) -> None:
    """Changing the URL lets it begin anew; there is no signing secret to rotate; kinds do not change."""
    _, row = await post.add(f"mailto://127.0.0.1:{mailbox.port}?from=a@b.example&to=old@c.example&mode=insecure")
    new = await post.store.write(lambda tx: post.endpoints.change(tx, row, url=mailbox.url()))
    assert (new.url, new.secret != row.secret) == (row.url, True)
    await alert(post)
    await post.work()
    assert mailbox.mails[0]["To"] == "asha@shop.example"
    with pytest.raises(InvalidRequest):
        post.endpoints.rotate(None, row)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest):
        await post.store.write(lambda tx: post.endpoints.change(tx, row, url="https://shop.example/hook"))
    _, hook = await post.add("https://shop.example/hook")
    with pytest.raises(InvalidRequest):
        await post.store.write(lambda tx: post.endpoints.change(tx, hook, url=mailbox.url()))


def test_words_of_a_service_are_scrubbed() -> None:
    """Whatever part of its URL it repeats, also spelled otherwise."""
    url = f"tgram://{TOKEN}/12315544/?x=p%40ssw0rd9"
    said = f"POST /bot{TOKEN}/sendMessage to 12315544 with p@ssw0rd9 and p%40ssw0rd9 failed"
    assert scrub(said, url) == "POST /bot…/sendMessage to … with … and … failed"


# ── words ──────────────────────────────


@pytest.mark.parametrize(
    ("event_type", "title"),
    [
        ("alert.opened", "Hakika (live): Payments stay pending"),
        ("alert.closed", "Hakika (live): Over: Payments stay pending"),
        ("test.alert.opened", "Hakika (live): TRIAL: Payments stay pending"),
        ("test.ping", "Hakika (live): TRIAL: A message to try this address"),
        ("payment.failed", "Hakika (live): Payment failed"),
        ("checkout.completed", "Hakika (live): Checkout completed"),
    ],
)
def test_every_kind_of_event_has_words(event_type: str, title: str) -> None:
    """A title with the mode, and a text that ends with the event."""
    snapshot = sample(event_type.removeprefix("test."))
    told, body = put_in_words(EventRow(7, "evt_7", "", event_type, 0, START_MS, snapshot, "live"))
    assert told == title
    assert body.endswith(f"{event_type} evt_7, 21 Sep 17:13 EAT")


def test_every_service_has_words_for_the_docs() -> None:
    """And none is one that acts on this machine."""
    assert all(SERVICES.values())
    assert not {"syslog", "dbus", "gnome", "json", "xml", "form", "apprise", "matrix"} & set(SERVICES)
