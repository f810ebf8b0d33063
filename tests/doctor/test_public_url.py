"""The callback URL: each thing that can be wrong with it is found by one check, with its cure."""

import asyncio
from collections.abc import Callable

import pytest

from hakika.config import NOWHERE, Environment
from hakika.doctor import visit
from hakika.doctor.check import Outcome
from hakika.doctor.registry import find_checks
from hakika.engine.vault import Vault, make_key
from tests.api.house import unused_phone
from tests.doctor.street import (
    HOST,
    ORIGIN,
    Asked,
    Street,
    failed,
    find_nothing,
    finding,
)

pytestmark = pytest.mark.anyio

CLOUDFLARE = (
    b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>/cdn-cgi/challenge-platform</body>"
)
LOGIN = b'<html><title>Sign in</title><form><input name="p" type="password"></form></html>'


async def test_where_all_is_well_nothing_fails(well: Street) -> None:
    """In a street in which nothing is broken every check of both areas is well, and says what it saw."""
    found = await well.examine()
    untold = {name for name, one in found.items() if one.outcome is not Outcome.OK}
    assert untold == {"daraja.passkey"}, {name: found[name].evidence for name in untold}
    assert "A nonce went out" in found["callback-url.reaches-us"].evidence
    assert "2 sent, TLSv1.3" in found["callback-url.certificate"].evidence


# ── one thing broken ──────────────────────────────


def break_https(street: Street) -> None:
    """Have pushes carry http."""
    street.set(callback_base_url=f"http://{HOST}")
    street.change(callback_origin=NOWHERE)


def break_dns(street: Street) -> None:
    """Have nobody know the name."""
    street.change(look_up=find_nothing, resolve={})


def break_address(street: Street) -> None:
    """Have the name lead into a private network."""
    street.change(look_up=finding("10.0.0.7"))


def break_redirect(street: Street) -> None:
    """Redirect to www."""
    street.front.say(301, b"", f"Location: https://www.{HOST}/")


def break_redirect_badly(street: Street) -> None:
    """Redirect to what is no address."""
    street.front.say(302, b"", "Location: https://[half/")


def break_redirect_loop(street: Street) -> None:
    """Redirect to a slash at the end, for ever."""

    async def answer(asked: Asked) -> bytes:
        return f"HTTP/1.1 308 X\r\nLocation: {asked.path}/\r\nContent-Length: 0\r\n\r\n".encode()

    street.front.answer = answer


def break_circle(street: Street) -> None:
    """Redirect to where it was asked."""

    async def answer(asked: Asked) -> bytes:
        return f"HTTP/1.1 302 X\r\nLocation: {asked.path}\r\nContent-Length: 0\r\n\r\n".encode()

    street.front.answer = answer


def break_login_elsewhere(street: Street) -> None:
    """Redirect to a login of somebody else's."""
    street.front.say(302, b"", "Location: https://duka.cloudflareaccess.com/cdn-cgi/access/login")


def break_challenge(street: Street) -> None:
    """Have a firewall ask for a browser."""
    street.front.say(403, CLOUDFLARE, "Server: cloudflare", "cf-mitigated: challenge")


def break_captcha(street: Street) -> None:
    """Have a page with a captcha, which says 200."""
    street.front.say(200, b'<script src="https://hcaptcha.com/1/api.js"></script>')


def break_login(street: Street) -> None:
    """Have a page with a password field."""
    street.front.say(200, LOGIN)


def break_password(street: Street) -> None:
    """Have the proxy ask for a password."""
    street.front.say(401, b"", "WWW-Authenticate: Basic")


def break_words(street: Street) -> None:
    """Have a word in the name that Safaricom refuses."""
    street.change(callback_origin="https://MPESA.duka.example")
    street.change(resolve={"mpesa.duka.example": f"127.0.0.1:{street.front.port}"})


def break_path(street: Street) -> None:
    """Strip the first part of the path, as a proxy with a path of its own does."""
    street.front.hand_on_as(lambda path: "/" + path.split("/", 2)[2])


def break_whole_path(street: Street) -> None:
    """Strip all of the path."""
    street.front.hand_on_as(lambda _: "/")


def break_callback_path(street: Street) -> None:
    """Hand all on but where callbacks come in."""
    street.front.hand_on_as(lambda path: path.replace("/c/", "/elsewhere/"))


def break_stranger(street: Street) -> None:
    """Have somebody else's server there."""
    street.front.say(404, b"<html><title>404 Not Found</title></html>", "Server: nginx")


def break_gateway(street: Street) -> None:
    """Have a proxy that does not find us."""
    street.front.say(502, b"<html><title>502 Bad Gateway</title></html>", "Server: nginx")


