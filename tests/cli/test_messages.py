"""`hakika messages`: what its options become, and a channel's life at a real server."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from hakika.cli import messages
from hakika.cli.app import registered
from tests.cli.machine import Machine

CHANNEL = {
    "id": "mch_1", "object": "message_channel", "mode": "test", "account": "acc_1", "kind": "sms", "url": "atalk://w@…",
    "active": False, "event_types": ["payment.completed"], "language": "en", "replies_url": "https://pay.example.com/m/1",
    "templates": {"payment.completed": {"en": "Old", "sw": "Zamani"}}, "subjects": {}, "opt_out": {"en": "STOP"},
}  # fmt: skip


class Heard:
    """A server that keeps what it is asked."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers, self.asked = list(answers), list[tuple[str, str, Any]]()

    def call(self, method: str, path: str, body: Any = None, *, params: Any = None) -> dict[str, Any]:
        """Answer one request."""
        self.asked.append((method, path, body or params))
        return self.answers.pop(0)


def run(
    monkeypatch: pytest.MonkeyPatch, answers: list[dict[str, Any]], *words: str, given: str = ""
) -> tuple[Any, list[tuple[str, str, Any]]]:
    """Run a command against answers. → its result, and what it asked."""
    heard = Heard(*answers)
    monkeypatch.setattr(messages, "reach_server", lambda _: heard)
    return CliRunner().invoke(registered(), ["messages", *words], input=given), heard.asked


def test_a_channel_is_added_with_its_words_and_its_url_from_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each option becomes its field; what is not given is left to the server."""
    words = (
        "add",
        "sms",
        "-",
        "--account",
        "shop",
        "--type",
        "payment.failed",
        "--template",
        "payment.failed:sw=Pole!",
    )
    more = ("--opt-out", "en=Reply STOP.", "--language", "sw", "--in-test-mode", "--send-within", "600")
    result, asked = run(monkeypatch, [CHANNEL], *words, *more, given="atalk://wanjiru@key\n")
    assert result.exit_code == 0, result.output
    assert "off" in result.output
    assert asked == [
        (
            "POST",
            "/v1/message-channels",
            {
                "kind": "sms", "url": "atalk://wanjiru@key", "account": "shop", "event_types": ["payment.failed"],
                "language": "sw", "in_test_mode": True, "send_within_s": 600, "opt_out": {"en": "Reply STOP."},
                "templates": {"payment.failed": {"sw": "Pole!"}},
            },
        )
    ]  # fmt: skip


def test_one_text_changes_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty one goes back to the shipped; opt-outs of other languages stay too."""
    words = ("update", "mch_1", "--template", "payment.completed:en=", "--template", "payment.failed:en=Sorry=")
    result, asked = run(monkeypatch, [CHANNEL, CHANNEL], *words, "--opt-out", "sw=Jibu ACHA.")
    assert result.exit_code == 0, result.output
    assert asked[1][2] == {
        "templates": {"payment.completed": {"sw": "Zamani"}, "payment.failed": {"en": "Sorry="}},
        "opt_out": {"en": "STOP", "sw": "Jibu ACHA."},
    }


@pytest.mark.parametrize("given", ["--template=Asante", "--template=payment.failed=Pole", "--opt-out=STOP"])
def test_a_text_without_its_place_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """With what it looks like, and nothing is asked of the server."""
    result, asked = run(monkeypatch, [], "add", "sms", "atalk://w@k", given)
    assert result.exit_code == 2
    assert "Write --" in result.output
    assert asked == []


def test_a_trial_that_is_not_sent_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code says so, for scripts."""
    trial = {"outcome": "failed", "detail": "402 InvalidSenderId", "cost": None, "text": "TEST [x]", "subject": None}
    result, asked = run(monkeypatch, [trial], "try", "mch_1", "0712345678", "--language", "sw")
    assert result.exit_code == 1
    assert "InvalidSenderId" in result.output
    assert "TEST [x]" in result.output
    assert asked[0][2] == {"recipient": "0712345678", "type": "payment.completed", "language": "sw"}


def test_one_is_allowed_by_phone(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that they said is taken back; who said nothing is not found."""
    found, gone = {"data": [{"id": "out_1"}, {"id": "out_2"}]}, {"object": "opt_out", "deleted": True}
    result, asked = run(monkeypatch, [found, gone, gone], "allow", "0712345678")
    assert result.exit_code == 0
    assert [path for _, path, _ in asked[1:]] == ["/v1/opt-outs/out_1", "/v1/opt-outs/out_2"]
    assert run(monkeypatch, [{"data": []}], "allow", "0712345678")[0].exit_code == 1


def test_a_channel_at_a_real_server(shop: tuple[Machine, str]) -> None:
    """Added, tried at a mail server that is not there, listed without its secret, and gone."""
    machine, _ = shop
    made = machine.ask("messages", "add", "email", "mailto://u:topsecret@127.0.0.1:9?from=shop@example.com")[1]
    assert made["active"] is False
    code, tried = machine.ask("messages", "try", made["id"], "asha@example.com")
    assert (code, tried["outcome"]) == (1, "unsent")
    listed = machine.run("messages", "channels")
    assert made["id"][:8] in listed.stdout
    assert "topsecret" not in listed.stdout + json.dumps(made) + json.dumps(tried)
    assert machine.ask("messages", "delete", made["id"])[1]["deleted"]
