"""Messages to payers: who is told what, once, and what never makes it to anybody."""

import asyncio

import pytest

from hakika.domain.errors import ChannelExists
from hakika.engine.messages import postman
from hakika.engine.webhooks.outbound import SENT_WITHIN_S
from tests.engine.payers import AfricasTalking, Office, answer, mailing, opening, taken, talking
from tests.engine.receiver import spell
from tests.engine.till import Till, flags_of, say

pytestmark = pytest.mark.anyio


# ── what is sent ──────────────────────────────


async def test_a_payer_is_told_by_the_documented_request(office: Office, sms: tuple[AfricasTalking, str]) -> None:
    """The stand-in checks it word for word; the message's id and cost are kept, and asking again sends nothing."""
    await office.add(opt_out={"en": "Reply STOP to get no more."})
    row = await office.pay(amount=1250, reference="A-1042")
    assert await office.send() == {"sent": 1}
    assert await office.send(after_s=3600) == {}
    (text,) = sms[0].texts
    assert sms[0].refusals == []
    assert text["to"] == f"+{row.phone}"
    assert text["message"] == (
        f"TEST, no real money. PayBill 174379: we received KES 1,250 for A-1042. M-Pesa receipt {row.receipt}."
        " Thank you. Reply STOP to get no more."
    )
    (message,) = await office.messages()
    assert (message.status, message.reference, message.cost) == ("sent", "ATXid_1", "KES 0.8000")
    assert (message.payment, message.type, message.attempts) == (row.id, "payment.completed", 1)


async def test_a_channel_is_off_by_default(office: Office, sms: tuple[AfricasTalking, str]) -> None:
    """Nothing is sent until it is turned on; and then of nothing that happened before."""
    channel = await office.add(active=None)
    await office.pay()
    assert await office.send() == {}
    await office.change(channel, active=True)
    assert await office.send() == {}
    await office.pay()
    assert await office.send() == {"sent": 1}
    await office.change(await office.store.read(lambda tx: office.channels.find(tx, channel.id)), active=False)
    await office.pay()
    assert await office.send() == {}
    assert len(sms[0].texts) == len(await office.messages()) == 1


async def test_test_payments_are_not_told_of_unless_the_channel_says_so(
    office: Office, sms: tuple[AfricasTalking, str]
) -> None:
    """A message is real though its money is not."""
    await office.add(in_test_mode=False)
    await office.pay()
    assert await office.send() == {}
    assert sms[0].texts == []


async def test_live_payments_say_nothing_of_tests(till: Till, sms: tuple[AfricasTalking, str]) -> None:
    """An account of production needs no consent to test mode, and its texts no warning."""
    await till.add_account("shop", environment="production", display_name="Wanjiru's", shortcode="600000")
    async with opening(till, sms[1]) as office:
        till.accounts._known = {one.id: one for one in till.accounts.known() if one.name == "shop"}
        await office.add(in_test_mode=False)
        await office.pay(account="shop", mode="live")
        assert await office.send() == {"sent": 1}
    assert sms[0].texts[0]["message"].startswith("Wanjiru's: we received KES 100")


@pytest.mark.parametrize(
    ("code", "event_type", "words"),
    [
        ("1", "payment.failed", "haijalipwa"),
        ("1032", "payment.cancelled", "yameghairiwa"),
        ("1037", "payment.expired", "halikujibiwa"),
    ],
)
async def test_what_fails_is_told_in_the_payers_language(
    office: Office, sms: tuple[AfricasTalking, str], code: str, event_type: str, words: str
) -> None:
    """The payment's own, over the channel's; only of what the channel names."""
    await office.add(event_types=[event_type])
    await office.decline(code, metadata={"language": "sw"})
    await office.pay()
    assert await office.send() == {"sent": 1}
    assert words in sms[0].texts[0]["message"]


async def test_failure_then_money_are_two_messages(office: Office, sms: tuple[AfricasTalking, str]) -> None:
    """The late one says that it did arrive after all, so that nobody pays twice; each event is told once."""
    await office.add()
    row = await office.decline("1")
    assert await office.send() == {"sent": 1}
    office.clock.pass_s(60)
    await office.till.call_back(row, receipt="SFF0000001")
    await office.till.call_back(row, receipt="SFF0000001")
    assert "late" in flags_of(await office.till.read(row.id))
    assert await office.send() == {"sent": 1}
    assert await office.send() == {}
    assert "No money was taken" in sms[0].texts[0]["message"]
    assert "did arrive after all. M-Pesa receipt SFF0000001. You need not pay again." in sms[0].texts[1]["message"]


