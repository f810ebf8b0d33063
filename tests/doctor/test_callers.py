"""What the checks find in the payments and callbacks of the last hour and day: who called, and what M-Pesa said."""

import dataclasses
from typing import Any

import pytest

from hakika.config import NOWHERE, Environment
from hakika.doctor.ground import Ground
from hakika.domain.evidence import PushRefused
from hakika.engine.case import Origin
from tests.doctor.surgery import change, find_trouble, look_at
from tests.engine.till import Till

pytestmark = pytest.mark.anyio

OURS = Origin("196.201.212.69", "/c/…")
STRANGER, PROXY = "41.90.64.7", "127.0.0.1"
FOREIGN: dict[str, Any] = {"flags": ("foreign_ip",)}


async def prompt_some(till: Till, number: int, *, called_back: int = 0, origin: Origin = OURS, **reading: Any) -> None:
    """Prompt some, of which some are called back and the others found out by queries, as it happens."""
    rows = [await till.prompt() for _ in range(number)]
    for place, row in enumerate(rows[:called_back]):
        await till.call_back(row, "1032", origin=origin, identity=f"{row.id}-{place}", **reading)
    for row in rows[called_back:]:
        await till.hear(row, PushRefused(till.clock(), 2, "400.002.02", "refused"))
    till.clock.pass_s(150)


async def test_m_pesa_says_that_numbers_do_not_belong_together(till: Till, ground: Ground) -> None:
    """Result code 2028, or “Merchant does not exist”, within a day: quoted, with how often."""
    row = await till.prompt()
    await till.call_back(row, "2028")
    assert await find_trouble(ground) == {"settings.till": "failed"}
    assert "result code 2028 to 1 payment" in (await look_at(ground, "settings.till")).evidence
    refused = await till.ask()
    await till.hear(refused, PushRefused(till.clock(), 1, "500.001.1001", "Merchant does not exist"))
    assert "settings.till" in await find_trouble(ground)
    till.clock.pass_s(25 * 3600)
    assert "settings.till" not in await find_trouble(ground)


async def test_no_callback_comes(till: Till, ground: Ground) -> None:
    """Three prompts in an hour and no callback: failed, with the figures and where to look next."""
    await prompt_some(till, 3)
    assert await find_trouble(ground) == {"callers.arrival": "failed"}
    found = await look_at(ground, "callers.arrival")
    assert found.evidence.startswith("3 prompts and 0 callbacks in the last hour")
    assert (found.subject, "hakika doctor callback-url" in found.cure) == ("default", True)


async def test_some_callbacks_come(till: Till, ground: Ground) -> None:
    """Less than four of five is a warning; all of them, or too few prompts to judge by, is well."""
    await prompt_some(till, 2)
    assert await find_trouble(ground) == {}
    await prompt_some(till, 3, called_back=3)
    assert await find_trouble(ground) == {"callers.arrival": "warning"}
    till.clock.pass_s(3600)
    await prompt_some(till, 4, called_back=4)
    assert await find_trouble(ground) == {}


async def test_without_an_address_nobody_can_call(till: Till, ground: Ground) -> None:
    """Where no public address is given, that no callback comes is no finding of this check: queries do the work."""
    await prompt_some(till, 3)
    ground = dataclasses.replace(ground, callback_origin=NOWHERE)
    assert await find_trouble(ground) == {}
    assert "queries do the work" in (await look_at(ground, "callers.arrival")).evidence


async def test_a_foreign_address_that_knows_the_token(till: Till, ground: Ground) -> None:
    """Is named, with how often; where the settings refuse such callbacks they were not believed, which is worse."""
    await prompt_some(till, 3, called_back=3, origin=Origin(STRANGER, "/c/…"), **FOREIGN)
    assert await find_trouble(ground) == {"callers.foreign": "warning"}
    found = await look_at(ground, "callers.foreign")
    assert f"{STRANGER} (3)" in found.evidence
    assert "MPESA_ALLOWED_IPS" in found.cure
    assert await find_trouble(change(ground, refuse_foreign_ips=True)) == {"callers.foreign": "failed"}
    till.clock.pass_s(25 * 3600)
    assert "callers.foreign" not in await find_trouble(ground)


