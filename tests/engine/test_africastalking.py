"""Africa's Talking: the request as documented, and what each of its answers is worth."""

from urllib.parse import parse_qsl

import msgspec
import pytest

from hakika.engine.messages.africastalking import build_request, read_login, read_reply
from hakika.engine.webhooks.outbound import Reply

PHONE = "254700000001"


def said(*recipients: object, message: str = "Sent to 1/1") -> bytes:
    """Spell an answer."""
    return msgspec.json.encode({"SMSMessageData": {"Message": message, "Recipients": recipients}})


def entry(code: object = 101, number: str = f"+{PHONE}", **more: object) -> dict[str, object]:
    """One recipient of an answer."""
    return {"statusCode": code, "number": number, "status": "Success", "cost": "KES 0.8000", "messageId": "ATX", **more}


ANSWERS = [
    (Reply(201, "", said(entry()), 5), "sent", ""),
    (Reply(200, "", said(entry(102)), 5), "sent", ""),
    (Reply(201, "", said(entry("100")), 5), "sent", ""),
    (Reply(201, "", said(entry(403, status="InvalidPhoneNumber")), 5), "failed", "not a valid phone"),
    (Reply(201, "", said(entry(999)), 5), "failed", "999"),
    (Reply(201, "", said(entry(None)), 5), "unknown", "no status"),
    (Reply(201, "", said(entry("soon")), 5), "unknown", "no status"),
    (Reply(201, "", said(entry(number="+254799999999")), 5), "unknown", "another phone"),
    (Reply(201, "", said(message="InvalidSenderId"), 5), "failed", "InvalidSenderId"),
    (Reply(201, "", said("text", 7), 5), "unknown", "another phone"),
    (Reply(200, "", b"<html>", 5), "unknown", "<html>"),
    (Reply(201, "", b'{"SMSMessageData": 7}', 5), "unknown", "says nothing"),
    (Reply(201, "", b"[1]", 5), "unknown", "says nothing"),
    (Reply(201, "", b"\xff\xfe", 5), "unknown", "says nothing"),
    (Reply(201, "", b"", 5), "unknown", "says nothing"),
    (Reply(401, "", b"The supplied authentication is invalid", 5), "failed", "authentication"),
    (Reply(400, "", b"", 5), "failed", "HTTP 400"),
    (Reply(503, "", b"busy", 5), "unknown", "HTTP 503"),
    (Reply(302, "redirects are not followed", b"", 5), "unknown", "redirects"),
    (Reply(201, "no whole answer within 15 s", b"{", 5), "unknown", "no whole answer"),
    (Reply(0, "no whole answer within 15 s", b"", 5), "unknown", "no whole answer"),
    (Reply(0, "ClientConnectorError: refused", b"", 5, never_left=True), "unsent", "refused"),
]


@pytest.mark.parametrize(("reply", "outcome", "words"), ANSWERS, ids=[str(place) for place in range(len(ANSWERS))])
def test_an_answer_is_believed_only_in_its_documented_words(reply: Reply, outcome: str, words: str) -> None:
    """Sent and failed are said of our recipient; what never left us may go again; all else is unknown."""
    fate = read_reply(reply, PHONE)
    assert fate.outcome == outcome
    assert words in fate.detail
    assert (fate.reference, fate.cost) == (("ATX", "KES 0.8000") if outcome == "sent" else ("", ""))


def test_the_request_is_the_documented_one() -> None:
    """Key in the header, a form with four fields; the sender is left out where there is none."""
    login = read_login("atalk://wanjiru@atsk_ABCdef?from=WANJIRU")
    body, headers = build_request(login, PHONE, "Asante & karibu: 100% £")
    assert headers["apiKey"] == "atsk_ABCdef"
    assert dict(parse_qsl(body.decode())) == {
        "username": "wanjiru",
        "to": f"+{PHONE}",
        "message": "Asante & karibu: 100% £",
        "from": "WANJIRU",
    }
    body, _ = build_request(read_login("atalk://wanjiru@key"), PHONE, "…")
    assert "from" not in dict(parse_qsl(body.decode()))


def test_the_sandbox_is_asked_where_the_login_is_of_the_sandbox() -> None:
    """Every developer's name there is `sandbox`; or the URL says so, as apprise's does."""
    assert read_login("atalk://sandbox@key").sandbox
    assert read_login("atalk://wanjiru@key?mode=sandbox").sandbox
    assert not read_login("atalk://wanjiru@key").sandbox


@pytest.mark.parametrize("url", ["atalk://", "atalk://key", "atalk://user:key@host", "atalk://user@key/0712345678"])
def test_a_login_that_is_not_whole_is_refused(url: str) -> None:
    """Also one that names a recipient."""
    with pytest.raises(ValueError, match="spelled"):
        read_login(url)
