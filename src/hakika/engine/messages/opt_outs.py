"""Payers who want no messages: said by the operator, or by themselves in an SMS."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from hakika.domain.errors import InvalidPhone, InvalidRequest, NotFound
from hakika.domain.phone import mask_phone, read_phone
from hakika.engine.ids import Entropy, make_id
from hakika.engine.representation import iso
from hakika.store.messages.channels import (
    OptOutRow,
    delete_opt_out,
    delete_opt_outs,
    find_channel_by_token,
    find_opt_out,
    find_opt_out_by_id,
    insert_opt_out,
)
from hakika.store.transaction import Transaction

STOP = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "acha", "simamisha", "ondoa", "sitaki"})
START = frozenset({"start", "unstop", "anza", "rudisha"})
EMAIL_LENGTH = 254
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")


class OptOuts:
    """The verbs on opt-outs."""

    def __init__(self, clock: Callable[[], int], entropy: Entropy) -> None:
        self._clock, self._entropy = clock, entropy

    def add(
        self, tx: Transaction, mode: str, account: str, recipient: str, *, source: str = "operator", reason: str = ""
    ) -> OptOutRow:
        """Send that phone or address nothing more; said twice is said once. Raises InvalidRequest."""
        recipient = read_recipient(recipient)
        known = find_opt_out(tx, mode, recipient, [account])
        if known is not None:
            return known
        now_ms = self._clock()
        row = OptOutRow(make_id("out", now_ms, self._entropy), mode, account, recipient, source, reason, now_ms)
        insert_opt_out(tx, row)
        return row

    def remove(self, tx: Transaction, opt_out_id: str, mode: str) -> OptOutRow:
        """Let them be told again. Raises NotFound."""
        row = find_opt_out_by_id(tx, opt_out_id)
        if row is None or mode not in {"", row.mode}:
            raise NotFound(f"There is no opt-out {opt_out_id!r}.")
        delete_opt_out(tx, row.id)
        return row

    def hear(self, tx: Transaction, token: str, form: Mapping[str, str]) -> str:
        """Hear what Africa's Talking passes on: a payer's reply, or that one opted out. → `stop`, `start` or `""`.

        A reply has `from` and `text`; a notice of an opt-out has `phoneNumber` and `senderId`.
        """
        channel = find_channel_by_token(tx, token)
        if channel is None or channel.kind != "sms":
            return ""
        said = "stop" if "text" not in form and "senderId" in form else read_word(form.get("text", ""))
        try:
            phone = read_phone(form.get("from") or form.get("phoneNumber") or "")
        except InvalidPhone:
            return ""
        if said == "stop":
            self.add(tx, channel.mode, channel.account, phone, source="payer", reason=form.get("text", "")[:40])
        elif said == "start":
            delete_opt_outs(tx, channel.mode, channel.account, phone)
        return said


def read_word(text: str) -> str:
    """What a reply asks for: its first word counts."""
    words = re.findall(r"[a-z]+", text.lower())
    first = words[0] if words else ""
    return "stop" if first in STOP else "start" if first in START else ""


def read_recipient(text: str) -> str:
    """A phone or an e-mail address as it is kept. Raises InvalidRequest."""
    if "@" in text:
        address = read_email(text)
        if not address:
            raise InvalidRequest("`recipient` is no e-mail address.", field="recipient")
        return address
    try:
        return read_phone(text)
    except InvalidPhone as error:
        raise InvalidRequest(f"`recipient`: {error.detail}", field="recipient") from None


def read_email(text: str) -> str:
    """An e-mail address as it is kept, or `""`."""
    address = text.strip()
    fits = len(address) <= EMAIL_LENGTH and _EMAIL.fullmatch(address)
    return address.lower() if fits else ""


def mask_recipient(recipient: str) -> str:
    """Enough to recognise, too little to write to."""
    name, at, host = recipient.partition("@")
    return f"{name[:1]}***@{host}" if at else mask_phone(recipient)


def show_opt_out(row: OptOutRow) -> dict[str, Any]:
    """An opt-out as people may see it: in full, because who is asked about must be found."""
    return {
        "id": row.id,
        "object": "opt_out",
        "mode": row.mode,
        "account": row.account or None,
        "recipient": row.recipient,
        "source": row.source,
        "reason": row.reason,
        "created_at": iso(row.created_at_ms),
    }