def break_tunnel(street: Street) -> None:
    """Have a tunnel that lost its other end."""
    street.front.say(404, b"The endpoint is offline.", "Ngrok-Error-Code: ERR_NGROK_3200")


def break_secret(street: Street) -> None:
    """Have another Hakika there, with a key of its own."""
    street.change(vault=Vault(make_key()))


def break_answer(street: Street) -> None:
    """Have somebody there who repeats what it was asked."""

    async def answer(asked: Asked) -> bytes:
        body = f'{{"object": "echo", "answer": "{asked.path.rpartition("/")[2]}"}}'
        return f"HTTP/1.1 200 X\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    street.front.answer = answer


def break_patience(street: Street) -> None:
    """Take requests and never answer, while prompts went out and none was called back."""
    street.front.hang()


FAULTS: list[tuple[Callable[[Street], None], str, str, str]] = [
    (break_https, "callback-url.https", "Daraja refuses what is not https", ""),
    (break_dns, "callback-url.address", "no address: Name or service not known", "A record"),
    (break_address, "callback-url.address", "10.0.0.7 is private", ""),
    (break_redirect, "callback-url.redirect", "redirected to https://www.pay.duka.example/", "CALLBACK_BASE_URL"),
    (break_redirect_badly, "callback-url.redirect", "no address is named", ""),
    (break_redirect_loop, "callback-url.redirect", "redirect loop", ""),
    (break_circle, "callback-url.redirect", "redirect loop", ""),
    (break_login_elsewhere, "callback-url.redirect", "cloudflareaccess.com", "login stands in front"),
    (break_challenge, "callback-url.challenge", "Just a moment", ""),
    (break_captcha, "callback-url.challenge", "only a browser passes", ""),
    (break_login, "callback-url.challenge", "Sign in", "password"),
    (break_password, "callback-url.challenge", "HTTP 401", "password"),
    (break_words, "callback-url.words", "'mpesa'", ""),
    (break_path, "callback-url.path", "asked for another path", ""),
    (break_whole_path, "callback-url.path", "asked for another path", ""),
    (break_callback_path, "callback-url.path", "asked for another path", ""),
    (break_stranger, "callback-url.reaches-us", "HTTP 404 from nginx: “404 Not Found”", ""),
    (break_gateway, "callback-url.reaches-us", "502 Bad Gateway", "Start this server"),
    (break_tunnel, "callback-url.reaches-us", "endpoint is offline", "tunnel"),
    (break_secret, "callback-url.reaches-us", "another secret key", "HAKIKA_SECRET_KEY"),
    (break_answer, "callback-url.reaches-us", "Somebody else's server", ""),
]


