"""Reading what people ask of the simulator itself; what it cannot read it refuses with a sentence."""

import re
from math import isfinite

from hakika.simulator.kenya import MSISDN

RESULT_CODE = re.compile(r"[A-Z0-9_]{1,12}")


class Misused(ValueError):
    """The simulator was asked for something that it does not have: the message says what there is."""


def read_number(value: object, name: str, least: float, most: float = 1e9) -> float:
    """Read a number between two bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise Misused(f"{name} must be a number")
    if not least <= value <= most:
        raise Misused(f"{name} must be between {least:g} and {most:g}")
    return float(value)


def read_whole(value: object, name: str, least: int, most: int = 1_000_000_000) -> int:
    """Read a whole number between two bounds."""
    number = read_number(value, name, least, most)
    if number != int(number):
        raise Misused(f"{name} must be a whole number")
    return int(number)


def read_code(value: object) -> str:
    """Read a result code, number or text."""
    code = str(value)
    if isinstance(value, bool) or not isinstance(value, int | str) or not RESULT_CODE.fullmatch(code):
        raise Misused(f"not a result code: {value!r}")
    return code


def read_msisdn(value: object) -> str:
    """Read a phone number as Daraja writes it."""
    if not MSISDN.fullmatch(str(value)):
        raise Misused(f"not a phone number of the form 2547XXXXXXXX: {value!r}")
    return str(value)
