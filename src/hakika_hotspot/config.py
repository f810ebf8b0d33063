"""Settings: what is sold and where, from `hotspot.toml`; secrets from the environment (or `env:NAME` in the file)."""

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from hakika_hotspot.domain.access import Nas
from hakika_hotspot.domain.package import Package, read_duration_s, read_rate_kbps

FILE = "hotspot.toml"
ENVIRONMENT = {
    "hakika_server": "HAKIKA_SERVER",
    "hakika_api_key": "HAKIKA_API_KEY",
    "webhook_secret": "HAKIKA_WEBHOOK_SECRET",
    "database_url": "HOTSPOT_DATABASE_URL",
    "owner_password": "HOTSPOT_OWNER_PASSWORD",
    "radius_token": "HOTSPOT_RADIUS_TOKEN",
}
SHORTEST_PASSWORD = 10


class SettingsWrong(Exception):
    """The settings cannot be used: says which, and why."""


def _read_secret(value: object) -> object:
    if isinstance(value, str) and value.startswith("env:"):
        name = value.removeprefix("env:")
        if name not in os.environ:
            raise ValueError(f"the environment has no {name}")
        return os.environ[name]
    return value


Secret = Annotated[str, BeforeValidator(_read_secret), Field(repr=False)]


class Part(BaseModel):
    """A part of the settings: a name that is none is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Site(Part):
    """A place with WiFi. `networks`: the addresses that its devices have."""

    id: str = Field(pattern="^[a-z0-9-]{1,40}$")
    name: str = ""
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()


class Router(Part):
    """A router. `identifiers`: what it calls itself (NAS-Identifier), besides its name and address.

    `radius`: it asks FreeRADIUS, and takes CoA and Disconnect on `coa_port`. `routeros`: we log in to its API.
    """

    name: str = Field(pattern="^[A-Za-z0-9._-]{1,64}$")
    site: str
    kind: Literal["radius", "routeros"] = "radius"
    address: str = ""
    identifiers: tuple[str, ...] = ()
    secret: Secret = ""
    coa_port: int = Field(default=3799, ge=1, le=65535)
    api_port: int = Field(default=8728, ge=1, le=65535)
    api_tls: bool = False
    api_user: str = ""
    api_password: Secret = ""
    login_url: str = ""
    """Where a browser logs in (`http://10.5.50.1/login`); else what the router's redirect says."""

    @property
    def nas(self) -> Nas:
        """Its name and site."""
        return Nas(self.name, self.site)


class PackageSettings(Part):
    """A package, as it is written."""

    id: str = Field(pattern="^[a-z0-9-]{1,40}$")
    name: str = Field(min_length=1, max_length=60)
    name_sw: str = Field(default="", max_length=60)
    price: int = Field(ge=1, le=250_000)
    time: str
    down: str = ""
    up: str = ""
    data_mb: int | None = Field(default=None, ge=1)
    devices: int = Field(default=1, ge=1, le=1_000)
    sites: tuple[str, ...] = ()

    def build(self) -> Package:
        """Read what is written."""
        return Package(
            id=self.id,
            name=self.name,
            name_sw=self.name_sw,
            price=self.price,
            seconds=read_duration_s(self.time),
            rate_down_kbps=read_rate_kbps(self.down) if self.down else 0,
            rate_up_kbps=read_rate_kbps(self.up) if self.up else 0,
            bytes_limit=None if self.data_mb is None else self.data_mb * 1_000_000,
            devices=self.devices,
            sites=self.sites,
        )


def _build(given: object) -> object:
    return PackageSettings.model_validate(given).build() if isinstance(given, Mapping) else given


class Settings(Part):
    """All of them."""

    name: str = Field(default="WiFi", max_length=60)
    support: str = Field(default="", max_length=60)
    """Whom a customer calls: shown on the portal."""
    public_url: str = "http://localhost:8100"
    """The origin under which devices find the portal."""
    host: str = "127.0.0.1"
    port: int = Field(default=8100, ge=0, le=65535)
    database_url: Secret = "sqlite:///hotspot.db"
    hakika_server: str = "http://localhost:8000"
    hakika_api_key: Secret = ""
    webhook_secret: Secret = ""
    """Of Hakika's endpoint; where empty, one is made for `webhook_url` and its secret kept in the database."""
    webhook_url: str = ""
    """Where Hakika reaches us; where empty, `public_url` + /hook."""
    owner_password: Secret = ""
    radius_token: Secret = ""
    """What FreeRADIUS' REST module sends as its password; without one it is refused."""
    trusted_proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    poll_s: float = Field(default=3, gt=0, le=300)
    """How often Hakika's events are read, so that a lost webhook loses nothing."""
    sites: tuple[Site, ...] = (Site(id="home"),)
    routers: tuple[Router, ...] = ()
    packages: tuple[Annotated[Package, BeforeValidator(_build)], ...] = ()

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    @model_validator(mode="after")
    def _fit_together(self) -> "Settings":
        for what, names in (
            ("site", [one.id for one in self.sites]),
            ("router", [one.name for one in self.routers]),
            ("package", [one.id for one in self.packages]),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"two {what}s have the same name")
        known = {one.id for one in self.sites}
        named = {one.site for one in self.routers}.union(*(one.sites for one in self.packages))
        if named - known:
            raise ValueError(f"no site is called {', '.join(sorted(named - known))}")
        if self.owner_password and len(self.owner_password) < SHORTEST_PASSWORD:
            raise ValueError(f"owner_password has fewer than {SHORTEST_PASSWORD} characters")
        return self

    @property
    def mode(self) -> str:
        """`test` or `live`: what Hakika's key is for."""
        return "live" if self.hakika_api_key.startswith("hk_live_") else "test"

    @property
    def hook_url(self) -> str:
        """Where Hakika's webhooks go."""
        return self.webhook_url or f"{self.public_url.rstrip('/')}/hook"

    def find_package(self, name: str) -> Package | None:
        """Find a package by its id."""
        return next((one for one in self.packages if one.id == name), None)

    def find_router(self, *names: str) -> Router | None:
        """Find the router that calls itself by any of the names or addresses."""
        for name in filter(None, names):
            for router in self.routers:
                if name.lower() in {one.lower() for one in (router.name, router.address, *router.identifiers) if one}:
                    return router
        return None

    def site_of(self, address: str) -> str:
        """Which site a device's address belongs to, or ""."""
        try:
            given = ipaddress.ip_address(address)
        except ValueError:
            return ""
        return next((site.id for site in self.sites if any(given in network for network in site.networks)), "")


def load_settings(file: Path | None = None, **changes: Any) -> Settings:
    """Read the file and the environment, which wins. Raises SettingsWrong."""
    path = file or Path(os.environ.get("HOTSPOT_CONFIG", FILE))
    try:
        given = tomllib.loads(path.read_text()) if path.exists() or file else {}
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsWrong(f"{path} cannot be read: {error}") from error
    given |= {field: os.environ[name] for field, name in ENVIRONMENT.items() if os.environ.get(name)}
    try:
        return Settings.model_validate(given | changes)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or path}: {one['msg']}" for one in error.errors())
        raise SettingsWrong(wrong) from error
