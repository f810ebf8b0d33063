"""Payers' side of messages: an Africa's Talking that checks the documented request, an SMTP server, an office."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import update

from hakika.engine.messages.carriers import Carriers
from hakika.engine.messages.channels import Channels
from hakika.engine.messages.follower import Follower
from hakika.engine.messages.opt_outs import OptOuts
from hakika.engine.messages.postman import Postman
from hakika.engine.vault import Vault
from hakika.engine.webhooks.addresses import AddressRule
from hakika.engine.webhooks.outbound import open_sender
from hakika.store.accounts import find_account
from hakika.store.messages.channels import ChannelRow
from hakika.store.messages.records import MessageFilter, MessageRow, list_messages
from hakika.store.payments import PaymentRow
from hakika.store.tables import payments
from tests.engine.receiver import LOOPBACK, Received, receiving, resolving, spell
from tests.engine.till import VAULT_KEY, Till

API_KEY = "atsk_4f1d2c"
SMS_URL = f"atalk://wanjiru@{API_KEY}?from=WANJIRU"
LOCAL = resolving(["127.0.0.1"])


# ── Africa's Talking ──────────────────────────────


def taken(number: str, code: int = 101, status: str = "Success") -> dict[str, Any]:
    """A recipient in its answer, as documented."""
    return {"statusCode": code, "number": number, "status": status, "cost": "KES 0.8000", "messageId": "ATXid_1"}


def answer(*recipients: dict[str, Any], message: str = "Sent to 1/1 Total Cost: KES 0.8000") -> bytes:
    """Its whole answer: 201 and JSON."""
    return spell(201, msgspec.json.encode({"SMSMessageData": {"Message": message, "Recipients": recipients}}))


class AfricasTalking:
    """Checks each request against the documentation, word for word, and keeps what it took."""

    def __init__(self) -> None:
        self.texts: list[dict[str, str]] = []
        self.script: list[bytes] = []  # answers to give instead, one each
        self.refusals: list[str] = []  # what was wrong with a request
        self.hangs = False
        self.arrived = asyncio.Event()

    async def serve(self, request: Received) -> bytes | None:
        """Answer one request."""
        fault = self._find_fault(request)
        if fault:
            self.refusals.append(fault)
            return spell(400, fault.encode())
        form = dict(parse_qsl(request.body.decode(), strict_parsing=True))
        self.texts.append(form)
        self.arrived.set()
        if self.hangs:
            await asyncio.Event().wait()
        return self.script.pop(0) if self.script else answer(taken(form["to"]))

    def _find_fault(self, request: Received) -> str:
        form = dict(parse_qsl(request.body.decode(), strict_parsing=True))
        if request.path != "/version1/messaging":
            return f"there is no {request.path}"
        if request.headers.get("apikey") != API_KEY:
            return "The supplied authentication is invalid"
        if request.headers.get("content-type") != "application/x-www-form-urlencoded":
            return "the body is a form"
        if request.headers.get("accept") != "application/json":
            return "without Accept the answer is XML"
        if not {"username", "to", "message"} <= set(form) <= {"username", "to", "message", "from"}:
            return f"fields: {sorted(form)}"
        if form["username"] != "wanjiru" or form.get("from", "WANJIRU") != "WANJIRU":
            return "who sends is not registered"
        number = form["to"]
        return "" if number.startswith("+254") and number[1:].isdigit() and len(number) == 13 else f"to: {number}"


@asynccontextmanager
async def talking() -> AsyncIterator[tuple[AfricasTalking, str]]:
    """Run one. → it and its URL."""
    service = AfricasTalking()
    async with receiving() as receiver:
        receiver.answer = service.serve
        yield service, f"http://127.0.0.1:{receiver.port}/version1/messaging"


# ── e-mail ──────────────────────────────


class Mailbox:
    """What an SMTP server took, and how it behaves."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.refuses = ""  # what it says to a recipient instead of 250
        self.hangs = False  # once it has the mail

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        """A recipient is named."""
        if self.refuses:
            return self.refuses
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        """A mail comes."""
        parsed = BytesParser(_class=EmailMessage, policy=default).parsebytes(envelope.original_content or b"")
        self.mails.append((list(envelope.rcpt_tos), parsed))
        if self.hangs:
            await asyncio.Event().wait()
        return "250 OK"


