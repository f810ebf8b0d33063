"""Reading what strangers send: JSON in any spelling, text of any kind, numbers in any clothes.

Nothing here raises on what the other side chose to send, except `Unreadable`, which says why.
"""

import json
import re
from typing import Final, cast

_CLASH: Final = object()
_NOT_IN_A_KEY = re.compile(r"[^a-z0-9]")
_WHOLE_NUMBER = re.compile(r"([0-9]{1,12})(?:\.0{1,12})?")
_CODE = re.compile(r"-?[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_LONGEST_INTEGER_DIGITS: Final = 20
_NUMBER: Final = (int, float)


class Unreadable(Exception):
    """The bytes are not what they should be; the text says why, in our words only."""


def load_document(body: bytes) -> dict[str, object]:
    """Read a JSON object with its keys folded (`ResultCode` → `resultcode`), at every depth.

    A key that comes twice with different values is dropped: it says nothing. Raises Unreadable.
    """
    try:
        document = json.loads(
            body,
            object_pairs_hook=_fold_pairs,
            parse_int=_read_integer,
            parse_constant=str,  # NaN and Infinity are not JSON: kept as words, which are no number
        )
    except RecursionError:
        raise Unreadable("nested too deep") from None
    except ValueError:
        raise Unreadable("not JSON" if body.strip() else "empty") from None
    if not isinstance(document, dict):
        raise Unreadable("JSON, but not an object")
    return cast("dict[str, object]", document)


def pick_object(document: dict[str, object], key: str) -> dict[str, object]:
    """Return the object under `key`, or an empty one."""
    value = document.get(key)
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def plain_text(value: object) -> str:
    """Text or a number as text without outer blanks, and as long as it came; else ""."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, _NUMBER) and not isinstance(value, bool) else ""


def clean_text(value: object, limit: int) -> str:
    """Text or a number as one line without control characters, at most `limit` characters; else ""."""
    text = plain_text(value)
    if len(text) <= limit and text.isprintable():
        return text
    # Not printable covers more than control characters: lone surrogates, which no database takes, too.
    head = "".join(letter if letter.isprintable() else " " for letter in text[: 2 * limit])
    return " ".join(head.split())[:limit].rstrip()


def read_code(value: object) -> str:
    """Read a result code, number or text (`0`, `"1032"`, `"SFC_IC0003"`); "" where it is none."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e9:
        value = int(value)
    code = plain_text(value)
    return code.upper() if _CODE.fullmatch(code) else ""


def read_whole_number(value: object) -> int:
    """Read 1, 1.0, "1" or "1.00" → 1; anything that is no whole number of 1 to 12 digits → -1."""
    if isinstance(value, float):
        return int(value) if 0 <= value < 1e12 and value.is_integer() else -1
    match = _WHOLE_NUMBER.fullmatch(plain_text(value))
    return int(match.group(1)) if match else -1


def _fold_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    folded: dict[str, object] = {}
    for key, value in pairs:
        name = _NOT_IN_A_KEY.sub("", key.lower())
        folded[name] = value if folded.get(name, value) == value else _CLASH
    return folded


def _read_integer(text: str) -> int | str:
    # Thousands of digits take quadratic time to read, and no field of M-Pesa has more than 14.
    return int(text) if len(text) <= _LONGEST_INTEGER_DIGITS else text
