"""Carrying by apprise: e-mail over a real SMTP server, WhatsApp over a stand-in, and what their logs give away."""

import io
import logging
from collections.abc import AsyncIterator

import msgspec
import pytest

from hakika.domain.errors import InvalidRequest
from hakika.engine.messages.apprise_urls import SERVICES
from hakika.engine.messages.carriers import SCHEMES, Carriers, Parcel, check_url
from hakika.engine.webhooks.outbound import open_sender
from tests.engine.payers import LOCAL, mailing
from tests.engine.receiver import LOOPBACK, Received, receiving, resolving, spell

pytestmark = pytest.mark.anyio
MAIL = Parcel("email", "asha@example.com", "Wanjiru's: payment received", "We received KES 1,250.\nAsante – ☕")
CHAT = Parcel("whatsapp", "254712345678", "", "We received KES 1,250.")


@pytest.fixture
async def carriers() -> AsyncIterator[Carriers]:
    """Carriers that may reach this machine, with little patience."""
    async with open_sender(LOOPBACK) as sender:
        yield Carriers(sender, LOOPBACK, LOCAL, within_s=1)


async def test_an_email_goes_to_the_payer_alone(carriers: Carriers) -> None:
    """As text, from the channel's address, with its subject; nobody else is named in it."""
    async with mailing() as (mailbox, url):
        assert (await carriers.carry(url, MAIL)).outcome == "sent"
    ((recipients, mail),) = mailbox.mails
    assert recipients == ["asha@example.com"]
    assert mail["Subject"] == "Wanjiru's: payment received"
    assert "shop@example.com" in mail["From"]
    assert mail.get_content().strip().splitlines() == ["We received KES 1,250.", "Asante – ☕"]


async def test_a_refused_recipient_is_failed(carriers: Carriers) -> None:
    """With what the server said, and neither address nor text in it."""
    async with mailing() as (mailbox, url):
        mailbox.refuses = "550 no such user asha@example.com"
        fate = await carriers.carry(url, MAIL)
    assert fate.outcome == "failed"
    assert "550" in fate.detail
    assert "asha@" not in fate.detail
    assert mailbox.mails == []


async def test_a_mail_server_that_is_down_was_sent_nothing(carriers: Carriers) -> None:
    """Nobody took the connection: it may be sent again."""
    async with mailing() as (_, url):
        pass
    fate = await carriers.carry(url, MAIL)
    assert fate.outcome == "unsent", fate
    assert "refused" in fate.detail


async def test_a_mail_server_that_hangs_may_have_taken_it(carriers: Carriers) -> None:
    """It has the mail and does not say so: unknown."""
    async with mailing() as (mailbox, url):
        mailbox.hangs = True
        fate = await carriers.carry(url, MAIL)
        assert fate.outcome == "unknown"
        assert len(mailbox.mails) == 1


async def test_a_mail_server_without_an_address_was_sent_nothing() -> None:
    """A name server that knows none, or one that leads to a private address."""
    async with open_sender(LOOPBACK) as sender:
        elsewhere = Carriers(sender, LOOPBACK, resolving(["10.0.0.7"]), within_s=1)
        fate = await elsewhere.carry("mailto://mail.example.com?from=shop@example.com", MAIL)
    assert (fate.outcome, "10.0.0.7 is private" in fate.detail) == ("failed", True)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (spell(200, b'{"messages":[{"id":"wamid.1"}]}'), "sent"),
        (spell(401, b'{"error":{"code":190,"message":"Invalid OAuth access token of 254712345678"}}'), "failed"),
        (None, "unknown"),
    ],
    ids=["taken", "refused", "hung up"],
)
async def test_whatsapp_goes_as_an_approved_template(
    carriers: Carriers,
    monkeypatch: pytest.MonkeyPatch,
    reply: bytes | None,
    outcome: str,
) -> None:
    """Meta's documented request; a text stands in the template's first place. Nothing of it is in any log."""
    from apprise.plugins.whatsapp import NotifyWhatsApp  # noqa: PLC0415 - it is slow to load

    async def serve(_: Received) -> bytes | None:
        return reply

    lines = io.StringIO()
    spy = logging.StreamHandler(lines)  # as the server's own is; pytest's is put on loggers that keep to themselves too
    logging.getLogger().addHandler(spy)
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    async with receiving() as receiver:
        receiver.answer = serve
        monkeypatch.setattr(
            NotifyWhatsApp, "notify_url", f"http://127.0.0.1:{receiver.port}/{{fb_ver}}/{{phone_id}}/messages"
        )
        fate = await carriers.carry("whatsapp://receipt:EAATOKEN@12345678901234?lang=en&:body=1", CHAT)
    logging.getLogger().removeHandler(spy)
    (got,) = receiver.got
    assert fate.outcome == outcome, fate
    assert got.path.endswith("/12345678901234/messages")
    assert got.headers["authorization"] == "Bearer EAATOKEN"
    body = msgspec.json.decode(got.body)
    assert (body["to"], body["template"]["name"]) == ("+254712345678", "receipt")
    assert body["template"]["components"][0]["parameters"] == [{"type": "text", "text": CHAT.text}]
    for secret in ("254712345678", "EAATOKEN", CHAT.text):
        assert secret not in fate.detail
        assert secret not in lines.getvalue()


