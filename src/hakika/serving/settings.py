"""Every setting with its names, value, source and meaning: read from the model itself."""

import ast
import inspect
import textwrap
from functools import cache
from typing import Any

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource, TomlConfigSettingsSource

from hakika.config import Settings, parse_settings

MASK = "••••••"
_SOURCES = {"environment": EnvSettingsSource, ".env": DotEnvSettingsSource, "hakika.toml": TomlConfigSettingsSource}


def list_settings() -> list[dict[str, Any]]:
    """All settings, in the order of the model. Secrets are masked. Raises SettingError."""
    values, sources = parse_settings(), find_sources()
    return [
        {
            "names": names_of(field),
            "value": show_value(field, getattr(values, name)),
            "source": sources.get(name, "default"),
            "default": show_value(field, field.get_default(call_default_factory=True)),
            "doc": docs()[name],
        }
        for name, field in Settings.model_fields.items()
    ]


def names_of(field: FieldInfo) -> list[str]:
    """What a setting is called in the environment; the first is its name, the others work as well."""
    alias = field.validation_alias
    assert isinstance(alias, AliasChoices)
    return [str(choice) for choice in alias.choices if str(choice).isupper()]


def show_value(field: FieldInfo, value: object) -> str:
    """A value for people; secrets are the fields that no repr shows."""
    if value in (None, "", ()):
        return ""
    if not field.repr:
        return MASK
    if isinstance(value, tuple):
        return ", ".join(str(part) for part in value)
    if isinstance(value, bool):
        return "1" if value else "0"
    return mask_password(str(value))


def mask_password(text: str) -> str:
    """A URL without its password; any other text as it is."""
    scheme, separator, rest = text.partition("://")
    account, at, host = rest.rpartition("@")
    if not separator or not at or ":" not in account:
        return text
    return f"{scheme}://{account.partition(':')[0]}:***@{host}"


def find_sources() -> dict[str, str]:
    """Setting → where its value comes from, for those that are not left at their default."""
    found: dict[str, str] = {}
    for place, source in _SOURCES.items():
        given = source(Settings)().keys()
        for name, field in Settings.model_fields.items():
            alias = field.validation_alias
            assert isinstance(alias, AliasChoices)
            if given & {name, *map(str, alias.choices)}:
                found.setdefault(name, place)
    return found


@cache
def docs() -> dict[str, str]:
    """Setting → the line that stands under it in the model."""
    model = ast.parse(textwrap.dedent(inspect.getsource(Settings))).body[0]
    assert isinstance(model, ast.ClassDef)
    said: dict[str, str] = {}
    for field, line in zip(model.body, model.body[1:], strict=False):
        match field, line:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                said[name] = " ".join(text.split())
            case _:
                pass
    return said
