"""Logs: structured, one line a thing, with phones, tokens and keys masked whatever the line says."""

import functools
import logging
import os
import re
import sys
import time
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, TextIO

import msgspec
import structlog

_PHONE = re.compile(r"(?<!\d)(?:\+?254|0)([17]\d{2})\d{3}(\d{3})(?!\d)")
_CALLBACK_TOKEN = re.compile(r"/c/[0-9a-f]{8,}")
_SECRETS = re.compile(r"(?i)(authorization|password|passkey|secret|token|api_?key)$")
_NAMED_SECRET = re.compile(
    r"""(?i)([\w-]*(?:authorization|password|passkey|secret|token|api_?key)["']?\s*[=:]\s*b?)("[^"]*"|'[^']*'|[^\s,;)}\]&]+)"""
)
_OWN_ID = re.compile(r"(?:pay|evt|chk|lnk|acc|end|qry|opr|msg|mch|out|alr)_[0-9a-z]{26}(?::[a-z_.]+)?")
_PROMPT = re.compile(r"(ws_CO_[0-9]{15,}?)[0-9]{3}([0-9]{3})(?![0-9])")  # its end is the payer's phone (daraja.md §1)
_LONG_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{32,}(?![0-9A-Za-z])")
HEX_AT_LEAST = 32
_BEARER = re.compile(r"(?i)\b(bearer|basic) [\w.~+/=-]+|\b(hk|pcs)_(?:test_|live_)?[0-9a-z]{16,}")


LOOK_AGAIN_AFTER_S = 1.0
"""How long lines may go into a log file that was moved away."""


LOGGERS_KEPT = True
"""Once used, a logger stays as it was set up: half the price of a line. Tests, which set up many, turn it off."""


def configure_logs(log_format: str, level: str, file: Path | None = None) -> None:
    """Set up logging for a program: `pretty` for people or `json` for machines, on standard error.

    `file`: there as well. Raises OSError where it cannot be written.
    """
    output: Any = Both(sys.stderr, LogFile(file)) if file else sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            shorten_outages,
            structlog.processors.format_exc_info,  # plain, in both formats: a pretty one shows every variable
            mask_secrets,
            Renderer(log_format, colors=file is None and sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(output),
        cache_logger_on_first_use=LOGGERS_KEPT,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(_MaskingFormatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler])


class Renderer:
    """Writes a line out; or many at once, which come as `story` with nothing in them that would have to be masked."""

    def __init__(self, log_format: str, *, colors: bool) -> None:
        self._for_people = log_format == "pretty"
        self._colors = colors
        self._line: Any = structlog.processors.JSONRenderer(serializer=_encode)
        if self._for_people:
            self._line = structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=24)

    def __call__(self, logger: Any, name: str, line: MutableMapping[str, Any]) -> Any:
        """Structlog's last processor. → the text."""
        story = line.get("story")
        if story is None:
            return self._line(logger, name, line)
        head = {"timestamp": line["timestamp"], "level": line["level"]}
        if self._colors:
            return "\n".join(self._line(logger, name, {**head, **msgspec.to_builtins(part)}) for part in story)
        return _write_for_people(story, head) if self._for_people else _write_for_machines(story, head)


def _write_for_machines(story: Sequence[Any], head: Mapping[str, str]) -> str:
    # All in one go: in JSON no text has a line's end, so each that is followed by a brace begins a line.
    lines = b"\n" + _ENCODE_LINES(story)[:-1]
    return lines.replace(b"\n{", b"\n" + _ENCODE(head)[:-1] + b",")[1:].decode()


def _write_for_people(story: Sequence[Any], head: Mapping[str, str]) -> str:
    begun, lines = f"{head['timestamp']} [{head['level']:<9}] ", []
    for part in story:
        fields = msgspec.to_builtins(part)
        event = fields.pop("event")
        said = " ".join([f"{key}={value if str(value).isalnum() else repr(value)}" for key, value in fields.items()])
        lines.append(f"{begun}{event:<24} {said}")
    return "\n".join(lines)