async def test_what_is_no_longer_true_is_not_sent(office: Office, sms: tuple[AfricasTalking, str]) -> None:
    """A failure that waits is skipped once the money has come: nobody is told the wrong one last."""
    await office.add()
    row = await office.decline("1")
    await office.till.call_back(row, receipt="SFF0000001")
    assert await office.send() == {"skipped": 1, "sent": 1}
    assert "did arrive" in sms[0].texts[0]["message"]
    assert (await office.messages())[0].detail == "the payment is completed by now"


async def test_a_receipt_that_comes_later_is_no_second_message(office: Office, sms: tuple[AfricasTalking, str]) -> None:
    """A success learnt by query has no receipt: told without one, and `payment.updated` tells nobody."""
    await office.add()
    row = await office.till.prompt()
    office.till.daraja.query_default = say("0")
    while (await office.till.read(row.id)).status == "pending":
        await office.till.work(after_s=10)
    assert await office.send() == {"sent": 1}
    assert "receipt" not in sms[0].texts[0]["message"]
    await office.till.call_back(row, receipt="SFF0000001")
    assert (await office.till.story(row))[-1] == "updated"
    assert await office.send() == {}


async def test_what_is_long_past_is_not_told(office: Office, sms: tuple[AfricasTalking, str]) -> None:
    """The server was down for the night: nobody is woken by yesterday's payment, and the list says why."""
    await office.add(send_within_s=600)
    await office.pay()
    assert await office.send(after_s=601) == {"skipped": 1}
    assert "too late" in (await office.messages())[0].detail
    assert sms[0].texts == []


async def test_a_probe_tells_nobody(office: Office, sms: tuple[AfricasTalking, str]) -> None:
    """`test.payment.completed` is made by hand, with a phone that is somebody's."""
    from hakika.store.events import EventRow, EventStatements, publish  # noqa: PLC0415

    await office.add()
    probe = EventRow(0, "evt_1", "", "test.payment.completed", 0, office.clock(), '{"id":"pay_1"}')
    await office.store.write(lambda tx: publish(tx, EventStatements(office.store.dialect), [probe]))
    assert await office.send() == {}
    assert sms[0].texts == []


async def test_an_account_tells_only_its_own_payers(office: Office, sms: tuple[AfricasTalking, str]) -> None:
    """Channels belong to one account, and it has one of each kind."""
    await office.add()
    with pytest.raises(ChannelExists):
        await office.add()
    await office.till.add_account("other", shortcode="600001")
    await office.pay(account="other")
    assert await office.send() == {}
    assert sms[0].texts == []


# ── who wants none ──────────────────────────────


async def test_who_opted_out_is_not_told(office: Office, sms: tuple[AfricasTalking, str]) -> None:
    """By the operator's word or by an SMS, also when it came while the message waited; until they ask again."""
    channel = await office.add()
    row = await office.pay(phone="254711000111")
    await office.store.write(lambda tx: office.opt_outs.add(tx, "test", "", "0711 000 111"))
    assert await office.send() == {"skipped": 1}
    other = await office.pay(phone="254711000222")
    heard = {"from": "+254711000222", "text": "Acha! tafadhali", "to": "22384", "id": "1"}
    assert await office.store.write(lambda tx: office.opt_outs.hear(tx, channel.token, heard)) == "stop"
    assert await office.send() == {"skipped": 1}
    assert (
        await office.store.write(lambda tx: office.opt_outs.hear(tx, channel.token, {**heard, "text": "start"}))
        == "start"
    )
    office.clock.pass_s(200)
    await office.pay(phone=other.phone)
    await office.pay(phone=row.phone, amount=77)
    assert await office.send() == {"sent": 1, "skipped": 1}
    assert [text["to"] for text in sms[0].texts] == [f"+{other.phone}"]


