"""Settings: where they come from, the names that others use already, and every rule that a combination can break."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine

from hakika.config import (
    NOWHERE,
    TUNNELS,
    Environment,
    Settings,
    check_credentials,
    parse_settings,
    read_settings,
    with_simulators_account,
)
from hakika.domain.errors import SettingError
from hakika.domain.sandbox import PUBLIC_PASSKEY
from hakika.main import build_house, sync_default_account
from hakika.serving.settings import docs, names_of
from hakika.simulator.settings import Account

ROOT = Path(__file__).parents[1]
LIVE = {
    "MPESA_ENVIRONMENT": "production",
    "MPESA_CONSUMER_KEY": "key",
    "MPESA_CONSUMER_SECRET": "secret",
    "MPESA_SHORTCODE": "600000",
    "MPESA_PASSKEY": "passkey",
    "CALLBACK_BASE_URL": "https://pay.example.co.ke",
}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start with nothing: no settings in the environment, no files."""
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields.values():
        for name in names_of(field):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)


def given(monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
    """Set these in the environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def test_the_names_of_others_work_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names that the five integrations use are read, MPESA_BUSINESS_SHORTCODE and MPESA_CALLBACK_URL too."""
    given(
        monkeypatch,
        MPESA_CONSUMER_KEY="a",
        MPESA_CONSUMER_SECRET="b",
        MPESA_BUSINESS_SHORTCODE="600111",
        MPESA_PASSKEY="c",
        MPESA_ENVIRONMENT="production",
        MPESA_CALLBACK_URL="https://shop.example.co.ke/api/v1/payments/mpesa/callback",
        MPESA_ALLOWED_IPS="196.201.214.200, 10.0.0.0/8",
        DATABASE_URL="postgresql://localhost/shop",
    )
    settings = read_settings()
    assert (settings.consumer_key, settings.consumer_secret, settings.shortcode) == ("a", "b", "600111")
    assert settings.environment is Environment.PRODUCTION
    assert settings.callback_origin() == "https://shop.example.co.ke"
    assert settings.allowed_ips == ("196.201.214.200", "10.0.0.0/8")
    assert not settings.is_sqlite


def test_environment_before_dotenv_before_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first place that has a name wins; names in files may be in either case."""
    Path("hakika.toml").write_text('mpesa_shortcode = "11111"\nMPESA_TILL = "111111"\nMPESA_PASSKEY = "toml"\n')
    Path(".env").write_text("MPESA_SHORTCODE=22222\nMPESA_TILL=222222\n")
    given(monkeypatch, MPESA_SHORTCODE="33333")
    settings = read_settings()
    assert (settings.shortcode, settings.till, settings.passkey) == ("33333", "222222", "toml")


def test_nothing_secret_is_in_a_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials, API key and secret key never show, whatever prints the settings."""
    given(monkeypatch, **LIVE, HAKIKA_API_KEY="hk_shown", HAKIKA_SECRET_KEY="shown")
    text = repr(read_settings())
    for secret in ("'key'", "'secret'", "passkey", "shown"):
        assert secret not in text


def test_without_a_public_url_pushes_lead_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A well-formed https origin that nobody answers; the simulator reaches the server itself."""
    assert read_settings().callback_origin("http://127.0.0.1:8000") == NOWHERE
    given(monkeypatch, CALLBACK_BASE_URL="http://localhost:8000")
    assert read_settings().callback_origin("http://127.0.0.1:8000") == NOWHERE
    given(monkeypatch, MPESA_ENVIRONMENT="simulator")
    assert read_settings().callback_origin("http://127.0.0.1:8000") == "http://localhost:8000"
    monkeypatch.delenv("CALLBACK_BASE_URL")
    assert read_settings().callback_origin("http://127.0.0.1:8000") == "http://127.0.0.1:8000"


def test_production_works_by_queries_alone_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """HAKIKA_NO_PUBLIC_URL is how somebody says that there is none, on purpose."""
    given(monkeypatch, **LIVE, HAKIKA_NO_PUBLIC_URL="1")
    monkeypatch.delenv("CALLBACK_BASE_URL")
    assert read_settings().callback_origin() == NOWHERE


def test_a_tunnel_goes_before_the_fixed_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL is taken without its path; a program's address only the running server knows; neither is a stale one."""
    given(monkeypatch, **LIVE, HAKIKA_TUNNEL="https://shop.example.co.ke/api/payments/mpesa/callback")
    assert read_settings().callback_origin() == "https://shop.example.co.ke"
    for name in TUNNELS:
        given(monkeypatch, HAKIKA_TUNNEL=name, CALLBACK_BASE_URL="")
        assert read_settings().callback_origin("http://127.0.0.1:8000") == NOWHERE
    given(monkeypatch, MPESA_ENVIRONMENT="simulator", HAKIKA_TUNNEL="http://127.0.0.1:9000")
    assert read_settings().callback_origin("http://127.0.0.1:8000") == "http://127.0.0.1:9000"


BROKEN: dict[str, tuple[dict[str, str | None], str, str]] = {
    "sandbox passkey in production": ({**LIVE, "MPESA_PASSKEY": PUBLIC_PASSKEY}, "MPESA_PASSKEY", "sandbox"),
    "sandbox shortcode in production": ({**LIVE, "MPESA_SHORTCODE": "174379"}, "MPESA_SHORTCODE", "sandbox"),
    "no callback URL in production": ({**LIVE, "CALLBACK_BASE_URL": ""}, "CALLBACK_BASE_URL", "public https"),
    "http callback URL in production": (
        {**LIVE, "CALLBACK_BASE_URL": "http://pay.example.co.ke"},
        "CALLBACK_BASE_URL",
        "HAKIKA_NO_PUBLIC_URL",
    ),
    "localhost callback URL in production": (
        {**LIVE, "CALLBACK_BASE_URL": "https://localhost:8000"},
        "CALLBACK_BASE_URL",
        "public https",
    ),
    "loopback callback URL, although told that there is none": (
        {**LIVE, "CALLBACK_BASE_URL": "https://127.0.0.1", "HAKIKA_NO_PUBLIC_URL": "1"},
        "CALLBACK_BASE_URL",
        "public https",
    ),
    "a callback URL under its other name": (
        {**LIVE, "CALLBACK_BASE_URL": None, "MPESA_CALLBACK_URL": "https://10.0.0.7/mpesa/callback"},
        "MPESA_CALLBACK_URL",
        "public https",
    ),
    **{
        f"callbacks to {host} in production": (
            {**LIVE, "CALLBACK_BASE_URL": f"https://{host}"},
            "CALLBACK_BASE_URL",
            "public https",
        )
        for host in ("0.0.0.0", "192.168.1.7", "169.254.0.1", "[::1]", "[fd00::1]", "127.1", "shop", "shop.local")  # noqa: S104
    },
    "a callback URL that is none": ({"CALLBACK_BASE_URL": "https://[::"}, "CALLBACK_BASE_URL", "not a URL"),
    "a Daraja whose port is none": ({"MPESA_BASE_URL": "https://daraja:port"}, "MPESA_BASE_URL", "not a URL"),
    "a shortcode in other digits": ({"MPESA_SHORTCODE": "\u0661\u0662\u0663\u0664\u0665"}, "MPESA_SHORTCODE", "digits"),
    "a till that is none": ({"MPESA_TILL": "12"}, "MPESA_TILL", "digits"),
    "a budget of nothing": ({"HAKIKA_CALLS_PER_MINUTE": "1e-320"}, "HAKIKA_CALLS_PER_MINUTE", "greater"),
    "http Daraja off loopback": ({"MPESA_BASE_URL": "http://daraja.example"}, "MPESA_BASE_URL", "https"),
    "a Daraja that is no URL": ({"MPESA_BASE_URL": "daraja"}, "MPESA_BASE_URL", "https"),
    "SQLite with several processes": ({"WEB_CONCURRENCY": "2"}, "WEB_CONCURRENCY", "PostgreSQL"),
    "SQLite with several processes on the simulator": (
        {"WEB_CONCURRENCY": "2", "MPESA_ENVIRONMENT": "simulator"},
        "WEB_CONCURRENCY",
        "PostgreSQL",
    ),
    "a bad address": ({"MPESA_ALLOWED_IPS": "196.201.214.200,here"}, "MPESA_ALLOWED_IPS", "'here'"),
    "a bad proxy": ({"HAKIKA_TRUSTED_PROXIES": "300.1.1.1"}, "HAKIKA_TRUSTED_PROXIES", "300.1.1.1"),
    "an unknown environment": ({"MPESA_ENVIRONMENT": "prod"}, "MPESA_ENVIRONMENT", "production"),
    "fast time on real money": ({**LIVE, "HAKIKA_CLOCK_SPEED": "10"}, "HAKIKA_CLOCK_SPEED", "simulator"),
    "a number that is none": ({"HAKIKA_CALLS_PER_MINUTE": "many"}, "HAKIKA_CALLS_PER_MINUTE", "number"),
    "a tunnel that nobody knows": ({"HAKIKA_TUNNEL": "localtunnel"}, "HAKIKA_TUNNEL", "auto, ngrok, cloudflared"),
    "a tunnel to this machine": ({"HAKIKA_TUNNEL": "https://localhost:8000"}, "HAKIKA_TUNNEL", "public https"),
    "a tunnel that speaks http": ({"HAKIKA_TUNNEL": "http://pay.example.co.ke"}, "HAKIKA_TUNNEL", "public https"),
    "a tunnel in production that speaks http": (
        {**LIVE, "HAKIKA_TUNNEL": "http://pay.example.co.ke"},
        "HAKIKA_TUNNEL",
        "public https",
    ),
    "a tunnel's own server that is no place": ({"HAKIKA_TUNNEL_API": "4040"}, "HAKIKA_TUNNEL_API", "pattern"),
    "an unknown log level": ({"HAKIKA_LOG_LEVEL": "loud"}, "HAKIKA_LOG_LEVEL", "loud"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_rule_names_the_setting_the_rule_and_the_cure(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server refuses to start with what money could be lost by."""
    environment, setting, words = BROKEN[case]
    given(monkeypatch, **{name: value for name, value in environment.items() if value is not None})
    with pytest.raises(SettingError) as refused:
        read_settings()
    assert refused.value.setting == setting
    assert words in refused.value.detail
    assert refused.value.remedy


def test_a_daraja_on_loopback_may_be_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that do not leave the machine need no TLS."""
    for url in ("http://127.0.0.1:8790", "http://localhost:8790", "http://[::1]:8790"):
        given(monkeypatch, MPESA_BASE_URL=url)
        assert read_settings().daraja_url == url


@pytest.mark.parametrize("name", ["MPESA_CONSUMER_KEY", "MPESA_CONSUMER_SECRET", "MPESA_SHORTCODE", "MPESA_PASSKEY"])
def test_each_missing_credential_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an account in the database each of the four is needed, and the demo is named for those with none."""
    given(monkeypatch, **{**LIVE, name: ""})
    with pytest.raises(SettingError, match=name) as refused:
        check_credentials(read_settings())
    assert "hakika demo" in refused.value.remedy


def test_the_simulator_needs_no_account_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aimed at the simulator with no account named, the server takes the one that the simulator knows by default."""
    given(monkeypatch, MPESA_ENVIRONMENT="simulator")
    settings = with_simulators_account(read_settings())
    check_credentials(settings)
    known = Account(settings.shortcode)
    assert (settings.consumer_key, settings.consumer_secret, settings.passkey) == (
        known.key,
        known.secret,
        known.passkey,
    )
    given(monkeypatch, MPESA_ENVIRONMENT="simulator", MPESA_CONSUMER_KEY="mine")
    with pytest.raises(SettingError, match="MPESA_CONSUMER_SECRET"):
        check_credentials(with_simulators_account(read_settings()))
    given(monkeypatch, MPESA_ENVIRONMENT="sandbox", MPESA_CONSUMER_KEY="")
    assert with_simulators_account(read_settings()).consumer_key == ""


def test_the_account_in_the_settings_comes_into_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is `default`; a change of the settings changes it; with none of its settings left it stays."""
    given(monkeypatch, **LIVE)
    for shortcode in ("600000", "600001", ""):
        if shortcode:
            given(monkeypatch, MPESA_SHORTCODE=shortcode)
        else:
            monkeypatch.delenv("MPESA_CONSUMER_KEY")
        house = build_house(read_settings())
        house.store.write_now(lambda tx, house=house: sync_default_account(house, tx))  # type: ignore[misc]
        known = [(account.name, account.shortcode.shortcode) for account in house.accounts.known()]
        assert known == [("default", shortcode or "600001")]
        house.store.read_now(lambda _: None)
    create_engine("sqlite:///hakika.db").dispose()


BROKEN_FILES: dict[str, tuple[str, bytes, str]] = {
    "TOML that is none": ("hakika.toml", b"mpesa_shortcode = ", "not TOML"),
    "TOML in another encoding": ("hakika.toml", b'# caf\xe9\nmpesa_shortcode = "600000"', "UTF-8"),
    "dotenv in another encoding": (".env", b"MPESA_PASSKEY=caf\xe9", "UTF-8"),
}


@pytest.mark.parametrize("case", BROKEN_FILES)
def test_a_broken_file_is_named(case: str) -> None:
    """A file of settings that cannot be read is named, with what is wrong and the cure."""
    file, content, words = BROKEN_FILES[case]
    Path(file).write_bytes(content)
    with pytest.raises(SettingError) as refused:
        parse_settings()
    assert refused.value.setting == file
    assert words in refused.value.rule
    assert refused.value.remedy


def test_another_environment_is_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switching MPESA_ENVIRONMENT puts the account aside and makes another; switching back brings the first back."""
    seen = []
    for environment in ("sandbox", "production", "sandbox"):
        given(monkeypatch, **{**LIVE, "MPESA_ENVIRONMENT": environment})
        house = build_house(read_settings())
        house.store.write_now(lambda tx, house=house: sync_default_account(house, tx))  # type: ignore[misc]
        seen.append({account.name: account for account in house.accounts.known()})
    first, second, third = seen
    assert {name: (one.environment, one.active) for name, one in second.items()} == {
        "default": ("production", True),
        "default-sandbox": ("sandbox", False),
    }
    assert second["default-sandbox"].id == first["default"].id == third["default"].id != second["default"].id
    assert third["default"].active
    assert not third["default-production"].active


def test_an_account_that_a_person_put_out_of_use_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart does not bring `default` back into use."""
    given(monkeypatch, **LIVE)
    house = build_house(read_settings())
    house.store.write_now(lambda tx: sync_default_account(house, tx))
    house.store.write_now(lambda tx: house.accounts.amend(tx, "default", active=False))
    given(monkeypatch, MPESA_SHORTCODE="600009")
    again = build_house(read_settings())
    again.store.write_now(lambda tx: sync_default_account(again, tx))
    (account,) = again.accounts.known()
    assert (account.active, account.shortcode.shortcode) == (False, "600009")


def test_every_setting_is_explained() -> None:
    """Each has a line in the model and a row in docs/settings.md, under each of its names."""
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        assert docs()[name]
        for known in names_of(field):
            assert f"`{known}`" in page


def test_every_command_is_explained() -> None:
    """Each has a section in docs/cli.md, with its examples and every option."""
    from hakika.cli.listing import list_commands  # noqa: PLC0415

    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for listed in list_commands():
        section = page.partition(f"## `hakika {listed.name}`\n")[2].partition("\n## ")[0]
        assert all(example in section for example in listed.examples)
        assert all(f"`{name}`" in section for option in listed.options for name in option.names)


def test_a_secret_of_the_wrong_kind_is_not_shown() -> None:
    """A key that a TOML file gives as a number is named, and not repeated."""
    with pytest.raises(SettingError) as refused:
        parse_settings(api_key=1234567890)
    assert "1234567890" not in str(refused.value)


def test_webhooks_may_go_to_networks_and_hosts_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks, hosts, or `1` for all; a network that is none is named before the server starts."""
    monkeypatch.setenv("HAKIKA_WEBHOOK_ALLOW_PRIVATE", "10.0.0.0/8, orders.internal")
    assert parse_settings().webhook_allow_private == ("10.0.0.0/8", "orders.internal")
    read_settings()
    monkeypatch.setenv("HAKIKA_WEBHOOK_ALLOW_PRIVATE", "10.0.0.0/99")
    with pytest.raises(SettingError, match="HAKIKA_WEBHOOK_ALLOW_PRIVATE"):
        read_settings()
    monkeypatch.setenv("HAKIKA_WEBHOOK_ALLOW_PRIVATE", "1")
    read_settings()
