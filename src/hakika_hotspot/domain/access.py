"""What a device may do now, and what a router told of a session: the words between the books and the network."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a device is let through, or is not."""

    GRANTED = "granted"
    NOTHING_BOUGHT = "nothing bought"
    TIME_IS_UP = "time is up"
    DATA_IS_USED_UP = "data is used up"
    TOO_MANY_DEVICES = "too many devices"
    OTHER_SITE = "bought for another site"
    REVOKED = "revoked"
    WRONG_CODE = "wrong code"
    TOO_MANY_TRIES = "too many tries"
    UNKNOWN_ROUTER = "unknown router"


@dataclass(frozen=True, slots=True)
class Access:
    """What a device may do now. Rates of 0 are without limit; `bytes_left` of None is, too.

    `seconds_left` runs to where the terms change: a device whose faster package ends is asked for again then, and is
    let through on what it has left of the slower one. `expires_at_ms` is when all of it is over.
    """

    allowed: bool
    reason: str
    seconds_left: int = 0
    rate_up_kbps: int = 0
    rate_down_kbps: int = 0
    bytes_left: int | None = None
    package: str = ""
    entitlement_id: str = ""
    devices: int = 0
    expires_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Nas:
    """The router that asks: its name in the settings, and the site where it stands."""

    router: str
    site: str


class Happened(StrEnum):
    """What an accounting record tells. ON and OFF are the router's own: all its sessions are over."""

    START = "start"
    INTERIM = "interim"
    STOP = "stop"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class AccountingRecord:
    """One accounting record. Bytes are whole counts (gigawords joined), as the device sees them: up is what it sent."""

    happened: Happened
    nas: Nas
    at_ms: int
    session_id: str = ""
    mac: str = ""
    username: str = ""
    address: str = ""
    """The device's (Framed-IP-Address)."""
    nas_address: str = ""
    bytes_up: int = 0
    bytes_down: int = 0
    seconds: int = 0
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that a router told us of."""

    router: str
    session_id: str
    mac: str
    username: str
    address: str
    nas_address: str
    entitlement_id: str
    started_at_ms: int
    updated_at_ms: int
    bytes_up: int
    bytes_down: int
