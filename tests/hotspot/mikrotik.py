"""A MikroTik to test against: RouterOS' API by its documentation, sharing no code with our client of it.

It keeps hotspot users, profiles, hosts and live sessions, and counts a session's time and bytes to its user only when
the session ends, as RouterOS does.
"""

import asyncio
import hashlib
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

ADMIN = ("hakika", "the router's password")
MENUS = ("user", "user/profile", "active", "host", "cookie")
Row = dict[str, str]


class Trap(Exception):
    """The router says no."""


@dataclass
class MikroTik:
    """One router. `legacy`: RouterOS before 6.43. `says_empty`: 7.18 and later."""

    now_ms: Callable[[], int]
    legacy: bool = False
    says_empty: bool = False
    menus: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in MENUS})
    commands: list[str] = field(default_factory=list)
    port: int = 0
    moved: threading.Event = field(default_factory=threading.Event)
    """Set at each log-in: a test that waits for one from another thread need not ask all the time."""
    _made: int = 0

    def add_host(self, mac: str, address: str) -> None:
        """A device joins the WiFi."""
        self.add("host", {"mac-address": mac, "address": address})

    def use(self, mac: str, up: int, down: int) -> None:
        """A device sends and receives."""
        [row] = [row for row in self.menus["active"] if row["mac-address"] == mac]
        row["bytes-in"] = str(int(row["bytes-in"]) + up)
        row["bytes-out"] = str(int(row["bytes-out"]) + down)

    def leave(self, mac: str) -> None:
        """A device leaves the WiFi: its session ends."""
        for row in [row for row in self.menus["active"] if row["mac-address"] == mac]:
            self.remove("active", row)

    def user(self, name: str) -> Row:
        """The user of that name."""
        return next(row for row in self.menus["user"] if row["name"] == name)

    def on_air(self) -> list[str]:
        """Which devices are logged in."""
        return [row["mac-address"] for row in self.menus["active"]]

    def rate_of(self, mac: str) -> str:
        """The speed that a live session has: that of its user's profile when it logged in."""
        return next(row["rate-limit"] for row in self.menus["active"] if row["mac-address"] == mac)

    def began_ms(self, mac: str) -> int:
        """When a device was logged in."""
        return next(int(row["began"]) for row in self.menus["active"] if row["mac-address"] == mac)

    # ── what the API does ──────────────────────────────

    def run(self, command: str, given: Row, queries: Row) -> list[Row]:
        """Run a command of /ip/hotspot."""
        self.commands.append(command)
        menu, _, verb = command.removeprefix("/ip/hotspot/").rpartition("/")
        if menu not in self.menus:
            raise Trap("no such command prefix")
        if verb == "print":
            self._count()
            return [row for row in self.menus[menu] if all(row.get(name) == queries[name] for name in queries)]
        if verb == "add":
            return [{"ret": self.add(menu, given)}]
        if command == "/ip/hotspot/active/login":
            self._log_in(given)
            return []
        row = next((row for row in self.menus[menu] if row[".id"] == given.get(".id")), None)
        if row is None:
            raise Trap("no such item")
        if verb == "remove":
            self.remove(menu, row)
        elif verb == "set":
            row.update(given)
        else:
            raise Trap("no such command")
        return []

    def add(self, menu: str, given: Row) -> str:
        """Add a row."""
        if menu.startswith("user") and any(row["name"] == given["name"] for row in self.menus[menu]):
            raise Trap(f"failure: already have {menu} with this name for this server")
        self._made += 1
        row = {".id": f"*{self._made:X}", **given}
        if menu == "user":
            row |= {"uptime": "0s", "bytes-in": "0", "bytes-out": "0"}
        self.menus[menu].append(row)
        return row[".id"]

    def remove(self, menu: str, row: Row) -> None:
        """Remove a row; a session's counts go to its user."""
        if menu == "active":
            self._count()
            for user in self.menus["user"]:
                if user["name"] == row["user"]:
                    user["uptime"] = _show(_seconds(user["uptime"]) + _seconds(row["uptime"]))
                    for name in ("bytes-in", "bytes-out"):
                        user[name] = str(int(user[name]) + int(row[name]))
        self.menus[menu].remove(row)

    def _log_in(self, given: Row) -> None:
        if not any(row["address"] == given["ip"] for row in self.menus["host"]):
            raise Trap("failure: unknown host IP")
        if given["mac-address"] in self.on_air():
            raise Trap("failure: already logged in")
        user = next((row for row in self.menus["user"] if row["name"] == given["user"]), None)
        if user is None or user.get("password", "") != given["password"]:
            raise Trap("invalid username or password")
        if _seconds(user["limit-uptime"]) <= _seconds(user["uptime"]):
            raise Trap(f"user {user['name']} has reached uptime limit")
        profile = next(row for row in self.menus["user/profile"] if row["name"] == user["profile"])
        self._made += 1
        self.menus["active"].append(
            {
                ".id": f"*{self._made:X}",
                "user": user["name"],
                "address": given["ip"],
                "bytes-in": "0",
                "mac-address": given["mac-address"],
                "bytes-out": "0",
                "began": str(self.now_ms()),
                "rate-limit": profile["rate-limit"],
            }
        )
        self.moved.set()

    def _count(self) -> None:
        for row in self.menus["active"]:
            row["uptime"] = _show((self.now_ms() - int(row["began"])) // 1000)

    # ── the wire ──────────────────────────────

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        allowed, challenge = False, os.urandom(16)
        try:
            while words := await _read_sentence(reader):
                command, given, queries, tag = _take_apart(words)
                if command == "/login":
                    answer, allowed = self._answer_login(given, challenge, allowed=allowed)
                elif not allowed:
                    _write(writer, ["!fatal", "not logged in"])
                    return
                else:
                    answer = self._answer(command, given, queries)
                for sentence in answer:
                    _write(writer, [*sentence, *([f".tag={tag}"] if tag else [])])
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, command: str, given: Row, queries: Row) -> list[list[str]]:
        try:
            rows = self.run(command, given, queries)
        except Trap as trap:
            return [["!trap", f"=message={trap}"], ["!done"]]
        if command.endswith("/add"):
            return [["!done", f"=ret={rows[0]['ret']}"]]
        said = [["!re", *(f"={name}={value}" for name, value in row.items())] for row in rows]
        if command.endswith("/print") and not said and self.says_empty:
            said = [["!empty"]]
        return [*said, ["!done"]]

    def _answer_login(self, given: Row, challenge: bytes, *, allowed: bool) -> tuple[list[list[str]], bool]:
        name, password = ADMIN
        if self.legacy and "response" not in given:
            return [["!done", f"=ret={challenge.hex()}"]], False
        expected = "00" + hashlib.md5(b"\0" + password.encode() + challenge).hexdigest()  # noqa: S324
        right = given.get("response") == expected if self.legacy else given.get("password") == password
        if right and given["name"] == name:
            return [["!done"]], True
        return [["!trap", "=message=invalid user name or password (6)"], ["!done"]], allowed


