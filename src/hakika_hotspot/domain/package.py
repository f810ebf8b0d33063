"""What is sold: time, speed, data and devices at a price."""

import re

import msgspec

UNITS_S = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(\d{1,4})\s*([mhdw])")
_RATE = re.compile(r"(\d{1,4}(?:\.\d)?)\s*([kM])")


class Package(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to buy. Rates of 0 and a `bytes_limit` of None are without limit; no `sites` are all of them."""

    id: str
    name: str
    seconds: int
    price: int = 0
    name_sw: str = ""
    rate_up_kbps: int = 0
    rate_down_kbps: int = 0
    bytes_limit: int | None = None
    devices: int = 1
    sites: tuple[str, ...] = ()

    @property
    def terms(self) -> tuple[object, ...]:
        """What has to be the same for a second one to prolong the first."""
        return self.rate_up_kbps, self.rate_down_kbps, self.bytes_limit is None, self.devices, self.sites

    def is_sold_at(self, site: str) -> bool:
        """Whether it is good at a site."""
        return not self.sites or site in self.sites

    def named(self, language: str) -> str:
        """Its name, in a language."""
        return self.name_sw if language == "sw" and self.name_sw else self.name


def read_duration_s(text: str) -> int:
    """Read `30m`, `1h`, `7d`, `4w`. Raises ValueError."""
    match = _DURATION.fullmatch(text.strip())
    if not match or not int(match[1]):
        raise ValueError(f"{text!r} is no duration: write 30m, 1h, 7d or 4w.")
    return int(match[1]) * UNITS_S[match[2]]


def read_rate_kbps(text: str) -> int:
    """Read `512k` or `5M`. Raises ValueError."""
    match = _RATE.fullmatch(text.strip())
    if not match or not float(match[1]):
        raise ValueError(f"{text!r} is no speed: write 512k or 5M.")
    return round(float(match[1]) * (1_000 if match[2] == "M" else 1))


def write_package(package: Package) -> str:
    """Write it for the database: as it is now."""
    return msgspec.json.encode(package).decode()


def read_package(text: str) -> Package:
    """Read what was written."""
    return msgspec.json.decode(text, type=Package)