@asynccontextmanager
async def mailing(**options: Any) -> AsyncIterator[tuple[Mailbox, str]]:
    """Run an SMTP server. → what it takes, and the channel's URL."""
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, loop=loop, **options), "127.0.0.1", 0)
    try:
        yield mailbox, f"mailto://127.0.0.1:{server.sockets[0].getsockname()[1]}?from=shop@example.com"
    finally:
        server.close()
        await server.wait_closed()


# ── all of ours ──────────────────────────────


class Office:
    """A till with a postman on its store."""

    def __init__(self, till: Till, carriers: Carriers, seed: int = 3) -> None:
        self.till, self.store, self.clock = till, till.store, till.clock
        entropy = random.Random(seed).randbytes  # noqa: S311 - the same in every run
        self.channels = Channels(Vault(VAULT_KEY), till.clock, entropy)
        self.opt_outs = OptOuts(till.clock, entropy)
        self.follower = Follower(till.store, till.accounts, till.clock, entropy)
        self.postman = Postman(till.store, self.follower, self.channels, carriers, till.clock)

    async def add(self, kind: str = "sms", url: str = SMS_URL, **given: Any) -> ChannelRow:
        """Add a channel of the first account that is on, in test mode too."""
        account_id = self.till.accounts.known()[0].id
        fields = {"active": True, "in_test_mode": True, **given}

        def job(tx: Any) -> ChannelRow:
            account = find_account(tx, account_id)
            assert account is not None
            return self.channels.create(tx, account, kind, url, **fields)

        return await self.store.write(job)

    async def change(self, row: ChannelRow, **given: Any) -> ChannelRow:
        """Change a channel."""
        return await self.store.write(lambda tx: self.channels.change(tx, row, **given))

    async def pay(self, **changes: Any) -> PaymentRow:
        """Have a payment asked for, prompted and paid."""
        row = await self.till.prompt(**changes)
        await self.till.call_back(row, receipt=f"SFF{row.id[-7:].upper()}")
        return await self.till.read(row.id)

    async def decline(self, code: str = "1", **changes: Any) -> PaymentRow:
        """Have a payment asked for, prompted and declined."""
        row = await self.till.prompt(**changes)
        await self.till.call_back(row, code)
        return await self.till.read(row.id)

    async def send(self, *, after_s: float = 0) -> dict[str, int]:
        """Let time pass and send what is due then. → what came of it."""
        self.clock.pass_s(after_s)
        return await self.postman.run_once()

    async def messages(self, **wanted: Any) -> list[MessageRow]:
        """All messages, the oldest first."""
        found = await self.store.read(lambda tx: list_messages(tx, MessageFilter(limit=1000, **wanted)))
        return sorted(found, key=lambda row: row.event)

    async def set_mode(self, row: PaymentRow, **values: Any) -> None:
        """Write into a payment what no test could bring about."""
        await self.store.write(lambda tx: tx.execute(update(payments).where(payments.c.id == row.id).values(values)))


@asynccontextmanager
async def opening(
    till: Till, url: str, *, rule: AddressRule = LOOPBACK, within_s: float = 2, seed: int = 3
) -> AsyncIterator[Office]:
    """Open the office on a till, with an Africa's Talking at that URL."""
    async with open_sender(rule, within_s=within_s) as sender:
        carriers = Carriers(
            sender, rule, LOCAL, within_s=within_s, africastalking_live=url, africastalking_sandbox=f"{url}/sandbox"
        )
        yield Office(till, carriers, seed)