@pytest.mark.parametrize(
    ("kind", "url", "shown"),
    [
        ("sms", "atalk://wanjiru@atsk_1a2b?from=WANJIRU", "atalk://wanjiru@…?from=WANJIRU"),
        ("sms", "atalk://sandbox@atsk_1a2b", "atalk://sandbox@… (sandbox)"),
        (
            "sms",
            "twilio://AC0123456789abcdef0123456789abcdef:0123456789abcdef0123456789abcdef@+254711000000",
            "twilio://…",
        ),
        (
            "email",
            "mailtos://u:topsecret@smtp.example.com?from=a@b.example",
            "mailtos://smtp.example.com from a@b.example",
        ),
        ("whatsapp", "whatsapp://receipt:EAATOKEN@12345678901234?lang=en&:body=1", "whatsapp://12345678901234"),
    ],
)
def test_a_url_is_shown_without_its_secrets(kind: str, url: str, shown: str) -> None:
    """Enough to recognise which it is."""
    assert check_url(kind, url) == shown


@pytest.mark.parametrize(
    ("kind", "url", "words"),
    [
        ("sms", "mailto://u:p@smtp.example.com", "atalk://"),
        ("sms", "json://127.0.0.1/", "begins with"),
        ("email", "atalk://wanjiru@key", "mailtos://"),
        ("sms", "atalk://key", "spelled"),
        ("sms", "atalk://wanjiru@key/0712345678", "no recipient"),
        ("email", "mailto://u:p@smtp.example.com?bcc=me@example.com", "'bcc'"),
        ("email", "mailto://u:p@smtp.example.com?to=me@example.com", "'to'"),
        ("email", "mailto://u:p@smtp.example.com?retry=3", "'retry'"),
        ("email", "mailto://u:p@smtp.example.com?pgpprv=/etc/passwd", "'pgpprv'"),
        # As Apprise reads them: at `;`, behind `#`, with spaces around names.
        ("email", "mailto://u:p@smtp.example.com?from=a@b.example;cc=me@example.com", "'cc'"),
        ("email", "mailto://u:p@smtp.example.com#?bcc=me@example.com", "'bcc'"),
        ("email", "mailto://u:p@smtp.example.com?%20verify=no", "'verify'"),
        ("email", "mailto://", "mailtos://USER"),
        ("whatsapp", "whatsapp://x", "whatsapp://TEMPLATE"),
        ("email", "mailto://[::1", "no URL"),
    ],
)
def test_a_url_that_could_tell_others_or_twice_is_refused(kind: str, url: str, words: str) -> None:
    """What is wrong is said, and what one looks like."""
    with pytest.raises(InvalidRequest, match="`url`") as refused:
        check_url(kind, url)
    assert words in refused.value.detail


def test_every_service_of_a_channel_is_one_that_is_listed() -> None:
    """One list says what of Apprise is spoken here; channels take some of it."""
    assert {scheme for schemes in SCHEMES.values() for scheme in schemes} <= SERVICES.keys()


def test_every_kind_has_an_example_that_is_taken() -> None:
    """The ones that errors show."""
    from hakika.engine.messages.carriers import EXAMPLES  # noqa: PLC0415

    assert set(EXAMPLES) == set(SCHEMES)
    for kind, url in EXAMPLES.items():
        real = url.replace("PHONE_ID", "12345678901234")
        assert check_url(kind, real)
