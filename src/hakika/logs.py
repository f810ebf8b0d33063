"""Logs: structured, one line a thing, with phones, tokens and keys masked whatever the line says."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import msgspec
import structlog

_PHONE = re.compile(r"(?<!\d)(?:\+?254|0)([17]\d{2})\d{3}(\d{3})(?!\d)")
_CALLBACK_TOKEN = re.compile(r"/c/[0-9a-f]{8,}")
_SECRETS = re.compile(r"(?i)(authorization|password|passkey|secret|token|api_?key)$")
_NAMED_SECRET = re.compile(
    r"""(?i)([\w-]*(?:authorization|password|passkey|secret|token|api_?key)["']?\s*[=:]\s*b?)("[^"]*"|'[^']*'|[^\s,;)}\]&]+)"""
)
_OWN_ID = re.compile(r"(?:pay|evt|chk|lnk|acc|end|qry|opr)_[0-9a-z]{26}(?::[a-z_.]+)?")
_OWN_IDS = re.compile(rf"(?:{_OWN_ID.pattern} )+")
_LONG_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{32,}(?![0-9A-Za-z])")
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
            shorten_outages,
            structlog.processors.format_exc_info,  # plain, in both formats: a pretty one shows every variable
            mask_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_MaskingFormatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler])


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
    for key, value in line.items():
        line[key] = "…" if _SECRETS.search(key) else _mask(value)
    return line


def _mask(value: Any) -> Any:
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {key: "…" if _SECRETS.search(str(key)) else _mask(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        if all(isinstance(part, str) for part in value) and _OWN_IDS.fullmatch(" ".join([*value, ""])):
            return value  # one for each callback of a batch: looked at together
        return [_mask(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float) else mask_text(repr(value))


def mask_text(text: str) -> str:
    """Mask phones, callback tokens and keys in a text."""
    if _OWN_ID.fullmatch(text):
        return text  # nothing in it is secret, and there is one for each callback
    # Phones last: a token may have ten digits that look like one, and would then be left half shown.
    masked = _CALLBACK_TOKEN.sub("/c/…", text)
    masked = _NAMED_SECRET.sub(r"\1…", _BEARER.sub("…", masked))
    masked = _LONG_HEX.sub("…", masked)
    return _PHONE.sub(r"254\1***\2", masked)


def _encode(line: MutableMapping[str, Any], **_: Any) -> str:
    return msgspec.json.encode(line, enc_hook=repr).decode()
