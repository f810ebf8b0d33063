"""What cloudflared's metrics server and log tell, read: quick tunnels, named ones, rules, and a lost connection."""

from typing import Any

import pytest

from hakika.serving.tunnels.agents import ABSENT, Said, Sighting, Target
from hakika.serving.tunnels.cloudflared import Cloudflared, read_metrics
from hakika.serving.tunnels.local import Reply
from tests.tunnels.standin import cloudflared_answers, cloudflared_lines, rule

OURS = Target("http://127.0.0.1:8000", 8000)
QUICK, US, NOBODY = "calm-words.trycloudflare.com", rule("http://localhost:8000"), rule("http_status:404")


def read(hostname: str, *rules: dict[str, Any], **given: bool) -> Sighting:
    """What is made of a metrics server's answers."""
    answers = cloudflared_answers(hostname, *rules, **given)
    quick, config, ready = (answers.get(path, (404, "")) for path in ("/quicktunnel", "/config", "/ready"))
    replies = [Reply(status, text.encode()) for status, text in (quick, config, ready)]
    return read_metrics(replies[0], replies[1], replies[2], OURS)


def test_a_quick_tunnel_to_us_is_found() -> None:
    """Its hostname comes without a scheme; Cloudflare speaks https."""
    assert read(QUICK, US).origins == (f"https://{QUICK}",)


def test_one_that_does_not_tell_where_it_leads_is_believed() -> None:
    """Older ones tell their address alone."""
    assert read(QUICK, told=False).origins == (f"https://{QUICK}",)


def test_a_named_tunnel_is_found_by_its_rules() -> None:
    """The names whose requests come to us, not those that go elsewhere, and no pattern of names."""
    rules = [
        rule("http://localhost:3000", "shop.example.com"),
        rule("http://localhost:8000", "pay.example.com"),
        rule("http://localhost:8000", "*.example.com"),
        NOBODY,
    ]
    assert read("", *rules).origins == ("https://pay.example.com",)


def test_the_first_rule_that_fits_decides() -> None:
    """A rule for other paths does not count; one for callbacks before ours takes them away."""
    images = rule("http://localhost:3000", "pay.example.com", r"\.png$")
    callbacks = rule("http://localhost:3000", "pay.example.com", "^/c/")
    ours = rule("http://localhost:8000", "pay.example.com")
    assert read("", images, ours, NOBODY).origins == ("https://pay.example.com",)
    assert read("", callbacks, ours, NOBODY).origins == ()
    assert read("", rule("http://x", "pay.example.com", "(?<bad"), ours).origins == ("https://pay.example.com",)


@pytest.mark.parametrize(
    ("sighting", "why", "cure"),
    [
        (read(QUICK, US, ready=False), "no connection to Cloudflare", "reaches the internet"),
        (read(QUICK, rule("http://localhost:5000")), "not to us on port 8000", "--url http://127.0.0.1:8000"),
        (read("", US), "does not tell under which address", "--tunnel https://your.domain"),
        (read(""), "leads to nowhere", "cloudflared tunnel"),
    ],
)
def test_why_a_running_cloudflared_does_not_help(sighting: Sighting, why: str, cure: str) -> None:
    """It is said in words, with what helps."""
    assert sighting.origins == ()
    assert why in sighting.why
    assert cure in sighting.cure


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"config": 7}', b'{"config": {"ingress": 7}}'])
def test_something_else_on_its_port(body: bytes) -> None:
    """It is no cloudflared, and nothing is concluded."""
    assert read_metrics(Reply(200, body), Reply(200, body), Reply(200, body), OURS) is ABSENT


def test_its_log_is_read() -> None:
    """Of all that it says at its start the address and the metrics server are taken, and no trouble is seen."""
    said = [Cloudflared().read_line(line) for line in cloudflared_lines(QUICK, "127.0.0.1:20241")]
    assert [one for one in said if any(one)] == [Said(f"https://{QUICK}"), Said(api="127.0.0.1:20241")]


@pytest.mark.parametrize(
    ("line", "trouble"),
    [
        (
            'failed to request quick Tunnel: Post "https://api.trycloudflare.com/tunnel": no such host',
            'failed to request quick Tunnel: Post "https://api.trycloudflare.com/tunnel": no such host',
        ),
        ("2026-11-21T07:00:00Z ERR Failed to dial a quic connection error=timeout", "Failed to dial a quic connection"),
        ("error starting cloudflared: Permission denied", "error starting cloudflared: Permission denied"),
    ],
)
def test_its_errors_are_read(line: str, trouble: str) -> None:
    """An address in an error is not the tunnel's."""
    said = Cloudflared().read_line(line)
    assert said.origin == ""
    assert said.trouble.startswith(trouble)
