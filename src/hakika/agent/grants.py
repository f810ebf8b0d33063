"""A spending grant: what an agent may ask of whose phone. A person decides it; it holds whatever a model says."""

import re
import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec

from hakika.agent.wording import Answer, refuse, spell_amount, spell_phone
from hakika.domain.errors import HakikaError, SettingError
from hakika.domain.phone import read_phone
from hakika.engine.orders import LARGEST_AMOUNT

ANYONE = "*"
SHORTEST_CODE = 6  # five tries in fifteen minutes are 480 a day
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class Grant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be asked.

    `per_payment`, `per_day`: the most shillings of one payment, and of a day in Nairobi: all that was asked counts,
    because what was declined may still be paid late. `payers`: the phones that may be prompted; `["*"]` is any.
    `confirm_above`: a person says yes to anything larger; 0: to everything. `code`: what that person types on the
    page of a link; without one a new one is made at each start, and shown where only a person looks.
    """

    name: str = "agent"
    mode: Literal["test", "live"]
    per_payment: int
    per_day: int
    payers: tuple[str, ...]
    confirm_above: int = 0
    code: str = ""

    def __repr__(self) -> str:
        return f"Grant({self.name!r}, {self.mode}, {self.per_payment} a payment, {self.per_day} a day)"

    def judge(self, phone: str, amount: int) -> Answer | None:
        """→ why this may not be asked; None where it may, as far as the grant alone can tell."""
        if amount > self.per_payment:
            most = spell_amount(self.per_payment)
            return refuse("over_per_payment", f"{spell_amount(amount)} is more than one payment may be here ({most}).")
        if self.payers != (ANYONE,) and phone not in self.payers:
            return refuse("payer_not_allowed", f"{spell_phone(phone)} is not among the phones that may be charged.")
        return None

    def needs_person(self, amount: int) -> bool:
        """Whether a person must say yes."""
        return amount > self.confirm_above


def read_grant(file: Path) -> Grant:
    """Read a grant from a TOML file. Raises SettingError, naming what is wrong."""
    try:
        return check_grant(tomllib.loads(file.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError("--grant", f"{file} cannot be read ({error}).", "Name a file that can.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingError("--grant", f"{file} is not TOML: {error}.", "See docs/agents.md.") from None


def check_grant(given: dict[str, Any]) -> Grant:
    """Check a grant. Raises SettingError."""
    try:
        grant = msgspec.convert(given, Grant)
    except msgspec.ValidationError as error:
        raise _broken(f"{error}.") from None
    if not _NAME.fullmatch(grant.name):
        raise _broken("`name` is made of small letters, digits and dashes, 32 at most.")
    if not 1 <= grant.per_payment <= LARGEST_AMOUNT:
        raise _broken(f"`per_payment` is from 1 to {LARGEST_AMOUNT} shillings.")
    if grant.per_day < 1 or grant.confirm_above < 0:
        raise _broken("`per_day` is at least 1 shilling, `confirm_above` at least 0.")
    if not grant.payers:
        raise _broken('`payers` names nobody: list phones, or ["*"] for any.')
    if grant.code and len(grant.code) < SHORTEST_CODE:
        raise _broken(f"`code` has at least {SHORTEST_CODE} characters.")
    return msgspec.structs.replace(grant, payers=_read_payers(grant.payers))


def _read_payers(payers: tuple[str, ...]) -> tuple[str, ...]:
    if ANYONE in payers:
        if len(payers) > 1:
            raise _broken('`payers` is ["*"] or a list of phones, not both.')
        return (ANYONE,)
    try:
        return tuple(str(read_phone(payer)) for payer in payers)
    except HakikaError as error:
        raise _broken(f"`payers`: {error.detail}") from None


def _broken(rule: str) -> SettingError:
    return SettingError("--grant", rule, "docs/agents.md shows a whole one.")
