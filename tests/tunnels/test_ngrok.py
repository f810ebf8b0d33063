"""What ngrok's local API and log tell, read: several tunnels, other ports, other protocols, and nonsense."""

import json
from typing import Any

import pytest

from hakika.serving.tunnels.agents import ABSENT, Said, Target, leads_to
from hakika.serving.tunnels.ngrok import Ngrok, read_tunnels
from tests.tunnels.standin import ngrok_answers, ngrok_tunnel

OURS = Target("http://127.0.0.1:8000", 8000)
SIMULATED = OURS._replace(plain=True)
ADDRESS = "https://phoebe.ngrok-free.dev"


def body(*tunnels: dict[str, Any]) -> bytes:
    """An answer of /api/tunnels."""
    return ngrok_answers(*tunnels)["/api/tunnels"][1].encode()


@pytest.mark.parametrize(
    ("address", "leads"),
    [
        ("8000", True),
        ("localhost:8000", True),
        ("http://localhost:8000", True),
        ("http://127.0.0.1:8000", True),
        ("http://host.docker.internal:8000", True),
        ("http://[::1]:8000", True),
        ("http://localhost:3000", False),
        ("80", False),
        ("localhost", False),
        ("https://localhost:8000", False),  # TLS to a port that speaks none
        ("file:///srv/8000", False),
        ("http://localhost:port", False),
        ("", False),
    ],
)
def test_an_upstream_is_ours_by_its_port(address: str, leads: bool) -> None:
    """However a person wrote it, and only in plain HTTP, which is what we speak."""
    assert leads_to(OURS, address) is leads


def test_a_tunnel_to_us_is_found_among_others() -> None:
    """Of several tunnels the one to our port counts, whatever comes before it."""
    others = [
        ngrok_tunnel("https://shop.ngrok-free.app", "http://localhost:3000", "shop"),
        ngrok_tunnel("tcp://0.tcp.ngrok.io:12345", "localhost:8000", "ssh"),
        {"name": "labelled", "config": {"addr": "http://localhost:8000"}},
    ]
    assert read_tunnels(body(*others, ngrok_tunnel(ADDRESS, "http://localhost:8000")), OURS).origins == (ADDRESS,)


def test_https_is_taken_where_both_are() -> None:
    """The old agent lists http and https for each tunnel: Safaricom posts to https alone."""
    both = [ngrok_tunnel(f"{scheme}://ab12.ngrok.io", "localhost:8000") for scheme in ("http", "https")]
    assert read_tunnels(body(*both), OURS).origins == ("https://ab12.ngrok.io",)


def test_a_domain_of_ones_own_goes_before_ngroks() -> None:
    """Addresses with the word ngrok are said to be refused, so any other is better."""
    own = "https://pay.example.com"
    found = [ngrok_tunnel(url, "8000", url) for url in (ADDRESS, own)]
    assert read_tunnels(body(*found), OURS).origins == (own, ADDRESS)


@pytest.mark.parametrize(
    ("tunnels", "why"),
    [
        ([], "without a tunnel"),
        ([ngrok_tunnel(ADDRESS, "http://localhost:5000")], "leads to http://localhost:5000, not to us on port 8000"),
        ([ngrok_tunnel("http://ab12.ngrok.io", "localhost:8000")], "http alone (http://ab12.ngrok.io)"),
        ([ngrok_tunnel(ADDRESS, "https://localhost:8000")], "not to us"),
        ([ngrok_tunnel("tcp://0.tcp.ngrok.io:12345", "localhost:8000")], "no web address"),
        ([ngrok_tunnel("https://[ab12.ngrok.io", "localhost:8000")], "no web address"),
    ],
)
def test_why_a_running_ngrok_does_not_help(tunnels: list[dict[str, Any]], why: str) -> None:
    """It is said in words, with the command that helps."""
    sighting = read_tunnels(body(*tunnels), OURS)
    assert sighting.origins == ()
    assert why in sighting.why
    assert sighting.cure == "Run `ngrok http 8000`."


def test_the_simulator_posts_to_http_too() -> None:
    """With the simulator an http address will do, after any https one."""
    both = [ngrok_tunnel(f"{scheme}://127.0.0.1:9", "8000", scheme) for scheme in ("http", "https")]
    assert read_tunnels(body(both[0]), SIMULATED).origins == ("http://127.0.0.1:9",)
    assert read_tunnels(body(*both), SIMULATED).origins == ("https://127.0.0.1:9", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    "answer", [b"", b"<a href='/http/in'>Found</a>", b"[]", b"{}", b'{"tunnels": 7}', b'{"tunnels": null}']
)
def test_something_else_on_its_port(answer: bytes) -> None:
    """It is no ngrok, and nothing is concluded."""
    assert read_tunnels(answer, OURS) is ABSENT


@pytest.mark.parametrize("tunnel", [7, None, {}, {"config": 7, "public_url": 8}, {"config": {"addr": 8000}}])
def test_a_tunnel_of_another_shape(tunnel: Any) -> None:
    """It is passed over, and a good one beside it still counts."""
    good = ngrok_tunnel(ADDRESS, "8000")
    assert read_tunnels(json.dumps({"tunnels": [tunnel, good]}).encode(), OURS).origins == (ADDRESS,)


TOKEN = "2abcDEFghiJKLmnoPQRstuVWXyz_012345"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"lvl": "info", "msg": "started tunnel", "addr": "http://localhost:8000", "url": ADDRESS}, Said(ADDRESS)),
        ({"lvl": "info", "msg": "starting web service", "addr": "127.0.0.1:4041"}, Said(api="127.0.0.1:4041")),
        ({"lvl": "info", "msg": "client session established"}, Said()),
        (
            {
                "lvl": "eror",
                "msg": "failed to auth",
                "err": f"The authtoken you specified is not one.\nYour authtoken: {TOKEN}\n\r\nERR_NGROK_105\r\n",
            },
            Said(trouble="The authtoken you specified is not one. (ERR_NGROK_105)"),
        ),
        ({"lvl": "info", "msg": "end", "err": "nil"}, Said()),
    ],
)
def test_its_log_is_read(line: dict[str, str], said: Said) -> None:
    """Address, local API and errors; an account's token, which an error quotes, never leaves the line."""
    assert Ngrok().read_line(json.dumps(line)) == said


@pytest.mark.parametrize(
    ("line", "trouble"),
    [("ERROR:  authentication failed", "authentication failed"), ("[]", ""), ("7", ""), ("plain words", "")],
)
def test_lines_that_are_no_documents(line: str, trouble: str) -> None:
    """What it writes to the terminal as it ends is its trouble; anything else says nothing."""
    assert Ngrok().read_line(line) == Said(trouble=trouble)
