"""RADIUS attributes from what a device may do, and records from what a router tells. Pure: no clock, no socket.

Every router takes what it knows and leaves the rest: Mikrotik-* RouterOS, ChilliSpot-* CoovaChilli, WISPr-* nearly all.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import md5
from hmac import compare_digest
from typing import TypeAlias

from hakika_hotspot.domain.access import Access, AccountingRecord, Happened, Nas, Session
from hakika_hotspot.domain.mac import read_mac

Attributes: TypeAlias = dict[str, str | int]

IDLE_SECONDS = 600  # a phone in a pocket is silent for minutes; one that left must not hold a place for hours
GIGAWORD = 1 << 32  # RADIUS counts bytes in 32 bits, and the overflows in an attribute beside

STATUS_TYPES = {
    "Start": Happened.START,
    "Interim-Update": Happened.INTERIM,
    "Alive": Happened.INTERIM,  # an old name of the same
    "Stop": Happened.STOP,
    "Accounting-On": Happened.ON,
    "Accounting-Off": Happened.OFF,
}


def describe_limits(access: Access, ends_at_ms: int) -> Attributes:
    """Say in attributes how fast, and until when by the clock, a device may go."""
    found: Attributes = {
        # Seen from the router: what it receives, the device sends. 0 is without limit, and overrides the profile's own.
        "Mikrotik-Rate-Limit": f"{_show_rate(access.rate_up_kbps)}/{_show_rate(access.rate_down_kbps)}",
        "WISPr-Session-Terminate-Time": _show_time(ends_at_ms),
    }
    if access.rate_up_kbps:
        found["WISPr-Bandwidth-Max-Up"] = access.rate_up_kbps * 1000
    if access.rate_down_kbps:
        found["WISPr-Bandwidth-Max-Down"] = access.rate_down_kbps * 1000
    return found


def describe_start(access: Access, interim_seconds: int, now_ms: int) -> Attributes:
    """Say in attributes what a session that begins now may use."""
    return {
        "Session-Timeout": max(access.seconds_left, 1),
        "Idle-Timeout": IDLE_SECONDS,
        "Acct-Interim-Interval": interim_seconds,
        **describe_limits(access, now_ms + access.seconds_left * 1000),
        **_describe_volume(access.bytes_left),
    }


def describe_change(access: Access, session: Session, now_ms: int) -> Attributes:
    """Say in attributes what a live session may use from now on.

    Session-Timeout and volumes count from the session's start (RFC 2865 §5.27), so what is used is added. A router that
    counts from now instead grants too much by that, and is told to close at the real end all the same.
    """
    uptime_seconds = max(now_ms - session.started_at_ms, 0) // 1000
    used = session.bytes_up + session.bytes_down
    return {
        "Session-Timeout": uptime_seconds + max(access.seconds_left, 1),
        **describe_limits(access, now_ms + access.seconds_left * 1000),
        **_describe_volume(None if access.bytes_left is None else used + access.bytes_left),
    }


def name_session(session: Session) -> Attributes:
    """Say in attributes which session is meant: word for word as the router told, else it knows none (RFC 5176 §3)."""
    named: Attributes = {"User-Name": session.username, "Acct-Session-Id": session.session_id}
    named |= {"Framed-IP-Address": session.address, "NAS-IP-Address": session.nas_address}
    return {name: value for name, value in named.items() if value}


def read_record(sent: Mapping[str, Sequence[str]], nas: Nas, now_ms: int) -> AccountingRecord | None:
    """Read an accounting request; None where it is of no kind that says anything of a session."""
    happened = STATUS_TYPES.get(first(sent, "Acct-Status-Type"))
    if happened is None:
        return None
    return AccountingRecord(
        happened=happened,
        nas=nas,
        at_ms=now_ms - _number(sent, "Acct-Delay-Time") * 1000,
        session_id=first(sent, "Acct-Session-Id"),
        mac=read_device(sent),
        username=first(sent, "User-Name"),
        address=first(sent, "Framed-IP-Address"),
        nas_address=first(sent, "NAS-IP-Address"),
        bytes_up=_number(sent, "Acct-Input-Gigawords") * GIGAWORD + _number(sent, "Acct-Input-Octets"),
        bytes_down=_number(sent, "Acct-Output-Gigawords") * GIGAWORD + _number(sent, "Acct-Output-Octets"),
        seconds=_number(sent, "Acct-Session-Time"),
        cause=first(sent, "Acct-Terminate-Cause"),
    )


def read_device(sent: Mapping[str, Sequence[str]]) -> str:
    """Return the device's MAC: Calling-Station-Id, or, where a router does not send it, a user name that is one."""
    return read_mac(first(sent, "Calling-Station-Id")) or read_mac(first(sent, "User-Name"))


def find_password(sent: Mapping[str, Sequence[str]], likely: Sequence[str]) -> str:
    """Return the password that was sent; of CHAP, which one of the likely it was. "" where it is none of them."""
    if "CHAP-Password" not in sent:
        return first(sent, "User-Password")
    response = _octets(first(sent, "CHAP-Password"))
    challenge = _octets(first(sent, "CHAP-Challenge"))
    for password in likely:
        digest = md5(response[:1] + password.encode() + challenge).digest()  # noqa: S324  CHAP is made of it
        if compare_digest(digest, response[1:]):
            return password
    return ""


def first(sent: Mapping[str, Sequence[str]], name: str) -> str:
    """Return an attribute's first value, or ""."""
    return next(iter(sent.get(name, ())), "")


def _describe_volume(total: int | None) -> Attributes:
    if total is None:
        return {}
    high, low = divmod(total, GIGAWORD)
    return {
        "Mikrotik-Total-Limit": low,
        "Mikrotik-Total-Limit-Gigawords": high,
        # It has no gigawords in FreeRADIUS' dictionary: of more than 4 GiB the last is counted by us alone.
        "ChilliSpot-Max-Total-Octets": min(total, GIGAWORD - 1),
    }


def _show_rate(kbps: int) -> str:
    return f"{kbps}k" if kbps else "0"


def _show_time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat(timespec="seconds")


def _number(sent: Mapping[str, Sequence[str]], name: str) -> int:
    text = first(sent, name)
    return int(text) if text.isascii() and text.isdigit() else 0


def _octets(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        return b""
