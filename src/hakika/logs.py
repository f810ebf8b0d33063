"""Logs: structured, one line a thing, with phones, tokens and keys masked whatever the line says."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog

_PHONE = re.compile(r"(?<!\d)(?:\+?254|0)([17]\d{2})\d{3}(\d{3})(?!\d)")
_CALLBACK_TOKEN = re.compile(r"/c/[0-9a-f]{8,}")
_SECRETS = re.compile(r"(?i)(authorization|password|passkey|secret|token|api_?key)$")
_BEARER = re.compile(r"(?i)\b(bearer|basic) [\w.~+/=-]+|\b(hk|pcs)_(?:test_|live_)?[0-9a-z]{16,}")


def configure_logs(log_format: str, level: str) -> None:
    """Set up logging for a program: `pretty` for people or `json` for machines, on standard error."""
    renderer: Any = structlog.processors.JSONRenderer(serializer=_encode)
    if log_format == "pretty":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24)
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if log_format == "json" else _keep,
            mask_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(message)s")


def mask_secrets(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask what must not be in a log: structlog's processor."""
    for key, value in line.items():
        if _SECRETS.search(key):
            line[key] = "…"
        elif isinstance(value, str):
            line[key] = mask_text(value)
    return line


def mask_text(text: str) -> str:
    """Mask phones, callback tokens and keys in a text."""
    # Phones last: a token may have ten digits that look like one, and would then be left half shown.
    masked = _CALLBACK_TOKEN.sub("/c/…", text)
    masked = _BEARER.sub("…", masked)
    return _PHONE.sub(r"254\1***\2", masked)


def _encode(line: MutableMapping[str, Any], **_: Any) -> str:
    return msgspec.json.encode(line, enc_hook=repr).decode()


def _keep(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return line