class Both:
    """Writes to two places."""

    def __init__(self, one: TextIO, other: "LogFile") -> None:
        self._one, self._other = one, other

    def write(self, text: str) -> None:
        """Write to both."""
        self._other.write(text)
        self._one.write(text)

    def flush(self) -> None:
        """Flush what is kept back: the file keeps nothing."""
        self._one.flush()


class LogFile:
    """A file that others may rotate: moved or deleted, it is opened anew within a second, without any signal.

    Its user alone may read it. A full disk loses lines, never a request.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._path, self._writing = path, Lock()
        self._opened = self._open()
        self._look_at_s = time.monotonic() + LOOK_AGAIN_AFTER_S

    def write(self, text: str) -> None:
        """Append. Never raises."""
        with self._writing:
            if time.monotonic() >= self._look_at_s:
                self.look()
            try:
                os.write(self._opened, text.encode("utf-8", "backslashreplace"))
            except OSError:
                self._look_at_s = 0.0  # it may be a disk that is gone: look before the next line

    def look(self) -> None:
        """Open it anew if it is no longer the one that we have open."""
        self._look_at_s = time.monotonic() + LOOK_AGAIN_AFTER_S
        try:
            ours, there = os.fstat(self._opened), self._path.stat()
            moved = (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino)
        except OSError:
            moved = True
        if moved:
            try:
                fresh = self._open()
            except OSError:
                return  # what we have open is better than nothing
            os.close(self._opened)
            self._opened = fresh

    def _open(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


class _MaskingFormatter(logging.Formatter):
    """For what libraries log: masked as well, tracebacks and all."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        return mask_text(super().format(record))


def shorten_outages(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say of a database that does not answer that it does not, in one line: where we asked it says nothing more."""
    error = line.get("exc_info")
    if isinstance(error, Exception) and getattr(error, "code", "") == "store_unavailable":
        del line["exc_info"]
        line["error"] = str(error)
    return line


def mask_secrets(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask what must not be in a log: structlog's processor."""
    if "story" in line:
        return line  # made so that nothing in it needs a mask: see `engine.watching.story`
    for key, value in line.items():
        if key in {"timestamp", "level"}:
            continue  # ours, on every line
        line[key] = "…" if _names_secret(key) else _mask(value)
    return line


@functools.lru_cache(512)  # lines have the same few keys
def _names_secret(key: str) -> bool:
    return bool(_SECRETS.search(key))


def _mask(value: Any) -> Any:
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {key: "…" if _names_secret(str(key)) else _mask(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_mask(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float) else mask_text(repr(value))


def mask_text(text: str) -> str:
    """Mask phones, callback tokens and keys in a text."""
    if (len(text) < 10 and text.isalnum()) or _OWN_ID.fullmatch(text):
        return text  # too short for a phone or a token; or an id of ours, of which there is one for each callback
    # Each is looked for only where it can be: most lines have none. Phones last: a token may have ten digits that look
    # like one, and would then be left half shown.
    masked = _CALLBACK_TOKEN.sub("/c/…", text) if "/c/" in text else text
    if "ws_CO_" in masked:
        masked = _PROMPT.sub(r"\1***\2", masked)
    if " " in masked or "_" in masked:
        masked = _BEARER.sub("…", masked)
    if "=" in masked or ":" in masked:
        masked = _NAMED_SECRET.sub(r"\1…", masked)
    if len(masked) >= HEX_AT_LEAST:
        masked = _LONG_HEX.sub("…", masked)
    return _PHONE.sub(r"254\1***\2", masked)


_ENCODE = msgspec.json.Encoder().encode
_ENCODE_LINES = msgspec.json.Encoder().encode_lines


def _encode(line: MutableMapping[str, Any], **_: Any) -> str:
    return msgspec.json.encode(line, enc_hook=repr).decode()