async def test_strangers_without_a_token_are_only_counted(till: Till, ground: Ground) -> None:
    """The internet's noise on the open paths moves no money, and makes no table red."""
    row = await till.prompt()
    await till.call_back(row, "1032", origin=OURS)
    await till.call_back(row, "0", token="", origin=Origin(STRANGER, "/mpesa/callback"), **FOREIGN)
    assert await find_trouble(ground) == {}
    assert "1 claim by strangers moved no money" in (await look_at(ground, "callers.foreign")).evidence


async def test_a_proxy_that_nobody_named(till: Till, ground: Ground) -> None:
    """All callbacks seem to come from this machine: the cure is the very setting."""
    await prompt_some(till, 3, called_back=3, origin=Origin(PROXY, "/c/…"), **FOREIGN)
    assert await find_trouble(ground) == {"callers.proxies": "failed"}
    found = await look_at(ground, "callers.proxies")
    assert "X-Forwarded-For is believed from nobody" in found.evidence
    assert "HAKIKA_TRUSTED_PROXIES=127.0.0.1" in found.cure


async def test_a_proxy_that_does_not_say_for_whom(till: Till, ground: Ground) -> None:
    """It is named, and still everything seems to come from it: it writes no X-Forwarded-For."""
    await prompt_some(till, 3, called_back=3, origin=Origin(PROXY, "/c/…"), **FOREIGN)
    ground = change(ground, trusted_proxies=(PROXY,))
    assert await find_trouble(ground) == {"callers.proxies": "failed"}
    assert "Have the proxy write X-Forwarded-For" in (await look_at(ground, "callers.proxies")).cure


async def test_a_proxy_that_works(till: Till, ground: Ground) -> None:
    """Callers are seen with addresses of the internet."""
    await prompt_some(till, 3, called_back=3)
    ground = change(ground, trusted_proxies=(PROXY,))
    assert await find_trouble(ground) == {}
    assert (
        "believed from 127.0.0.1: callers are seen from 1 address"
        in (await look_at(ground, "callers.proxies")).evidence
    )


@pytest.mark.parametrize("proxies", [("0.0.0.0/0",), ("127.0.0.1", "::/0")])
async def test_everybody_is_a_proxy(ground: Ground, proxies: tuple[str, ...]) -> None:
    """Then anybody may say that he is Safaricom."""
    ground = change(ground, trusted_proxies=proxies)
    assert await find_trouble(ground) == {"callers.proxies": "failed"}
    assert "only your proxy's own address" in (await look_at(ground, "callers.proxies")).cure


async def test_what_is_about_no_payment_of_ours(till: Till, ground: Ground) -> None:
    """Is a warning: another program may prompt with this callback URL."""
    row = await till.prompt()
    await till.call_back(row, "1032", token="nobodys-token", checkout_request_id="ws_CO_elsewhere", origin=OURS)
    assert await find_trouble(ground) == {"callers.unknown": "warning"}
    found = await look_at(ground, "callers.unknown")
    assert found.evidence.startswith("1 callback within a day")
    assert "hakika quarantine list" in found.cure


async def test_the_simulator_calls_from_here(till: Till, ground: Ground) -> None:
    """With the simulator loopback is where callbacks come from, and no finding."""
    await prompt_some(till, 3, called_back=3, origin=Origin(PROXY, "/c/…"), **FOREIGN)
    ground = dataclasses.replace(
        change(ground, environment=Environment.SIMULATOR, base_url="http://127.0.0.1:1"), accounts=None
    )
    assert await find_trouble(ground) == {}
