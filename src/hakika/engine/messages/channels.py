"""Channels to payers: made, changed, turned on and off. Off by default; an account has at most one of each kind."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from hakika.domain.errors import ChannelExists, InvalidRequest, NotFound
from hakika.domain.schedule import HOUR_MS, MINUTE_MS, SECOND_MS
from hakika.domain.wording import DEFAULT_TYPES, LANGUAGES, LENGTH, SUBJECT_LENGTH, TYPES, Words, check_words, tidy
from hakika.engine.ids import Entropy, make_id, make_token
from hakika.engine.messages.carriers import check_url
from hakika.engine.representation import iso, mode_of
from hakika.engine.vault import Vault
from hakika.store.accounts import AccountRow
from hakika.store.events import read_head
from hakika.store.messages.channels import (
    ChannelRow,
    change_channel,
    delete_channel,
    find_channel,
    find_channel_of,
    insert_channel,
    list_active_channels,
    move_cursor,
    read_cursor,
)
from hakika.store.messages.records import skip_queued
from hakika.store.transaction import Transaction

SEND_WITHIN_MS = HOUR_MS
SEND_WITHIN_LEAST_MS, SEND_WITHIN_MOST_MS = MINUTE_MS, 72 * HOUR_MS
OPT_OUT_LENGTH = 100
_NAMES = "message_channels"  # the lock under which they are made and turned on
_DECODE = msgspec.json.Decoder(dict[str, dict[str, str]]).decode


class Channels:
    """The verbs on channels."""

    def __init__(self, vault: Vault, clock: Callable[[], int], entropy: Entropy) -> None:
        self._vault, self._clock, self._entropy = vault, clock, entropy

    def create(self, tx: Transaction, account: AccountRow, kind: str, url: str, **given: Any) -> ChannelRow:
        """Store a new channel, off unless `active` says otherwise. Raises InvalidRequest, ChannelExists."""
        masked = check_url(kind, url)
        tx.lock_name(_NAMES)
        if find_channel_of(tx, account.id, kind) is not None:
            raise ChannelExists(f"The account {account.name!r} has a channel for {kind}.")
        now_ms = self._clock()
        row = ChannelRow(
            id=make_id("mch", now_ms, self._entropy),
            mode=mode_of(account.environment),
            account=account.id,
            kind=kind,
            url=masked,
            secret=self._vault.seal(url.encode()),
            active=False,
            in_test_mode=False,
            event_types=_keep_types(DEFAULT_TYPES),
            language="en",
            templates="{}",
            subjects="{}",
            opt_out="{}",
            token=make_token(self._entropy),
            send_within_ms=SEND_WITHIN_MS,
            after=0,
            created_at_ms=now_ms,
        )
        insert_channel(tx, row)
        return self.change(tx, row, **given)

    def change(self, tx: Transaction, row: ChannelRow, **given: Any) -> ChannelRow:
        """Change what is given. Turned on, it tells of what happens from then on; turned off, what waits is not sent.

        Raises InvalidRequest.
        """
        tx.lock_name(_NAMES)
        active = given.pop("active", None)
        values = self._read_fields(row, given)
        if active is not None:
            values["active"] = active
        if active and not row.active:
            values["after"] = self._begin(tx)
        if active is False and row.active:
            skip_queued(tx, row.id, self._clock(), "the channel was turned off")
        if values:
            change_channel(tx, row.id, values)
        return row._replace(**values)

    def remove(self, tx: Transaction, row: ChannelRow) -> None:
        """Forget a channel. What waits for it is not sent."""
        skip_queued(tx, row.id, self._clock(), "the channel was deleted")
        delete_channel(tx, row.id)

    def find(self, tx: Transaction, channel_id: str, mode: str = "") -> ChannelRow:
        """The channel, if that mode's key opens it. Raises NotFound."""
        row = find_channel(tx, channel_id)
        if row is None or mode not in {"", row.mode}:
            raise NotFound(f"There is no message channel {channel_id!r}.")
        return row

    def open(self, row: ChannelRow) -> str:
        """The whole URL, with its secrets. Raises SettingError where it was sealed with another key."""
        return self._vault.open(row.secret).decode()

    def _begin(self, tx: Transaction) -> int:
        """The end of the log now. Nobody reads it for messages while no channel is on, so the cursor may be behind."""
        number = read_head(tx).number
        if not list_active_channels(tx):
            move_cursor(tx, read_cursor(tx), number)
        return number

    def _read_fields(self, row: ChannelRow, given: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if "url" in given:
            url = given["url"]
            values |= {"url": check_url(row.kind, url), "secret": self._vault.seal(url.encode())}
        if "event_types" in given:
            values["event_types"] = _keep_types(given["event_types"])
        if "templates" in given:
            check_words(given["templates"], "templates", LENGTH)
            values["templates"] = _encode(given["templates"])
        if "subjects" in given:
            if row.kind != "email" and given["subjects"]:
                raise InvalidRequest("`subjects`: only e-mails have them.", field="subjects")
            check_words(given["subjects"], "subjects", SUBJECT_LENGTH)
            values["subjects"] = _encode(given["subjects"])
        if "opt_out" in given:
            values["opt_out"] = _encode(_read_opt_out(given["opt_out"]))
        if "send_within_s" in given:
            values["send_within_ms"] = given["send_within_s"] * SECOND_MS
        return values | {name: given[name] for name in ("in_test_mode", "language") if name in given}


def _keep_types(event_types: Sequence[str]) -> str:
    if not event_types:
        raise InvalidRequest("`event_types`: name at least one; or turn the channel off.", field="event_types")
    for name in event_types:
        if name not in TYPES:
            raise InvalidRequest(f"`event_types`: payers are told of no {name!r}.", field="event_types")
    return f",{','.join(dict.fromkeys(event_types))},"


def _read_opt_out(by_language: Mapping[str, str]) -> dict[str, str]:
    for language, words in by_language.items():
        if language not in LANGUAGES or len(words) > OPT_OUT_LENGTH:
            message = f"`opt_out`: en and sw, each of at most {OPT_OUT_LENGTH} characters."
            raise InvalidRequest(message, field="opt_out")
    return {language: tidy(words) for language, words in by_language.items() if tidy(words)}


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()


def read_words(kept: str) -> Words:
    """Templates as they are kept."""
    return _DECODE(kept)


def read_opt_out(row: ChannelRow, language: str) -> str:
    """How a payer gets no more, in a language; in English where the other was not given."""
    words = msgspec.json.decode(row.opt_out, type=dict[str, str])
    return words.get(language) or words.get("en", "")


def show_channel(row: ChannelRow, origin: str) -> dict[str, Any]:
    """A channel as people may see it. `origin`: where this server is reached."""
    return {
        "id": row.id,
        "object": "message_channel",
        "mode": row.mode,
        "account": row.account,
        "kind": row.kind,
        "url": row.url,
        "active": bool(row.active),
        "in_test_mode": bool(row.in_test_mode),
        "event_types": [name for name in row.event_types.split(",") if name],
        "language": row.language,
        "templates": msgspec.json.decode(row.templates),
        "subjects": msgspec.json.decode(row.subjects),
        "opt_out": msgspec.json.decode(row.opt_out),
        "replies_url": f"{origin}/m/{row.token}" if row.kind == "sms" else None,
        "send_within_s": row.send_within_ms // SECOND_MS,
        "created_at": iso(row.created_at_ms),
    }
