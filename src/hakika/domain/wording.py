"""What payers read: templates with named fields, in English and Swahili, and the sane words to begin with.

`{receipt}` is replaced by what it names. A part in square brackets is left out where one of its fields is empty, so
that a payment whose receipt is not known yet reads well too. Nothing else is special: no code runs in a template.
"""

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from hakika.domain.errors import InvalidRequest

FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "name": "who is paid: the account's display name",
        "amount": "what was asked for, as 1,250",
        "amount_received": "what arrived, as 1,250",
        "reference": "the merchant's own reference",
        "receipt": "M-Pesa's receipt; empty while it is not known",
        "reason": "why no money moved, in the payer's language",
        "phone": "the phone that was asked, masked",
        "time": "when it was paid (else, when it ended), in Kenya: 21/11/2026 09:30",
        "opt_out": "how to get no more of these: the channel's own words, empty where it has none",
    }
)

LATE = "payment.completed.late"
"""The words for money that arrived after the payer may have been told that none had."""

TYPES: Final = (
    "payment.completed",
    "payment.failed",
    "payment.cancelled",
    "payment.expired",
    "payment.mispaid",
    "payment.reversed",
)
"""Of what payers can be told. Not of `unresolved`, of which nobody knows the truth; nor of what only adds detail."""

DEFAULT_TYPES: Final = ("payment.completed", "payment.failed")
"""Who cancelled, or let the prompt pass, knows it."""

LANGUAGES: Final = ("en", "sw")
LENGTH: Final = 480  # three parts of an SMS
SUBJECT_LENGTH: Final = 120
VALUE_LENGTH: Final = 120

Words = Mapping[str, Mapping[str, str]]
"""Type → language → template."""

_STOP = "[ {opt_out}]"
SHIPPED: Final[Words] = MappingProxyType(
    {
        "payment.completed": {
            "en": "{name}: we received KES {amount_received} for {reference}.[ M-Pesa receipt {receipt}.] Thank you."
            + _STOP,
            "sw": "{name}: tumepokea KES {amount_received} ya {reference}.[ Risiti ya M-Pesa {receipt}.] Asante."
            + _STOP,
        },
        LATE: {
            "en": "{name}: your KES {amount_received} for {reference} did arrive after all."
            "[ M-Pesa receipt {receipt}.] You need not pay again." + _STOP,
            "sw": "{name}: KES {amount_received} ya {reference} imefika baadaye."
            "[ Risiti ya M-Pesa {receipt}.] Huna haja ya kulipa tena." + _STOP,
        },
        "payment.failed": {
            "en": "{name}: KES {amount} for {reference} was not paid.[ {reason}] No money was taken." + _STOP,
            "sw": "{name}: KES {amount} ya {reference} haijalipwa.[ {reason}] Hakuna pesa iliyokatwa." + _STOP,
        },
        "payment.cancelled": {
            "en": "{name}: the payment of KES {amount} for {reference} was cancelled. No money was taken." + _STOP,
            "sw": "{name}: malipo ya KES {amount} ya {reference} yameghairiwa. Hakuna pesa iliyokatwa." + _STOP,
        },
        "payment.expired": {
            "en": "{name}: the request for KES {amount} for {reference} was not answered in time. No money was taken."
            + _STOP,
            "sw": "{name}: ombi la KES {amount} la {reference} halikujibiwa kwa wakati. Hakuna pesa iliyokatwa."
            + _STOP,
        },
        "payment.mispaid": {
            "en": "{name}: we received KES {amount_received} for {reference}, but asked for KES {amount}."
            "[ M-Pesa receipt {receipt}.] Please contact us." + _STOP,
            "sw": "{name}: tumepokea KES {amount_received} ya {reference}, lakini tuliomba KES {amount}."
            "[ Risiti ya M-Pesa {receipt}.] Tafadhali wasiliana nasi." + _STOP,
        },
        "payment.reversed": {
            "en": "{name}: your KES {amount_received} for {reference} was returned to you."
            "[ M-Pesa receipt {receipt}.]" + _STOP,
            "sw": "{name}: KES {amount_received} ya {reference} imerudishwa kwako.[ Risiti ya M-Pesa {receipt}.]"
            + _STOP,
        },
    }
)
SUBJECTS: Final[Words] = MappingProxyType(
    {
        "payment.completed": {"en": "{name}: payment received", "sw": "{name}: malipo yamepokelewa"},
        LATE: {"en": "{name}: payment received after all", "sw": "{name}: malipo yamefika"},
        "payment.failed": {"en": "{name}: payment not received", "sw": "{name}: malipo hayakufanikiwa"},
        "payment.cancelled": {"en": "{name}: payment cancelled", "sw": "{name}: malipo yameghairiwa"},
        "payment.expired": {"en": "{name}: payment request expired", "sw": "{name}: ombi la malipo limeisha muda"},
        "payment.mispaid": {"en": "{name}: another amount arrived", "sw": "{name}: kiasi tofauti kimefika"},
        "payment.reversed": {"en": "{name}: payment returned", "sw": "{name}: malipo yamerudishwa"},
    }
)

_FIELD = re.compile(r"\{([^{}]*)\}")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")


def render(template: str, values: Mapping[str, str]) -> str:
    """The text: values stay plain text, whatever stands in them."""
    parts = _OPTIONAL.split(template)  # every second one stood in brackets
    kept = [
        _fill(part, values)
        for place, part in enumerate(parts)
        if place % 2 == 0 or all(values.get(name) for name in _FIELD.findall(part))
    ]
    return "".join(kept).strip()


def choose(words: Words, shipped: Words, event_type: str, language: str) -> str:
    """The template: the channel's own in that language, else the shipped one."""
    return words.get(event_type, {}).get(language) or shipped[event_type][language]


def check_words(words: Words, field: str, length: int) -> None:
    """Raise InvalidRequest for a template that could not be rendered as it was meant."""
    for event_type, by_language in words.items():
        if event_type not in SHIPPED:
            raise InvalidRequest(f"`{field}`: payers are told of no {event_type!r}.", field=field)
        for language, template in by_language.items():
            where = f"`{field}`, {event_type}, {language}"
            if language not in LANGUAGES:
                raise InvalidRequest(f"{where}: the languages are en and sw.", field=field)
            _check_template(template, where, field, length)


def _check_template(template: str, where: str, field: str, length: int) -> None:
    if not template.strip() or len(template) > length:
        raise InvalidRequest(f"{where}: a text has 1 to {length} characters.", field=field)
    unknown = sorted(set(_FIELD.findall(template)) - set(FIELDS))
    if unknown:
        known = ", ".join(FIELDS)
        raise InvalidRequest(f"{where}: there is no field {unknown[0]!r}, only {known}.", field=field)
    rest = _FIELD.sub("", _OPTIONAL.sub(r"\1", template))
    if any(letter in rest for letter in "{}[]"):
        raise InvalidRequest(f"{where}: a brace or a bracket has no partner.", field=field)
    if field == "subjects" and "\n" in template:
        raise InvalidRequest(f"{where}: a subject is one line.", field=field)
    if any(unicodedata.category(letter) == "Cc" for letter in template.replace("\n", "")):
        raise InvalidRequest(f"{where}: a text has no control characters.", field=field)


def tidy(value: str) -> str:
    """A value for a field: one line, of a length that a message can hold."""
    plain = "".join(" " if unicodedata.category(letter) in {"Cc", "Zl", "Zp"} else letter for letter in value)
    return " ".join(plain.split())[:VALUE_LENGTH]


def _fill(part: str, values: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda match: values.get(match[1], ""), part)