@asynccontextmanager
async def running_mikrotik(router: MikroTik, port: int = 0) -> AsyncIterator[MikroTik]:
    """Let a router answer on loopback."""
    server = await asyncio.start_server(router.speak, "127.0.0.1", port)
    router.port = server.sockets[0].getsockname()[1]
    try:
        yield router
    finally:
        server.close()


def _take_apart(words: list[str]) -> tuple[str, Row, Row, str]:
    given: Row = {}
    queries: Row = {}
    tag = ""
    for word in words[1:]:
        mark, rest = word[0], word[1:]
        if word.startswith(".tag="):
            tag = word[5:]
        elif mark in "=?":
            name, _, value = rest.partition("=")
            (given if mark == "=" else queries)[name] = value
    return words[0], given, queries, tag


async def _read_sentence(reader: asyncio.StreamReader) -> list[str]:
    words = []
    while length := await _read_length(reader):
        words.append((await reader.readexactly(length)).decode())
    return words


async def _read_length(reader: asyncio.StreamReader) -> int:
    first = (await reader.readexactly(1))[0]
    if first < 0x80:
        return first
    if first < 0xC0:
        return (first & 0x3F) << 8 | (await reader.readexactly(1))[0]
    assert first < 0xE0, "no word of a test is that long"
    more = await reader.readexactly(2)
    return (first & 0x1F) << 16 | more[0] << 8 | more[1]


def _write(writer: asyncio.StreamWriter, words: list[str]) -> None:
    for word in words:
        data = word.encode()
        assert len(data) < 0x4000
        head = bytes([len(data)]) if len(data) < 0x80 else bytes([0x80 | len(data) >> 8, len(data) & 0xFF])
        writer.write(head + data)
    writer.write(b"\0")


def _show(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def _seconds(text: str) -> int:
    total, digits = 0, ""
    for character in text:
        if character.isdigit():
            digits += character
        else:
            total, digits = total + int(digits) * {"d": 86_400, "h": 3_600, "m": 60, "s": 1}[character], ""
    return total
