"""Settings: from the environment, a `.env` file or `hakika.toml`.

The names that M-Pesa integrations use already (`MPESA_CONSUMER_KEY` …) work unchanged.
Every rule that a combination of settings can break is checked before the server starts, and says its cure.
"""

import os
import re
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from hakika.domain.errors import SettingError
from hakika.domain.sandbox import SIMULATED, find_public
from hakika.hosts import is_loopback, is_network, is_public

DOTENV, TOML = ".env", "hakika.toml"
SIMULATOR_URL = "http://127.0.0.1:8790"
NOWHERE = "https://callback.example.invalid"
"""A well-formed origin that leads nowhere: Daraja checks the form, not whether anybody answers (daraja.md §2.3)."""

# daraja.md §2.4: the twelve official addresses, and two that a library adds.
SAFARICOM_IPS = (
    "196.201.214.200,196.201.214.206,196.201.214.207,196.201.214.208,196.201.213.114,196.201.213.44,"
    "196.201.212.127,196.201.212.138,196.201.212.129,196.201.212.136,196.201.212.74,196.201.212.69,"
    "196.201.212.128,196.201.212.132"
)

_ORIGIN = r"https?://[^\s/?#@*]+"
_SHORTCODE = re.compile(r"[0-9]{5,8}")
TUNNELS = ("auto", "ngrok", "cloudflared")
"""What finds out the public address by itself, besides an address that is given."""

_HOSTS = {
    "simulator": SIMULATOR_URL,
    "sandbox": "https://sandbox.safaricom.co.ke",
    "production": "https://api.safaricom.co.ke",
}


class Environment(StrEnum):
    """Which Daraja is asked."""

    SIMULATOR = "simulator"
    SANDBOX = "sandbox"
    PRODUCTION = "production"


def _named(*names: str) -> AliasChoices:
    return AliasChoices(*(spelling for name in names for spelling in (name, name.lower())))


