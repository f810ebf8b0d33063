"""Every check there is, in the order in which they are shown. A new check is a module and a line here."""

from collections.abc import Sequence

from hakika.doctor.check import Area, Check
from hakika.doctor.checks import (
    callback_url_address,
    callback_url_certificate,
    callback_url_challenge,
    callback_url_https,
    callback_url_path,
    callback_url_reaches_us,
    callback_url_redirect,
    callback_url_round_trip,
    callback_url_words,
    callers_arrival,
    callers_foreign,
    callers_proxies,
    callers_unknown,
    daraja_budget,
    daraja_clock,
    daraja_credentials,
    daraja_passkey,
    daraja_product,
    daraja_reachable,
    going_live_alarms,
    going_live_endpoint,
    going_live_environment,
    going_live_first_shilling,
    going_live_keys,
    going_live_practice,
    inside_alerts,
    inside_clock,
    inside_database,
    inside_deliveries,
    inside_disk,
    inside_durability,
    inside_endpoints,
    inside_frozen,
    inside_locks,
    inside_mispaid,
    inside_schema,
    inside_spool,
    inside_stuck,
    inside_tunnel,
    inside_unresolved,
    inside_workers,
    settings_complete,
    settings_host,
    settings_passkey,
    settings_processes,
    settings_secret_key,
    settings_till,
    settings_time_zone,
)
from hakika.domain.errors import InvalidRequest

CHECKS: tuple[Check, ...] = (
    settings_complete.CHECK,
    settings_passkey.CHECK,
    settings_till.CHECK,
    settings_host.CHECK,
    settings_secret_key.CHECK,
    settings_time_zone.CHECK,
    settings_processes.CHECK,
    daraja_reachable.CHECK,
    daraja_credentials.CHECK,
    daraja_product.CHECK,
    daraja_passkey.CHECK,
    daraja_clock.CHECK,
    daraja_budget.CHECK,
    callback_url_https.CHECK,
    callback_url_address.CHECK,
    callback_url_certificate.CHECK,
    callback_url_redirect.CHECK,
    callback_url_challenge.CHECK,
    callback_url_words.CHECK,
    callback_url_path.CHECK,
    callback_url_reaches_us.CHECK,
    callback_url_round_trip.CHECK,
    callers_arrival.CHECK,
    callers_foreign.CHECK,
    callers_proxies.CHECK,
    callers_unknown.CHECK,
    inside_stuck.CHECK,
    inside_unresolved.CHECK,
    inside_mispaid.CHECK,
    inside_frozen.CHECK,
    inside_database.CHECK,
    inside_schema.CHECK,
    inside_durability.CHECK,
    inside_disk.CHECK,
    inside_locks.CHECK,
    inside_clock.CHECK,
    inside_spool.CHECK,
    inside_deliveries.CHECK,
    inside_endpoints.CHECK,
    inside_workers.CHECK,
    inside_tunnel.CHECK,
    inside_alerts.CHECK,
    going_live_environment.CHECK,
    going_live_practice.CHECK,
    going_live_keys.CHECK,
    going_live_endpoint.CHECK,
    going_live_alarms.CHECK,
    going_live_first_shilling.CHECK,
)


def find_checks(names: Sequence[str] = (), *, callback: bool = False, going_live: bool = False) -> tuple[Check, ...]:
    """The checks called so, by name or by area; without a name all that need not be asked for.

    `callback`: also those that write, or go out and come back; `going_live`: also those that only matter before real
    money. Raises InvalidRequest for a name that is none's.
    """
    wanted = {check.name for name in names for check in _called(name)}
    if not names:
        wanted = {check.name for check in CHECKS if not check.asked and not check.going_live}
    wanted |= {check.name for check in CHECKS if (callback and check.asked) or (going_live and check.going_live)}
    return tuple(check for check in CHECKS if check.name in wanted)


def _called(name: str) -> list[Check]:
    found = [check for check in CHECKS if name in {check.name, check.area.value}]
    if not found:
        known = ", ".join(check.name for check in CHECKS if name in check.name or name.partition(".")[0] in check.name)
        areas = ", ".join(area.value for area in Area)
        raise InvalidRequest(
            f"There is no check {name!r}. {f'There are {known}.' if known else f'The areas are {areas}.'}",
            field="check",
        )
    return found
