"""The settings can be read, nothing that is needed is missing, and each rule on a value holds."""

from collections.abc import Iterator

from hakika.config import Environment, Settings, check_credentials, check_settings, with_simulators_account
from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.ground import Ground
from hakika.doctor.looking import Unseen, look_in
from hakika.domain.errors import SettingError
from hakika.domain.sandbox import PUBLIC_SHORTCODE
from hakika.store.accounts import list_accounts

NEEDED = ("consumer_key", "consumer_secret", "shortcode", "passkey")


async def look(ground: Ground) -> list[Finding]:
    """Each fault that would stop the start, but for those that a check of their own is about."""
    faults = [ground.settings_trouble] if ground.settings_trouble else list(find_faults(ground.settings))
    if not ground.settings_trouble and not await _has_accounts(ground):
        faults += list(_find_missing(ground.settings))
    if not faults:
        return [Finding(Outcome.OK, f"All that is needed is set, for {ground.settings.environment}.")]
    return [Finding(Outcome.FAILED, fault.rule, fault.remedy, fault.setting) for fault in faults]


def find_faults(settings: Settings) -> Iterator[SettingError]:
    """Every rule that a value breaks: what is found is taken out, and the rest is looked at again."""
    left = settings.model_copy(update={"web_concurrency": 1, "base_url": "", "clock_speed": 1.0})
    left = left.model_copy(update={"callback_base_url": "", "no_public_url": True})
    if settings.environment is Environment.PRODUCTION:
        left = left.model_copy(update={"shortcode": _unless_public(settings), "passkey": ""})
    for _ in Settings.model_fields:
        try:
            check_settings(left)
        except SettingError as fault:
            yield fault
            left = left.model_copy(update=_blank(fault.setting))
        else:
            break
    if settings.clock_speed != 1 and settings.environment is not Environment.SIMULATOR:
        yield SettingError("HAKIKA_CLOCK_SPEED", "only the simulator's time can run fast.", "Remove it.")


def _unless_public(settings: Settings) -> str:
    """The shortcode, but where it is the sandbox's: settings.passkey speaks of that."""
    return "" if settings.shortcode == PUBLIC_SHORTCODE else settings.shortcode


def _blank(name: str) -> dict[str, object]:
    """The setting of that name at its default."""
    return {
        field: info.get_default(call_default_factory=True)
        for field, info in Settings.model_fields.items()
        if name in getattr(info.validation_alias, "choices", ())
    }


def _find_missing(settings: Settings) -> Iterator[SettingError]:
    settings = with_simulators_account(settings)
    for field in NEEDED:
        alone = settings.model_copy(update={other: "given" for other in NEEDED if other != field})
        try:
            check_credentials(alone)
        except SettingError as fault:
            yield fault


async def _has_accounts(ground: Ground) -> bool:
    try:
        return bool(await look_in(ground, list_accounts))
    except Unseen:
        return False


CHECK = Check(
    name="settings.complete",
    area=Area.SETTINGS,
    title="All settings that are needed are there, and each can be what it is",
    meaning="The server refuses to start: no payment is asked for and no callback is taken.",
    cure="Correct the setting that is named, in the environment, `.env` or `hakika.toml` (docs/settings.md).",
    look=look,
)