class Settings(BaseSettings):
    """All settings. Secrets are never shown."""

    model_config = SettingsConfigDict(
        env_file=DOTENV, toml_file=TOML, extra="ignore", populate_by_name=True, case_sensitive=False
    )

    consumer_key: str = Field("", validation_alias=_named("MPESA_CONSUMER_KEY"), repr=False)
    """The Daraja app's consumer key."""
    consumer_secret: str = Field("", validation_alias=_named("MPESA_CONSUMER_SECRET"), repr=False)
    """The Daraja app's consumer secret."""
    shortcode: str = Field("", validation_alias=_named("MPESA_SHORTCODE", "MPESA_BUSINESS_SHORTCODE"))
    """The PayBill number, or for a till its store (head-office) number."""
    till: str = Field("", validation_alias=_named("MPESA_TILL"))
    """The till number, for Buy Goods; empty for a PayBill."""
    passkey: str = Field("", validation_alias=_named("MPESA_PASSKEY"), repr=False)
    """The Lipa na M-Pesa Online passkey of the shortcode."""
    environment: Environment = Field(Environment.SANDBOX, validation_alias=_named("MPESA_ENVIRONMENT"))
    """`simulator`, `sandbox` or `production`."""
    base_url: str = Field("", validation_alias=_named("MPESA_BASE_URL"))
    """Overrides Daraja's host: https, or http on loopback."""
    callback_base_url: str = Field("", validation_alias=_named("CALLBACK_BASE_URL", "MPESA_CALLBACK_URL"))
    """The public https origin under which this server is reached; a path in it is not used."""
    tunnel: str = Field("", validation_alias=_named("HAKIKA_TUNNEL"))
    """`auto`, `ngrok`, `cloudflared` or a URL: the public address is asked for at each push (docs/tunnels.md)."""
    tunnel_api: str = Field("", pattern=r"^([^\s/@]+:[0-9]{1,5})?$", validation_alias=_named("HAKIKA_TUNNEL_API"))
    """Where a running tunnel can be asked, if not as usual: ngrok's web_addr, cloudflared's --metrics."""
    allowed_ips: Annotated[tuple[str, ...], NoDecode] = Field(
        tuple(SAFARICOM_IPS.split(",")), validation_alias=_named("MPESA_ALLOWED_IPS")
    )
    """Addresses that callbacks are expected from; others are flagged."""
    database_url: str = Field("sqlite:///hakika.db", validation_alias=_named("DATABASE_URL"))
    """`sqlite:///file` or `postgresql://…`."""
    refuse_foreign_ips: bool = Field(default=False, validation_alias=_named("HAKIKA_REFUSE_FOREIGN_IPS"))
    """Refuse callbacks from other addresses; they are kept as claims all the same."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field((), validation_alias=_named("HAKIKA_TRUSTED_PROXIES"))
    """Addresses or networks of proxies whose X-Forwarded-For is believed."""
    open_compat_routes: str = Field(
        "", pattern="^(i-know-anyone-can-ring-phones)?$", validation_alias=_named("HAKIKA_OPEN_COMPAT_ROUTES")
    )
    """`i-know-anyone-can-ring-phones`: the drop-in routes (docs/compat.md) need no key."""
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field((), validation_alias=_named("HAKIKA_CORS_ORIGINS"))
    """Sites whose pages may follow a payment with its client_secret: `https://shop.example`, … or `*`."""
    webhook_allow_private: Annotated[tuple[str, ...], NoDecode] = Field(
        (), validation_alias=_named("HAKIKA_WEBHOOK_ALLOW_PRIVATE")
    )
    """Networks and hosts that webhooks may go to though they are not public; `1` is all of them."""
    messages_kept_days: int = Field(90, ge=1, le=3_650, validation_alias=_named("HAKIKA_MESSAGES_KEPT_DAYS"))
    """How long the texts of messages to payers are kept: they name people (docs/messages.md)."""
    display_name: str = Field("", max_length=64, validation_alias=_named("HAKIKA_DISPLAY_NAME"))
    """What payers read on the checkout page as the business's name."""
    return_hosts: Annotated[tuple[str, ...], NoDecode] = Field((), validation_alias=_named("HAKIKA_RETURN_HOSTS"))
    """Hosts to which a checkout may send payers: `shop.example`, …"""
    return_after_s: float = Field(5, ge=0, le=60, validation_alias=_named("HAKIKA_RETURN_AFTER_S"))
    """A paid payer is sent back once your endpoints have answered 2xx, or after so many seconds."""
    public_url: str = Field("", validation_alias=_named("HAKIKA_PUBLIC_URL"))
    """The origin under which payers find the checkout pages; where empty, the callback's."""
    no_public_url: bool = Field(default=False, validation_alias=_named("HAKIKA_NO_PUBLIC_URL"))
    """Production without a callback URL, on purpose: queries do the work."""
    api_key: str = Field("", validation_alias=_named("HAKIKA_API_KEY"), repr=False)
    """An API key that works besides those in the database."""
    server: str = Field("", validation_alias=_named("HAKIKA_SERVER"))
    """Where the command line finds the server; on the same machine it finds it by itself."""
    secret_key: str = Field("", validation_alias=_named("HAKIKA_SECRET_KEY"), repr=False)
    """Encrypts credentials in the database; made and kept beside it where empty."""
    data_dir: Path = Field(Path(".hakika"), validation_alias=_named("HAKIKA_DATA_DIR"))
    """Where the secret key, the spool and the lock of the server live."""
    calls_per_minute: float = Field(120, ge=0.1, le=100_000, validation_alias=_named("HAKIKA_CALLS_PER_MINUTE"))
    """The budget of Daraja calls of the account in these settings."""
    queries_per_minute: float | None = Field(
        None, ge=0.1, le=100_000, validation_alias=_named("HAKIKA_QUERIES_PER_MINUTE")
    )
    """The limit on queries within it; 5 in the sandbox unless set."""
    log_format: str = Field("pretty", pattern="^(pretty|json)$", validation_alias=_named("HAKIKA_LOG_FORMAT"))
    """`pretty` or `json`."""
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", validation_alias=_named("HAKIKA_LOG_LEVEL"))
    """`debug`, `info`, `warning` or `error`."""
    log_file: Path | None = Field(None, validation_alias=_named("HAKIKA_LOG_FILE"))
    """A file that the log goes to as well; it may be rotated at any time (docs/running.md)."""
    metrics_from: Annotated[tuple[str, ...], NoDecode] = Field((), validation_alias=_named("HAKIKA_METRICS_FROM"))
    """Addresses or networks that may read /metrics without an API key; this machine always may (docs/metrics.md)."""
    clock_speed: float = Field(1.0, gt=0, le=1000, validation_alias=_named("HAKIKA_CLOCK_SPEED"))
    """How fast time passes, for demonstrations on the simulator."""
    clock_anchor_ms: int | None = Field(None, validation_alias=_named("HAKIKA_CLOCK_ANCHOR_MS"))
    """Since when it passes so fast, in ms since 1970: a server that is started again keeps its time by it."""
    web_concurrency: int = Field(1, ge=1, validation_alias=_named("WEB_CONCURRENCY"))
    """Read because hosts set it: `hakika serve` is one process, and says how to run more. SQLite allows one."""

    @field_validator(
        *("allowed_ips", "trusted_proxies", "cors_origins", "return_hosts", "webhook_allow_private", "metrics_from"),
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class hands it in
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What a program hands in goes before the environment, that before `.env`, that before `hakika.toml`."""
        return (init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls))

    @property
    def daraja_url(self) -> str:
        """The host that is asked."""
        return (self.base_url or _HOSTS[self.environment]).rstrip("/")

    @property
    def query_limit(self) -> float:
        """Queries a minute: Safaricom's sandbox answers five (daraja.md §2.2)."""
        if self.queries_per_minute is not None:
            return self.queries_per_minute
        return 5 if self.environment is Environment.SANDBOX else self.calls_per_minute

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is SQLite."""
        return self.database_url.startswith("sqlite")

    def callback_origin(self, own_origin: str = "") -> str:
        """The origin of callback URLs. `own_origin` is where this server listens, which the simulator reaches."""
        if self.tunnel in TUNNELS:
            return NOWHERE  # who runs the tunnel knows better
        given = self.tunnel or self.callback_base_url
        if given:
            parts = urlsplit(given)
            if parts.scheme == "https" or self.environment is Environment.SIMULATOR:
                return f"{parts.scheme}://{parts.netloc}"
        return own_origin if own_origin and self.environment is Environment.SIMULATOR else NOWHERE

    def public_origin(self, own_origin: str = "") -> str:
        """Where payers find us. `own_origin` is where this server listens."""
        if self.public_url:
            return self.public_url.rstrip("/")
        origin = self.callback_origin(own_origin)
        return origin if origin != NOWHERE else own_origin


def daraja_urls(settings: Settings) -> dict[str, str]:
    """The host of each environment; that of the settings' own may be overridden."""
    return {**_HOSTS, str(settings.environment): settings.daraja_url}


def read_settings(**given: object) -> Settings:
    """Read and check all settings. Raises SettingError, naming setting, rule and cure."""
    settings = parse_settings(**given)
    check_settings(settings)
    return settings


def parse_settings(**given: object) -> Settings:
    """Read all settings, without what must fit together. Raises SettingError."""
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except tomllib.TOMLDecodeError as error:
        raise SettingError(TOML, f"it is not TOML: {error}.", 'Write lines like MPESA_SHORTCODE = "600000".') from None
    except (OSError, UnicodeDecodeError, SettingsError) as error:
        raise _unreadable(error) from None
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "settings"
        shown = "" if "KEY" in name or "SECRET" in name else f" (it is {first.get('input')!r})"
        raise SettingError(name, f"{first['msg']}{shown}.", "See docs/settings.md.") from None


def find_name(field: str) -> str:
    """The name under which a person wrote a setting: an error must not name another one."""
    alias = Settings.model_fields[field].validation_alias
    assert isinstance(alias, AliasChoices)
    names = [str(choice) for choice in alias.choices if str(choice).isupper()]
    for place in (os.environ, DotEnvSettingsSource(Settings).env_vars, _read_toml()):
        written = {name.upper() for name in place}
        for name in names:
            if name in written:
                return name
    return names[0]


def _read_toml() -> dict[str, object]:
    file = Path(TOML)
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _unreadable(error: Exception) -> SettingError:
    for file in (DOTENV, TOML):
        try:
            if Path(file).exists():
                Path(file).read_text(encoding="utf-8")
        except OSError as broken:
            return SettingError(file, f"it cannot be read ({broken.strerror}).", "Let this user read it, or remove it.")
        except UnicodeDecodeError:
            return SettingError(file, "it is not UTF-8 text.", "Save it as UTF-8.")
    return SettingError("settings", f"they cannot be read ({error}).", "See docs/settings.md.")


def check_settings(settings: Settings) -> None:
    """Check what must fit together. Raises SettingError."""
    _check_base_url(settings)
    _check_addresses(settings)
    _check_shortcodes(settings)
    _check_webhook_hosts(settings)
    _check_origins(settings)
    _check_tunnel(settings)
    if settings.callback_base_url:
        _split("callback_base_url", settings)
    if settings.is_sqlite and settings.web_concurrency > 1:
        raise SettingError(
            "WEB_CONCURRENCY", "SQLite has one writer: several server processes are refused.", "Use PostgreSQL, or 1."
        )
    if settings.environment is Environment.SIMULATOR:
        return
    if settings.clock_speed != 1:
        raise SettingError("HAKIKA_CLOCK_SPEED", "only the simulator's time can run fast.", "Remove it.")
    if settings.environment is Environment.PRODUCTION:
        _check_production(settings)


def with_simulators_account(settings: Settings) -> Settings:
    """The settings; where they name the simulator and no account, with the one that it knows by default."""
    if settings.environment is not Environment.SIMULATOR or any(getattr(settings, field) for field in SIMULATED):
        return settings
    return settings.model_copy(update=SIMULATED)


def check_credentials(settings: Settings) -> None:
    """Check that the settings name an account, for a database that has none. Raises SettingError."""
    for field in SIMULATED:
        if not getattr(settings, field):
            raise SettingError(
                f"MPESA_{field.upper()}",
                "it is missing and the database has no account.",
                "Set it, or add an account with `hakika accounts add`, or try `hakika demo`, which needs nothing.",
            )


def _check_base_url(settings: Settings) -> None:
    parts = _split("base_url", settings) if settings.base_url else urlsplit(settings.daraja_url)
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return
    raise SettingError(
        "MPESA_BASE_URL", "credentials go there: it must be https, or http on loopback.", "Correct or remove it."
    )


def _split(field: str, settings: Settings) -> SplitResult:
    """A setting that is a URL, taken apart."""
    try:
        parts = urlsplit(str(getattr(settings, field)))
        _ = parts.port  # which is read only now
    except ValueError as error:
        raise SettingError(find_name(field), f"it is not a URL ({error}).", "Write https://your.domain.") from None
    return parts


def _check_shortcodes(settings: Settings) -> None:
    for field in ("shortcode", "till"):
        value = str(getattr(settings, field))
        if value and not _SHORTCODE.fullmatch(value):
            raise SettingError(find_name(field), f"{value!r} is not 5 to 8 digits.", "Correct it.")


def _check_addresses(settings: Settings) -> None:
    for name, values in (
        ("MPESA_ALLOWED_IPS", settings.allowed_ips),
        ("HAKIKA_TRUSTED_PROXIES", settings.trusted_proxies),
        ("HAKIKA_METRICS_FROM", settings.metrics_from),
    ):
        for value in values:
            if not is_network(value):
                raise SettingError(name, f"{value!r} is no address or network.", "Write them with commas between.")


def _check_webhook_hosts(settings: Settings) -> None:
    for value in settings.webhook_allow_private:
        looks_like_one = "/" in value or ":" in value or value.replace(".", "").isdigit()
        if looks_like_one and value not in {"0", "1"} and not is_network(value):
            raise SettingError(
                "HAKIKA_WEBHOOK_ALLOW_PRIVATE",
                f"{value!r} is no network and no host.",
                "Write networks (10.0.0.0/8) and hosts with commas between, or 1.",
            )


def _check_origins(settings: Settings) -> None:
    if settings.public_url and not re.fullmatch(_ORIGIN, settings.public_url.rstrip("/")):
        raise SettingError("HAKIKA_PUBLIC_URL", "it is no origin.", "Write https://pay.your.domain, without a path.")
    for host in settings.return_hosts:
        if not re.fullmatch(r"[A-Za-z0-9.-]+", host):
            raise SettingError("HAKIKA_RETURN_HOSTS", f"{host!r} is no host.", "Write shop.example, without https://.")
    for origin in settings.cors_origins:
        if origin != "*" and not re.fullmatch(_ORIGIN, origin):
            raise SettingError(
                "HAKIKA_CORS_ORIGINS", f"{origin!r} is no origin.", "Write https://shop.example, without a path, or *."
            )


def _check_production(settings: Settings) -> None:
    public = find_public(settings.environment, settings.shortcode, settings.passkey)
    if public:
        raise SettingError(
            find_name(public),
            "it is the public sandbox's, and this is production.",
            "Set your own, from Safaricom's go-live mail.",
        )
    if settings.tunnel or (settings.no_public_url and not settings.callback_base_url):
        return
    parts = _split("callback_base_url", settings)
    if parts.scheme != "https" or not is_public(parts.hostname or ""):
        raise SettingError(
            find_name("callback_base_url"),
            "Safaricom posts results only to a public https address.",
            "Set it to https://your.domain, or set HAKIKA_NO_PUBLIC_URL=1 to work by queries alone.",
        )


def _check_tunnel(settings: Settings) -> None:
    if settings.tunnel in {"", *TUNNELS}:
        return
    parts, simulated = _split("tunnel", settings), settings.environment is Environment.SIMULATOR
    if parts.hostname and (simulated or (parts.scheme == "https" and is_public(parts.hostname))):
        return
    raise SettingError(
        "HAKIKA_TUNNEL",
        f"{settings.tunnel!r} is neither auto, ngrok, cloudflared nor a public https address.",
        "Write one of these, like https://pay.your.domain, or leave it out: queries then do the work.",
    )
