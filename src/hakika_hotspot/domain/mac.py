"""MAC addresses: read in any usual spelling, kept as `AA:BB:CC:DD:EE:FF`."""

import re

_DIGITS = re.compile(r"[0-9A-F]{12}")
_SEPARATORS = re.compile(r"[:.\-\s]")
RANDOMISED_BIT = 0b10  # of the first octet: "locally administered" (IEEE 802)


def read_mac(text: str) -> str:
    """Read `aa-bb-cc-dd-ee-ff`, `AABB.CCDD.EEFF`, `aa:bb:…:ff:SSID` (a Called-Station-Id) … → "" where it is none."""
    digits = _SEPARATORS.sub("", text.strip().upper())
    if not _DIGITS.fullmatch(digits):
        digits = _SEPARATORS.sub("", text.strip().upper()[:17])
    if not _DIGITS.fullmatch(digits) or digits in {"0" * 12, "F" * 12}:
        return ""
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2))


def is_randomised(mac: str) -> bool:
    """Whether a phone made this address up, and so may come with another next time."""
    return bool(mac) and bool(int(mac[:2], 16) & RANDOMISED_BIT)