@pytest.mark.parametrize(("fault", "name", "seen", "cure"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
async def test_a_fault_is_one_checks(
    well: Street, fault: Callable[[Street], None], name: str, seen: str, cure: str
) -> None:
    """One thing broken fails exactly one check, which says what it saw and has a cure; the others do not guess."""
    fault(well)
    found = await well.examine()
    assert failed(found) == {name}, {one: found[one].evidence for one in failed(found)}
    assert seen in found[name].evidence
    assert cure in found[name].cure
    (check,) = find_checks([name])
    assert found[name].cure or check.cure


# ── what may be only ours ──────────────────────────────


def close_port(street: Street) -> None:
    """Have nobody listen where the name leads."""
    street.change(resolve={HOST: "127.0.0.1:1"})


async def test_what_cannot_be_reached_may_be_reached_by_others(well: Street) -> None:
    """A connection that cannot be made is “not reachable from here” and no failure, while nothing tells more."""
    close_port(well)
    found = await well.examine()
    one = found["callback-url.reaches-us"]
    assert failed(found) == set()
    assert one.outcome is Outcome.UNKNOWN
    assert "not reachable from here" in one.evidence
    assert "hairpin" in one.cure


@pytest.mark.parametrize(
    ("called_back", "outcome", "seen"),
    [(True, Outcome.UNKNOWN, "so it is reached from outside"), (False, Outcome.FAILED, "0 were called back")],
)
async def test_what_arrived_lately_tells_whether_it_is_only_ours(
    street: Street, called_back: bool, outcome: Outcome, seen: str
) -> None:
    """That callbacks arrived acquits a URL that cannot be reached from here; that none did condemns it."""
    _, path = await street.house.prompt(phone=unused_phone())
    if called_back:
        await street.house.post(path, '{"Body":{"stkCallback":{"CheckoutRequestID":"ws_CO_1","ResultCode":1032}}}')
    street.clock.pass_s(120)
    close_port(street)
    one = await street.look("callback-url.reaches-us")
    assert (one.outcome, seen in one.evidence) == (outcome, True), one.evidence


async def test_a_private_address_may_be_this_networks_view(street: Street) -> None:
    """A name that is private here is a warning where callbacks arrive all the same."""
    _, path = await street.house.prompt(phone=unused_phone())
    await street.house.post(path, '{"Body":{"stkCallback":{"CheckoutRequestID":"ws_CO_1","ResultCode":1032}}}')
    street.clock.pass_s(120)
    break_address(street)
    one = await street.look("callback-url.address")
    assert (one.outcome, "outside, the name seems to lead elsewhere" in one.evidence) == (Outcome.WARNING, True)


async def test_a_server_that_does_not_answer_is_given_up_in_time(well: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes the request and says nothing is a finding of the check's own, not a check that hung."""
    monkeypatch.setattr(visit, "WITHIN_S", 0.3)
    well.front.hang()
    one = await well.look("callback-url.reaches-us")
    assert one.outcome is Outcome.UNKNOWN
    assert "no whole answer within 0.3 s" in one.evidence


async def test_a_name_that_leads_to_the_clouds_secrets_is_not_visited(well: Street) -> None:
    """What answers at a cloud's metadata address is never asked, so never quoted."""
    well.change(look_up=finding("169.254.169.254"), resolve={})
    found = await well.examine()
    assert failed(found) == {"callback-url.address"}
    assert "not visited" in found["callback-url.reaches-us"].evidence


# ── where there is nothing to look at ──────────────────────────────


@pytest.mark.parametrize(
    ("environment", "on_purpose", "outcome"),
    [
        (Environment.SANDBOX, False, Outcome.WARNING),
        (Environment.PRODUCTION, True, Outcome.WARNING),
        (Environment.PRODUCTION, False, Outcome.FAILED),
    ],
)
async def test_without_a_callback_url_queries_do_the_work(
    well: Street, environment: Environment, on_purpose: bool, outcome: Outcome
) -> None:
    """No callback URL is a failure only in production and not on purpose; the other checks have nothing to look at."""
    well.set(callback_base_url="", environment=environment, no_public_url=on_purpose)
    well.change(callback_origin=NOWHERE)
    found = await well.examine()
    assert found.pop("callback-url.https").outcome is outcome
    others = {name: one.outcome for name, one in found.items() if name.startswith("callback-url.")}
    assert set(others.values()) == {Outcome.SKIPPED}


async def test_the_simulator_calls_back_over_plain_http(well: Street) -> None:
    """For the simulator http on this machine is right, and whether it leads here is looked at all the same."""
    server = await asyncio.start_server(well.front.serve, "127.0.0.1", 0)
    well.set(environment=Environment.SIMULATOR)
    well.change(callback_origin=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", resolve={})
    found = await well.examine()
    server.close()
    await server.wait_closed()
    assert failed(found) == set()
    assert found["callback-url.reaches-us"].outcome is Outcome.OK
    assert {found[f"callback-url.{name}"].outcome for name in ("https", "address", "certificate")} == {Outcome.SKIPPED}


@pytest.mark.parametrize(
    ("origin", "outcome"),
    [
        ("https://abc.ngrok-free.app", Outcome.WARNING),
        ("https://pay.execute.example", Outcome.FAILED),
        ("https://nosql.example", Outcome.FAILED),
        ("https://m-pesa.example", Outcome.FAILED),
        ("https://paymentsquery.example", Outcome.FAILED),
        ("https://pay.duka.co.ke", Outcome.OK),
    ],
)
async def test_words_that_safaricom_refuses(well: Street, origin: str, outcome: Outcome) -> None:
    """Each refused word is found anywhere in the name; a public tunnel's name is a warning."""
    well.change(callback_origin=origin)
    assert (await well.look("callback-url.words")).outcome is outcome


async def test_only_the_callback_path_may_be_handed_on(well: Street) -> None:
    """Where only /c/ is handed on, the path is well, and whether it is this server is for the round trip to say."""

    async def answer(asked: Asked) -> bytes | None:
        if asked.path.startswith("/c/"):
            return await well.front.hand_on(asked)
        return b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"

    well.front.answer = answer
    found = await well.examine()
    assert failed(found) == set()
    assert found["callback-url.path"].outcome is Outcome.OK
    assert "--callback" in found["callback-url.reaches-us"].cure


async def test_all_checks_share_one_echo(well: Street) -> None:
    """The whole examination asks the public URL twice, besides the handshake: once for the echo, once on /c/."""
    await well.examine()
    assert sorted(asked.path.split("/")[1] for asked in well.front.asked) == ["c", "doctor"]
    assert well.ground.callback_origin == ORIGIN
