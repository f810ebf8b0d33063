"""A MikroTik by its API (8728, 8729 with TLS): devices logged in and out, with or without RADIUS beside it.

Without RADIUS the router keeps a user for each device, called by its MAC and good for that MAC alone, with an end and
a profile for its speed. The limits of a live session are fixed when it logs in, so a change is a log-out and a log-in
in the same breath. With RADIUS the router is only told to log the device in, and asks us itself what it may do.
"""

import re
from typing import NamedTuple

from hakika_hotspot.domain.access import Access, AccountingRecord, Happened, Nas, Session
from hakika_hotspot.domain.mac import read_mac
from hakika_hotspot.network.router import Device, RouterRefused
from hakika_hotspot.network.routeros_connection import Door, RouterOSConnection, connect

DURATION = re.compile(r"(\d+)([wdhms])(?![a-z])")
CLOCK = re.compile(r"(\d+):(\d+):(\d+)")
UNITS_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
COMMENT = "hakika"  # marks the users and profiles that are ours: nobody else's are touched


class RouterOSNetwork(NamedTuple):
    """One MikroTik whose users we keep by its API."""

    door: Door

    async def open(self, device: Device, access: Access) -> None:
        """Keep a user for the device and log it in where it is."""
        async with connect(self.door) as router:
            await self._keep_user(router, device.mac, access)
            await log_in(router, device, "")

    async def change(self, session: Session, access: Access) -> None:
        """Give the device's user its new limits, and have it log in with them."""
        async with connect(self.door) as router:
            # First out: only then does the user's own count hold all of this session.
            await log_out(router, session.mac)
            await self._keep_user(router, session.mac, access)
            await log_in(router, Device(session.mac, session.address, session.router), "")

    async def close(self, session: Session) -> None:
        """Log the device out, and forget its user, so that it cannot log in by itself."""
        async with connect(self.door) as router:
            await _remove(router, "/ip/hotspot/user", {"name": session.mac, "comment": COMMENT})
            await log_out(router, session.mac)

    async def _keep_user(self, router: RouterOSConnection, mac: str, access: Access) -> None:
        profile = await _keep_profile(router, access)
        users = await router.call("/ip/hotspot/user/print", queries={"name": mac})
        used = users[0] if users else {}
        # Limits are of a user's whole life on the router: what it has had already is added to what is left.
        limits = {
            "profile": profile,
            "limit-uptime": f"{read_duration_seconds(used.get('uptime', '0s')) + max(access.seconds_left, 1)}s",
            "limit-bytes-total": str(
                0 if access.bytes_left is None else max(access.bytes_left, 1) + _bytes(used, "in") + _bytes(used, "out")
            ),
        }
        if users:
            await router.call("/ip/hotspot/user/set", {".id": used[".id"], **limits})
        else:
            await router.call(
                "/ip/hotspot/user/add",
                {"name": mac, "mac-address": mac, "password": "", "comment": COMMENT, **limits},
            )


async def log_in(router: RouterOSConnection, device: Device, password: str) -> None:
    """Log a device in where it is; one that is in already stays in."""
    wanted = {"user": device.mac, "password": password, "mac-address": device.mac, "ip": device.address}
    if await router.call("/ip/hotspot/active/print", queries={"mac-address": device.mac}):
        return
    if not device.address:
        hosts = await router.call("/ip/hotspot/host/print", queries={"mac-address": device.mac})
        if not hosts:
            raise RouterRefused(f"{device.mac} is not on this router's air now")
        wanted["ip"] = hosts[0]["address"]
    await router.call("/ip/hotspot/active/login", wanted)


async def log_out(router: RouterOSConnection, mac: str) -> None:
    """Log a device out, and forget the cookie that would let it in again."""
    for menu in ("/ip/hotspot/cookie", "/ip/hotspot/active"):
        await _remove(router, menu, {"mac-address": mac})


async def read_sessions(door: Door, nas: Nas, now_ms: int) -> list[AccountingRecord]:
    """Read who is on the air at a router that sends no accounting, in the words of accounting."""
    async with connect(door) as router:
        rows = await router.call("/ip/hotspot/active/print")
    return [_read_active(row, nas, door.host, now_ms) for row in rows if read_mac(row.get("mac-address", ""))]


def _read_active(row: dict[str, str], nas: Nas, nas_address: str, now_ms: int) -> AccountingRecord:
    seconds = read_duration_seconds(row.get("uptime", "0s"))
    return AccountingRecord(
        happened=Happened.INTERIM,
        nas=nas,
        at_ms=now_ms,
        session_id=row[".id"],
        mac=read_mac(row["mac-address"]),
        username=row.get("user", ""),
        address=row.get("address", ""),
        nas_address=nas_address,
        bytes_up=_bytes(row, "in"),
        bytes_down=_bytes(row, "out"),
        seconds=seconds,
    )


def read_duration_seconds(text: str) -> int:
    """Read a time as RouterOS writes it: `1w2d3h4m5s`, `1d02:03:04`, `00:01:30`."""
    seconds = sum(int(count) * UNITS_SECONDS[unit] for count, unit in DURATION.findall(text))
    clock = CLOCK.search(text)
    return seconds + (int(clock[1]) * 3600 + int(clock[2]) * 60 + int(clock[3]) if clock else 0)


async def _keep_profile(router: RouterOSConnection, access: Access) -> str:
    """Return the name of the profile with this speed; made where it is not there yet."""
    up, down = (f"{kbps}k" if kbps else "0" for kbps in (access.rate_up_kbps, access.rate_down_kbps))
    name = f"{COMMENT}-{up}-{down}"
    if not await router.call("/ip/hotspot/user/profile/print", queries={"name": name}):
        # Seen from the router: what it receives, the device sends.
        await router.call("/ip/hotspot/user/profile/add", {"name": name, "rate-limit": f"{up}/{down}"})
    return name


async def _remove(router: RouterOSConnection, menu: str, queries: dict[str, str]) -> None:
    for row in await router.call(f"{menu}/print", queries=queries):
        try:
            await router.call(f"{menu}/remove", {".id": row[".id"]})
        except RouterRefused as refused:
            if "no such item" not in str(refused):
                raise  # it went by itself in between: that is what was wanted


def _bytes(row: dict[str, str], direction: str) -> int:
    text = row.get(f"bytes-{direction}", "0")
    return int(text) if text.isdigit() else 0