async def test_africas_talkings_own_notice_of_an_opt_out_counts(office: Office) -> None:
    """It has `phoneNumber` and `senderId`, and no text; what is about no phone, or comes to no token, is nothing."""
    channel = await office.add()
    notice = {"phoneNumber": "+254711000333", "senderId": "WANJIRU"}
    for token, form, heard in (
        (channel.token, notice, "stop"),
        (channel.token, {"from": "+254711000444", "text": "when do you open?"}, ""),
        (channel.token, {"from": "SAFARICOM", "text": "STOP"}, ""),
        ("0" * 32, {**notice, "phoneNumber": "+254711000555"}, ""),
    ):
        assert await office.store.write(lambda tx, t=token, f=form: office.opt_outs.hear(tx, t, f)) == heard  # type: ignore[misc]
    await office.pay(phone="254711000333")
    assert await office.send() == {"skipped": 1}
    assert (await office.messages())[0].detail == "the payer wants no messages"


# ── a channel in trouble ──────────────────────────────


@pytest.mark.parametrize(
    ("reply", "status", "words"),
    [
        (answer(taken("+254700000001", 406, "UserInBlacklist")), "failed", "406 UserInBlacklist"),
        (spell(200, b"<html>Welcome to the hotel's WiFi, 254700000001</html>"), "unknown", "hotel"),
    ],
    ids=["refused", "nonsense"],
)
async def test_what_is_not_taken_is_shown_and_not_sent_again(
    office: Office, sms: tuple[AfricasTalking, str], reply: bytes, status: str, words: str
) -> None:
    """A refusal of the recipient is `failed` with its reason, a page of HTML is `unknown`; neither shows the phone."""
    await office.add()
    sms[0].script = [reply]
    await office.pay(phone="254700000001")
    assert await office.send() == {status: 1}
    (message,) = await office.messages()
    assert words in message.detail
    assert "254700000001" not in message.detail
    assert await office.send(after_s=1800) == {}
    assert len(sms[0].texts) == 1


async def test_a_channel_that_is_down_is_asked_again_because_nothing_left_us(till: Till) -> None:
    """Nobody took the connection: three more tries within minutes, then `failed`; when it is up again, it is sent."""
    async with talking() as (_, url):
        pass
    async with opening(till, url) as office:
        await office.add()
        await office.pay()
        assert await office.send() == {"queued": 1}
        assert await office.send() == {}
        for after_s, outcome in ((6, "queued"), (31, "queued"), (121, "failed")):
            assert await office.send(after_s=after_s) == {outcome: 1}
        assert await office.send(after_s=1800) == {}
        (message,) = await office.messages()
        assert (message.attempts, message.status) == (4, "failed")


async def test_a_channel_that_hangs_holds_up_nothing(till: Till, sms: tuple[AfricasTalking, str]) -> None:
    """Four at a time hang and end as `unknown`; payments are made meanwhile, and another channel's messages leave."""
    sms[0].hangs = True
    async with opening(till, sms[1], within_s=0.3) as office, mailing() as (mailbox, url):
        await office.add()
        await office.add("email", url)
        for number in range(6):
            await office.pay(metadata={"email": f"asha{number}@example.com"})
        sending = asyncio.create_task(office.send())
        await sms[0].arrived.wait()
        row = await office.till.prompt()
        assert (await office.till.call_back(row)).payment is not None
        outcomes = await sending
        assert outcomes["unknown"] >= 4
        assert len(mailbox.mails) >= 4
    assert SENT_WITHIN_S < postman.LONGEST_S < postman.DEAD_AFTER_MS / 1000


async def test_a_channel_on_an_address_that_is_not_public_is_not_asked(till: Till) -> None:
    """The rule of webhooks holds here too."""
    from hakika.engine.webhooks.addresses import read_rule  # noqa: PLC0415

    async with mailing() as (mailbox, url):
        async with opening(till, "http://127.0.0.1:9/", rule=read_rule((), loopback=False)) as office:
            await office.add("email", url)
            await office.pay(metadata={"email": "asha@example.com"})
            assert await office.send() == {"failed": 1}
            assert "127.0.0.1 is this machine's own" in (await office.messages())[0].detail
        assert mailbox.mails == []


# ── forgetting ──────────────────────────────


async def test_messages_are_forgotten_in_time(office: Office) -> None:
    """They name people; what is still to be sent stays."""
    from hakika.store.messages.records import forget_messages  # noqa: PLC0415

    await office.add()
    await office.pay()
    await office.send()
    await office.pay()
    await office.follower.follow()
    now_ms = office.clock()
    assert await office.store.write(lambda tx: forget_messages(tx, now_ms, 10)) == 0
    assert await office.store.write(lambda tx: forget_messages(tx, now_ms + 1, 10)) == 1
    assert [message.status for message in await office.messages()] == ["queued"]
